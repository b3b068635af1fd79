//! Grants on a storage engine: every change one atomic, conditional batch.
//!
//! | record | key, after kind | value |
//! | --- | --- | --- |
//! | number of grants of a user at a service | mark of service and user | number, signed |
//! | grant or intent | mark of the user, id | its owner, sealed; the rest, sealed |
//! | which grant has a state | mark of service, user and state | id of the grant |
//! | work | moment when it is due, id | mark of the user |
//!
//! The last two hold random bytes and marks only, and are believed only when the sealed grant
//! agrees. The number is not encrypted, because whoever counts the keys knows it; it is bound to
//! its place and to the host's keys as a seal would.

use std::collections::BTreeMap;

use keyway_core::Timestamp;
use keyway_issuers::{ServiceName, State, UserId};
use keyway_storage::{Batch, Expectation, KeyRange, Outcome, Revision};
use tokio::sync::{Mutex, MutexGuard};

use super::fields::Bytes;
use super::id::GrantId;
use super::machine::{GrantState, Refusal, admit_one_more};
use super::owner::Owner;
use super::record::GrantRecord;
use crate::sealed_places::{Mark, MarkOf};
use crate::sealed_records::{RecordError, RecordKind, SealedRecords, corrupt};

/// A grant as it was read, with what it takes to change it. It is passed on in a box, because it
/// is large and goes through many hands.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: GrantId,
    pub(super) key: Vec<u8>,
    /// The mark of service and user.
    account: Mark,
    /// Whose it is: what of the stored form stays as it is with every change.
    owner: Vec<u8>,
    pub(super) revision: Revision,
    pub(super) record: GrantRecord,
}

/// What became of an intent that was to be stored.
pub(super) enum Begun {
    /// It is stored.
    Stored(Box<Entry>),
    /// The limit is reached.
    Refused(Refusal),
    /// A grant has this id already.
    Known,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    /// It is stored, and the entry is as stored.
    Stored,
    /// The record went away, as wanted.
    Removed,
    /// Somebody else changed the grant first: nothing was stored.
    Overtaken,
    /// A grant of the same user has this state already: nothing was stored.
    Taken,
}

/// How many locks the accounts share. A lock is held for two look-ups in the storage engine
/// and one commit, never while a plugin runs.
const STRIPES: usize = 64;
/// How many counts are remembered for each lock. They only save a look; too many are forgotten
/// together.
const REMEMBERED: usize = 64;

#[derive(Debug)]
pub(super) struct Ledger {
    records: SealedRecords,
    /// So that requests of one process for the same account do not make each other's commits
    /// fail. Other processes are met at the revision.
    stripes: Vec<Mutex<Counts>>,
}

/// What is remembered of the accounts that share a lock.
type Counts = BTreeMap<Mark, Count>;

/// The number of grants that a user has of a service, and the record that says so.
#[derive(Clone, Copy, Debug)]
struct Count {
    grants: u64,
    /// `None` when there is no record, which counts as 0.
    revision: Option<Revision>,
}

impl Ledger {
    pub(super) fn new(records: SealedRecords) -> Self {
        Self { records, stripes: (0..STRIPES).map(|_| Mutex::default()).collect() }
    }

    pub(super) fn user_mark(&self, user: &UserId) -> Mark {
        self.records.mark(MarkOf::User, &[user.as_str().as_bytes()])
    }

    /// The id of the request that a caller calls `given`.
    pub(super) fn id_of_request(&self, service: &ServiceName, user: &UserId, given: &str) -> GrantId {
        let account = self.account(&self.user_mark(user), service);
        GrantId::from_bytes(self.records.mark(MarkOf::Request, &[&account, given.as_bytes()]))
    }

    fn account(&self, user: &Mark, service: &ServiceName) -> Mark {
        self.records.mark(MarkOf::Account, &[user, service.as_str().as_bytes()])
    }

    fn state_key(&self, account: &Mark, credential: &State) -> Vec<u8> {
        let mark = self.records.mark(MarkOf::State, &[account, credential.as_str().as_bytes()]);
        SealedRecords::place(RecordKind::GrantByState, &[&mark])
    }

    /// The first part of the stored form of a grant: whose it is, sealed, behind its length.
    fn sealed_owner(&self, key: &[u8], owner: &Owner) -> Result<Vec<u8>, RecordError> {
        let mut sealed = self.records.seal_at(key, &[0; LENGTH], owner.room(), |out| owner.write(out))?;
        let length = u32::try_from(sealed.len() - LENGTH).map_err(|_| corrupt("its owner is too long"))?;
        sealed[..LENGTH].copy_from_slice(&length.to_le_bytes());
        Ok(sealed)
    }

