//! Tests versions and compare-and-set.

use keyway_secrets::{SecretChange, SecretStore, SecretVersion, StoreError};

use super::{
    Answer, Checked, SecretNotFound, Snapshot, StoreFixture, VERSIONED_DESTRUCTION, VERSIONS,
    VersionConflict, at, broken, ensure, new, rules, text,
};

rules! {
    in StoreFixture;
    "SEC-030" Must needs VERSIONS from ["Contract/versions"]
        "A new secret has version 1, and each change adds one."
        versions_count_changes;
    "SEC-031" Must needs VERSIONS from ["Contract/versions", "C5"]
        "`modify` for another version than the current one answers `VersionConflict` with both versions and changes nothing."
        stale_changes_are_refused;
    "SEC-032" Must needs VERSIONED_DESTRUCTION from ["Contract/versions", "C5"]
        "`destroy` for another version than the current one answers `VersionConflict` and removes nothing."
        stale_destructions_are_refused;
    "SEC-033" Must needs VERSIONED_DESTRUCTION from ["Contract/versions", "Contract/ids", "C5"]
        "The revision of a destroyed secret never matches a new secret of the same name."
        stale_revisions_match_nothing;
}

fn version(number: u64) -> SecretVersion {
    SecretVersion::new(number).unwrap_or(SecretVersion::FIRST)
}

async fn versions_count_changes(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.filled(&["a", "b"]).await?;
    for number in 1..=4 {
        for (where_from, header) in [
            ("`get`", store.get(&at("a")).await.works("a read")?.header),
            ("a restart", fixture.open()?.get(&at("a")).await.works("a read")?.header),
        ] {
            let found = header.version.map(SecretVersion::number);
            let expected = format!("version {number} from {where_from}");
            ensure(found == Some(number), expected, format!("{found:?}"))?;
        }
        // Writing the same value again also changes the version.
        let read = store.get(&at("a")).await.works("a read")?.header;
        let change = SecretChange::value(text("same")).if_unchanged(&read);
        let header = store.modify(&at("a"), change).await.works("a change for the present version")?;
        let found = header.version.map(SecretVersion::number);
        let expected = format!("version {} from `modify`", number + 1);
        ensure(found == Some(number + 1), expected, format!("{found:?}"))?;
    }
    let other = store.get(&at("b")).await.works("a read")?.header.version;
    ensure(other == Some(SecretVersion::FIRST), "version 1 of the other secret", format!("{other:?}"))
}

async fn stale_changes_are_refused(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.filled(&["a"]).await?;
    let read = store.modify(&at("a"), SecretChange::value(text("two"))).await.works("a change")?;
    let before = Snapshot::of(&store).await?;
    for stale in [1, 3, u64::MAX] {
        let stale = read.clone().with_version(version(stale));
        for change in [SecretChange::value(text("three")), SecretChange::default()] {
            let answer = store.modify(&at("a"), change.if_unchanged(&stale)).await;
            let error = answer.refused("`modify`", &[VersionConflict])?;
            if let StoreError::VersionConflict { expected, actual, address } = &error
                && (expected, actual, address) != (&stale.revision(), &read.revision(), &at("a"))
            {
                let wanted = format!("{}: {:?} and {:?}", at("a"), stale.revision(), read.revision());
                return Err(broken(wanted, format!("{address}: {expected:?} and {actual:?}")));
            }
        }
    }
    before.must_hold_in(&store, "after refusals").await?;
    let change = SecretChange::value(text("v")).if_unchanged(&read);
    store.modify(&at("b"), change).await.refused("`modify` of nothing", &[SecretNotFound]).map(drop)
}

async fn stale_destructions_are_refused(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.filled(&["a"]).await?;
    let read = store.modify(&at("a"), SecretChange::value(text("two"))).await.works("a change")?;
    let of_version = |number| Some(read.clone().with_version(version(number)).revision());
    let before = Snapshot::of(&store).await?;
    for stale in [1, 3] {
        store.destroy(&at("a"), of_version(stale)).await.refused("`destroy`", &[VersionConflict])?;
    }
    before.must_hold_in(&store, "after refusals").await?;
    store.destroy(&at("b"), of_version(1)).await.refused("`destroy` of nothing", &[SecretNotFound])?;
    store.destroy(&at("a"), of_version(2)).await.works("`destroy` for the present version")?;
    store.get(&at("a")).await.refused("reading it", &[SecretNotFound]).map(drop)
}

async fn stale_revisions_match_nothing(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.filled(&["b"]).await?;
    let mut read = Vec::new();
    // In a store that counts the versions of each secret, a new secret reaches the same versions as the destroyed
    // secrets with its name.
    for round in 0..3 {
        read.push(store.create(new("a", &format!("value {round}"))).await.works("a creation")?);
        read.push(store.modify(&at("a"), SecretChange::value(text("changed"))).await.works("a change")?);
        store.destroy(&at("a"), None).await.works("a destruction")?;
    }
    store.create(new("a", "last")).await.works("a creation")?;
    let last = store.modify(&at("a"), SecretChange::value(text("last"))).await.works("a change")?;
    let before = Snapshot::of(&store).await?;
    for handle in [&store, &fixture.open()?] {
        for stale in &read {
            let change = SecretChange::value(text("lost")).if_unchanged(stale);
            let what = "`modify` for a secret that was destroyed";
            handle.modify(&at("a"), change).await.refused(what, &[VersionConflict])?;
            let what = "`destroy` for a secret that was destroyed";
            handle.destroy(&at("a"), Some(stale.revision())).await.refused(what, &[VersionConflict])?;
        }
        before.must_hold_in(handle, "after refusals").await?;
    }
    let change = SecretChange::value(text("v")).if_unchanged(&last);
    store.modify(&at("a"), change).await.works("a change for the present secret").map(drop)
}
