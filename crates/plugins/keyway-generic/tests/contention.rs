//! Tests many tasks on one secret: no update is lost, and no call fails except with a version conflict.

mod support;

use std::sync::Arc;

use keyway_core::SecretValue;
use keyway_secrets::{SecretChange, SecretStore, SecretVersion, StoreError};
use keyway_storage::{CommitMode, Sqlite, Storage};
use support::*;

const TASKS: u64 = 16;
const CHANGES: u64 = 20;

async fn engines(test: impl AsyncFn(Arc<dyn Storage>)) {
    test(memory()).await;
    let folder = tempfile::tempdir().unwrap();
    test(Arc::new(Sqlite::open_or_create(folder.path().join("inline.db")).unwrap())).await;
    let threaded = Sqlite::options().commit_mode(CommitMode::Thread);
    test(Arc::new(threaded.open_or_create(folder.path().join("thread.db")).unwrap())).await;
}

async fn counter(storage: &Arc<dyn Storage>) -> Arc<dyn SecretStore> {
    let store = open(storage, &ring());
    store.initialize().await.unwrap();
    store.create(new(at("counter"), "0")).await.unwrap();
    store
}

async fn run<F: Future<Output = ()> + Send + 'static>(task: impl Fn() -> F) {
    let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(task())).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn compare_and_set_loses_no_update() {
    engines(async |storage| {
        let store = counter(&storage).await;
        run(|| {
            let store = Arc::clone(&store);
            async move {
                for _ in 0..CHANGES {
                    loop {
                        let secret = store.get(&at("counter")).await.unwrap();
                        let number: u64 = secret.value.expose_text().unwrap().parse().unwrap();
                        let change = SecretChange::value(SecretValue::text((number + 1).to_string()))
                            .if_unchanged(&secret.header);
                        match store.modify(&at("counter"), change).await {
                            Ok(_) => break,
                            Err(StoreError::VersionConflict { .. }) => tokio::task::yield_now().await,
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            }
        })
        .await;
        let secret = store.get(&at("counter")).await.unwrap();
        assert_eq!(secret.value.expose_text().unwrap(), (TASKS * CHANGES).to_string());
        assert_eq!(secret.header.version, SecretVersion::new(TASKS * CHANGES + 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_without_a_version_all_happen() {
    engines(async |storage| {
        let store = counter(&storage).await;
        run(|| {
            let store = Arc::clone(&store);
            async move {
                for _ in 0..CHANGES {
                    let change = SecretChange::value(SecretValue::text("x"));
                    store.modify(&at("counter"), change).await.unwrap();
                }
            }
        })
        .await;
        let header = store.get(&at("counter")).await.unwrap().header;
        assert_eq!(header.version, SecretVersion::new(TASKS * CHANGES + 1));
    })
    .await;
}
