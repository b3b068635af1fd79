//! Making a store, finding it again, and keeping stores apart.

use keyway_secrets::SecretStore;
use serde_json::Value;

use super::{Checked, SecretTrial};
use crate::secrets::operations::each_operation;
use crate::secrets::picture::Picture;
use crate::secrets::place::Place;
use crate::secrets::refusal::{Answer, Refusal};
use crate::secrets::samples::{at, fill, new};
use crate::{broken, ensure};

rules! {
    "SEC-001" Must needs NOTHING from ["Convection/initialize", "C5"]
        "Every operation on a store that was never made answers `NotInitialized`."
        not_initialized;
    "SEC-002" Must needs NOTHING from ["Convection/initialize", "Convection/list"]
        "`initialize` makes an empty store that the running plugin has written."
        a_new_store_is_empty;
    "SEC-003" Must needs NOTHING from ["Convection/initialize", "C4"]
        "`initialize` on a store that is there answers `AlreadyInitialized` and leaves it as it is."
        never_overwrites;
    "SEC-004" Must needs NOTHING from ["Convection/read", "Convection/write", "C6"]
        "What was acknowledged is there when the store is opened again."
        survives_a_restart;
    "SEC-005" Must needs NOTHING from ["C9"]
        "Stores of different names share nothing."
        names_keep_stores_apart;
    "SEC-006" Must needs NOTHING from ["R1"]
        "Making a handle does no I/O and leaves nothing behind."
        opening_does_nothing;
    "SEC-007" Must needs NOTHING from ["Contract/configuration", "Locker/errors"]
        "A configuration key that the plugin does not know is refused as `Invalid`."
        unknown_configuration_is_refused;
    "SEC-008" Must needs NOTHING from ["Convection/read", "C6"]
        "What one handle has written, another handle that was opened before reads at once."
        handles_see_each_other;
}

async fn not_initialized(trial: &SecretTrial<'_>) -> Checked {
    let place = Place::new(trial)?;
    let store = place.open()?;
    let written_by = store.written_by().await.works("asking who wrote a store that was never made")?;
    ensure(written_by.is_none(), "nobody to have written it", format!("{written_by:?}"))?;
    for (operation, answer) in each_operation(&store, "a").await {
        answer.refused(operation, &[Refusal::NotInitialized])?;
    }
    let rest = place.at_rest().await;
    ensure(
        rest.is_empty(),
        "nothing stored by refused operations",
        format!("{} records or files", rest.len()),
    )?;
    store.initialize().await.works("`initialize` after that")
}

async fn a_new_store_is_empty(trial: &SecretTrial<'_>) -> Checked {
    let place = Place::new(trial)?;
    let store = place.initialized().await?;
    let picture = Picture::of(&store).await?;
    ensure(picture.secrets.is_empty(), "no secrets", format!("{}", picture.secrets.len()))?;
    ensure(picture.environments.is_empty(), "no environments", format!("{}", picture.environments.len()))?;
    let running = Some(place.metadata().written_by());
    for (when, written_by) in [
        ("through the same handle", store.written_by().await),
        ("after a restart", place.open()?.written_by().await),
    ] {
        let written_by = written_by.works("asking who wrote it")?;
        ensure(written_by == running, format!("{running:?} {when}"), format!("{written_by:?}"))?;
    }
    Ok(())
}

async fn never_overwrites(trial: &SecretTrial<'_>) -> Checked {
    let place = Place::new(trial)?;
    let store = place.initialized().await?;
    fill(&store, &["a", "b"]).await?;
    let before = Picture::of(&store).await?;
    store.initialize().await.refused("`initialize` again", &[Refusal::AlreadyInitialized])?;
    let other = place.open()?;
    other
        .initialize()
        .await
        .refused("`initialize` through a fresh handle", &[Refusal::AlreadyInitialized])?;
    before.must_equal(&Picture::of(&store).await?, "after `initialize` was refused")?;
    before.must_equal(&Picture::of(&place.open()?).await?, "after `initialize` was refused and a restart")
}

