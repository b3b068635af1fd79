//! What is stored of a grant besides its [owner](super::owner), with its schema version.

use std::fmt;
use std::time::Duration;

use keyway_core::Timestamp;
use keyway_issuers::{ServiceName, State};

use super::fields::{Bytes, put_text};
use super::lease::{Holder, Lease};
use super::machine::{Doubt, GrantState, Phase};
use crate::sealed_records::{RecordError, corrupt};

/// The schema that this version writes and reads. Whoever raises it goes on reading the
/// older ones.
const SCHEMA: u8 = 1;
/// What a record takes besides its texts: codes, numbers, moments, flags, and three lengths.
const FIXED_BYTES: usize = 4 + 2 * 4 + 2 * 8 + (1 + 8) + 1 + (1 + 3 * 8) + 3 * 4;

/// What the host remembers of a grant. No value of a credential, no parameter and no token
/// is among it.
#[derive(Clone)]
pub(super) struct GrantRecord {
    pub(super) service: ServiceName,
    pub(super) made: Timestamp,
    pub(super) state: GrantState,
}

impl GrantRecord {
    /// How many bytes [`write`](Self::write) appends at most.
    pub(super) fn room(&self) -> usize {
        let host = self.state.lease.as_ref().map_or(0, |lease| lease.holder.host.len());
        let credential = self.state.credential.as_ref().map_or(0, |credential| credential.as_str().len());
        FIXED_BYTES + host + credential + self.service.as_str().len()
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
        put_text(out, self.service.as_str())
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
        bytes.end()?;
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
        Ok(Self { service, made, state })
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
        state.prop_map(|(phase, credential, rest, next, lease, doubt)| {
            let (since, failures, orphans, values_lost) = rest;
            GrantRecord {
                service: ServiceName::new("svc").unwrap(),
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
                prop_assert_eq!((&back.service, &back.made), (&record.service, &record.made));
                prop_assert_eq!(&back.state, &record.state);
                prop_assert!(GrantRecord::read(&bytes[..cut.index(bytes.len())]).is_err());
                bytes[0] = 2;
                prop_assert!(GrantRecord::read(&bytes).unwrap_err().to_string().contains("schema 2"));
            }
    }
}
