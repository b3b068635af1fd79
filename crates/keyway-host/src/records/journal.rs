//! Changes records of one kind. Each change is one atomic batch, on the condition that the records are unchanged since
//! they were read.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use keyway_core::codec::Reader;
use keyway_storage::{Batch, CommitOutcome, Expectation, Record, Revision};

use super::counts::Counts;
use super::entry::{Claim, Entry};
use super::error::{RecordError, corrupt};
use super::key::{Address, NameTag, RecordKind, Room, WorkIndex, key};
use super::sealed::{Part, SealedRecords, TagOf};
use super::stored::{Due, Names, Recorded, Stored};
use super::turns::{Turn, Turns};

/// The size of the length field before the sealed fixed part.
pub(super) const LENGTH: usize = size_of::<u32>();

/// A batch of new records of another kind, which is stored together with a change.
pub(crate) type Note = Batch;

/// A change of one record.
pub(crate) struct Change<'a, R: Recorded> {
    /// The next state; `None` removes the record.
    pub(crate) state: Option<R::State>,
    /// The claim after the change.
    pub(crate) claim: Option<Claim>,
    /// The limit for the number of records under each of the record's counted names, including this record.
    pub(crate) at_most: Option<u64>,
    /// Another record that must be unchanged since it was read. If a state is given, the batch also stores it in that
    /// record.
    pub(crate) holder: Option<(&'a Entry<R>, Option<R::State>)>,
    /// New records of another kind in the same batch. If they exist already, they are left out.
    pub(crate) note: Option<Note>,
}

impl<R: Recorded> Change<'_, R> {
    /// Creates a change that stores `state`, or removes the record if that is `None`, and leaves no claim.
    pub(crate) fn to(state: Option<R::State>) -> Self {
        Self { state, claim: None, at_most: None, holder: None, note: None }
    }
}

/// The outcome of a change. Unless it is `Stored`, the entry stays as it was read.
pub(crate) enum Applied<R: Recorded> {
    /// The change is stored, and the entry reflects it.
    Stored,
    /// Another host changed the record first.
    Overtaken,
    /// Another record holds the unique names of this record.
    Taken(Box<Entry<R>>),
    /// The limit for the number of records under one of the counted names is reached.
    LimitReached,
}

/// The records of one kind.
#[derive(Debug)]
pub(crate) struct Journal<R> {
    pub(super) records: Arc<SealedRecords>,
    counts: Counts,
    turns: Turns,
    /// The name of this host, and the tag of the name, which most steps need.
    host: (Arc<str>, NameTag),
    /// The tag of the list of this host's callers, if the records have callers.
    callers: Option<NameTag>,
    kind: PhantomData<fn() -> R>,
}

impl<R: Recorded> Journal<R> {
    pub(crate) fn new(records: Arc<SealedRecords>, host: Arc<str>) -> Self {
        let tag = records.tag(TagOf::Host, RecordKind::Host, &[host.as_bytes()]);
        let callers = R::callers_of(&host).map(|names| records.tag(TagOf::Listed, R::KIND, &names));
        Self {
            records,
            counts: Counts::new(R::KIND),
            turns: Turns::default(),
            host: (host, tag),
            callers,
            kind: PhantomData,
        }
    }

    /// Returns the scope of the records that belong to these names.
    pub(crate) fn scope(&self, names: &[&[u8]]) -> NameTag {
        self.records.tag(TagOf::Scope, R::KIND, names)
    }

    /// Derives the id of a record from names, such as the name of a store, or the id that a caller gave to its request.
    pub(crate) fn id_of(&self, names: &[&[u8]]) -> NameTag {
        self.records.tag(TagOf::Request, R::KIND, names)
    }

    /// Returns the tag of a lane.
    pub(crate) fn lane_tag(&self, lane: &str) -> NameTag {
        self.records.tag(TagOf::Lane, R::KIND, &[lane.as_bytes()])
    }

