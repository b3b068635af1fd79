//! The record of a grant: its owner, which is sealed only once, and its state.

use keyway_core::codec::{LENGTH_BYTES, Malformed, Reader, put_optional, put_text, put_time, put_u32};
use keyway_core::{Timestamp, Wiped};
use keyway_issuers::{CredentialRef, Json, Requester, ServiceName, UserId, UserInfo};

use super::error::GrantsError;
use super::machine::{GrantState, IndeterminateReason, Phase, TransitionError};
use super::workflow::MAX_STATE_BYTES;
use crate::records::{RecordError, STORED_JSON, Stored, corrupt, read_code};

/// The maximum size of the part of a grant that never changes. When it is sealed, it has about 512 KiB (decision R8).
const MOST_OWNER: usize = 384 << 10;

/// The maximum size of a grant's record. It is more than the 512 KiB of other records (decision R8), because the
/// reference to the credential comes when the credential exists, and each host that works on the grant adds its claim.
pub(super) const LARGEST: usize = 544 << 10;

/// Checks that a grant that was stored at its first step can be stored at every later one, with the largest reference
/// to a credential and 8 KiB for the rest. `owner` is the sealed fixed part, in base64.
const _: () = {
    let owner = (MOST_OWNER + (1 << 10)) / 3 * 4;
    assert!(owner + MAX_STATE_BYTES + (8 << 10) < LARGEST);
};

/// The part of a grant that never changes. It holds no value of a credential, no parameter and no
/// token.
#[derive(Clone)]
pub(crate) struct Owner {
    pub(super) user: UserId,
    pub(super) service: ServiceName,
    pub(super) made: Timestamp,
    /// The claims of the login, as JSON. The host sends them to the plugin when it retries a revocation without a
    /// login.
    claims: Wiped<String>,
}

impl Owner {
    /// Takes the owner from a request.
    ///
    /// # Errors
    /// [`TransitionError::Claims`] when the claims are nested too deeply to be read again from the record;
    /// [`RecordError::TooLarge`] when they leave no room for the rest of the grant.
    pub(super) fn of(asked: &Requester, service: ServiceName, made: Timestamp) -> Result<Self, GrantsError> {
        let claims = asked.user_info.to_ascii();
        let opened = claims.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
        // Claims can be nested too deeply only if they have more opening brackets than there are allowed levels.
        // Counting brackets usually avoids the full check, which takes as long as sealing the record.
        if opened > STORED_JSON.max_depth && STORED_JSON.read(claims.as_bytes()).is_err() {
            return Err(TransitionError::Claims.into());
        }
        let owner = Self { user: asked.user.clone(), service, made, claims };
        match owner.encoded_len() {
            bytes if bytes > MOST_OWNER => Err(RecordError::TooLarge { bytes, limit: MOST_OWNER }.into()),
            _ => Ok(owner),
        }
    }

    /// Returns the user that is sent to a plugin when there is no login.
    pub(super) fn requester(&self) -> Result<Requester, RecordError> {
        let claims = match STORED_JSON.read(self.claims.as_bytes()) {
            Ok(Json::Object(claims)) => UserInfo::from_claims(claims),
            _ => None,
        };
        let user_info = claims.ok_or_else(|| corrupt("its claims make no sense"))?;
        Ok(Requester::of(self.user.clone(), user_info))
    }
}

impl Stored for Owner {
    const SCHEMA: u8 = 2;

    fn encoded_len(&self) -> usize {
        8 + 3 * LENGTH_BYTES + self.user.as_str().len() + self.service.as_str().len() + self.claims.len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_time(out, self.made);
        put_text(out, self.user.as_str());
        put_text(out, self.service.as_str());
        put_text(out, &self.claims);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (made, user) = (reader.time()?, UserId::received(reader.text()?));
        let service = ServiceName::new(reader.text()?);
        let service = service.map_err(|_| Malformed { expected: "the name of a service" })?;
        Ok(Self { user, service, made, claims: Wiped::new(reader.text()?.to_owned()) })
    }
}

impl Stored for GrantState {
    const SCHEMA: u8 = 2;

