//! Tests secrets that were destroyed and created again.

use keyway_secrets::{SecretChange, SecretStore};

use super::{
    Answer, Checked, Snapshot, StoreFixture, VERSIONED_DESTRUCTION, VersionConflict, at, new, rules, text,
};

rules! {
    in StoreFixture;
    "SEC-033" Must needs VERSIONED_DESTRUCTION from ["Contract/versions", "Contract/ids", "C5"]
        "The revision of a destroyed secret never matches a new secret of the same name."
        stale_revisions_match_nothing;
}

async fn stale_revisions_match_nothing(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.filled(&["b"]).await?;
    let mut read = Vec::new();
    // The new secrets have every version of the old ones again.
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
