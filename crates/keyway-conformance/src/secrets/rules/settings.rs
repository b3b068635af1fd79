//! Tests settings, and the store's description of itself.

use keyway_core::{Structured, Table};
use keyway_secrets::{Configure, Count, SecretChange, SecretStore, StoreInfo};

use super::{
    Answer, Broken, Checked, EXAMPLE_SETTINGS, IMMEDIATE, Invalid, SETTINGS, SecretNotFound, Snapshot,
    StoreFixture, at, broken, ensure, fill, new, rules, same_settings, text,
};

rules! {
    in StoreFixture;
    "SEC-080" Must needs SETTINGS from ["Convection/configure", "C10"]
        "The settings that a store returns can be written back, and are then in force."
        settings_can_be_written_back;
    "SEC-081" Must needs EXAMPLE_SETTINGS from ["Convection/configure", "C10", "C11"]
        "Written settings are returned at once by every handle, and after a restart."
        settings_hold;
    "SEC-082" Must needs SETTINGS from ["C10", "C6"]
        "A setting that the store does not know is refused as `Invalid`, and nothing is stored."
        unknown_settings_are_refused;
    "SEC-085" Must from ["Convection/info", "Convection/metadata", "C12"]
        "`info` returns the running plugin's metadata, the last writer of the data, and the number of secrets."
        info_describes;
    "SEC-086" Must from ["Convection/info", "C12"]
        "`info` counts writes and reads, and its counts never decrease."
        info_counts;
    "SEC-087" Must needs IMMEDIATE from ["C12"]
        "Reading a secret writes nothing."
        reads_do_not_write;
    "SEC-088" Must from ["Convection/info", "C12"]
        "`exact_info` counts the secrets, however many there are, and otherwise returns the same as `info`."
        exact_info_counts;
}

async fn settings_can_be_written_back(fixture: &StoreFixture<'_>) -> Checked {
    let (store, before) = fixture.seen(&["a"]).await?;
    let written =
        store.configure(Configure::Write(before.settings.clone())).await.works("writing them back")?;
    ensure(same_settings(&before.settings, &written), "the settings that were written", "others")?;
    before.must_hold_in(&fixture.open()?, "after settings were written back").await
}

async fn settings_hold(fixture: &StoreFixture<'_>) -> Checked {
    let Some(settings) = &fixture.subject().settings else {
        return Err(Broken::Missing { capability: "example settings" });
    };
    let (store, other) = (fixture.initialized().await?, fixture.open()?);
    fill(&store, &["a"]).await?;
    let first = other.configure(Configure::Read).await.works("reading the settings")?;
    ensure(!same_settings(&first, settings), "example settings that differ from the first", "the same")?;
    for wanted in [settings, &first, settings] {
        let written = store.configure(Configure::Write(wanted.clone())).await.works("writing settings")?;
        ensure(same_settings(wanted, &written), "the new settings as the answer", "others")?;
        fixture.settle(&store);
        for (who, handle) in
            [("the same handle", &store), ("another handle", &other), ("a restart", &fixture.open()?)]
        {
            let read = handle.configure(Configure::Read).await.works("reading the settings")?;
            ensure(same_settings(wanted, &read), format!("the new settings from {who}"), "others")?;
        }
    }
    let read = store.get(&at("a")).await.works("reading a secret")?;
    ensure(read.value.expose_text() == Some("value of a"), "the secret as it was", "another one")
}

async fn unknown_settings_are_refused(fixture: &StoreFixture<'_>) -> Checked {
    let (store, before) = fixture.seen(&["a"]).await?;
    let mut alone = Table::new();
    alone.insert("no such setting in any store", Structured::Boolean(true.into()));
    let mut beside = before.settings.clone();
    beside.insert("no such setting in any store", Structured::Boolean(true.into()));
    for settings in [alone, beside] {
        store.configure(Configure::Write(settings)).await.refused("an unknown setting", &[Invalid])?;
        before.must_hold_in(&fixture.open()?, "after settings were refused").await?;
    }
    Ok(())
}

