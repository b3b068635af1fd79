//! Tests keys and rotation.

use std::sync::Mutex;

use keyway_seal::KeyRing;
use keyway_secrets::{Configure, NewSecret, Progress, SecretChange, SecretStore};
use tokio::task::yield_now;

use super::{
    AlreadyInitialized, Answer, Broken, Checked, IN_SIGHT, ROTATION, ROTATION_IN_LENT_STORAGE, Recorded,
    Snapshot, StoreFixture, Turn, WrongKey, add_environments, all_refused, at, at_in, broken, each_operation,
    ensure, fill, in_turns, new, polled, ring, rules, silent, text,
};

rules! {
    in StoreFixture;
    "SEC-090" Must from ["C5", "Convection/encryption"]
        "With the wrong keys, every operation answers `WrongKey` and changes nothing."
        wrong_keys_are_typed;
    "SEC-091" Must from ["C8", "Convection/encryption"]
        "A store opens with any ring that holds its key, at any position in the ring."
        any_key_of_a_ring_opens;
    "SEC-092" Must needs ROTATION from ["Convection/rotate", "C7", "C15"]
        "After a rotation the new keys alone read everything, and the old ones nothing."
        rotation_moves_everything;
    "SEC-093" Must needs ROTATION from ["C7"]
        "A completed rotation can be repeated, and changes nothing that a reader sees."
        rotation_is_idempotent;
    "SEC-094" Must needs ROTATION from ["C7"]
        "The listener is told of the end; progress never decreases and never exceeds the total."
        progress_is_reported;
    "SEC-095" Must needs ROTATION_IN_LENT_STORAGE from ["C7", "C6"]
        "A rotation that failed at any operation of the storage loses nothing and can be resumed."
        failed_rotations_resume;
    "SEC-096" Must needs ROTATION from ["C7", "Contract/cancellation"]
        "A rotation that was dropped at any point loses nothing and can be resumed."
        dropped_rotations_resume;
    "SEC-097" Must needs ROTATION from ["C7"]
        "Reads and writes go on while a rotation runs, and none is lost."
        others_work_meanwhile;
    "SEC-098" Must needs IN_SIGHT from ["Convection/encryption", "Principle/secrets"]
        "No data at rest holds a value in the clear."
        nothing_is_readable_at_rest;
}

/// Makes a store with data of every kind that it supports.
async fn furnished<'a>(fixture: &StoreFixture<'a>) -> Result<(Recorded<'a>, Snapshot), Broken> {
    let store = fixture.initialized().await?;
    if store.capabilities().environments {
        add_environments(&store, &["e"]).await?;
        let inside = NewSecret::new(at_in("a", "e"), text("inside"));
        store.create(inside).await.works("creating a secret in it")?;
    }
    fill(&store, &["a", "b", "c", "d"]).await?;
    store.modify(&at("b"), SecretChange::value(text("changed"))).await.works("a change")?;
    let snapshot = Snapshot::of(&store).await?;
    Ok((store, snapshot))
}

async fn wrong_keys_are_typed(fixture: &StoreFixture<'_>) -> Checked {
    let (_, before) = furnished(fixture).await?;
    let stranger = fixture.open_with(&ring(fixture.random()))?;
    all_refused(each_operation(&stranger, "a").await, "", &[WrongKey])?;
    stranger.initialize().await.refused("`initialize`", &[WrongKey, AlreadyInitialized])?;
    if stranger.capabilities().deletable {
        stranger.marked_for_delete().await.refused("`marked_for_delete`", &[WrongKey])?;
    }
    before.must_hold_in(&fixture.open()?, "after refusals").await
}

