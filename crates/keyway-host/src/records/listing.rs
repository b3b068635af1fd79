//! Lists records: of a scope or a kind, due in a lane, claimed by a host, waiting for a decision, or listed under
//! names.
//!
//! The records of a scope or a kind are read directly, and all other lists consist of index entries. An index entry
//! counts only if the sealed record confirms it. An entry that is not confirmed is removed, so that planted or stale
//! entries cannot hide the entries after them.
//!
//! A list for a caller ends with an error at a damaged record, because the caller must not take the list for complete.
//! A pass skips the record (decision H297).

use std::time::Duration;

use keyway_core::Timestamp;
use keyway_storage::{KeyRange, Page, Record, Revision};

use super::entry::Entry;
use super::error::RecordError;
use super::journal::Journal;
use super::key::{Address, NameTag, RecordKind, Room, key, moment, range, within_room};
use super::stored::{Names, Recorded};

/// An index entry: the address of a record, and the moment that the entry names.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) address: Address,
    key: Vec<u8>,
    revision: Revision,
}

impl<R: Recorded> Journal<R> {
    /// Reads all records of a scope.
    pub(crate) async fn of_scope(&self, scope: &NameTag) -> Result<Vec<Box<Entry<R>>>, RecordError> {
        self.all_in(&range(R::KIND, Room::Record, &[scope])).await
    }

    /// Reads all records of this kind.
    pub(crate) async fn all(&self) -> Result<Vec<Box<Entry<R>>>, RecordError> {
        self.all_in(&range(R::KIND, Room::Record, &[])).await
    }

