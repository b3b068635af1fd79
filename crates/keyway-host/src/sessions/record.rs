//! The stored form of a session at a credential store: the part that never changes, which is sealed once, and the
//! state.

use std::sync::Arc;

use keyway_core::codec::{
    LENGTH_BYTES, Malformed, Reader, put_optional, put_text, put_time, put_u32, put_u64,
};
use keyway_core::{InvalidText, Wiped};
use keyway_credentials::{
    Account, Asset, Candidate, CheckInReason, Connection, CredentialKind, CredentialStoreName, Holder, Lease,
    LeaseId,
};

use super::connection_record::{connection_len, read_connection, write_connection};
use super::search::{Accounts, Assets, Search};
use super::state::{CheckOut, CheckOutId, Data, FetchStage, Notice, OpenFetch, Owed, SessionState, Stage};
use crate::records::{NameTag, Stored, read_code};

/// The part of a session at a store that never changes.
#[derive(Clone, Debug)]
pub(crate) struct SessionAtStore {
    pub(super) store: CredentialStoreName,
    /// The facts about the connection. They include the user's login only if check-ins and notices get it (decision
    /// S6).
    pub(super) connection: Arc<Connection>,
    pub(super) holder: Option<Holder>,
    /// The name and the run of the host that has the session in memory; `None` for a session that outlives its host.
    pub(super) host: Option<(Arc<str>, u64)>,
}

impl Stored for SessionAtStore {
    const SCHEMA: u8 = 1;

