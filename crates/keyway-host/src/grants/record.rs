//! What is stored of a grant, with its schema version.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use keyway_core::{Timestamp, Wiped};
use keyway_issuers::{Context, IntentId, Json, Reader, ServiceName, State, UserId, UserInfo};

use super::lease::{Holder, Lease};
use super::machine::{Doubt, GrantState, Phase};
use crate::sealed_records::{RecordError, corrupt};

/// The schema that this version writes and reads. Whoever raises it goes on reading the
/// older ones.
const SCHEMA: u8 = 1;
/// What a record takes besides its texts: codes, numbers, moments, flags, and five lengths.
const FIXED_BYTES: usize = 4 + 2 * 4 + 2 * 8 + (1 + 8) + 1 + (1 + 3 * 8) + 5 * 4;

/// The id of a grant: 32 hexadecimal digits. The plugin gets the same id as the
/// [`IntentId`] of the request (decision R2), and users name it when they revoke.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantId([u8; 16]);

/// A text is not the id of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not the id of a grant: it has 32 digits of 0-9 and a-f")]
pub struct InvalidGrantId;

impl GrantId {
    pub(super) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(super) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The id under which the plugin knows this request.
    pub fn intent(&self) -> IntentId {
        self.intent_of("")
    }

    /// The id of an effect on this grant that is told apart from others by `suffix`.
    pub(super) fn intent_of(&self, suffix: &str) -> IntentId {
        let digits = self.digits();
        let digits = std::str::from_utf8(&digits).unwrap_or_default();
        IntentId::new([digits, suffix].concat())
            .unwrap_or_else(|| unreachable!("digits, dots and letters are allowed"))
    }

    fn digits(&self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        text
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

impl fmt::Debug for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GrantId({self})")
    }
}

impl FromStr for GrantId {
    type Err = InvalidGrantId;

    fn from_str(text: &str) -> Result<Self, InvalidGrantId> {
        let mut id = [0; 16];
        let digits = text.as_bytes();
        if digits.len() != 32 || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(InvalidGrantId);
        }
        for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let value = |digit: u8| if digit <= b'9' { digit - b'0' } else { digit - b'a' + 10 };
            *byte = value(pair[0]) << 4 | value(pair[1]);
        }
        Ok(Self(id))
    }
}

/// What the host remembers of a grant. No value of a credential, no parameter and no token
/// is among it.
#[derive(Clone)]
pub(super) struct GrantRecord {
    pub(super) service: ServiceName,
    pub(super) user: UserId,
    /// What the login said about the user, as JSON: the plugin is told the same when a
    /// revocation is tried again and nobody is logged in.
    pub(super) claims: Arc<Wiped<String>>,
    pub(super) made: Timestamp,
    pub(super) state: GrantState,
}

impl GrantRecord {
    /// The claims of a user, as a record keeps them.
    pub(super) fn claims_of(user_info: &UserInfo) -> Arc<Wiped<String>> {
        Arc::new(user_info.to_ascii())
    }

    /// What the plugin is told about the user when nobody is there to say more.
    pub(super) fn context(&self) -> Result<Context, RecordError> {
        let claims = match Reader::STRICT.read(self.claims.as_bytes()) {
            Ok(Json::Object(claims)) => UserInfo::from_claims(claims),
            _ => None,
        };
        let user_info = claims.ok_or_else(|| corrupt("its claims make no sense"))?;
        Ok(Context::new(user_info).with_user(self.user.clone()))
    }

    /// How many bytes [`write`](Self::write) appends at most.
    pub(super) fn room(&self) -> usize {
        let host = self.state.lease.as_ref().map_or(0, |lease| lease.holder.host.len());
        let credential = self.state.credential.as_ref().map_or(0, |credential| credential.as_str().len());
        FIXED_BYTES
            + host
            + credential
            + self.service.as_str().len()
            + self.user.as_str().len()
            + self.claims.len()
    }