    async fn all_in(&self, range: &KeyRange) -> Result<Vec<Box<Entry<R>>>, RecordError> {
        let mut entries = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.page(range, after.as_deref(), usize::MAX).await?;
            after = page.entries.last().map(|entry| entry.key.clone());
            for found in page.entries {
                entries.push(self.entry(found.key, Record { value: found.value, revision: found.revision })?);
            }
            if !page.more {
                return Ok(entries);
            }
        }
    }

    /// Lists at most `limit` entries whose moment is not later than `now`, the earliest first. For a lane these are the
    /// records that are due, and for a host the claims that have ended. The list begins behind `after`. Also tells
    /// whether there are more entries.
    pub(crate) async fn until(
        &self,
        (room, group): (Room, &NameTag),
        now: Timestamp,
        after: Option<&Listed>,
        limit: usize,
    ) -> Result<(Vec<Listed>, bool), RecordError> {
        let range = until(R::KIND, room, group, now);
        self.window(&range, after.map(|listed| listed.key.as_slice()), limit).await
    }

    /// Lists at most `limit` entries under these names. The list begins behind `after`. Also tells whether there are
    /// more entries.
    pub(crate) async fn under(
        &self,
        names: &Names<'_>,
        after: Option<&Listed>,
        limit: usize,
    ) -> Result<(Vec<Listed>, bool), RecordError> {
        let range = range(R::KIND, Room::Listed, &[&self.listed_tag(names)]);
        self.window(&range, after.map(|listed| listed.key.as_slice()), limit).await
    }

    async fn window(
        &self,
        range: &KeyRange,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<(Vec<Listed>, bool), RecordError> {
        let page = self.page(range, after, limit).await?;
        Ok((page.entries.into_iter().map(listed).collect(), page.more))
    }

    /// Reads at most `limit` records that wait for a decision, beginning after the id `after`. Also returns the `after`
    /// of the next page, or `None` after the last page. The storage engine may end a page before `limit`.
    pub(crate) async fn undecided(
        &self,
        after: Option<&NameTag>,
        limit: usize,
    ) -> Result<(Vec<Box<Entry<R>>>, Option<NameTag>), RecordError> {
        let after = after.map(|id| key(R::KIND, Room::Undecided, &[id]));
        let range = range(R::KIND, Room::Undecided, &[]);
        let (window, more) = self.window(&range, after.as_deref(), limit).await?;
        let mut entries = Vec::new();
        for listed in &window {
            entries.extend(self.confirmed(listed).await?);
        }
        Ok((entries, window.last().filter(|_| more).map(|last| last.address.id)))
    }

    /// Reads at most `limit` records that are listed under these names, beginning after the id `after`. Also returns
    /// the `after` of the next page, or `None` after the last page. The storage engine may end a page before `limit`.
    pub(crate) async fn listed(
        &self,
        names: &Names<'_>,
        after: Option<&NameTag>,
        limit: usize,
    ) -> Result<(Vec<Box<Entry<R>>>, Option<NameTag>), RecordError> {
        let tag = self.listed_tag(names);
        let after = after.map(|id| key(R::KIND, Room::Listed, &[&tag, id]));
        let range = range(R::KIND, Room::Listed, &[&tag]);
        let (window, more) = self.window(&range, after.as_deref(), limit).await?;
        let mut entries = Vec::new();
        for listed in &window {
            entries.extend(self.confirmed_under(names, listed).await?);
        }
        Ok((entries, window.last().filter(|_| more).map(|last| last.address.id)))
    }

    /// Reads the record of an entry under these names, and removes the entry if the record does not confirm it.
    pub(crate) async fn confirmed_under(
        &self,
        names: &Names<'_>,
        listed: &Listed,
    ) -> Result<Option<Box<Entry<R>>>, RecordError> {
        let confirms = self.load(listed.address).await?.filter(|entry| {
            entry.state.as_ref().is_some_and(|state| R::listed(&entry.fixed, state).contains(names))
        });
        if confirms.is_none() {
            self.remove_index(&listed.key, listed.revision).await?;
        }
        Ok(confirms)
    }

    /// Reads the record of an entry in the index of work, and removes the entry if the record does not confirm it.
    pub(crate) async fn confirmed(&self, listed: &Listed) -> Result<Option<Box<Entry<R>>>, RecordError> {
        let entry = self.load(listed.address).await?;
        let confirms = entry.filter(|entry| {
            let place = self.place(&entry.fixed, entry.state.as_ref(), entry.claim.as_ref());
            place.is_some_and(|place| place.key(R::KIND, &entry.address.id) == listed.key)
        });
        if confirms.is_none() {
            self.remove_index(&listed.key, listed.revision).await?;
        }
        Ok(confirms)
    }

    /// Returns the earliest moment in a lane.
    pub(crate) async fn next_due(&self, lane: &NameTag) -> Result<Option<Timestamp>, RecordError> {
        let first = self.first_in(&range(R::KIND, Room::Due, &[lane])).await?;
        Ok(first.map(|(_, at)| at))
    }

    /// Returns all groups of a room, each with its earliest moment. A group is a lane in which something waits, or a
    /// host that has claimed something. Each group costs one look-up, however many keys it has.
    pub(crate) async fn groups(&self, room: Room) -> Result<Vec<(NameTag, Timestamp)>, RecordError> {
        let all = range(R::KIND, room, &[]);
        let mut groups: Vec<(NameTag, Timestamp)> = Vec::new();
        let mut rest = all.clone();
        while let Some((tag, at)) = self.first_in(&rest).await? {
            groups.push((tag, at));
            let next = range(R::KIND, room, &[&tag]);
            let (Some(start), Some(end)) = (next.end(), all.end()) else { break };
            rest = KeyRange::between(start, end);
        }
        Ok(groups)
    }

    /// Returns the group and the moment of the first entry in a range. Removes keys before it that are too short for an
    /// entry.
    async fn first_in(&self, range: &KeyRange) -> Result<Option<(NameTag, Timestamp)>, RecordError> {
        loop {
            let page = self.page(range, None, 1).await?;
            let Some(first) = page.entries.first() else { return Ok(None) };
            if let Some(found) = group_of(&first.key) {
                return Ok(Some(found));
            }
            self.remove_index(&first.key, first.revision).await?;
        }
    }

    /// Counts the entries that are due in a lane by `now`, up to `most`.
    pub(crate) async fn count_due(&self, now: Timestamp, most: usize) -> Result<usize, RecordError> {
        let mut count = 0;
        for (lane, _) in self.groups(Room::Due).await? {
            count += self.count_in(&until(R::KIND, Room::Due, &lane, now), most - count.min(most)).await?;
        }
        Ok(count)
    }

    /// Counts the records that wait for a decision, up to `most`.
    pub(crate) async fn count_undecided(&self, most: usize) -> Result<usize, RecordError> {
        self.count_in(&range(R::KIND, Room::Undecided, &[]), most).await
    }

    async fn count_in(&self, range: &KeyRange, most: usize) -> Result<usize, RecordError> {
        let (mut count, mut after) = (0, None);
        while count < most {
            let page = self.page(range, after.as_deref(), most - count).await?;
            count += page.entries.len();
            after = page.entries.last().map(|entry| entry.key.clone());
            if !page.more {
                break;
            }
        }
        Ok(count)
    }

    pub(super) async fn page(
        &self,
        range: &KeyRange,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page, RecordError> {
        let storage = self.records.storage();
        Ok(storage.scan(range, after, limit.min(storage.limits().page_records)).await?)
    }
}

/// Returns the range of a group's keys up to and including a moment.
fn until(kind: RecordKind, room: Room, group: &NameTag, now: Timestamp) -> KeyRange {
    let start = key(kind, room, &[group]);
    let end = now.plus(Duration::from_millis(1));
    if end == now {
        return range(kind, room, &[group]);
    }
    KeyRange::between(start, key(kind, room, &[group, &moment(end)]))
}

fn group_of(key: &[u8]) -> Option<(NameTag, Timestamp)> {
    let (tag, rest) = within_room(key).split_first_chunk()?;
    Some((*tag, Timestamp::from_milliseconds(u64::from_be_bytes(*rest.first_chunk()?))))
}

/// Decodes an index entry. A malformed key or value leads to the address of a record that does not exist, so the entry
/// is removed like any other unconfirmed entry.
fn listed(found: keyway_storage::Entry) -> Listed {
    let id = found.key.last_chunk().copied().unwrap_or_default();
    let scope = NameTag::try_from(&found.value[..]).unwrap_or_default();
    Listed { address: Address { scope, id }, key: found.key, revision: found.revision }
}
