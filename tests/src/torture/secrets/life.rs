//! Stores that are created, filled, rotated and deleted, over and over.

use keyway_core::{ErrorKind, PluginError as _};
use keyway_host::stores::{HostedStore, StoresError};
use keyway_secrets::{NewSecret, SecretStore as _};

use super::host::{FIRST, GROWN, address, ring};
use super::value;
use super::writer::Task;
use crate::torture::line::{Line, State, say};

/// The number of secrets in each store that a task creates.
const SECRETS: u32 = 4;

/// Deletes the stores of an earlier process, then creates, rotates and deletes stores.
pub(super) async fn run(mut task: Task) {
    if let Err(error) = sweep(&task).await {
        return say(&Line::Corrupt(format!("the remaining stores could not be deleted: {error}")));
    }
    let mut number = 0;
    while task.plan.tasks.operations == 0 || number < task.plan.tasks.operations {
        number += 1;
        if let Err(error) = one(&mut task, number).await {
            return say(&Line::Corrupt(format!("a store could not be made, rotated or deleted: {error}")));
        }
    }
}

fn prefix(task: &Task) -> String {
    format!("life-{}-{}-", task.plan.slot, task.number)
}

async fn sweep(task: &Task) -> Result<(), String> {
    let listed = task.host.stores().list().await.map_err(|error| error.detail())?;
    for summary in listed {
        let name = summary.name.as_str().to_owned();
        if name.starts_with(&prefix(task)) {
            let store = task.host.open(&name).await.map_err(|error| error.detail())?;
            delete(task, &name, store).await?;
        }
    }
    Ok(())
}

async fn one(task: &mut Task, number: u32) -> Result<(), String> {
    let is_file = task.draw.chance(50);
    let plugin = if is_file { "convection-generic" } else { "generic" };
    let name = format!("{}{}-{number}", prefix(task), task.plan.round);
    task.begin(&name, State::of(&name));
    // The creation of a store includes its keys.
    task.begin_keys(&name, FIRST);
    let mut store = match task.host.create(&name, plugin, FIRST).await {
        Ok(store) => store,
        Err(error) if is_busy(&error) => {
            // The store may exist. So the operation stays open, and the name is not used again.
            return Ok(());
        }
        Err(error) => return Err(error.detail()),
    };
    task.acknowledge();
    task.acknowledge_keys();
    fill(task, &store, is_file, 0).await?;
    if task.draw.chance(70) {
        task.begin_keys(&name, GROWN);
        store.rotate(&ring([GROWN.to_owned()]), &|_| {}).await.map_err(|error| error.detail())?;
        task.acknowledge_keys();
        if task.draw.chance(50) {
            store = task.host.open(&name).await.map_err(|error| error.detail())?;
        }
        fill(task, &store, is_file, SECRETS).await?;
    }
    delete(task, &name, store).await
}

async fn fill(task: &mut Task, store: &HostedStore, is_file: bool, from: u32) -> Result<(), String> {
    for number in from..from + SECRETS {
        let secret = format!("s{number}");
        let token = task.token(is_file);
        task.begin(&format!("{}/{secret}", store.name()), State::of(&token));
        let outcome = store.create(NewSecret::new(address(&secret), value::of(&token))).await;
        outcome.map_err(|error| error.detail())?;
        task.acknowledge();
    }
    Ok(())
}

async fn delete(task: &Task, name: &str, store: HostedStore) -> Result<(), String> {
    task.begin(name, State::Absent);
    store.marked_for_delete().await.map_err(|error| error.detail())?;
    task.acknowledge();
    Ok(())
}

fn is_busy(error: &StoresError) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable { .. })
}
