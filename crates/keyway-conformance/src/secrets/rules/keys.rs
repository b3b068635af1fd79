//! Keys and rotation.

use std::sync::Mutex;

use keyway_seal::KeyRing;
use keyway_secrets::{Configure, Progress, SecretChange, SecretStore};

use super::{Checked, SecretTrial, without_lent_storage};
use crate::secrets::lent_storage::{Failure, let_others_run};
use crate::secrets::operations::each_operation;
use crate::secrets::picture::Picture;
use crate::secrets::place::{Place, ring};
use crate::secrets::polls::{Turn, in_turns, polled};
use crate::secrets::recorded::Recorded;
use crate::secrets::refusal::{Answer, Refusal};
use crate::secrets::samples::{at, fill, new, new_environment, silent, text};
use crate::{Broken, broken, ensure};

rules! {
    "SEC-090" Must needs NOTHING from ["C5", "Convection/encryption"]
        "With keys that do not fit, every operation answers `WrongKey` and changes nothing."
        wrong_keys_are_typed;
    "SEC-091" Must needs NOTHING from ["C8", "Convection/encryption"]
        "A store opens with any ring that holds its key, in any place of the ring."
        any_key_of_a_ring_opens;
    "SEC-092" Must needs NOTHING from ["Convection/rotate", "C7", "C15"]
        "After a rotation everything reads with the new keys alone, and nothing with the old ones."
        rotation_moves_everything;
    "SEC-093" Must needs NOTHING from ["C7"]
        "A rotation that is done can be repeated, and changes nothing that a reader sees."
        rotation_is_idempotent;
    "SEC-094" Must needs NOTHING from ["C7"]
        "The listener hears of the end, progress never goes back, and no more is done than there is."
        progress_is_reported;
    "SEC-095" Must needs NOTHING from ["C7", "C6"]
        "A rotation that failed at any operation of the storage loses nothing and can be resumed."
        failed_rotations_resume;
    "SEC-096" Must needs NOTHING from ["C7", "Contract/cancellation"]
        "A rotation that was dropped at any point loses nothing and can be resumed."
        dropped_rotations_resume;
    "SEC-097" Must needs NOTHING from ["C7"]
        "Reads and writes go on while a rotation runs, and none is lost."
        others_work_meanwhile;
    "SEC-098" Must needs NOTHING from ["Convection/encryption", "Principle/secrets"]
        "No value lies readable at rest."
        nothing_is_readable_at_rest;
}

/// A store with some of everything that it holds.
async fn furnished<'a>(place: &Place<'a>) -> Result<Recorded<'a>, Broken> {
    let store = place.initialized().await?;
    if store.capabilities().environments {
        store.create_environment(new_environment("e")).await.works("creating an environment")?;
        let inside = keyway_secrets::NewSecret::new(crate::secrets::samples::at_in("a", "e"), text("inside"));
        store.create(inside).await.works("creating a secret in it")?;
    }
    fill(&store, &["a", "b", "c", "d"]).await?;
    store.modify(&at("b"), SecretChange::value(text("changed"))).await.works("a change")?;
    Ok(store)
}

async fn wrong_keys_are_typed(trial: &SecretTrial<'_>) -> Checked {
    let place = Place::new(trial)?;
    let store = furnished(&place).await?;
    let before = Picture::of(&store).await?;
    let stranger = place.open_with(&ring(trial.random()))?;
    for (operation, answer) in each_operation(&stranger, "a").await {
        answer.refused(operation, &[Refusal::WrongKey])?;
    }
    let initialized = stranger.initialize().await;
    initialized.refused("`initialize`", &[Refusal::WrongKey, Refusal::AlreadyInitialized])?;
    stranger.marked_for_delete().await.refused("`marked_for_delete`", &[Refusal::WrongKey])?;
    before.must_equal(&Picture::of(&place.open()?).await?, "after refusals")
}

async fn any_key_of_a_ring_opens(trial: &SecretTrial<'_>) -> Checked {
    let place = Place::new(trial)?;
    let store = furnished(&place).await?;
    let before = Picture::of(&store).await?;
    let others = ring(trial.random());
    let first = place.keys.with_retiring(&others);
    let last = others.with_retiring(&ring(trial.random())).with_retiring(&place.keys);
    for keys in [&first, &last] {
        let store = place.open_with(keys)?;
        before.must_equal(&Picture::of(&store).await?, "through a larger ring")?;
    }
    // What the larger ring writes, it reads.
    let store = place.open_with(&last)?;
    store.create(new("more", "more")).await.works("a creation with a larger ring")?;
    store.modify(&at("a"), SecretChange::value(text("more"))).await.works("a change with a larger ring")?;
    let reopened = Picture::of(&place.open_with(&last)?).await?;
    Picture::of(&store).await?.must_equal(&reopened, "after a restart with a larger ring")
}

