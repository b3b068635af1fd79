//! Tests concurrent callers.

use keyway_secrets::{ListQuery, SecretChange, SecretStore, StoreError};

use super::{
    AlreadyInitialized, Answer, Broken, Checked, Conflict, ExpectedError, IMMEDIATE, IMMEDIATE_VERSIONS,
    NOT_BLOCKING, SecretExists, Snapshot, StoreFixture, Turn, VersionConflict, at, ensure, fill, in_turns,
    new, on_threads, rules, text,
};
use crate::polled::prompt_enough;

rules! {
    in StoreFixture;
    "SEC-130" Must needs IMMEDIATE_VERSIONS from ["Contract/versions", "C6", "Locker/threads"]
        "Threads that count with compare-and-set through several handles lose no count."
        no_lost_update;
    "SEC-131" Must needs IMMEDIATE from ["Convection/create", "C6"]
        "If several callers create one name at once, exactly one succeeds."
        one_creator_wins;
    "SEC-132" Must from ["C6", "Locker/threads", "Convection/write"]
        "All concurrent writes of several threads through several handles are stored."
        no_lost_write;
    "SEC-133" Must from ["Convection/initialize", "C4"]
        "If several callers make one store at once, exactly one succeeds."
        one_initializer_wins;
    "SEC-134" Must needs NOT_BLOCKING from ["R1"]
        "An operation of a store that does not declare `blocking` returns from every poll within 50 ms."
        leaves_its_thread;
}

/// Tells whether the call failed because another caller was faster, so that it must be retried.
fn lost_a_race(error: &StoreError) -> bool {
    matches!(ExpectedError::of(error), Conflict | VersionConflict)
}

