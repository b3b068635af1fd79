//! Tests deleting a store.

use keyway_secrets::SecretStore;

use super::{
    Answer, Checked, DELETION, DELETION_IN_LENT_STORAGE, DELETION_IN_SIGHT, Deleted, ExpectedError,
    NotInitialized, SecretNotFound, Snapshot, StoreFixture, all_refused, at, broken, each_operation, ensure,
    fill, new, polled, rules,
};

rules! {
    in StoreFixture;
    "SEC-110" Must needs DELETION from ["Convection/marked_for_delete", "C13"]
        "After `marked_for_delete` every operation on the handle answers `Deleted`."
        the_handle_says_deleted;
    "SEC-111" Must needs DELETION from ["C13"]
        "`marked_for_delete` of a deleted store succeeds."
        deletion_is_idempotent;
    "SEC-112" Must needs DELETION from ["Convection/marked_for_delete", "C13"]
        "A deleted store is gone for every handle, and a new store of the same name is empty."
        nothing_comes_back;
    "SEC-113" Must needs DELETION_IN_LENT_STORAGE from ["C13", "C6"]
        "A deletion that failed at any operation of the storage can be resumed."
        failed_deletions_resume;
    "SEC-114" Must needs DELETION from ["C13", "Contract/cancellation"]
        "A deletion that was dropped at any point can be resumed."
        dropped_deletions_resume;
    "SEC-115" Should needs DELETION_IN_SIGHT from ["Convection/marked_for_delete"]
        "A deleted store leaves no data behind that grows with its content."
        nothing_is_left;
}

const GONE: [ExpectedError; 2] = [NotInitialized, Deleted];

async fn the_handle_says_deleted(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.filled(&["a"]).await?;
    store.marked_for_delete().await.works("deleting the store")?;
    all_refused(each_operation(&store, "a").await, "", &[Deleted])?;
    store.initialize().await.refused("`initialize` through the same handle", &[Deleted])?;
    if store.capabilities().tracks_writer {
        store.written_by().await.refused("`written_by`", &[Deleted])?;
    }
    Ok(())
}

async fn deletion_is_idempotent(fixture: &StoreFixture<'_>) -> Checked {
    let (store, other) = (fixture.initialized().await?, fixture.open()?);
    fill(&other, &["a"]).await?;
    store.marked_for_delete().await.works("deleting the store")?;
    store.marked_for_delete().await.works("deleting it again through the same handle")?;
    other.marked_for_delete().await.works("deleting it again through another handle")?;
    fixture.open()?.marked_for_delete().await.works("deleting it again through a fresh handle")
}

/// Demands that new handles find no store, and that a new store with the same name is empty.
async fn is_gone(fixture: &StoreFixture<'_>) -> Checked {
    let fresh = fixture.open()?;
    all_refused(each_operation(&fresh, "a").await, " through a fresh handle", &GONE)?;
    match fresh.initialize().await {
        Ok(()) => {
            let secrets = Snapshot::of(&fresh).await?.secrets.len();
            ensure(secrets == 0, "an empty store when it is made anew", format!("{secrets} secrets"))?;
            fresh.get(&at("a")).await.refused("an old secret", &[SecretNotFound])?;
            fresh.create(new("a", "new")).await.works("an old name in the new store").map(drop)
        }
        // A store may keep the name reserved for ever.
        refused => refused.refused("`initialize` after a deletion", &[Deleted]).map(drop),
    }
}

async fn nothing_comes_back(fixture: &StoreFixture<'_>) -> Checked {
    let (store, other) = (fixture.initialized().await?, fixture.open()?);
    fill(&store, &["a", "b"]).await?;
    other.get(&at("a")).await.works("a read through another handle")?;
    store.marked_for_delete().await.works("deleting the store")?;
    fixture.settle(&other);
    all_refused(each_operation(&other, "a").await, " through another handle", &GONE)?;
    is_gone(fixture).await
}

async fn failed_deletions_resume(fixture: &StoreFixture<'_>) -> Checked {
    for round in 0..400 {
        let fixture = fixture.fresh()?;
        let store = fixture.filled(&["a", "b", "c"]).await?;
        fixture.fail_storage(round / 2, round % 2 == 1, true);
        let answer = store.marked_for_delete().await;
        let has_failed = fixture.storage().recover();
        if answer.is_err() {
            let again = if round % 4 < 2 {
                store.marked_for_delete().await
            } else {
                fixture.open()?.marked_for_delete().await
            };
            again.works("resuming the deletion")?;
        }
        is_gone(&fixture).await?;
        if !has_failed && round % 2 == 1 {
            return Ok(());
        }
    }
    Err(broken("a deletion of three records within 200 operations", "more"))
}

async fn dropped_deletions_resume(fixture: &StoreFixture<'_>) -> Checked {
    for polls in 0..1000 {
        let fixture = fixture.fresh()?;
        let store = fixture.filled(&["a", "b", "c"]).await?;
        let answer = polled(polls, store.marked_for_delete()).await;
        let is_done = answer.is_some();
        match answer {
            Some(answer) => answer.works("deleting the store")?,
            None if polls % 2 == 0 => store.marked_for_delete().await.works("resuming the deletion")?,
            None => fixture.open()?.marked_for_delete().await.works("resuming the deletion afresh")?,
        }
        is_gone(&fixture).await?;
        if is_done {
            return Ok(());
        }
    }
    Err(broken("a deletion of three records within 1000 polls", "more"))
}

async fn nothing_is_left(fixture: &StoreFixture<'_>) -> Checked {
    let mut left = Vec::new();
    for secrets in [1, 40] {
        let fixture = fixture.fresh()?;
        let store = fixture.initialized().await?;
        for number in 0..secrets {
            store.create(new(&format!("a{number}"), &"v".repeat(100))).await.works("a creation")?;
        }
        store.marked_for_delete().await.works("deleting the store")?;
        left.push(fixture.at_rest().await.iter().map(|(_, content)| content.len() + 1).sum::<usize>());
    }
    let expected = format!("as much left of 40 secrets as of one, {} bytes", left[0]);
    ensure(left[1] <= left[0] + 64, expected, format!("{} bytes", left[1]))
}