    /// Appends the record in its stored form: fixed fields first, then what may be missing,
    /// each behind a byte that says whether it is there, then texts, each behind its length.
    /// Numbers are little endian.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), RecordError> {
        let state = &self.state;
        out.extend([
            SCHEMA,
            phase_code(state.phase),
            state.doubt.map_or(0, doubt_code),
            u8::from(state.values_lost),
        ]);
        out.extend(state.failures.to_le_bytes());
        out.extend(state.orphans.to_le_bytes());
        for time in [self.made, state.since] {
            out.extend(time.as_milliseconds().to_le_bytes());
        }
        out.push(u8::from(state.next.is_some()));
        if let Some(next) = state.next {
            out.extend(next.as_milliseconds().to_le_bytes());
        }
        out.push(u8::from(state.credential.is_some()));
        if let Some(credential) = &state.credential {
            put_text(out, credential.as_str())?;
        }
        out.push(u8::from(state.lease.is_some()));
        if let Some(Lease { holder, from, lasts }) = &state.lease {
            let lasts = u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
            for number in [holder.run, from.as_milliseconds(), lasts] {
                out.extend(number.to_le_bytes());
            }
            put_text(out, &holder.host)?;
        }
        for text in [self.service.as_str(), self.user.as_str(), self.claims.as_str()] {
            put_text(out, text)?;
        }
        Ok(())
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut bytes = Bytes(bytes);
        let [schema] = bytes.take()?;
        if schema != SCHEMA {
            return Err(corrupt(format!("schema {schema}, and this version knows {SCHEMA}")));
        }
        let [phase, doubt, values_lost] = bytes.take()?;
        let phase = PHASES.into_iter().find(|known| phase_code(*known) == phase);
        let doubt = match doubt {
            0 => None,
            code => Some(
                DOUBTS
                    .into_iter()
                    .find(|known| doubt_code(*known) == code)
                    .ok_or_else(|| corrupt("its doubt"))?,
            ),
        };
        let (failures, orphans) = (u32::from_le_bytes(bytes.take()?), u32::from_le_bytes(bytes.take()?));
        let (made, since) = (bytes.time()?, bytes.time()?);
        let next = if bytes.flag()? { Some(bytes.time()?) } else { None };
        let credential = if bytes.flag()? { Some(State::new(bytes.text()?)) } else { None };
        let lease = if bytes.flag()? {
            let run = bytes.number()?;
            let (from, lasts) = (bytes.time()?, Duration::from_millis(bytes.number()?));
            Some(Lease { holder: Holder { host: bytes.text()?.into(), run }, from, lasts })
        } else {
            None
        };
        let service = ServiceName::new(bytes.text()?).map_err(|_| corrupt("the name of its service"))?;
        let user = UserId::received(bytes.text()?);
        let claims = Arc::new(Wiped::new(bytes.text()?.to_owned()));
        if !bytes.0.is_empty() {
            return Err(corrupt("it is too long"));
        }
        let state = GrantState {
            phase: phase.ok_or_else(|| corrupt("its phase"))?,
            credential,
            since,
            failures,
            next,
            lease,
            orphans,
            values_lost: values_lost != 0,
            doubt,
        };
        Ok(Self { service, user, claims, made, state })
    }
}

impl fmt::Debug for GrantRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantRecord").field("service", &self.service).finish_non_exhaustive()
    }
}

const PHASES: [Phase; 4] = [Phase::Intended, Phase::Granted, Phase::Revoking, Phase::Indeterminate];

/// The byte that is stored for a phase. It never changes.
const fn phase_code(phase: Phase) -> u8 {
    match phase {
        Phase::Intended => 1,
        Phase::Granted => 2,
        Phase::Revoking => 3,
        Phase::Indeterminate => 4,
    }
}

const DOUBTS: [Doubt; 5] =
    [Doubt::NoAnswer, Doubt::Interrupted, Doubt::PluginCannotTell, Doubt::NotReconciled, Doubt::NotDiscarded];