    fn encoded_len(&self) -> usize {
        let host = self.host.as_ref().map_or(0, |(name, _)| LENGTH_BYTES + name.len() + 8);
        let holder = self.holder.as_ref().map_or(0, |holder| LENGTH_BYTES + holder.as_str().len());
        LENGTH_BYTES + self.store.as_str().len() + connection_len(&self.connection) + 2 + host + holder
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_text(out, self.store.as_str());
        write_connection(out, &self.connection);
        put_optional(out, self.holder.as_ref().map(Holder::as_str), put_text);
        put_optional(out, self.host.as_ref(), |out, (name, run)| {
            put_text(out, name);
            put_u64(out, *run);
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let store = checked(CredentialStoreName::new(reader.text()?))?;
        let connection = Arc::new(read_connection(reader)?);
        let holder = reader.optional(Reader::text)?.map(Holder::new).transpose();
        let host = reader.optional(|reader| Ok((reader.text()?.into(), reader.u64()?)))?;
        Ok(Self { store, connection, holder: checked(holder)?, host })
    }
}

pub(super) fn checked<T>(text: Result<T, InvalidText>) -> Result<T, Malformed> {
    text.map_err(|_| Malformed { expected: "a text of the right form" })
}

/// Returns the stored size of a text with its length.
fn text_len(text: &str) -> usize {
    LENGTH_BYTES + text.len()
}

impl Stored for SessionState {
    const SCHEMA: u8 = 1;

    fn encoded_len(&self) -> usize {
        let check_outs: usize = self.check_outs.iter().map(check_out_len).sum();
        let fetches: usize = self.fetches.iter().map(fetch_len).sum();
        2 + 2 * LENGTH_BYTES
            + self.data.cookie.as_ref().map_or(0, |cookie| cookie.len())
            + self.data.session_cookie.as_ref().map_or(0, |cookie| cookie.len())
            + 8
            + 4
            + 2 * OWED_LEN
            + 8
            + check_outs
            + fetches
            + 4
            + 16 * self.used.len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        for cookie in [&self.data.cookie, &self.data.session_cookie] {
            put_optional(out, cookie.as_ref(), |out, cookie| put_text(out, cookie));
        }
        put_u64(out, self.data.calls);
        put_u32(out, self.authentications);
        put_notice(out, self.authenticated);
        put_notice(out, self.ended);
        put_all(out, &self.check_outs, put_check_out);
        put_all(out, &self.fetches, put_fetch);
        put_all(out, &self.used, |out, id| out.extend(id));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut cookie = || {
            let text = |reader: &mut Reader<'_>| Ok(Arc::new(Wiped::new(reader.text()?.to_owned())));
            reader.optional(text)
        };
        let (cookie, session_cookie) = (cookie()?, cookie()?);
        let data = Data { cookie, session_cookie, calls: reader.u64()? };
        let authentications = reader.u32()?;
        let (authenticated, ended) = (read_notice(reader)?, read_notice(reader)?);
        let check_outs = read_all(reader, read_check_out)?;
        let fetches = read_all(reader, read_fetch)?;
        let used = read_all(reader, read_id)?;
        Ok(Self { data, check_outs, fetches, used, authentications, authenticated, ended })
    }
}

fn put_all<T>(out: &mut Vec<u8>, all: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
    put_u32(out, u32::try_from(all.len()).unwrap_or(u32::MAX));
    for one in all {
        put(out, one);
    }
}

fn read_all<T>(
    reader: &mut Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    (0..reader.u32()?).map(|_| read(reader)).collect()
}

fn read_id(reader: &mut Reader<'_>) -> Result<NameTag, Malformed> {
    reader.array()
}

fn read_number(reader: &mut Reader<'_>) -> Result<u16, Malformed> {
    u16::try_from(reader.u32()?).map_err(|_| Malformed { expected: "the number of a candidate" })
}

/// The maximum size of a call that the host owes, with a code before it, in bytes.
const OWED_LEN: usize = 1 + 8 + 4 + 8;

fn put_owed(out: &mut Vec<u8>, owed: &Owed) {
    put_time(out, owed.since);
    put_u32(out, owed.failures);
    put_time(out, owed.next);
}

fn read_owed(reader: &mut Reader<'_>) -> Result<Owed, Malformed> {
    Ok(Owed { since: reader.time()?, failures: reader.u32()?, next: reader.time()? })
}

fn put_notice(out: &mut Vec<u8>, notice: Notice) {
    match notice {
        Notice::NotDue => out.push(0),
        Notice::Owed(owed) => {
            out.push(1);
            put_owed(out, &owed);
        }
        Notice::Done => out.push(2),
    }
}

fn read_notice(reader: &mut Reader<'_>) -> Result<Notice, Malformed> {
    match reader.byte()? {
        0 => Ok(Notice::NotDue),
        1 => read_owed(reader).map(Notice::Owed),
        2 => Ok(Notice::Done),
        _ => Err(Malformed { expected: "a notice" }),
    }
}

fn put_candidate(out: &mut Vec<u8>, candidate: &Candidate) {
    put_text(out, candidate.account.as_str());
    put_text(out, candidate.asset.as_str());
}

fn read_candidate(reader: &mut Reader<'_>) -> Result<Candidate, Malformed> {
    let account = checked(Account::new(reader.text()?))?;
    Ok(Candidate::new(account, checked(Asset::new(reader.text()?))?))
}

fn check_out_len(out: &CheckOut) -> usize {
    let candidate = text_len(out.candidate.account.as_str()) + text_len(out.candidate.asset.as_str());
    let lease = out.lease.as_ref().map_or(0, |lease| text_len(lease.id.as_str()) + 1 + 8 + 2);
    let reason = match &out.stage {
        Stage::Returning { reason: CheckInReason::Forced { by }, .. } => text_len(by.as_str()),
        _ => 0,
    };
    16 + 4 + candidate + 1 + lease + 2 * 8 + 4 + 2 + 1 + 1 + OWED_LEN + reason
}

fn put_check_out(out: &mut Vec<u8>, check_out: &CheckOut) {
    out.extend(check_out.id.fetch);
    put_u32(out, check_out.id.number.into());
    put_candidate(out, &check_out.candidate);
    put_optional(out, check_out.lease.as_ref(), |out, lease| {
        put_text(out, lease.id.as_str());
        put_optional(out, lease.expires_at, put_time);
        out.extend([u8::from(lease.renewable), u8::from(lease.exclusive)]);
    });
    put_time(out, check_out.made);
    put_time(out, check_out.term);
    put_u32(out, check_out.renewals);
    out.extend([u8::from(check_out.is_renewing), u8::from(check_out.is_proven)]);
    match &check_out.stage {
        Stage::Held { renew } => {
            out.push(0);
            put_optional(out, renew.as_ref(), put_owed);
        }
        Stage::Returning { reason, owed } => {
            out.extend([1, reason_code(reason)]);
            if let CheckInReason::Forced { by } = reason {
                put_text(out, by.as_str());
            }
            put_owed(out, owed);
        }
        Stage::Returned => out.push(2),
    }
}

fn read_check_out(reader: &mut Reader<'_>) -> Result<CheckOut, Malformed> {
    let fetch = reader.array()?;
    let number = read_number(reader)?;
    let candidate = read_candidate(reader)?;
    let lease = reader.optional(|reader| {
        let lease = Lease::new(checked(LeaseId::new(reader.text()?))?);
        let expires_at = reader.optional(Reader::time)?;
        let lease = expires_at.map_or(lease.clone(), |at| lease.expires_at(at));
        Ok(lease.renewable(reader.flag()?).exclusive(reader.flag()?))
    })?;
    let (made, term, renewals) = (reader.time()?, reader.time()?, reader.u32()?);
    let (is_renewing, is_proven) = (reader.flag()?, reader.flag()?);
    let stage = match reader.byte()? {
        0 => Stage::Held { renew: reader.optional(read_owed)? },
        1 => Stage::Returning { reason: read_reason(reader)?, owed: read_owed(reader)? },
        2 => Stage::Returned,
        _ => return Err(Malformed { expected: "the stage of a check-out" }),
    };
    let id = CheckOutId { fetch, number };
    Ok(CheckOut { id, candidate, lease, made, term, renewals, is_renewing, is_proven, stage })
}

/// Returns the code of a reason, which is stored and never changes. The host itself makes the reasons, so this version
/// knows all of them.
fn reason_code(reason: &CheckInReason) -> u8 {
    match reason {
        CheckInReason::AuthenticationFailed => 1,
        CheckInReason::Unused => 2,
        CheckInReason::Expired => 3,
        CheckInReason::HostLost => 4,
        CheckInReason::Forced { .. } => 5,
        _ => 0,
    }
}

fn read_reason(reader: &mut Reader<'_>) -> Result<CheckInReason, Malformed> {
    Ok(match reader.byte()? {
        0 => CheckInReason::Used,
        1 => CheckInReason::AuthenticationFailed,
        2 => CheckInReason::Unused,
        3 => CheckInReason::Expired,
        4 => CheckInReason::HostLost,
        5 => CheckInReason::Forced { by: checked(Holder::new(reader.text()?))? },
        _ => return Err(Malformed { expected: "the reason of a check-in" }),
    })
}

fn fetch_len(open: &OpenFetch) -> usize {
    let account = match &open.search.accounts {
        Accounts::Given(Some(account)) => text_len(account.as_str()),
        _ => 0,
    };
    let asset = |place: &Assets| match place {
        Assets::Given(asset) => text_len(asset.as_str()),
        Assets::Own(generator) => text_len(generator),
    };
    let assets: usize = open.search.assets.iter().map(|place| 1 + asset(place)).sum();
    let texts = [&open.reason, &open.ticket].into_iter().flatten().map(|text| text_len(text)).sum::<usize>();
    16 + 1 + 2 + account + 4 + assets + 2 + texts + 3 * 5 + OWED_LEN
}

fn put_fetch(out: &mut Vec<u8>, open: &OpenFetch) {
    out.extend(open.id);
    out.push(kind_code(open.kind));
    match &open.search.accounts {
        Accounts::Given(account) => {
            out.push(0);
            put_optional(out, account.as_ref().map(Account::as_str), put_text);
        }
        Accounts::Own => out.push(1),
    }
    put_all(out, &open.search.assets, |out, place| {
        let (code, text) = match place {
            Assets::Given(asset) => (0, asset.as_str()),
            Assets::Own(generator) => (1, generator.as_str()),
        };
        out.push(code);
        put_text(out, text);
    });
    put_optional(out, open.reason.as_deref(), put_text);
    put_optional(out, open.ticket.as_deref(), put_text);
    for number in [open.only, open.last, Some(open.settled)] {
        put_optional(out, number.map(u32::from), put_u32);
    }
    match &open.stage {
        FetchStage::Pending => out.push(0),
        FetchStage::Asked => out.push(1),
        FetchStage::Unsettled(owed) => {
            out.push(2);
            put_owed(out, owed);
        }
        FetchStage::Undecided => out.push(3),
    }
}

fn read_fetch(reader: &mut Reader<'_>) -> Result<OpenFetch, Malformed> {
    let id = reader.array()?;
    let kind = read_code(reader, &KINDS, kind_code, "a kind of credentials")?;
    let accounts = match reader.byte()? {
        0 => Accounts::Given(checked(reader.optional(Reader::text)?.map(Account::new).transpose())?),
        1 => Accounts::Own,
        _ => return Err(Malformed { expected: "the place of the accounts" }),
    };
    let assets = read_all(reader, |reader| {
        Ok(match reader.byte()? {
            0 => Assets::Given(checked(Asset::new(reader.text()?))?),
            1 => Assets::Own(reader.text()?.to_owned()),
            _ => return Err(Malformed { expected: "a place of assets" }),
        })
    })?;
    let mut text = || Ok::<_, Malformed>(reader.optional(Reader::text)?.map(str::to_owned));
    let (reason, ticket) = (text()?, text()?);
    let mut number = || reader.optional(read_number);
    let (only, last, settled) = (number()?, number()?, number()?.unwrap_or_default());
    let stage = match reader.byte()? {
        0 => FetchStage::Pending,
        1 => FetchStage::Asked,
        2 => FetchStage::Unsettled(read_owed(reader)?),
        3 => FetchStage::Undecided,
        _ => return Err(Malformed { expected: "the stage of a fetch" }),
    };
    let search = Search { accounts, assets: assets.into() };
    Ok(OpenFetch { id, kind, search, reason, ticket, only, last, settled, stage })
}

const KINDS: [CredentialKind; 5] = [
    CredentialKind::Passwords,
    CredentialKind::PrivateKeys,
    CredentialKind::Certificates,
    CredentialKind::TotpCodes,
    CredentialKind::RemoteApp,
];

/// Returns the code of a kind of credentials, which is stored and never changes. This version fetches no credentials of
/// a kind that it does not know, so no such kind is stored.
fn kind_code(kind: CredentialKind) -> u8 {
    match kind {
        CredentialKind::PrivateKeys => 1,
        CredentialKind::Certificates => 2,
        CredentialKind::TotpCodes => 3,
        CredentialKind::RemoteApp => 4,
        _ => 0,
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