async fn survives_a_restart(trial: &SecretTrial<'_>) -> Checked {
    let place = Place::new(trial)?;
    let store = place.initialized().await?;
    fill(&store, &["a", "b", "c"]).await?;
    let changed = keyway_secrets::SecretChange::value(crate::secrets::samples::text("changed"));
    store.modify(&at("b"), changed).await.works("a change")?;
    store.destroy(&at("c"), None).await.works("a destruction")?;
    let before = Picture::of(&store).await?;
    drop(store);
    let reopened = place.open()?;
    before.must_equal(&Picture::of(&reopened).await?, "after a restart")?;
    let value = reopened.get(&at("b")).await.works("a read after a restart")?.value;
    ensure(value.expose_text() == Some("changed"), "the changed value after a restart", "another one")
}

async fn names_keep_stores_apart(trial: &SecretTrial<'_>) -> Checked {
    let place = Place::new(trial)?;
    let one = place.initialized().await?;
    fill(&one, &["a"]).await?;
    for name in ["store-2", "Store", "store.1", "stor"] {
        let other = place.open_named(name, &place.keys, place.metadata())?;
        let written_by = other.written_by().await.works("asking who wrote another store")?;
        ensure(written_by.is_none(), format!("no store \"{name}\" yet"), "there was one")?;
        other.initialize().await.works("making another store")?;
        other.get(&at("a")).await.refused("a secret of another store", &[Refusal::SecretNotFound])?;
        other.create(new("a", "its own")).await.works("the same name in another store")?;
    }
    let other = place.open_named("store-2", &place.keys, place.metadata())?;
    other.marked_for_delete().await.works("deleting another store")?;
    let secret = one.get(&at("a")).await.works("a read of the first store")?;
    ensure(secret.value.expose_text() == Some("value of a"), "the first store's own value", "another one")
}

async fn opening_does_nothing(trial: &SecretTrial<'_>) -> Checked {
    let place = Place::new(trial)?;
    let store = place.open()?;
    drop(store);
    let operations = place.storage.operations();
    ensure(operations == 0, "no operation on the storage", format!("{operations}"))?;
    let rest = place.at_rest().await;
    ensure(rest.is_empty(), "nothing left behind", format!("{} records or files", rest.len()))
}

#[allow(clippy::unused_async)] // Every check is asynchronous.
async fn unknown_configuration_is_refused(trial: &SecretTrial<'_>) -> Checked {
    const KEY: &str = "no such key in any plugin";
    let place = Place::new(trial)?;
    let plugin = trial.subject().plugin;
    let mut configuration = place.configuration();
    plugin.check_configuration(&configuration).works("checking the subject's own configuration")?;
    let Some(keys) = configuration.as_object_mut() else {
        return Err(broken("a configuration that is an object", "the subject gives another type"));
    };
    keys.insert(KEY.to_owned(), Value::Bool(true));
    trial.history().record("check_configuration and open with an unknown key");
    plugin.check_configuration(&configuration).refused("`check_configuration`", &[Refusal::Invalid])?;
    place
        .try_open("store", &place.keys, place.metadata(), configuration)
        .refused("`open`", &[Refusal::Invalid])
        .map(drop)
}

async fn handles_see_each_other(trial: &SecretTrial<'_>) -> Checked {
    let place = Place::new(trial)?;
    let (one, other) = (place.initialized().await?, place.open()?);
    other.get(&at("a")).await.refused("a read before the write", &[Refusal::SecretNotFound])?;
    fill(&one, &["a"]).await?;
    let read = other.get(&at("a")).await.works("a read through the other handle")?;
    ensure(read.value.expose_text() == Some("value of a"), "the value that was written", "another one")?;
    fill(&other, &["b"]).await?;
    one.destroy(&at("a"), None).await.works("a destruction")?;
    other.get(&at("a")).await.refused("a read of what the first destroyed", &[Refusal::SecretNotFound])?;
    Picture::of(&one).await?.must_equal(&Picture::of(&other).await?, "through both handles")
}
