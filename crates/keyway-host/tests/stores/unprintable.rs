//! Tests errors whose code panics.
//!
//! See decision H313.

use std::mem::ManuallyDrop;
use std::time::Duration;

use keyway_core::{ErrorKind, PluginError};
use keyway_host::stores::Phase;
use keyway_secrets::{SecretStore, StoreError};
use tokio::sync::oneshot;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::scripted::{Script, script};
use crate::world::*;

/// Enables all logs, so that their fields are formed.
struct Logs;

impl Subscriber for Logs {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Starts a host with its loop, makes a store, and lets one rotation by a caller and two by the loop fail. Returns the
/// error of the caller, which the host has not dropped.
async fn rotated_at_last(store: &str, plays: Script) -> ManuallyDrop<StoreError> {
    let (old, new) = (ring(), ring());
    let host = rotating(&old, &new).await;
    let stores = host.stores();
    let hosted = stores.create(&name(store), "scripted", serde_json::json!({}), &old).await.unwrap();
    script(store, plays);
    let error = ManuallyDrop::new(hosted.rotate(&new, &silent).await.unwrap_err());

    let (end, ended) = oneshot::channel::<()>();
    let run = tokio::spawn({
        let host = host.clone();
        async move {
            host.run(async {
                let _ = ended.await;
            })
            .await
        }
    });
    // Two more rotations fail, and then one works.
    for _ in 0..1000 {
        if run.is_finished() || hosted.state().await.unwrap().phase == Phase::Active {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let _ = end.send(());
    run.await.unwrap().unwrap();
    assert_eq!(hosted.state().await.unwrap().keys, [new.primary_id()]);
    error
}

#[tokio::test]
async fn an_error_that_panics_when_it_is_printed_ends_no_loop() {
    let _logs = tracing::subscriber::set_default(Logs);
    let error = rotated_at_last("unprintable", Script::Unprintable(3)).await;
    assert_eq!(error.kind(), ErrorKind::ContractViolation);
    assert!(error.detail().contains("panics"), "{}", *error);
}

#[tokio::test]
async fn an_error_that_panics_when_it_is_dropped_ends_no_loop() {
    let error = rotated_at_last("undroppable", Script::Undroppable(3)).await;
    assert!(error.detail().contains("in silence"), "{}", *error);
}