    fn encoded_len(&self) -> usize {
        let credential = self.credential.as_ref().map_or(0, |credential| credential.as_str().len());
        4 + 2 * 4 + 8 + (1 + 8) + (1 + LENGTH_BYTES) + credential
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.phase as u8, reason_code(self.reason)]);
        out.extend([u8::from(self.undelivered), u8::from(self.resumed)]);
        put_u32(out, self.failures);
        put_u32(out, self.orphans);
        put_time(out, self.since);
        put_optional(out, self.next, put_time);
        put_optional(out, self.credential.as_ref().map(CredentialRef::as_str), put_text);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let phase = read_code(reader, &PHASES, |phase| phase as u8, "the phase of a grant")?;
        let reason = read_code(reader, &REASONS, reason_code, "a known reason")?;
        let (undelivered, resumed) = (reader.flag()?, reader.flag()?);
        let (failures, orphans, since) = (reader.u32()?, reader.u32()?, reader.time()?);
        let next = reader.optional(Reader::time)?;
        let credential = reader.optional(Reader::text)?.map(CredentialRef::new);
        if credential.is_some() != matches!(phase, Phase::Granted | Phase::Revoking) {
            return Err(Malformed { expected: "the state of a credential in these phases only" });
        }
        Ok(Self { phase, credential, since, failures, next, orphans, undelivered, resumed, reason })
    }
}

const PHASES: [Phase; 4] = [Phase::Intended, Phase::Granted, Phase::Revoking, Phase::Indeterminate];

const REASONS: [Option<IndeterminateReason>; 6] = [
    None,
    Some(IndeterminateReason::NoAnswer),
    Some(IndeterminateReason::Interrupted),
    Some(IndeterminateReason::PluginCannotTell),
    Some(IndeterminateReason::NotReconciled),
    Some(IndeterminateReason::NotDiscarded),
];

fn reason_code(reason: Option<IndeterminateReason>) -> u8 {
    reason.map_or(0, |reason| reason as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stored<T: Stored>(value: &T) -> Vec<u8> {
        let mut bytes = Vec::new();
        value.write(&mut bytes);
        assert!(bytes.len() <= value.encoded_len());
        bytes
    }

    fn any_state() -> impl Strategy<Value = GrantState> {
        let times = (0..u64::MAX, prop::option::of(0..u64::MAX));
        (0..4_usize, 0..6_usize, any::<(bool, bool, u32, u32)>(), times, ".{0,40}").prop_map(
            |(phase, reason, (undelivered, resumed, failures, orphans), (since, next), text)| {
                let time = Timestamp::from_milliseconds;
                let phase = PHASES[phase];
                let credential =
                    matches!(phase, Phase::Granted | Phase::Revoking).then(|| CredentialRef::new(text));
                GrantState {
                    credential,
                    failures,
                    next: next.map(time),
                    orphans,
                    undelivered,
                    resumed,
                    reason: REASONS[reason],
                    ..GrantState::new(phase, time(since))
                }
            },
        )
    }

    proptest! {
        #[test]
        fn states_come_back_and_cut_ones_are_refused(state in any_state(), cut: prop::sample::Index) {
            let bytes = stored(&state);
            prop_assert_eq!(GrantState::read(&mut Reader::new(&bytes)), Ok(state));
            prop_assert!(GrantState::read(&mut Reader::new(&bytes[..cut.index(bytes.len())])).is_err());
        }

        #[test]
        fn owners_come_back_and_cut_ones_are_refused(
            subject in ".{0,9}", claim in ".{0,30}", cut: prop::sample::Index,
        ) {
            let asked = Requester::new(UserInfo::new("https://issuer.example.com", subject).with("name", claim));
            let service = ServiceName::new("door").unwrap();
            let owner = Owner::of(&asked, service, Timestamp::from_milliseconds(7)).unwrap();
            let bytes = stored(&owner);
            prop_assert_eq!(Owner::read(&mut Reader::new(&bytes)).unwrap().requester().unwrap(), asked);
            prop_assert!(Owner::read(&mut Reader::new(&bytes[..cut.index(bytes.len())])).is_err());
        }
    }
}