    /// Begins a change that is tried again after a lost race.
    pub(crate) fn turn(&self) -> Turn<'_> {
        self.turns.turn()
    }

    /// Returns the tag of this host's name.
    pub(crate) fn own_host(&self) -> NameTag {
        self.host.1
    }

    fn host_tag(&self, host: &str) -> NameTag {
        let (own, tag) = &self.host;
        if **own == *host {
            *tag
        } else {
            self.records.tag(TagOf::Host, RecordKind::Host, &[host.as_bytes()])
        }
    }

    /// Reads a record.
    pub(crate) async fn load(&self, address: Address) -> Result<Option<Box<Entry<R>>>, RecordError> {
        let key = address.key(R::KIND);
        match self.records.storage().get(&key).await? {
            Some(found) => self.entry(key, found).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn entry(&self, key: Vec<u8>, found: Record) -> Result<Box<Entry<R>>, RecordError> {
        let address = Address::at_end_of(&key)?;
        let (fixed, state) = split(&found.value)?;
        let fixed = self.records.open_part(&key, Part::Fixed, fixed, |content| {
            let mut reader = begin::<R::Fixed>(content)?;
            let fixed = R::Fixed::read(&mut reader)?;
            Ok((fixed, reader.end()?).0)
        })?;
        let (claim, state) = self.records.open_part(&key, Part::State, state, |content| {
            let mut reader = begin::<R::State>(content)?;
            let read = (Claim::read(&mut reader)?, R::State::read(&mut reader)?);
            Ok((read, reader.end()?).0)
        })?;
        let mut sealed_fixed = found.value;
        let length = sealed_fixed_len(&sealed_fixed)?;
        sealed_fixed.truncate(length);
        let (state, revision) = (Some(state), Some(found.revision));
        Ok(Box::new(Entry { address, key, fixed, sealed_fixed, state, claim, revision }))
    }

    /// Applies a change, if the record is unchanged since it was read.
    pub(crate) async fn apply(
        &self,
        entry: &mut Entry<R>,
        mut change: Change<'_, R>,
    ) -> Result<Applied<R>, RecordError> {
        self.try_apply(entry, &mut change).await
    }

    /// Applies a change, if the record is unchanged since it was read. If the change is stored, its state and claim
    /// move to the entry; otherwise they stay in `change`.
    pub(crate) async fn try_apply(
        &self,
        entry: &mut Entry<R>,
        change: &mut Change<'_, R>,
    ) -> Result<Applied<R>, RecordError> {
        if entry.state.is_none() && change.state.is_none() {
            return Ok(Applied::Stored);
        }
        if entry.sealed_fixed.is_empty() {
            entry.sealed_fixed = self.sealed_fixed(entry)?;
        }
        let adds = change.state.is_some();
        let counted =
            R::counted(&entry.address.scope, &entry.fixed).filter(|_| adds != entry.state.is_some());
        let Some(names) = counted else {
            loop {
                let (batch, unique) = self.batch(entry, change)?;
                let own = batch.items().len();
                let batch = batch.and(change.note.take().unwrap_or_default());
                match self.records.commit(batch).await? {
                    // The note exists already, so the commit is tried again without it.
                    CommitOutcome::Conflict { item } if item >= own => {}
                    outcome => return self.applied(entry, change, &unique, outcome).await,
                }
            }
        };
        let tag = self.records.tag(TagOf::Counted, R::KIND, &names);
        let mut turn = self.counts.turn(tag).await;
        let mut fresh = false;
        loop {
            let count = turn.read(&self.records, fresh).await?;
            if adds && change.at_most.is_some_and(|most| count.number >= most) {
                // A cached count may be out of date, because another host may have removed a record. So only a fresh
                // count can refuse the change.
                if fresh {
                    return Ok(Applied::LimitReached);
                }
                fresh = true;
                continue;
            }
            let number = if adds { count.number.saturating_add(1) } else { count.number.saturating_sub(1) };
            let (batch, unique) = self.batch(entry, change)?;
            let last = batch.items().len();
            let batch = turn.put(&self.records, batch, count, number);
            match self.records.commit(batch).await? {
                CommitOutcome::Conflict { item } if item == last => fresh = true,
                outcome => {
                    if let CommitOutcome::Committed(revision) = outcome {
                        turn.committed(number, revision);
                    }
                    drop(turn);
                    return self.applied(entry, change, &unique, outcome).await;
                }
            }
        }
    }

    /// Returns the batch that adds a new record.
    pub(crate) fn added(&self, mut entry: Entry<R>, state: R::State) -> Result<Note, RecordError> {
        entry.sealed_fixed = self.sealed_fixed(&entry)?;
        Ok(self.batch(&entry, &Change::to(Some(state)))?.0)
    }

    async fn applied(
        &self,
        entry: &mut Entry<R>,
        change: &mut Change<'_, R>,
        unique: &Unique,
        outcome: CommitOutcome,
    ) -> Result<Applied<R>, RecordError> {
        match outcome {
            CommitOutcome::Committed(revision) => {
                entry.revision = change.state.is_some().then_some(revision);
                (entry.state, entry.claim) = (change.state.take(), change.claim.take());
                Ok(Applied::Stored)
            }
            CommitOutcome::Conflict { item } if unique.items.contains(&item) => {
                let holder = self.holder(&unique.keys[item - unique.items.start]).await?;
                Ok(holder.map_or(Applied::Overtaken, Applied::Taken))
            }
            CommitOutcome::Conflict { .. } => Ok(Applied::Overtaken),
        }
    }

    /// Builds the batch of everything that changes together with the record. The record is the first item of the batch.
    fn batch(&self, entry: &Entry<R>, change: &Change<'_, R>) -> Result<(Batch, Unique), RecordError> {
        let expected = entry.revision.map_or(Expectation::Absent, Expectation::Revision);
        let mut batch = Batch::with_capacity(6);
        batch = match &change.state {
            Some(state) => {
                let value = self.value(entry, state, change.claim.as_ref())?;
                batch.put(entry.key.as_slice(), value, expected)
            }
            None => batch.delete(entry.key.as_slice(), expected),
        };
        let before = entry
            .state
            .as_ref()
            .map_or_else(Vec::new, |state| R::unique(&entry.address.scope, &entry.fixed, state));
        let after = change
            .state
            .as_ref()
            .map_or_else(Vec::new, |state| R::unique(&entry.address.scope, &entry.fixed, state));
        for names in before.iter().filter(|names| !after.contains(names)) {
            batch = batch.delete(self.unique_key(names), Expectation::Any);
        }
        let first = batch.items().len();
        let mut unique = Unique { items: first..first, keys: Vec::new() };
        for names in after.iter().filter(|names| !before.contains(names)) {
            let key = self.unique_key(names);
            batch = batch.put(key.as_slice(), entry.address.to_bytes(), Expectation::Absent);
            unique.keys.push(key);
            unique.items.end += 1;
        }
        batch = self.moved(batch, entry, change);
        batch = self.relisted(batch, entry, change);
        if let Some((holder, next)) = &change.holder {
            let revision = holder.revision.ok_or_else(|| corrupt("a record that holds names is gone"))?;
            batch = match next {
                None => batch.check(holder.key.as_slice(), revision),
                Some(next) => {
                    let value = self.value(holder, next, holder.claim.as_ref())?;
                    batch.put(holder.key.as_slice(), value, Expectation::Revision(revision))
                }
            };
        }
        Ok((batch, unique))
    }

    /// Adds the change of the record's work index entry to a batch.
    fn moved(&self, mut batch: Batch, entry: &Entry<R>, change: &Change<'_, R>) -> Batch {
        let before = self.place(&entry.fixed, entry.state.as_ref(), entry.claim.as_ref());
        let after = self.place(&entry.fixed, change.state.as_ref(), change.claim.as_ref());
        if before != after {
            if let Some(place) = before {
                batch = batch.delete(place.key(R::KIND, &entry.address.id), Expectation::Any);
            }
            if let Some(place) = after {
                let key = place.key(R::KIND, &entry.address.id);
                batch = batch.put(key, entry.address.scope, Expectation::Any);
            }
        }
        batch
    }

    /// Adds the changes of the record's list entries to a batch.
    fn relisted(&self, mut batch: Batch, entry: &Entry<R>, change: &Change<'_, R>) -> Batch {
        let [before, after] = [&entry.state, &change.state]
            .map(|state| state.as_ref().map_or_else(Vec::new, |state| R::listed(&entry.fixed, state)));
        let key =
            |names: &Names<'_>| key(R::KIND, Room::Listed, &[&self.listed_tag(names), &entry.address.id]);
        for names in before.iter().filter(|names| !after.contains(names)) {
            batch = batch.delete(key(names), Expectation::Any);
        }
        for names in after.iter().filter(|names| !before.contains(names)) {
            batch = batch.put(key(names), entry.address.scope, Expectation::Any);
        }
        batch
    }

    /// Returns the work index entry of a record.
    pub(super) fn place(
        &self,
        fixed: &R::Fixed,
        state: Option<&R::State>,
        claim: Option<&Claim>,
    ) -> Option<WorkIndex> {
        if let Some(claim) = claim {
            return Some(WorkIndex::Claimed(self.host_tag(&claim.host), claim.ends()));
        }
        match R::due(fixed, state?) {
            Due::Never => None,
            Due::At(at) => Some(WorkIndex::Due(self.lane_tag(R::lane(fixed)), at)),
            Due::Decision => Some(WorkIndex::Undecided),
        }
    }

    fn value(
        &self,
        entry: &Entry<R>,
        state: &R::State,
        claim: Option<&Claim>,
    ) -> Result<Vec<u8>, RecordError> {
        let room = 1 + Claim::encoded_len(claim) + state.encoded_len();
        let bytes = room + entry.sealed_fixed.len();
        if bytes > R::LARGEST {
            return Err(RecordError::TooLarge { bytes, limit: R::LARGEST });
        }
        let sealed = SealedRecords::sealed_len(&entry.key, room);
        let mut value = Vec::with_capacity(entry.sealed_fixed.len() + sealed);
        value.extend_from_slice(&entry.sealed_fixed);
        self.records.seal_into(&mut value, &entry.key, Part::State, room, |out| {
            out.push(R::State::SCHEMA);
            Claim::write(claim, out);
            state.write(out);
        })?;
        Ok(value)
    }

    fn sealed_fixed(&self, entry: &Entry<R>) -> Result<Vec<u8>, RecordError> {
        let room = 1 + entry.fixed.encoded_len();
        if room > R::LARGEST {
            return Err(RecordError::TooLarge { bytes: room, limit: R::LARGEST });
        }
        let mut sealed = Vec::with_capacity(LENGTH + SealedRecords::sealed_len(&entry.key, room));
        sealed.extend([0; LENGTH]);
        self.records.seal_into(&mut sealed, &entry.key, Part::Fixed, room, |out| {
            out.push(R::Fixed::SCHEMA);
            entry.fixed.write(out);
        })?;
        let length = u32::try_from(sealed.len() - LENGTH).map_err(|_| corrupt("it is too long"))?;
        sealed[..LENGTH].copy_from_slice(&length.to_le_bytes());
        Ok(sealed)
    }

    pub(super) fn listed_tag(&self, names: &Names<'_>) -> NameTag {
        match self.callers {
            Some(tag) if R::callers_of(&self.host.0).as_ref() == Some(names) => tag,
            _ => self.records.tag(TagOf::Listed, R::KIND, names),
        }
    }

    fn unique_key(&self, names: &Names<'_>) -> Vec<u8> {
        let tag = self.records.tag(TagOf::Unique, R::KIND, names);
        key(R::KIND, Room::Unique, &[&tag])
    }

    /// Finds the record that holds these unique names.
    pub(crate) async fn holder_of(&self, names: &Names<'_>) -> Result<Option<Box<Entry<R>>>, RecordError> {
        self.holder(&self.unique_key(names)).await
    }

    /// Reads the record behind a unique index entry. If the record does not confirm the entry, the entry is removed.
    async fn holder(&self, index: &[u8]) -> Result<Option<Box<Entry<R>>>, RecordError> {
        let Some(found) = self.records.storage().get(index).await? else { return Ok(None) };
        let holder = match Address::at_end_of(&found.value) {
            Ok(address) => self.load(address).await?,
            Err(_) => None,
        };
        let holds = |entry: &Entry<R>| {
            let names =
                entry.state.as_ref().map(|state| R::unique(&entry.address.scope, &entry.fixed, state));
            names.is_some_and(|all| all.iter().any(|names| self.unique_key(names) == index))
        };
        match holder {
            Some(holder) if holds(&holder) => Ok(Some(holder)),
            _ => {
                self.remove_index(index, found.revision).await?;
                Ok(None)
            }
        }
    }

    /// Removes an index entry that no record confirms, unless it was rewritten after it was read.
    pub(super) async fn remove_index(&self, key: &[u8], revision: Revision) -> Result<(), RecordError> {
        let batch = Batch::new().delete(key, Expectation::Revision(revision));
        let _ = self.records.commit(batch).await?;
        Ok(())
    }
}

/// The items of a batch that are index entries of unique names.
struct Unique {
    items: Range<usize>,
    keys: Vec<Vec<u8>>,
}

fn begin<T: Stored>(content: &[u8]) -> Result<Reader<'_>, RecordError> {
    let mut reader = Reader::new(content);
    let schema = reader.byte()?;
    if schema != T::SCHEMA {
        return Err(corrupt(format!("schema {schema}, and this version knows {}", T::SCHEMA)));
    }
    Ok(reader)
}

/// Returns the length of the fixed part of a stored record, plus the size of the length field before that part.
pub(super) fn sealed_fixed_len(value: &[u8]) -> Result<usize, RecordError> {
    let length = Reader::new(value).u32()?;
    let length = usize::try_from(length).ok().and_then(|length| length.checked_add(LENGTH));
    length.filter(|length| *length <= value.len()).ok_or_else(|| corrupt("it is cut off"))
}

/// Splits a stored record into its two sealed parts.
pub(super) fn split(value: &[u8]) -> Result<(&[u8], &[u8]), RecordError> {
    let (fixed, state) = value.split_at(sealed_fixed_len(value)?);
    Ok((&fixed[LENGTH..], state))
}