async fn info(store: &dyn SecretStore) -> Result<StoreInfo, Broken> {
    store.info().await.works("`info`")
}

async fn info_describes(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    for count in 0..4_u64 {
        for handle in [&store, &fixture.open()?] {
            let info = info(handle).await?;
            let observed = format!("{:?}", info.plugin);
            ensure(info.plugin == *fixture.metadata(), "the running plugin's metadata", observed)?;
            let by = handle.capabilities().tracks_writer.then(|| fixture.metadata().written_by());
            ensure(info.written_by == by, format!("{by:?}"), format!("{:?}", info.written_by))?;
            let found = info.secrets;
            // There are no other writers, so even an estimate should be close.
            let fits = found.number == count || (!found.exact && found.number.abs_diff(count) <= 2);
            ensure(fits, format!("{count} secrets"), format!("{found:?}"))?;
            ensure(info.rotation.is_none(), "no rotation under way", format!("{:?}", info.rotation))?;
        }
        fill(&store, &[&format!("a{count}")]).await?;
    }
    if !store.capabilities().destroys {
        return Ok(());
    }
    store.destroy(&at("a1"), None).await.works("a destruction")?;
    let found = info(&store).await?.secrets;
    ensure(found.number == 3 || !found.exact, "3 secrets", format!("{found:?}"))
}

async fn exact_info_counts(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    for round in 0..4_u64 {
        for number in 0..8 * round {
            fill(&store, &[&format!("a{round} {number}")]).await?;
        }
        if round > 1 && store.capabilities().destroys {
            store.destroy(&at(&format!("a{round} 0")), None).await.works("a destruction")?;
        }
        let number = Snapshot::of(&store).await?.secrets.len() as u64;
        for handle in [&store, &fixture.open()?] {
            let counted = handle.exact_info().await.works("`exact_info`")?;
            let observed = format!("{:?}", counted.secrets);
            ensure(counted.secrets == Count::exact(number), format!("{number} secrets, counted"), observed)?;
            let quick = info(handle).await?;
            let same = (&quick.plugin, &quick.written_by) == (&counted.plugin, &counted.written_by);
            ensure(same, "the metadata and the writer that `info` answers", "others")?;
        }
    }
    Ok(())
}

async fn info_counts(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    let mut before = info(&store).await?;
    let first = (before.reads, before.writes);
    for number in 0..4 {
        let name = format!("a{number}");
        store.create(new(&name, "v")).await.works("a creation")?;
        store.modify(&at(&name), SecretChange::value(text("w"))).await.works("a change")?;
        store.get(&at(&name)).await.works("a read")?;
        let after = info(&store).await?;
        let counted = (after.reads, after.writes);
        let expected = format!("at least {} reads and {} writes", before.reads, before.writes);
        let observed = format!("{counted:?}");
        ensure(after.reads >= before.reads && after.writes >= before.writes, expected, observed)?;
        before = after;
    }
    let grown = (before.reads.saturating_sub(first.0), before.writes.saturating_sub(first.1));
    ensure(grown.0 >= 4, "4 reads more, or more", grown.0.to_string())?;
    ensure(grown.1 >= 8, "8 writes more, or more", grown.1.to_string())?;
    drop(store);
    let after = info(&fixture.open()?).await?.writes;
    ensure(after >= before.writes, format!("{} writes after a restart", before.writes), after.to_string())
}

async fn reads_do_not_write(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.filled(&["a", "b"]).await?;
    store.get(&at("a")).await.works("a read")?;
    let (at_rest, commits) = (fixture.at_rest().await, fixture.storage().commits());
    for _ in 0..5 {
        store.get(&at("a")).await.works("a read")?;
        store.get(&at("c")).await.refused("a read of nothing", &[SecretNotFound])?;
    }
    let commits = fixture.storage().commits() - commits;
    ensure(commits == 0, "no commit by `get`", format!("{commits}"))?;
    if at_rest != fixture.at_rest().await {
        return Err(broken("what lies at rest as it was", "`get` has changed it"));
    }
    Ok(())
}
