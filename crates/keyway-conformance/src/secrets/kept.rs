//! Finds out where a plugin keeps its data, as far as the kit can see.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use super::fixture::StoreFixture;
use super::samples::fill;
use super::subject::SecretStoreSubject;
use crate::notation::Fixture as _;
use crate::runtime::runtime;
use crate::{Broken, History, Trial};

/// The time limit for finding out where a plugin keeps its data. A plugin that takes longer is treated as if it kept
/// data in every place. So no rule is skipped, and the rules time out on this plugin.
const PATIENCE: Duration = Duration::from_secs(10);

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
    /// Creates a secret in a store of a subject, and looks for its data. Ignores failures, since the rules judge them.
    pub(super) fn by(subject: SecretStoreSubject) -> Self {
        let (sender, receiver) = channel();
        // If the plugin blocks for ever, the thread is left behind.
        thread::spawn(move || sender.send(ask(&subject)));
        match receiver.recv_timeout(PATIENCE) {
            Ok(Ok(kept)) => kept,
            _ => Self { in_lent_storage: true, in_sight: true, in_files: cfg!(unix) },
        }
    }
}

fn ask(subject: &SecretStoreSubject) -> Result<Kept, Broken> {
    let history = History::default();
    let trial = Trial::new(subject, 1, &history);
    let fixture = StoreFixture::new(&trial)?;
    runtime()?.block_on(async {
        let store = fixture.initialized().await?;
        let (records, files) = (fixture.storage().records().await, fixture.files());
        fill(&store, &["a"]).await?;
        let stored = records != fixture.storage().records().await;
        let wrote = files != fixture.files();
        Ok(Kept {
            in_lent_storage: stored && !wrote,
            in_sight: stored || wrote,
            in_files: wrote && !stored && cfg!(unix),
        })
    })
}
