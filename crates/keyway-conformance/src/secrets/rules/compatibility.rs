//! Tests that a plugin reads or refuses data of another version or another plugin.

use keyway_core::{PluginMetadata, Version, WrittenBy};
use keyway_secrets::{SecretChange, SecretStore};
use serde_json::{Value, json};

use super::{
    AlreadyInitialized, Answer, Broken, Checked, DELETION_BY_WRITER, Incompatible, SecretExists,
    SecretNotFound, Snapshot, StoreFixture, WRITER, all_refused, at, broken, each_operation, each_read,
    ensure, new, rules, text,
};

rules! {
    in StoreFixture;
    "SEC-100" Must needs WRITER from ["Convection/compatibility", "C4"]
        "Data of a version outside the running plugin's range is refused as `Incompatible` by every operation, untouched."
        other_versions_are_refused;
    "SEC-101" Must needs WRITER from ["C4", "Convection/metadata"]
        "Data of a plugin of another name is refused as `Incompatible` by every operation, untouched."
        other_names_are_refused;
    "SEC-102" Must needs WRITER from ["C4", "Convection/metadata"]
        "Data of a plugin of another type is refused as `Incompatible` by every operation, untouched."
        other_types_are_refused;
    "SEC-103" Must needs WRITER from ["Convection/compatibility", "C4"]
        "Data of an older version within the range can be read, and reading does not raise the version."
        reading_does_not_raise;
    "SEC-104" Must needs WRITER from ["C4"]
        "A successful write raises the version of the last writer, and never lowers it."
        writing_raises;
    "SEC-105" Must needs WRITER from ["C4"]
        "A refused write does not raise the version."
        refused_writes_do_not_raise;
    "SEC-106" Must needs DELETION_BY_WRITER from ["C4", "C13"]
        "`marked_for_delete` does not delete data that the running plugin may not read."
        incompatible_data_is_not_deleted;
}

/// Returns the plugin's metadata with this version and compatibility string, and with the changes that `edit` makes.
fn edited(
    fixture: &StoreFixture<'_>,
    version: &str,
    range: &str,
    edit: impl Fn(&mut Value),
) -> Result<PluginMetadata, Broken> {
    let fault = |error: String| broken("metadata to work with", error);
    let mut document: Value =
        serde_json::from_str(&fixture.metadata().to_json()).map_err(|error| fault(error.to_string()))?;
    document["version"] = json!(version);
    document["compatibility"] = json!(range);
    edit(&mut document);
    PluginMetadata::from_value(&document).map_err(|error| fault(error.to_string()))
}

const RANGE: &str = ">=:7.0,<:8.0";

fn running(fixture: &StoreFixture<'_>) -> Result<PluginMetadata, Broken> {
    edited(fixture, "7.1.0", RANGE, |_| ())
}

/// Demands that every operation is refused, and that the data is unchanged.
async fn refused_and_untouched(fixture: &StoreFixture<'_>, written: &PluginMetadata) -> Checked {
    let before = Snapshot::of(&fixture.filled_as(written).await?).await?;
    let at_rest = fixture.at_rest().await;
    let running = running(fixture)?;
    let store = fixture.open_as(&fixture.keys, &running)?;
    for name in ["a", "b"] {
        all_refused(each_operation(&store, name).await, "", &[Incompatible])?;
    }
    store.initialize().await.refused("`initialize`", &[Incompatible, AlreadyInitialized])?;
    let by = store.written_by().await.works("asking who wrote it, which is how a host finds out")?;
    ensure(by == Some(written.written_by()), format!("{}", written.written_by()), format!("{by:?}"))?;
    ensure(at_rest == fixture.at_rest().await, "the data untouched", "what lies at rest has changed")?;
    before.must_equal(
        &Snapshot::of(&fixture.open_as(&fixture.keys, written)?).await?,
        "for the plugin that wrote it",
    )
}

async fn other_versions_are_refused(fixture: &StoreFixture<'_>) -> Checked {
    for version in ["8.0.0", "6.9.9", "17.0.0"] {
        let fixture = &fixture.fresh()?;
        refused_and_untouched(fixture, &edited(fixture, version, ">=:1.0", |_| ())?).await?;
    }
    Ok(())
}

