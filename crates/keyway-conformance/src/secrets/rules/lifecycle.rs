//! Tests making a store, reopening it, and keeping stores apart.

use keyway_secrets::{Json, SecretChange, SecretStore};

use super::{
    AlreadyInitialized, Answer, Checked, IMMEDIATE, Invalid, NotInitialized, SecretNotFound, Snapshot,
    StoreFixture, all_refused, at, broken, each_operation, ensure, fill, new, rules, text,
};

rules! {
    in StoreFixture;
    "SEC-001" Must from ["Convection/initialize", "C5"]
        "Every operation on a store that does not exist answers `NotInitialized`."
        not_initialized;
    "SEC-002" Must from ["Convection/initialize", "Convection/list"]
        "`initialize` makes an empty store, with the running plugin as its writer."
        a_new_store_is_empty;
    "SEC-003" Must from ["Convection/initialize", "C4"]
        "`initialize` of an existing store answers `AlreadyInitialized` and changes nothing."
        never_overwrites;
    "SEC-004" Must from ["Convection/read", "Convection/write", "C6"]
        "Acknowledged writes are present when the store is opened again."
        survives_a_restart;
    "SEC-005" Must from ["C9"]
        "Stores of different names share nothing."
        names_keep_stores_apart;
    "SEC-006" Must from ["R1"]
        "Making a handle does no I/O and leaves nothing behind."
        opening_does_nothing;
    "SEC-007" Must from ["Contract/configuration", "Locker/errors"]
        "A configuration key that the plugin does not know is refused as `Invalid`."
        unknown_configuration_is_refused plain;
    "SEC-008" Must needs IMMEDIATE from ["Convection/read", "C6"]
        "An open handle reads the write of another handle at once."
        handles_see_each_other;
}

async fn not_initialized(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.open()?;
    if store.capabilities().tracks_writer {
        let written_by = store.written_by().await.works("asking who wrote a store that was never made")?;
        ensure(written_by.is_none(), "nobody to have written it", format!("{written_by:?}"))?;
    }
    all_refused(each_operation(&store, "a").await, "", &[NotInitialized])?;
    let rest = fixture.at_rest().await;
    let observed = format!("{} records or files", rest.len());
    ensure(rest.is_empty(), "nothing stored by refused operations", observed)?;
    store.initialize().await.works("`initialize` after that")
}

async fn a_new_store_is_empty(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    let snapshot = Snapshot::of(&store).await?;
    ensure(snapshot.secrets.is_empty(), "no secrets", format!("{}", snapshot.secrets.len()))?;
    ensure(snapshot.environments.is_empty(), "no environments", format!("{}", snapshot.environments.len()))?;
    let running = Some(fixture.metadata().written_by());
    for (when, handle) in [("through the same handle", &store), ("after a restart", &fixture.open()?)] {
        if !store.capabilities().tracks_writer {
            break;
        }
        let written_by = handle.written_by().await;
        let written_by = written_by.works("asking who wrote it")?;
        ensure(written_by == running, format!("{running:?} {when}"), format!("{written_by:?}"))?;
    }
    Ok(())
}

async fn never_overwrites(fixture: &StoreFixture<'_>) -> Checked {
    let (store, before) = fixture.seen(&["a", "b"]).await?;
    store.initialize().await.refused("`initialize` again", &[AlreadyInitialized])?;
    let again = fixture.open()?.initialize().await;
    again.refused("`initialize` through a fresh handle", &[AlreadyInitialized])?;
    before.must_hold_in(&store, "after `initialize` was refused").await?;
    before.must_hold_in(&fixture.open()?, "after `initialize` was refused and a restart").await
}

async fn survives_a_restart(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.filled(&["a", "b", "c"]).await?;
    store.modify(&at("b"), SecretChange::value(text("changed"))).await.works("a change")?;
    if store.capabilities().destroys {
        store.destroy(&at("c"), None).await.works("a destruction")?;
    }
    let before = Snapshot::of(&store).await?;
    drop(store);
    let reopened = fixture.open()?;
    before.must_hold_in(&reopened, "after a restart").await?;
    let value = reopened.get(&at("b")).await.works("a read after a restart")?.value;
    ensure(value.expose_text() == Some("changed"), "the changed value after a restart", "another one")
}

async fn names_keep_stores_apart(fixture: &StoreFixture<'_>) -> Checked {
    let one = fixture.initialized().await?;
    fill(&one, &["a"]).await?;
    for name in ["store-2", "Store", "store.1", "stor"] {
        let other = fixture.open_named(name, &fixture.keys, fixture.metadata())?;
        if other.capabilities().tracks_writer {
            let written_by = other.written_by().await.works("asking who wrote another store")?;
            ensure(written_by.is_none(), format!("no store \"{name}\" yet"), "there was one")?;
        }
        other.initialize().await.works("making another store")?;
        other.get(&at("a")).await.refused("a secret of another store", &[SecretNotFound])?;
        other.create(new("a", "its own")).await.works("the same name in another store")?;
    }
    let other = fixture.open_named("store-2", &fixture.keys, fixture.metadata())?;
    if other.capabilities().deletable {
        other.marked_for_delete().await.works("deleting another store")?;
    }
    let secret = one.get(&at("a")).await.works("a read of the first store")?;
    ensure(secret.value.expose_text() == Some("value of a"), "the first store's own value", "another one")
}

async fn opening_does_nothing(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.open()?;
    drop(store);
    let operations = fixture.storage().operations();
    ensure(operations == 0, "no operation on the storage", format!("{operations}"))?;
    let rest = fixture.at_rest().await;
    ensure(rest.is_empty(), "nothing left behind", format!("{} records or files", rest.len()))
}

fn unknown_configuration_is_refused(fixture: &StoreFixture<'_>) -> Checked {
    const KEY: &str = "no such key in any plugin";
    let plugin = fixture.subject().plugin;
    let mut configuration = fixture.configuration();
    plugin.check_configuration(&configuration).works("checking the subject's own configuration")?;
    let Json::Object(keys) = &mut configuration else {
        return Err(broken("a configuration that is an object", "the subject gives another type"));
    };
    keys.insert(KEY.to_owned(), true.into());
    fixture.history().record("check_configuration and open with an unknown key");
    plugin.check_configuration(&configuration).refused("`check_configuration`", &[Invalid])?;
    let opened = fixture.try_open("store", &fixture.keys, fixture.metadata(), configuration);
    opened.refused("`open`", &[Invalid]).map(drop)
}

async fn handles_see_each_other(fixture: &StoreFixture<'_>) -> Checked {
    let (one, other) = (fixture.initialized().await?, fixture.open()?);
    other.get(&at("a")).await.refused("a read before the write", &[SecretNotFound])?;
    fill(&one, &["a"]).await?;
    let read = other.get(&at("a")).await.works("a read through the other handle")?;
    ensure(read.value.expose_text() == Some("value of a"), "the value that was written", "another one")?;
    fill(&other, &["b"]).await?;
    if one.capabilities().destroys {
        one.destroy(&at("a"), None).await.works("a destruction")?;
        other.get(&at("a")).await.refused("a read of what the first destroyed", &[SecretNotFound])?;
    }
    Snapshot::of(&one).await?.must_equal(&Snapshot::of(&other).await?, "through both handles")
}
