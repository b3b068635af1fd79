//! Lists records: of a scope or a kind, due in a lane, claimed by a host, waiting for a decision, or listed under
//! names.
//!
//! The records of a scope or a kind are read directly, and all other lists consist of index entries. An index entry
//! counts only if the sealed record confirms it. An entry that is not confirmed is removed, so that planted or stale
//! entries cannot hide the entries after them.

use std::time::Duration;

use keyway_core::Timestamp;
use keyway_storage::{KeyRange, Page, Record, Revision};

use super::entry::Entry;
use super::error::{RecordError, corrupt};
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

/// The size of a tag in a key.
const TAG_LENGTH: usize = size_of::<NameTag>();

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
        let (range, after) = (until(R::KIND, room, group, now), after.map(|listed| listed.key.as_slice()));
        let page = self.page(&range, after, limit).await?;
        Ok((page.entries.into_iter().map(listed).collect::<Result<_, _>>()?, page.more))
    }

    /// Reads at most `limit` records that wait for a decision, beginning after the id `after`. Also returns the `after`
    /// of the next page, or `None` after the last page. The storage engine may end a page before `limit`.
    pub(crate) async fn undecided(
        &self,
        after: Option<&NameTag>,
        limit: usize,
    ) -> Result<(Vec<Box<Entry<R>>>, Option<NameTag>), RecordError> {
        let after = after.map(|id| key(R::KIND, Room::Undecided, &[id]));
        let page = self.page(&range(R::KIND, Room::Undecided, &[]), after.as_deref(), limit).await?;
        let (mut entries, mut last) = (Vec::new(), None);
        for found in page.entries {
            let listed = listed(found)?;
            last = Some(listed.address.id);
            entries.extend(self.confirmed(&listed).await?);
        }
        Ok((entries, last.filter(|_| page.more)))
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
        let page = self.page(&range(R::KIND, Room::Listed, &[&tag]), after.as_deref(), limit).await?;
        let (mut entries, mut last) = (Vec::new(), None);
        for found in page.entries {
            let listed = listed(found)?;
            last = Some(listed.address.id);
            let entry = self.load(listed.address).await?;
            let lists = |entry: &Entry<R>| {
                entry.state.as_ref().is_some_and(|state| R::listed(&entry.fixed, state).contains(names))
            };
            match entry.filter(|entry| lists(entry)) {
                Some(entry) => entries.push(entry),
                None => self.remove_index(&listed.key, listed.revision).await?,
            }
        }
        Ok((entries, last.filter(|_| page.more)))
    }

    /// Reads the record of an index entry, and removes the entry if the record does not confirm it.
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
        let page = self.page(&range(R::KIND, Room::Due, &[lane]), None, 1).await?;
        page.entries.first().map(|first| group_of(&first.key).map(|(_, at)| at)).transpose()
    }

    /// Returns all groups of a room, each with its earliest moment. A group is a lane in which something waits, or a
    /// host that has claimed something. Each group costs one look-up, however many keys it has.
    pub(crate) async fn groups(&self, room: Room) -> Result<Vec<(NameTag, Timestamp)>, RecordError> {
        let all = range(R::KIND, room, &[]);
        let mut groups: Vec<(NameTag, Timestamp)> = Vec::new();
        let mut rest = all.clone();
        while let Some(first) = self.page(&rest, None, 1).await?.entries.first() {
            let (tag, at) = group_of(&first.key)?;
            groups.push((tag, at));
            let next = range(R::KIND, room, &[&tag]);
            let (Some(start), Some(end)) = (next.end(), all.end()) else { break };
            rest = KeyRange::between(start, end);
        }
        Ok(groups)
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

fn group_of(key: &[u8]) -> Result<(NameTag, Timestamp), RecordError> {
    let (tag, rest) =
        within_room(key).split_first_chunk::<TAG_LENGTH>().ok_or_else(|| corrupt("an index"))?;
    let at = rest.first_chunk().ok_or_else(|| corrupt("an index"))?;
    Ok((*tag, Timestamp::from_milliseconds(u64::from_be_bytes(*at))))
}

/// Decodes an index entry. A malformed value leads to the address of a record that does not exist, so the entry is
/// removed like any other unconfirmed entry.
fn listed(found: keyway_storage::Entry) -> Result<Listed, RecordError> {
    let id = found.key.last_chunk::<TAG_LENGTH>().ok_or_else(|| corrupt("an index"))?;
    let scope = NameTag::try_from(&found.value[..]).unwrap_or_default();
    let address = Address { scope, id: *id };
    Ok(Listed { address, key: found.key, revision: found.revision })
}