    /// The stored form of a grant: two seals, because the one of the owner never changes.
    fn sealed(&self, key: &[u8], owner: &[u8], record: &GrantRecord) -> Result<Vec<u8>, RecordError> {
        self.records.seal_at(key, owner, record.room(), |out| record.write(out))
    }

    /// Stores an intent, if the limit allows one more.
    pub(super) async fn begin(
        &self,
        id: GrantId,
        owner: &Owner,
        record: GrantRecord,
        limit: Option<u64>,
    ) -> Result<Begun, RecordError> {
        let user = self.user_mark(&owner.user);
        let account = self.account(&user, &record.service);
        let key = SealedRecords::place(RecordKind::Grant, &[&user, id.as_bytes()]);
        let owner = self.sealed_owner(&key, owner)?;
        let mut sealed = Some(self.sealed(&key, &owner, &record)?);
        let mut counts = self.turn(&account).await;
        let mut fresh = false;
        loop {
            let count = self.count(&mut counts, &account, fresh).await?;
            if let Err(refusal) = admit_one_more(limit, count.grants) {
                // What is remembered may be old: another host may have revoked one.
                if fresh {
                    return Ok(Begun::Refused(refusal));
                }
                fresh = true;
                continue;
            }
            let mut batch = Batch::with_capacity(3);
            batch = self.put_count(batch, &account, count, count.grants.saturating_add(1));
            // Seldom needed more than once.
            let sealed = sealed.take().map_or_else(|| self.sealed(&key, &owner, &record), Ok)?;
            batch = batch.put(key.as_slice(), sealed, Expectation::Absent);
            if let Some(work) = work_key(id, &record.state) {
                batch = batch.put(work, user, Expectation::Any);
            }
            match self.commit_counted(batch, &mut counts, &account, count.grants.saturating_add(1)).await? {
                Outcome::Committed(revision) => {
                    return Ok(Begun::Stored(Box::new(Entry { id, key, account, owner, revision, record })));
                }
                Outcome::Conflict { item: 0 } => fresh = true,
                Outcome::Conflict { .. } => return Ok(Begun::Known),
            }
        }
    }

    /// Stores the next state of a grant; `None` takes it away. Whatever else becomes of it, the entry
    /// stays as it was read.
    pub(super) async fn change(
        &self,
        entry: &mut Entry,
        next: Option<GrantState>,
    ) -> Result<Changed, RecordError> {
        let Some(state) = next else { return self.remove(entry, None).await };
        let record = GrantRecord { service: entry.record.service.clone(), made: entry.record.made, state };
        let batch = self.replacement(entry, &record)?;
        Ok(match self.records.commit(batch).await? {
            Outcome::Committed(revision) => {
                (entry.record, entry.revision) = (record, revision);
                Changed::Stored
            }
            Outcome::Conflict { item: 0 } => Changed::Overtaken,
            Outcome::Conflict { .. } => Changed::Taken,
        })
    }

    /// What stores `next` in place of what was read; the grant itself is its first item.
    fn replacement(&self, entry: &Entry, next: &GrantRecord) -> Result<Batch, RecordError> {
        let sealed = self.sealed(&entry.key, &entry.owner, next)?;
        let expected = Expectation::Revision(entry.revision);
        let mut batch = Batch::with_capacity(4).put(entry.key.as_slice(), sealed, expected);
        let before = &entry.record.state;
        if let (None, Some(credential)) = (&before.credential, &next.state.credential) {
            let key = self.state_key(&entry.account, credential);
            batch = batch.put(key, *entry.id.as_bytes(), Expectation::Absent);
        }
        let (old_work, new_work) = (work_key(entry.id, before), work_key(entry.id, &next.state));
        if old_work != new_work {
            if let Some(work) = old_work {
                batch = batch.delete(work, Expectation::Any);
            }
            if let Some(work) = new_work {
                batch = batch.put(work, user_of(&entry.key)?, Expectation::Any);
            }
        }
        Ok(batch)
    }