async fn only_new_opens(place: &Place<'_>, before: &Picture, new: &KeyRing, old: &KeyRing) -> Checked {
    let reopened = place.open_with(new)?;
    before.must_equal(&Picture::of(&reopened).await?, "with the new keys alone")?;
    for address in before.secrets.keys() {
        reopened.get(address).await.works("a read with the new keys alone")?;
    }
    let late = place.open_with(old)?;
    for (operation, answer) in each_operation(&late, "a").await {
        answer.refused(&format!("{operation} with the old keys"), &[Refusal::WrongKey])?;
    }
    Ok(())
}

async fn rotation_moves_everything(trial: &SecretTrial<'_>) -> Checked {
    let place = Place::new(trial)?;
    let store = furnished(&place).await?;
    let before = Picture::of(&store).await?;
    let mut old = place.keys.clone();
    for _ in 0..2 {
        let new = ring(trial.random());
        store.rotate(&new, &silent).await.works("a rotation")?;
        before.must_equal(&Picture::of(&store).await?, "through the handle that rotated")?;
        only_new_opens(&place, &before, &new, &old).await?;
        old = new;
    }
    store.modify(&at("a"), SecretChange::value(text("later"))).await.works("a write after the rotation")?;
    let read = place.open_with(&old)?.get(&at("a")).await.works("a read with the new keys alone")?;
    ensure(read.value.expose_text() == Some("later"), "what was written after the rotation", "another value")
}

async fn rotation_is_idempotent(trial: &SecretTrial<'_>) -> Checked {
    let place = Place::new(trial)?;
    let store = furnished(&place).await?;
    let before = Picture::of(&store).await?;
    let new = ring(trial.random());
    for _ in 0..2 {
        store.rotate(&new, &silent).await.works("a rotation")?;
    }
    let both = place.open_with(&new.with_retiring(&place.keys))?;
    both.rotate(&new, &silent).await.works("a rotation with both keys when it is done")?;
    let alone = place.open_with(&new)?;
    alone.rotate(&new, &silent).await.works("a rotation to the keys that it has")?;
    only_new_opens(&place, &before, &new, &place.keys).await
}

async fn progress_is_reported(trial: &SecretTrial<'_>) -> Checked {
    let place = Place::new(trial)?;
    let store = furnished(&place).await?;
    let heard: Mutex<Vec<Progress>> = Mutex::default();
    let listener = |progress| heard.lock().expect("nobody panics with it").push(progress);
    store.rotate(&ring(trial.random()), &listener).await.works("a rotation")?;
    let heard = heard.into_inner().expect("nobody panicked with it");
    let observed = format!("{heard:?}");
    let Some(last) = heard.last() else {
        return Err(broken("a word at the end of the rotation", "none"));
    };
    ensure(last.done == last.total, "all done in the last word", observed.clone())?;
    let sane = heard.iter().all(|progress| progress.done <= progress.total);
    ensure(sane, "never more done than there is", observed.clone())?;
    let forward = heard.windows(2).all(|pair| pair[0].done <= pair[1].done);
    ensure(forward, "progress that never goes back", observed)
}

/// After a rotation that did not end: nothing is lost, and it can be resumed.
async fn resumes(place: &Place<'_>, before: &Picture, new: &KeyRing) -> Checked {
    let both = place.open_with(&new.with_retiring(&place.keys))?;
    before
        .must_equal(&Picture::of(&both).await?, "with new and old keys after a rotation that did not end")?;
    both.rotate(new, &silent).await.works("resuming the rotation")?;
    only_new_opens(place, before, new, &place.keys).await
}

