//! Tests a step for which another host is faster at every try.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keyway_core::{Effect, PluginError};
use keyway_host::RecordError;
use keyway_host::grants::{Disposal, GrantsError, Phase};
use keyway_storage::{Batch, CommitOutcome, Layered, Memory, Storage, StorageError, StorageLayer};

use crate::world::*;

/// A storage engine that reports, from the second commit on, that another host was first.
#[derive(Debug)]
struct Overtaken {
    engine: Memory,
    on: Arc<AtomicBool>,
    commits: AtomicUsize,
}

impl StorageLayer for Overtaken {
    type Inner = Memory;

    fn inner(&self) -> &Memory {
        &self.engine
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError> {
        if self.on.load(Ordering::Relaxed) && self.commits.fetch_add(1, Ordering::Relaxed) > 0 {
            return Ok(CommitOutcome::Conflict { item: 0 });
        }
        self.engine.commit(batch).await
    }
}

#[tokio::test]
async fn a_grant_that_is_overtaken_each_time_says_that_an_effect_may_remain() {
    let on = Arc::new(AtomicBool::new(false));
    let engine = Overtaken { engine: Memory::new(), on: Arc::clone(&on), commits: AtomicUsize::new(0) };
    let storage: Arc<dyn Storage> = Arc::new(Layered(engine));
    let world = World::plain();
    let grants = host(&storage, &ring(), service(&world)).started().await;
    on.store(true, Ordering::Relaxed);
    let error = grants.request(&svc(), plain_request("joe")).await.unwrap_err();
    on.store(false, Ordering::Relaxed);

    assert!(
        matches!(
            error,
            GrantsError::NotStored { disposal: Disposal::NotRevoked, error: RecordError::Contended }
        ),
        "{error:?}"
    );
    assert_eq!((error.effect(), world.credentials()), (Effect::Unknown, 1));
    // The intent is stored, so the credential is not forgotten.
    let listed = grants.list(&user("joe").user).await.unwrap();
    assert_eq!(listed.iter().map(|grant| grant.state.phase).collect::<Vec<_>>(), [Phase::Intended]);
}
