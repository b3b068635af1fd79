//! Writes many secrets in one commit.

use keyway_secrets::{NewValue, SecretAddress, SecretChange, SecretHeader, SecretWrite, StoreError};
use keyway_storage::{Batch, Expectation};

use crate::commit::Committed;
use crate::counters::Tally;
use crate::handle::{Handle, MAX_ATTEMPTS, View};
use crate::record::SecretRecord;
use crate::storage_error::from_storage;

/// A write that has passed all checks that do not need the stored secret.
enum Planned {
    Create(SecretRecord, NewValue),
    Modify(SecretAddress, SecretChange),
}

/// A write, in the form of an item of the batch.
struct Put {
    key: Vec<u8>,
    sealed: Vec<u8>,
    expectation: Expectation,
    header: SecretHeader,
}

impl Handle {
    /// Creates and changes secrets in one commit.
    pub(crate) async fn write_all(&self, writes: Vec<SecretWrite>) -> Result<Vec<SecretHeader>, StoreError> {
        let mut planned = Vec::with_capacity(writes.len());
        for (at, write) in writes.into_iter().enumerate() {
            planned.push(self.plan(write).await.map_err(|refusal| refusal.in_batch(at))?);
        }
        let mut turn = self.turn();
        for _ in 0..MAX_ATTEMPTS {
            let view = self.view().await?;
            let puts = match self.puts(&view, &planned).await {
                Ok(puts) => puts,
                Err(_) if self.keys_changed_since(&view) => continue,
                // The refusal counts only if the cached view of the store is current.
                Err(refusal) if self.is_current(&view).await? => return Err(refusal),
                Err(_) => continue,
            };
            if puts.is_empty() {
                return Ok(Vec::new());
            }
            if turn.yields_at_any(puts.iter().map(|put| put.key.as_slice())).await {
                continue;
            }
            let headers = puts.iter().map(|put| put.header.clone()).collect();
            // The items are sorted by key, so that an engine with a B-tree visits each page once.
            let mut puts: Vec<_> = puts.into_iter().enumerate().collect();
            puts.sort_unstable_by(|(_, one), (_, other)| one.key.cmp(&other.key));
            let places: Vec<_> = puts.iter().map(|(at, _)| *at).collect();
            let keys: Vec<_> = puts.iter().map(|(_, put)| put.key.clone()).collect();
            let put_all = |batch| {
                let put = |batch: Batch, (_, put): (_, Put)| batch.put(put.key, put.sealed, put.expectation);
                puts.into_iter().fold(batch, put)
            };
            match self.commit(&view, Tally::of(&planned), put_all).await? {
                Committed::Done => return Ok(headers),
                Committed::HeaderChanged => {}
                Committed::Conflict(item) => match &planned[places[item]] {
                    Planned::Create(record, _) => {
                        let address = record.address.clone();
                        return Err(StoreError::SecretExists { address }.in_batch(places[item]));
                    }
                    Planned::Modify(..) => turn.lost_at(&keys[item]).await,
                },
            }
        }
        Err(StoreError::Conflict { attempts: MAX_ATTEMPTS })
    }

    async fn plan(&self, write: SecretWrite) -> Result<Planned, StoreError> {
        match write {
            SecretWrite::Create(secret) => {
                self.record_for(secret).map(|(record, value)| Planned::Create(record, value))
            }
            SecretWrite::Modify(address, change) => {
                self.check_change(&change).await?;
                Ok(Planned::Modify(address, change))
            }
            _ => Err(StoreError::Unsupported { what: "this write" }),
        }
    }

    async fn puts(&self, view: &View, planned: &[Planned]) -> Result<Vec<Put>, StoreError> {
        let mut puts = Vec::with_capacity(planned.len());
        for (at, write) in planned.iter().enumerate() {
            puts.push(self.put(view, write).await.map_err(|refusal| refusal.in_batch(at))?);
        }
        Ok(puts)
    }

    async fn put(&self, view: &View, write: &Planned) -> Result<Put, StoreError> {
        match write {
            Planned::Create(record, value) => {
                let (key, sealed) = self.created(view, record, value).await?;
                Ok(Put { key, sealed, expectation: Expectation::Absent, header: record.header() })
            }
            Planned::Modify(address, change) => {
                let key = view.secret_key(self.prefix, address);
                let Some(found) = self.storage.get(&key).await.map_err(from_storage)? else {
                    return Err(self.missing(view, address).await);
                };
                let (header, sealed) = self.changed(view, &found.value, address, change)?;
                Ok(Put { key, sealed, expectation: Expectation::Revision(found.revision), header })
            }
        }
    }
}

impl Tally {
    fn of(planned: &[Planned]) -> Self {
        let created = planned.iter().filter(|write| matches!(write, Planned::Create(..))).count();
        Self { writes: planned.len() as u64, secrets: i64::try_from(created).unwrap_or(i64::MAX) }
    }
}