/// The byte that is stored for a doubt. It never changes, and is not 0.
const fn doubt_code(doubt: Doubt) -> u8 {
    match doubt {
        Doubt::NoAnswer => 1,
        Doubt::Interrupted => 2,
        Doubt::PluginCannotTell => 3,
        Doubt::NotReconciled => 4,
        Doubt::NotDiscarded => 5,
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) -> Result<(), RecordError> {
    let length = u32::try_from(text.len()).map_err(|_| corrupt("a text of it is too long"))?;
    out.extend(length.to_le_bytes());
    out.extend(text.as_bytes());
    Ok(())
}

/// What is not read yet.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(|| corrupt("it is cut off"))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn number(&mut self) -> Result<u64, RecordError> {
        Ok(u64::from_le_bytes(self.take()?))
    }

    fn time(&mut self) -> Result<Timestamp, RecordError> {
        Ok(Timestamp::from_milliseconds(self.number()?))
    }

    fn flag(&mut self) -> Result<bool, RecordError> {
        match self.take()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(corrupt("a flag of it")),
        }
    }

    fn text(&mut self) -> Result<&'a str, RecordError> {
        let length = usize::try_from(u32::from_le_bytes(self.take()?)).unwrap_or(usize::MAX);
        let (text, rest) = self.0.split_at_checked(length).ok_or_else(|| corrupt("it is cut off"))?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| corrupt("a text of it is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_record() -> impl Strategy<Value = GrantRecord> {
        let time = any::<u64>().prop_map(Timestamp::from_milliseconds);
        let lease =
            (any::<u64>(), time.clone(), any::<u32>(), "[a-z]{0,5}").prop_map(|(run, from, lasts, host)| {
                Lease {
                    holder: Holder { host: host.into(), run },
                    from,
                    lasts: Duration::from_millis(lasts.into()),
                }
            });
        let state = (
            prop::sample::select(PHASES.to_vec()),
            prop::option::of(".{0,9}".prop_map(State::new)),
            (time.clone(), any::<u32>(), any::<u32>(), any::<bool>()),
            prop::option::of(time),
            prop::option::of(lease),
            prop::option::of(prop::sample::select(DOUBTS.to_vec())),
        );
        (state, ".{0,9}").prop_map(|((phase, credential, rest, next, lease, doubt), subject)| {
            let (since, failures, orphans, values_lost) = rest;
            let info = UserInfo::new("https://issuer.example.com", subject).with("groups", "a");
            GrantRecord {
                service: ServiceName::new("svc").unwrap(),
                user: info.user_id(),
                claims: GrantRecord::claims_of(&info),
                made: since,
                state: GrantState {
                    phase,
                    credential,
                    since,
                    failures,
                    next,
                    lease,
                    orphans,
                    values_lost,
                    doubt,
                },
            }
        })
    }

    proptest! {
        #[test]
        fn records_come_back_and_damaged_ones_are_refused(record in any_record(), cut: prop::sample::Index) {
            let mut bytes = Vec::new();
            record.write(&mut bytes).unwrap();
            prop_assert!(bytes.len() <= record.room());
            let back = GrantRecord::read(&bytes).unwrap();
            prop_assert_eq!((&back.service, &back.user, &back.claims), (&record.service, &record.user, &record.claims));
            prop_assert_eq!((&back.made, &back.state), (&record.made, &record.state));
            prop_assert_eq!(back.context().unwrap().user, record.context().unwrap().user);
            prop_assert!(GrantRecord::read(&bytes[..cut.index(bytes.len())]).is_err());
            bytes[0] = 2;
            prop_assert!(GrantRecord::read(&bytes).unwrap_err().to_string().contains("schema 2"));
        }

        #[test]
        fn ids_come_back(id: [u8; 16]) {
            let id = GrantId::from_bytes(id);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            let intent = id.intent();
            prop_assert_eq!(intent.as_str(), id.to_string());
        }
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in ["", "0123", &"G".repeat(32), &"A".repeat(32), &"\u{e4}".repeat(16)] {
            assert_eq!(text.parse::<GrantId>(), Err(InvalidGrantId), "{text}");
        }
    }
}