async fn any_key_of_a_ring_opens(fixture: &StoreFixture<'_>) -> Checked {
    let (_, before) = furnished(fixture).await?;
    let others = ring(fixture.random());
    let first = fixture.keys.with_retiring(&others);
    let last = others.with_retiring(&ring(fixture.random())).with_retiring(&fixture.keys);
    for keys in [&first, &last] {
        let store = fixture.open_with(keys)?;
        before.must_hold_in(&store, "through a larger ring").await?;
    }
    // A handle with the larger ring must also read its own writes.
    let store = fixture.open_with(&last)?;
    store.create(new("more", "more")).await.works("a creation with a larger ring")?;
    store.modify(&at("a"), SecretChange::value(text("more"))).await.works("a change with a larger ring")?;
    let reopened = Snapshot::of(&fixture.open_with(&last)?).await?;
    Snapshot::of(&store).await?.must_equal(&reopened, "after a restart with a larger ring")
}

async fn only_new_opens(
    fixture: &StoreFixture<'_>,
    before: &Snapshot,
    new: &KeyRing,
    old: &KeyRing,
) -> Checked {
    let reopened = fixture.open_with(new)?;
    before.must_hold_in(&reopened, "with the new keys alone").await?;
    for address in before.secrets.keys() {
        reopened.get(address).await.works("a read with the new keys alone")?;
    }
    let late = fixture.open_with(old)?;
    all_refused(each_operation(&late, "a").await, " with the old keys", &[WrongKey])?;
    Ok(())
}

async fn rotation_moves_everything(fixture: &StoreFixture<'_>) -> Checked {
    let (store, before) = furnished(fixture).await?;
    let mut old = fixture.keys.clone();
    for _ in 0..2 {
        let new = ring(fixture.random());
        store.rotate(&new, &silent).await.works("a rotation")?;
        before.must_hold_in(&store, "through the handle that rotated").await?;
        only_new_opens(fixture, &before, &new, &old).await?;
        old = new;
    }
    store.modify(&at("a"), SecretChange::value(text("later"))).await.works("a write after the rotation")?;
    let read = fixture.open_with(&old)?.get(&at("a")).await.works("a read with the new keys alone")?;
    ensure(read.value.expose_text() == Some("later"), "what was written after the rotation", "another value")
}

async fn rotation_is_idempotent(fixture: &StoreFixture<'_>) -> Checked {
    let (store, before) = furnished(fixture).await?;
    let new = ring(fixture.random());
    for _ in 0..2 {
        store.rotate(&new, &silent).await.works("a rotation")?;
    }
    let both = fixture.open_with(&new.with_retiring(&fixture.keys))?;
    both.rotate(&new, &silent).await.works("a rotation with both keys when it is done")?;
    let alone = fixture.open_with(&new)?;
    alone.rotate(&new, &silent).await.works("a rotation to the keys that it has")?;
    only_new_opens(fixture, &before, &new, &fixture.keys).await
}