    /// Takes a grant away, and with it its place in the count. `twin`, if there is one, is
    /// another grant that must not have changed, with the state that it gets.
    pub(super) async fn remove(
        &self,
        entry: &Entry,
        twin: Option<(&Entry, Option<GrantState>)>,
    ) -> Result<Changed, RecordError> {
        let account = &entry.account;
        let mut counts = self.turn(account).await;
        let mut fresh = false;
        loop {
            let count = self.count(&mut counts, account, fresh).await?;
            let left = count.grants.saturating_sub(1);
            let mut batch = Batch::with_capacity(5);
            batch = self.put_count(batch, account, count, left);
            batch = batch.delete(entry.key.as_slice(), Expectation::Revision(entry.revision));
            match &twin {
                None => {}
                Some((twin, None)) => batch = batch.check(twin.key.as_slice(), twin.revision),
                Some((twin, Some(state))) => {
                    let record = GrantRecord { state: state.clone(), ..twin.record.clone() };
                    let sealed = self.sealed(&twin.key, &twin.owner, &record)?;
                    batch = batch.put(twin.key.as_slice(), sealed, Expectation::Revision(twin.revision));
                }
            }
            if let Some(credential) = &entry.record.state.credential {
                batch = batch.delete(self.state_key(account, credential), Expectation::Any);
            }
            if let Some(work) = work_key(entry.id, &entry.record.state) {
                batch = batch.delete(work, Expectation::Any);
            }
            match self.commit_counted(batch, &mut counts, account, left).await? {
                Outcome::Committed(_) => return Ok(Changed::Removed),
                Outcome::Conflict { item: 0 } => fresh = true,
                Outcome::Conflict { .. } => return Ok(Changed::Overtaken),
            }
        }
    }

    /// The grant with this id, if it is this user's.
    pub(super) async fn load(&self, user: &Mark, id: GrantId) -> Result<Option<Box<Entry>>, RecordError> {
        let key = SealedRecords::place(RecordKind::Grant, &[user, id.as_bytes()]);
        let Some(found) = self.records.get_at(&key).await? else { return Ok(None) };
        self.entry(id, key, found.value, found.revision).map(Some)
    }

    /// Whose the grant is.
    pub(super) fn owner(&self, entry: &Entry) -> Result<Owner, RecordError> {
        self.records.open_at(&entry.key, entry.owner.get(LENGTH..).unwrap_or_default(), Owner::read)
    }

    /// The grant as it is stored now.
    pub(super) async fn again(&self, entry: &Entry) -> Result<Option<Box<Entry>>, RecordError> {
        self.load(&user_of(&entry.key)?, entry.id).await
    }

    fn entry(
        &self,
        id: GrantId,
        key: Vec<u8>,
        value: Vec<u8>,
        revision: Revision,
    ) -> Result<Box<Entry>, RecordError> {
        let length = u32::from_le_bytes(Bytes(&value).take()?);
        let sealed = usize::try_from(length).ok().and_then(|length| length.checked_add(LENGTH));
        let (owner, sealed) =
            sealed.and_then(|at| Some((at, value.get(at..)?))).ok_or_else(|| corrupt("it is cut off"))?;
        let record = self.records.open_at(&key, sealed, GrantRecord::read)?;
        let account = self.account(&user_of(&key)?, &record.service);
        let mut stored = value;
        stored.truncate(owner);
        Ok(Box::new(Entry { id, key, account, owner: stored, revision, record }))
    }

    /// The grant of the same user and service that has this state.
    pub(super) async fn with_state(
        &self,
        entry: &Entry,
        credential: &State,
    ) -> Result<Option<Box<Entry>>, RecordError> {
        let Some(found) = self.records.get_at(&self.state_key(&entry.account, credential)).await? else {
            return Ok(None);
        };
        let id = <[u8; 16]>::try_from(&found.value[..]).map_err(|_| corrupt("the index of states"))?;
        match self.load(&user_of(&entry.key)?, GrantId::from_bytes(id)).await? {
            Some(twin)
                if twin.account == entry.account
                    && twin.record.state.credential.as_ref() == Some(credential) =>
            {
                Ok(Some(twin))
            }
            // It went away between the two looks.
            None => Ok(None),
            Some(_) => Err(corrupt("the index of states names another grant")),
        }
    }

    /// All grants of a user.
    pub(super) async fn of_user(&self, user: &UserId) -> Result<Vec<Box<Entry>>, RecordError> {
        let range = KeyRange::prefix(SealedRecords::place(RecordKind::Grant, &[&self.user_mark(user)]));
        let mut entries = Vec::new();
        for found in self.records.all(&range).await? {
            let id = id_of(&found.key)?;
            entries.push(self.entry(id, found.key, found.value, found.revision)?);
        }
        Ok(entries)
    }