async fn failed_rotations_resume(trial: &SecretTrial<'_>) -> Checked {
    for round in 0..400 {
        let place = Place::new(trial)?;
        let store = furnished(&place).await?;
        if !place.uses_storage() {
            return Err(without_lent_storage());
        }
        let before = Picture::of(&store).await?;
        let new = ring(trial.random());
        let failure = if round % 2 == 0 { Failure::Refused } else { Failure::Unknown };
        place.storage.fail_after(round / 2, failure, true);
        trial.history().record(format!("the storage fails after {} operations: {failure:?}", round / 2));
        let answer = store.rotate(&new, &silent).await;
        let has_failed = place.storage.recover();
        if answer.is_ok() {
            only_new_opens(&place, &before, &new, &place.keys).await?;
        } else {
            before.must_equal(&Picture::of(&store).await?, "through the handle whose rotation failed")?;
            resumes(&place, &before, &new).await?;
        }
        if !has_failed && round % 2 == 1 {
            return Ok(());
        }
    }
    Err(broken("a rotation of six records within 200 operations", "more"))
}

async fn dropped_rotations_resume(trial: &SecretTrial<'_>) -> Checked {
    for polls in 0..1000 {
        let place = Place::new(trial)?;
        let store = furnished(&place).await?;
        let before = Picture::of(&store).await?;
        let new = ring(trial.random());
        let answer = polled(polls, store.rotate(&new, &silent)).await;
        if let Some(answer) = answer {
            answer.works("a rotation")?;
            return only_new_opens(&place, &before, &new, &place.keys).await;
        }
        before.must_equal(&Picture::of(&store).await?, "through the handle whose rotation was dropped")?;
        drop(store);
        resumes(&place, &before, &new).await?;
    }
    Err(broken("a rotation of six records within 1000 polls", "more"))
}

async fn others_work_meanwhile(trial: &SecretTrial<'_>) -> Checked {
    for _ in 0..8 {
        let place = Place::new(trial)?;
        let store = furnished(&place).await?;
        let new_keys = ring(trial.random());
        let rotation = async {
            store.rotate(&new_keys, &silent).await.works("the rotation")?;
            Ok(())
        };
        let mut turns: Vec<Turn<'_, Checked>> = vec![Box::pin(rotation)];
        for reader in 0..2 {
            let (store, name) = (&store, ["a", "c"][reader]);
            turns.push(Box::pin(async move {
                for _ in 0..6 {
                    let read = store.get(&at(name)).await.works("a read during the rotation")?;
                    let expected = format!("value of {name}");
                    ensure(
                        read.value.expose_text() == Some(&expected),
                        "the value as it was",
                        "another one",
                    )?;
                    let_others_run().await;
                }
                Picture::of(store).await.map(drop)
            }));
        }
        for writer in 0..2 {
            let store = &store;
            turns.push(Box::pin(async move {
                for step in 0..5 {
                    let name = format!("w{writer} {step}");
                    store.create(new(&name, "first")).await.works("a creation during the rotation")?;
                    let_others_run().await;
                    let change = SecretChange::value(text("second"));
                    store.modify(&at(&name), change).await.works("a change during the rotation")?;
                }
                store.destroy(&at(&format!("w{writer} 0")), None).await.works("a destruction during it")?;
                store.configure(Configure::Read).await.works("reading settings during it").map(drop)
            }));
        }
        in_turns(turns, || trial.random()).await.into_iter().collect::<Checked>()?;
        let seen = Picture::of(&store).await?;
        for writer in 0..2 {
            for step in 1..5 {
                let address = at(&format!("w{writer} {step}"));
                let value =
                    seen.secrets.get(&address).map(|(_, value)| value.expose_text() == Some("second"));
                ensure(
                    value == Some(true),
                    format!("{address} as it was written last"),
                    format!("{value:?}"),
                )?;
            }
        }
        ensure(seen.secrets.len() >= 12, "all that was written", seen.secrets.len().to_string())?;
        seen.must_equal(&Picture::of(&place.open_with(&new_keys)?).await?, "with the new keys alone")?;
    }
    Ok(())
}

async fn nothing_is_readable_at_rest(trial: &SecretTrial<'_>) -> Checked {
    let canary = format!("canary{:016x}", trial.random());
    let place = Place::new(trial)?;
    let store = place.initialized().await?;
    store.create(new("a", &canary)).await.works("a creation")?;
    store.create(new("b", "v")).await.works("a creation")?;
    store.modify(&at("b"), SecretChange::value(text(&canary))).await.works("a change")?;
    store.rotate(&ring(trial.random()), &silent).await.works("a rotation")?;
    for (name, content) in place.at_rest().await {
        let found = content.windows(canary.len()).any(|window| window == canary.as_bytes());
        ensure(!found, "no value in the clear", format!("one in {}", name.escape_ascii()))?;
    }
    Ok(())
}