async fn other_names_are_refused(fixture: &StoreFixture<'_>) -> Checked {
    let written = edited(fixture, "7.1.0", RANGE, |document| {
        document["plugin"]["name"] = json!("Another plugin of the kit");
    })?;
    refused_and_untouched(fixture, &written).await
}

async fn other_types_are_refused(fixture: &StoreFixture<'_>) -> Checked {
    let written = edited(fixture, "7.1.0", RANGE, |document| {
        document["plugin"]["type"] = json!("Credential");
    })?;
    refused_and_untouched(fixture, &written).await
}

async fn version_at(store: &dyn SecretStore) -> Result<Version, Broken> {
    match store.written_by().await.works("asking who wrote it")? {
        Some(WrittenBy { version, .. }) => Ok(version),
        None => Err(broken("somebody to have written it", "nobody")),
    }
}

async fn reading_does_not_raise(fixture: &StoreFixture<'_>) -> Checked {
    let older = edited(fixture, "7.0.0", RANGE, |_| ())?;
    let before = Snapshot::of(&fixture.filled_as(&older).await?).await?;
    let store = fixture.open_as(&fixture.keys, &running(fixture)?)?;
    before.must_hold_in(&store, "for a newer version").await?;
    for (operation, answer) in each_read(&store, "a").await {
        if operation != "retrieve_environment" {
            answer.works(operation)?;
        }
    }
    let version = version_at(&store).await?;
    ensure(version == *older.version(), "version 7.0.0 after reading", version.to_string())?;
    let info = store.info().await.works("`info`")?;
    let by = info.written_by;
    ensure(by == Some(older.written_by()), "version 7.0.0 in `info`", format!("{by:?}"))
}

async fn writing_raises(fixture: &StoreFixture<'_>) -> Checked {
    for write in 0..3 {
        let fixture = &fixture.fresh()?;
        let older = edited(fixture, "7.0.0", RANGE, |_| ())?;
        let old = fixture.filled_as(&older).await?;
        let newer = running(fixture)?;
        let store = fixture.open_as(&fixture.keys, &newer)?;
        match write {
            0 => store.create(new("b", "v")).await.map(drop),
            1 => store.modify(&at("a"), SecretChange::value(text("w"))).await.map(drop),
            _ if store.capabilities().destroys => store.destroy(&at("a"), None).await,
            _ => continue,
        }
        .works("a write of the newer version")?;
        let fresh = fixture.open_as(&fixture.keys, &older)?;
        for handle in [&store, &fresh] {
            let version = version_at(handle).await?;
            ensure(version == *newer.version(), "version 7.1.0 after its write", version.to_string())?;
        }
        fresh.create(new("c", "v")).await.works("a write of the older version, whose range holds both")?;
        old.create(new("d", "v")).await.works("a write through a handle that is older")?;
        let version = version_at(&fresh).await?;
        ensure(version == *newer.version(), "version 7.1.0, never lowered", version.to_string())?;
    }
    Ok(())
}

async fn refused_writes_do_not_raise(fixture: &StoreFixture<'_>) -> Checked {
    let older = edited(fixture, "7.0.0", RANGE, |_| ())?;
    fixture.filled_as(&older).await?;
    let store = fixture.open_as(&fixture.keys, &running(fixture)?)?;
    store.create(new("a", "v")).await.refused("`create`", &[SecretExists])?;
    let change = SecretChange::value(text("v"));
    store.modify(&at("b"), change).await.refused("`modify`", &[SecretNotFound])?;
    if store.capabilities().destroys {
        store.destroy(&at("b"), None).await.refused("`destroy`", &[SecretNotFound])?;
    }
    store.initialize().await.refused("`initialize`", &[AlreadyInitialized])?;
    let version = version_at(&store).await?;
    ensure(version == *older.version(), "version 7.0.0 after refused writes", version.to_string())
}

async fn incompatible_data_is_not_deleted(fixture: &StoreFixture<'_>) -> Checked {
    let written = edited(fixture, "8.0.0", ">=:1.0", |_| ())?;
    let writer = fixture.filled_as(&written).await?;
    let store = fixture.open_as(&fixture.keys, &running(fixture)?)?;
    store.marked_for_delete().await.refused("`marked_for_delete`", &[Incompatible])?;
    writer.get(&at("a")).await.works("a read by the plugin that wrote it").map(drop)
}
