//! Reports the progress of a rotation to callers that do not carry it out.

use keyway_secrets::{Progress, StoreError};
use keyway_storage::{Entry, KeyRange, let_others_run};

use crate::handle::{Handle, View};
use crate::layout::Group;
use crate::rotation::{BATCH_RECORDS, Kind, sealed_by};
use crate::storage_error::from_storage;

/// The number of secrets from which the progress is estimated.
const SAMPLES: u64 = 64;

impl Handle {
    /// Returns the progress of the rotation that the header names, after a look at all records. Returns `None` if the
    /// header names no rotation.
    pub(crate) async fn rotation_progress(&self, view: &View) -> Result<Option<Progress>, StoreError> {
        let Some(target) = &view.loaded.header.text.rotating_to else { return Ok(None) };
        let mut progress = Progress { done: 0, total: 0 };
        for (kind, range) in
            [(Kind::Environments, self.prefix.environments()), (Kind::Secrets, self.prefix.secrets())]
        {
            let mut after = None;
            loop {
                let page =
                    self.storage.scan(&range, after.as_deref(), BATCH_RECORDS).await.map_err(from_storage)?;
                for entry in &page.entries {
                    progress.total += 1;
                    progress.done += u64::from(sealed_by(kind, &entry.value)?.to_string() == *target);
                }
                after = page.entries.last().map(|entry| entry.key.clone());
                if !page.more {
                    break;
                }
                let_others_run().await;
            }
        }
        Ok(Some(progress))
    }

    /// Estimates the progress of the rotation that the header names from a few of the `total` secrets. The estimate is
    /// rough if the store has a few environments of different sizes. Returns `None` if the header names no rotation.
    ///
    /// See decision H97.
    pub(crate) async fn estimated_progress(
        &self,
        view: &View,
        total: u64,
    ) -> Result<Option<Progress>, StoreError> {
        let Some(target) = &view.loaded.header.text.rotating_to else { return Ok(None) };
        let (mut looked_at, mut done) = (0, 0);
        for number in 0..SAMPLES {
            // The multiples of this number are spread evenly over all numbers of 64 bits, as hashes are.
            let place = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
            if let Some(entry) = self.secret_near(place).await? {
                looked_at += 1;
                done += u128::from(sealed_by(Kind::Secrets, &entry.value)?.to_string() == *target);
            }
        }
        let done = u128::from(total) * done / looked_at.max(1);
        Ok(Some(Progress { done: u64::try_from(done).unwrap_or(total), total }))
    }

    /// Returns a secret whose hash is near `place`, in a group whose hash is near it.
    async fn secret_near(&self, place: [u8; Group::BYTES]) -> Result<Option<Entry>, StoreError> {
        let all = self.prefix.secrets();
        let near = self.prefix.secrets_of(Group(place));
        let Some(entry) = self.first_from(&all, near.start()).await? else { return Ok(None) };
        let Some(group) = self.prefix.group_of(&entry.key) else { return Ok(Some(entry)) };
        let of_group = self.prefix.secrets_of(group);
        let near = [of_group.start(), &place].concat();
        self.first_from(&of_group, &near).await
    }

    /// Returns the first record of a range after `place`, or the first one of the range if there is none.
    async fn first_from(&self, range: &KeyRange, place: &[u8]) -> Result<Option<Entry>, StoreError> {
        for after in [Some(place), None] {
            let page = self.storage.scan(range, after, 1).await.map_err(from_storage)?;
            if let Some(entry) = page.entries.into_iter().next() {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }
}