    /// What is due at `now`, at most `limit` of it, the earliest first.
    pub(super) async fn due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Mark, GrantId)>, RecordError> {
        let end = now.plus(std::time::Duration::from_millis(1)).as_milliseconds().to_be_bytes();
        let start = SealedRecords::place(RecordKind::GrantWork, &[]);
        let range = KeyRange::between(start, SealedRecords::place(RecordKind::GrantWork, &[&end]));
        let page = self.records.page(&range, None, limit).await?;
        page.entries.iter().map(|entry| work_of(&entry.key, &entry.value)).collect()
    }

    /// All that somebody has to look at: what is to be done at any time, and what waits for
    /// a decision.
    pub(super) async fn open_work(&self) -> Result<Vec<(Mark, GrantId)>, RecordError> {
        self.work_in(&SealedRecords::place(RecordKind::GrantWork, &[])).await
    }

    /// What waits for somebody's decision.
    pub(super) async fn waiting(&self) -> Result<Vec<(Mark, GrantId)>, RecordError> {
        self.work_in(&SealedRecords::place(RecordKind::GrantWork, &[&NEVER])).await
    }

    async fn work_in(&self, prefix: &[u8]) -> Result<Vec<(Mark, GrantId)>, RecordError> {
        let entries = self.records.all(&KeyRange::prefix(prefix)).await?;
        entries.iter().map(|entry| work_of(&entry.key, &entry.value)).collect()
    }

    async fn turn(&self, account: &Mark) -> MutexGuard<'_, Counts> {
        let stripe = &self.stripes[usize::from(account[0]) % STRIPES];
        // Mostly nobody is there, and then waiting costs more than the lock.
        match stripe.try_lock() {
            Ok(turn) => turn,
            Err(_) => stripe.lock().await,
        }
    }

    async fn count(&self, counts: &mut Counts, account: &Mark, fresh: bool) -> Result<Count, RecordError> {
        if !fresh && let Some(count) = counts.get(account) {
            return Ok(*count);
        }
        let key = SealedRecords::place(RecordKind::GrantCount, &[account]);
        let count = match self.records.get_at(&key).await? {
            None => Count { grants: 0, revision: None },
            Some(found) => {
                let (grants, mark) =
                    found.value.split_first_chunk().ok_or_else(|| corrupt("a count of grants"))?;
                if !self.records.is_mark(mark, MarkOf::Count, &[account, grants]) {
                    return Err(corrupt("a count of grants"));
                }
                Count { grants: u64::from_le_bytes(*grants), revision: Some(found.revision) }
            }
        };
        remember(counts, account, count);
        Ok(count)
    }

    fn put_count(&self, batch: Batch, account: &Mark, old: Count, grants: u64) -> Batch {
        let key = SealedRecords::place(RecordKind::GrantCount, &[account]);
        let expectation = old.revision.map_or(Expectation::Absent, Expectation::Revision);
        if grants == 0 && old.revision.is_some() {
            return batch.delete(key, expectation);
        }
        let grants = grants.to_le_bytes();
        let mark = self.records.mark(MarkOf::Count, &[account, &grants]);
        batch.put(key, [&grants[..], &mark].concat(), expectation)
    }

    /// Commits a batch whose first item is a count.
    async fn commit_counted(
        &self,
        batch: Batch,
        counts: &mut Counts,
        account: &Mark,
        grants: u64,
    ) -> Result<Outcome, RecordError> {
        // Dropped or failed in the middle, nobody knows which count holds.
        counts.remove(account);
        let outcome = self.records.commit(batch).await?;
        if let Outcome::Committed(revision) = outcome {
            remember(counts, account, Count { grants, revision: (grants > 0).then_some(revision) });
        }
        Ok(outcome)
    }
}

fn remember(counts: &mut Counts, account: &Mark, count: Count) {
    if counts.len() >= REMEMBERED {
        counts.clear();
    }
    counts.insert(*account, count);
}

/// The bytes of the length before a sealed owner.
const LENGTH: usize = size_of::<u32>();

/// The moment of what waits for a decision.
const NEVER: [u8; 8] = [0xff; 8];

fn work_key(id: GrantId, state: &GrantState) -> Option<Vec<u8>> {
    let at = state.work()?.map_or(NEVER, |at| at.as_milliseconds().min(u64::MAX - 1).to_be_bytes());
    Some(SealedRecords::place(RecordKind::GrantWork, &[&at, id.as_bytes()]))
}

fn work_of(key: &[u8], value: &[u8]) -> Result<(Mark, GrantId), RecordError> {
    let user = Mark::try_from(value).map_err(|_| corrupt("the list of what is due"))?;
    Ok((user, id_of(key)?))
}

fn id_of(key: &[u8]) -> Result<GrantId, RecordError> {
    let id = key.last_chunk::<16>().ok_or_else(|| corrupt("the key of a grant"))?;
    Ok(GrantId::from_bytes(*id))
}

fn user_of(key: &[u8]) -> Result<Mark, RecordError> {
    let user = SealedRecords::within_kind(key).first_chunk::<16>();
    user.copied().ok_or_else(|| corrupt("the key of a grant"))
}