async fn progress_is_reported(fixture: &StoreFixture<'_>) -> Checked {
    let (store, _) = furnished(fixture).await?;
    let heard: Mutex<Vec<Progress>> = Mutex::default();
    let listener = |progress| heard.lock().expect("nobody panics with it").push(progress);
    store.rotate(&ring(fixture.random()), &listener).await.works("a rotation")?;
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

/// Demands, after an interrupted rotation, that no data is lost and that the rotation can be resumed.
async fn resumes(fixture: &StoreFixture<'_>, before: &Snapshot, new: &KeyRing) -> Checked {
    let both = fixture.open_with(&new.with_retiring(&fixture.keys))?;
    before.must_hold_in(&both, "with new and old keys after a rotation that did not end").await?;
    both.rotate(new, &silent).await.works("resuming the rotation")?;
    only_new_opens(fixture, before, new, &fixture.keys).await
}

async fn failed_rotations_resume(fixture: &StoreFixture<'_>) -> Checked {
    for round in 0..400 {
        let fixture = fixture.fresh()?;
        let (store, before) = furnished(&fixture).await?;
        let new = ring(fixture.random());
        fixture.fail_storage(round / 2, round % 2 == 1, true);
        let answer = store.rotate(&new, &silent).await;
        let has_failed = fixture.storage().recover();
        if answer.is_ok() {
            only_new_opens(&fixture, &before, &new, &fixture.keys).await?;
        } else {
            before.must_hold_in(&store, "through the handle whose rotation failed").await?;
            resumes(&fixture, &before, &new).await?;
        }
        if !has_failed && round % 2 == 1 {
            return Ok(());
        }
    }
    Err(broken("a rotation of six records within 200 operations", "more"))
}

async fn dropped_rotations_resume(fixture: &StoreFixture<'_>) -> Checked {
    for polls in 0..1000 {
        let fixture = fixture.fresh()?;
        let (store, before) = furnished(&fixture).await?;
        let new = ring(fixture.random());
        let answer = polled(polls, store.rotate(&new, &silent)).await;
        if let Some(answer) = answer {
            answer.works("a rotation")?;
            return only_new_opens(&fixture, &before, &new, &fixture.keys).await;
        }
        before.must_hold_in(&store, "through the handle whose rotation was dropped").await?;
        drop(store);
        resumes(&fixture, &before, &new).await?;
    }
    Err(broken("a rotation of six records within 1000 polls", "more"))
}

async fn others_work_meanwhile(fixture: &StoreFixture<'_>) -> Checked {
    for _ in 0..8 {
        let fixture = fixture.fresh()?;
        let (store, _) = furnished(&fixture).await?;
        let new_keys = ring(fixture.random());
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
                    let same = read.value.expose_text() == Some(&format!("value of {name}"));
                    ensure(same, "the value as it was", "another one")?;
                    yield_now().await;
                }
                Snapshot::of(store).await.map(drop)
            }));
        }
        for writer in 0..2 {
            let store = &store;
            turns.push(Box::pin(async move {
                for step in 0..5 {
                    let name = format!("w{writer} {step}");
                    store.create(new(&name, "first")).await.works("a creation during the rotation")?;
                    yield_now().await;
                    let change = SecretChange::value(text("second"));
                    store.modify(&at(&name), change).await.works("a change during the rotation")?;
                }
                if store.capabilities().destroys {
                    store
                        .destroy(&at(&format!("w{writer} 0")), None)
                        .await
                        .works("a destruction during it")?;
                }
                if store.capabilities().configures {
                    store.configure(Configure::Read).await.works("reading settings during it")?;
                }
                Ok(())
            }));
        }
        in_turns(turns, || fixture.random()).await.into_iter().collect::<Checked>()?;
        let seen = Snapshot::of(&store).await?;
        for writer in 0..2 {
            for step in 1..5 {
                let address = at(&format!("w{writer} {step}"));
                let value =
                    seen.secrets.get(&address).map(|(_, value)| value.expose_text() == Some("second"));
                let expected = format!("{address} as it was written last");
                ensure(value == Some(true), expected, format!("{value:?}"))?;
            }
        }
        ensure(seen.secrets.len() >= 12, "all that was written", seen.secrets.len().to_string())?;
        seen.must_hold_in(&fixture.open_with(&new_keys)?, "with the new keys alone").await?;
    }
    Ok(())
}

async fn nothing_is_readable_at_rest(fixture: &StoreFixture<'_>) -> Checked {
    let canary = fixture.canary("");
    let store = fixture.initialized().await?;
    store.create(new("a", &canary)).await.works("a creation")?;
    store.create(new("b", "v")).await.works("a creation")?;
    store.modify(&at("b"), SecretChange::value(text(&canary))).await.works("a change")?;
    if store.capabilities().rotates {
        store.rotate(&ring(fixture.random()), &silent).await.works("a rotation")?;
    }
    for (name, content) in fixture.at_rest().await {
        let found = content.windows(canary.len()).any(|window| window == canary.as_bytes());
        ensure(!found, "no value in the clear", format!("one in {}", name.escape_ascii()))?;
    }
    Ok(())
}
