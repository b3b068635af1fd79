//! Finds out where a plugin keeps its data, as far as the kit can see.

use super::fixture::StoreFixture;
use super::samples::fill;
use super::subject::SecretStoreSubject;
use crate::notation::Fixture as _;
use crate::runtime::runtime;
use crate::{Broken, Trial};

/// The places in which the data of a new secret were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// Whether all visible data are in the lent storage, so that a storage failure affects the whole store.
    pub(super) in_lent_storage: bool,
    /// Whether some data are in the lent storage or the scratch folder, so that the kit can read data at rest.
    pub(super) in_sight: bool,
    /// Whether all visible data are in the scratch folder, and the system can limit the length of a process's files.
    pub(super) in_files: bool,
}

impl Kept {
    /// Stands for every place. A plugin whose places cannot be found is treated so, so that no rule is skipped, and the
    /// rules judge the failure.
    pub(super) const EVERYWHERE: Self = Self { in_lent_storage: true, in_sight: true, in_files: cfg!(unix) };

    /// Creates a secret in a store of a subject, and looks for its data.
    pub(super) fn find(trial: &Trial<'_, SecretStoreSubject>) -> Result<Self, Broken> {
        let fixture = StoreFixture::new(trial)?;
        runtime()?.block_on(async {
            let store = fixture.initialized().await?;
            let (records, files) = (fixture.storage().records().await, fixture.files());
            fill(&store, &["a"]).await?;
            let stored = records != fixture.storage().records().await;
            let wrote = files != fixture.files();
            Ok(Self {
                in_lent_storage: stored && !wrote,
                in_sight: stored || wrote,
                in_files: wrote && !stored && cfg!(unix),
            })
        })
    }
}
