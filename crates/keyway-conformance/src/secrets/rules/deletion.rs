//! Deleting a store.

use keyway_secrets::SecretStore;

use super::{Checked, SecretTrial, without_lent_storage};
use crate::secrets::lent_storage::Failure;
use crate::secrets::operations::each_operation;
use crate::secrets::picture::Picture;
use crate::secrets::place::Place;
use crate::secrets::polls::polled;
use crate::secrets::refusal::{Answer, Refusal};
use crate::secrets::samples::{at, fill, new};
use crate::{broken, ensure};

rules! {
    "SEC-110" Must needs NOTHING from ["Convection/marked_for_delete", "C13"]
        "After `marked_for_delete` every operation on the handle answers `Deleted`."
        the_handle_says_deleted;
    "SEC-111" Must needs NOTHING from ["C13"]
        "`marked_for_delete` on what is gone already succeeds."
        deletion_is_idempotent;
    "SEC-112" Must needs NOTHING from ["Convection/marked_for_delete", "C13"]
        "A store that was deleted is gone for every handle, and one made anew under its name is empty."
        nothing_comes_back;
    "SEC-113" Must needs NOTHING from ["C13", "C6"]
        "A deletion that failed at any operation of the storage can be resumed."
        failed_deletions_resume;
    "SEC-114" Must needs NOTHING from ["C13", "Contract/cancellation"]
        "A deletion that was dropped at any point can be resumed."
        dropped_deletions_resume;
    "SEC-115" Should needs NOTHING from ["Convection/marked_for_delete"]
        "A deleted store leaves nothing behind that grows with what was in it."
        nothing_is_left;
}

const GONE: [Refusal; 2] = [Refusal::NotInitialized, Refusal::Deleted];

async fn the_handle_says_deleted(trial: &SecretTrial<'_>) -> Checked {
    let place = Place::new(trial)?;
    let store = place.initialized().await?;
    fill(&store, &["a"]).await?;
    store.marked_for_delete().await.works("deleting the store")?;
    for (operation, answer) in each_operation(&store, "a").await {
        answer.refused(operation, &[Refusal::Deleted])?;
    }
    store.initialize().await.refused("`initialize` through the same handle", &[Refusal::Deleted])?;
    store.written_by().await.refused("`written_by`", &[Refusal::Deleted]).map(drop)
}

async fn deletion_is_idempotent(trial: &SecretTrial<'_>) -> Checked {
    let place = Place::new(trial)?;
    let (store, other) = (place.initialized().await?, place.open()?);
    fill(&other, &["a"]).await?;
    store.marked_for_delete().await.works("deleting the store")?;
    store.marked_for_delete().await.works("deleting it again through the same handle")?;
    other.marked_for_delete().await.works("deleting it again through another handle")?;
    place.open()?.marked_for_delete().await.works("deleting it again through a fresh handle")
}

/// The store is gone for fresh handles, and has nothing old in it if it is made anew.
async fn is_gone(place: &Place<'_>) -> Checked {
    let fresh = place.open()?;
    for (operation, answer) in each_operation(&fresh, "a").await {
        answer.refused(&format!("{operation} through a fresh handle"), &GONE)?;
    }
    match fresh.initialize().await {
        Ok(()) => {
            let secrets = Picture::of(&fresh).await?.secrets.len();
            ensure(secrets == 0, "an empty store when it is made anew", format!("{secrets} secrets"))?;
            fresh.get(&at("a")).await.refused("an old secret", &[Refusal::SecretNotFound])?;
            fresh.create(new("a", "new")).await.works("an old name in the new store").map(drop)
        }
        // A store may keep the name for ever.
        refused => refused.refused("`initialize` after a deletion", &[Refusal::Deleted]).map(drop),
    }
}

async fn nothing_comes_back(trial: &SecretTrial<'_>) -> Checked {
    let place = Place::new(trial)?;
    let (store, other) = (place.initialized().await?, place.open()?);
    fill(&store, &["a", "b"]).await?;
    other.get(&at("a")).await.works("a read through another handle")?;
    store.marked_for_delete().await.works("deleting the store")?;
    for (operation, answer) in each_operation(&other, "a").await {
        answer.refused(&format!("{operation} through another handle"), &GONE)?;
    }
    is_gone(&place).await
}

async fn failed_deletions_resume(trial: &SecretTrial<'_>) -> Checked {
    for round in 0..400 {
        let place = Place::new(trial)?;
        let store = place.initialized().await?;
        fill(&store, &["a", "b", "c"]).await?;
        if !place.uses_storage() {
            return Err(without_lent_storage());
        }
        let failure = if round % 2 == 0 { Failure::Refused } else { Failure::Unknown };
        place.storage.fail_after(round / 2, failure, true);
        trial.history().record(format!("the storage fails after {} operations: {failure:?}", round / 2));
        let answer = store.marked_for_delete().await;
        let has_failed = place.storage.recover();
        if answer.is_err() {
            let again = if round % 4 < 2 {
                store.marked_for_delete().await
            } else {
                place.open()?.marked_for_delete().await
            };
            again.works("resuming the deletion")?;
        }
        is_gone(&place).await?;
        if !has_failed && round % 2 == 1 {
            return Ok(());
        }
    }
    Err(broken("a deletion of three records within 200 operations", "more"))
}

async fn dropped_deletions_resume(trial: &SecretTrial<'_>) -> Checked {
    for polls in 0..1000 {
        let place = Place::new(trial)?;
        let store = place.initialized().await?;
        fill(&store, &["a", "b", "c"]).await?;
        let answer = polled(polls, store.marked_for_delete()).await;
        let is_done = answer.is_some();
        match answer {
            Some(answer) => answer.works("deleting the store")?,
            None if polls % 2 == 0 => store.marked_for_delete().await.works("resuming the deletion")?,
            None => place.open()?.marked_for_delete().await.works("resuming the deletion afresh")?,
        }
        is_gone(&place).await?;
        if is_done {
            return Ok(());
        }
    }
    Err(broken("a deletion of three records within 1000 polls", "more"))
}

async fn nothing_is_left(trial: &SecretTrial<'_>) -> Checked {
    let mut left = Vec::new();
    for secrets in [1, 40] {
        let place = Place::new(trial)?;
        let store = place.initialized().await?;
        for number in 0..secrets {
            store.create(new(&format!("a{number}"), &"v".repeat(100))).await.works("a creation")?;
        }
        store.marked_for_delete().await.works("deleting the store")?;
        left.push(place.at_rest().await.iter().map(|(_, content)| content.len() + 1).sum::<usize>());
    }
    ensure(
        left[1] <= left[0] + 64,
        format!("as much left of 40 secrets as of one, {} bytes", left[0]),
        format!("{} bytes", left[1]),
    )
}