async fn no_lost_update(fixture: &StoreFixture<'_>) -> Checked {
    const THREADS: u64 = 4;
    const EACH: u64 = 15;
    async fn count(store: &dyn SecretStore) -> Checked {
        for _ in 0..EACH {
            loop {
                let read = store.get(&at("counter")).await.works("a read")?;
                let number: u64 = read.value.expose_text().and_then(|text| text.parse().ok()).unwrap_or(0);
                let change = SecretChange::value(text(&(number + 1).to_string())).if_unchanged(&read.header);
                match store.modify(&at("counter"), change).await {
                    Err(error) if lost_a_race(&error) => {}
                    answer => {
                        answer.works("a change")?;
                        break;
                    }
                }
            }
        }
        Ok(())
    }
    let (store, other) = (fixture.initialized().await?, fixture.open()?);
    store.create(new("counter", "0")).await.works("a creation")?;
    let handles = [&store, &store, &other, &other];
    on_threads(handles.map(|handle| -> Turn<'_, Checked> { Box::pin(count(handle)) }).into())?;
    // Runs the handles again on one thread, in an order that depends on the seed, so that a failure can be repeated.
    let turns = handles.map(|handle| -> Turn<'_, Checked> { Box::pin(count(handle)) }).into();
    in_turns(turns, || fixture.random()).await.into_iter().collect::<Checked>()?;
    let read = fixture.open()?.get(&at("counter")).await.works("a read")?;
    let (expected, found) = (2 * THREADS * EACH, read.value.expose_text().unwrap_or("nothing").to_owned());
    ensure(found == expected.to_string(), format!("a count of {expected}"), found)?;
    let version = read.header.version.map_or(0, keyway_secrets::SecretVersion::number);
    ensure(version == expected + 1, format!("version {}", expected + 1), version.to_string())
}

async fn one_creator_wins(fixture: &StoreFixture<'_>) -> Checked {
    let (store, other) = (fixture.initialized().await?, fixture.open()?);
    for round in 0..6 {
        let name = format!("a{round}");
        let turns = (0..4_usize)
            .map(|caller| -> Turn<'_, Result<Option<usize>, Broken>> {
                let (handle, name) = ([&store, &other][caller % 2], name.clone());
                Box::pin(async move {
                    loop {
                        match handle.create(new(&name, &caller.to_string())).await {
                            Ok(_) => return Ok(Some(caller)),
                            Err(error) if lost_a_race(&error) => {}
                            refused => {
                                return refused.refused("creating it too", &[SecretExists]).map(|_| None);
                            }
                        }
                    }
                })
            })
            .collect();
        let winners: Vec<Option<usize>> = if round % 2 == 0 {
            on_threads(turns)?
        } else {
            in_turns(turns, || fixture.random()).await.into_iter().collect::<Result<_, _>>()?
        };
        let winners: Vec<_> = winners.into_iter().flatten().collect();
        ensure(winners.len() == 1, "one creator", format!("{winners:?}"))?;
        let read = store.get(&at(&name)).await.works("a read")?;
        let kept = read.value.expose_text() == Some(&winners[0].to_string());
        ensure(kept, "the value of the one that succeeded", "another one")?;
    }
    Ok(())
}

async fn no_lost_write(fixture: &StoreFixture<'_>) -> Checked {
    const EACH: usize = 6;
    let (store, other) = (fixture.initialized().await?, fixture.open()?);
    let write = |caller: usize, round: &'static str| -> Turn<'_, Checked> {
        let handle = [&store, &other][caller % 2];
        Box::pin(async move {
            for number in 0..EACH {
                let name = format!("{round} {caller} {number}");
                loop {
                    match handle.create(new(&name, &name)).await {
                        Err(error) if ExpectedError::of(&error) == Conflict => {}
                        answer => break drop(answer.works("a creation")?),
                    }
                }
            }
            Ok(())
        })
    };
    on_threads((0..4).map(|caller| write(caller, "threads")).collect())?;
    let turns = (0..4).map(|caller| write(caller, "turns")).collect();
    in_turns(turns, || fixture.random()).await.into_iter().collect::<Checked>()?;
    let snapshot = Snapshot::of(&fixture.open()?).await?;
    let (expected, found) = (8 * EACH, snapshot.secrets.len());
    ensure(found == expected, format!("{expected} secrets"), found.to_string())?;
    let wrong = snapshot
        .secrets
        .iter()
        .find(|(address, (_, value))| value.expose_text() != Some(address.name.as_str()));
    ensure(wrong.is_none(), "each with its own value", format!("{:?}", wrong.map(|(address, _)| address)))
}

async fn one_initializer_wins(fixture: &StoreFixture<'_>) -> Checked {
    for _ in 0..6 {
        let fixture = fixture.fresh()?;
        let handles = [fixture.open()?, fixture.open()?, fixture.open()?];
        let turns = handles
            .iter()
            .map(|handle| -> Turn<'_, Result<bool, Broken>> {
                Box::pin(async move {
                    match handle.initialize().await {
                        Ok(()) => {
                            fill(handle, &["a"]).await?;
                            Ok(true)
                        }
                        refused => {
                            let allowed = [AlreadyInitialized, Conflict];
                            refused.refused("making it too", &allowed).map(|_| false)
                        }
                    }
                })
            })
            .collect();
        let made: Vec<bool> =
            in_turns(turns, || fixture.random()).await.into_iter().collect::<Result<_, _>>()?;
        let winners = made.iter().filter(|made| **made).count();
        ensure(winners == 1, "one that makes the store", winners.to_string())?;
        fixture.open()?.get(&at("a")).await.works("a read of what the one wrote next")?;
    }
    Ok(())
}

async fn leaves_its_thread(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    fill(&store, &["a"]).await?;
    prompt_enough("`get`", || Box::pin(async { drop(store.get(&at("a")).await) })).await?;
    prompt_enough("`list`", || Box::pin(async { drop(store.list(&ListQuery::all()).await) })).await?;
    prompt_enough("`create`", || Box::pin(async { drop(store.create(new("b", "1")).await) })).await?;
    let change = || SecretChange::value(text("b"));
    prompt_enough("`modify`", || Box::pin(async { drop(store.modify(&at("a"), change()).await) })).await?;
    prompt_enough("`destroy`", || Box::pin(async { drop(store.destroy(&at("b"), None).await) })).await
}
