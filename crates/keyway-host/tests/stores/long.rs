//! Tests that work that takes long delays no other work of its plugin.
//!
//! See decision R6.

use std::time::Duration;

use keyway_host::stores::Phase;
use keyway_secrets::SecretStore;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::scripted::{Script, left, script};
use crate::world::*;

/// Tests a rotation that the loop resumes and that goes on for long, while the deletion of another store of the same
/// plugin becomes due.
#[tokio::test]
async fn a_long_rotation_delays_no_other_store() {
    let (old, new) = (ring(), ring());
    let host = rotating(&old, &new).await;
    let long = host.stores().create(&name("long"), "scripted", json!({}), &old).await.unwrap();
    let other = host.stores().create(&name("other"), "scripted", json!({}), &old).await.unwrap();
    script("long", Script::Unavailable(1));
    long.rotate(&new, &silent).await.unwrap_err();
    script("long", Script::Endless(u32::MAX));
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
    let is_resumed = || matches!(left("long"), Some(Script::Endless(left)) if left < u32::MAX);
    let begun = async {
        while !is_resumed() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(5), begun).await.expect("the loop resumes the rotation");

    script("other", Script::Stays(1));
    other.marked_for_delete().await.unwrap_err();
    let deleted = async {
        while host.stores().list().await.unwrap().len() > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(5), deleted).await.expect("the other store is deleted");
    assert_eq!(long.state().await.unwrap().phase, Phase::Rotating);
    script("long", Script::Endless(0));
    let rotated = async {
        while long.state().await.unwrap().phase != Phase::Active {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(5), rotated).await.expect("the rotation ends");
    end.send(()).unwrap();
    run.await.unwrap().unwrap();
}
