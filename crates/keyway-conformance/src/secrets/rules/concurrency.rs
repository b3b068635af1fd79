//! Many callers at once.

use std::thread;

use keyway_secrets::{SecretChange, SecretStore, StoreError};

use super::{Checked, SecretTrial};
use crate::secrets::picture::Picture;
use crate::secrets::place::Place;
use crate::secrets::polls::{Turn, in_turns};
use crate::secrets::refusal::{Answer, Refusal};
use crate::secrets::samples::{at, fill, new, text};
use crate::{Broken, broken, ensure};

rules! {
    "SEC-130" Must needs VERSIONS from ["Contract/versions", "C6", "Locker/threads"]
        "Threads that count with compare-and-set through several handles lose no count."
        no_lost_update;
    "SEC-131" Must needs NOTHING from ["Convection/create", "C6"]
        "Of several callers that create one name at once, exactly one succeeds."
        one_creator_wins;
    "SEC-132" Must needs NOTHING from ["C6", "Locker/threads", "Convection/write"]
        "What several threads write at once through several handles is all there."
        no_lost_write;
    "SEC-133" Must needs NOTHING from ["Convection/initialize", "C4"]
        "Of several callers that make one store at once, exactly one succeeds."
        one_initializer_wins;
}

/// Runs work on as many threads as there are jobs.
pub(super) fn on_threads<T: Send>(jobs: Vec<Turn<'_, Result<T, Broken>>>) -> Result<Vec<T>, Broken> {
    thread::scope(|scope| {
        let threads: Vec<_> = jobs
            .into_iter()
            .map(|job| {
                scope.spawn(move || {
                    match tokio::runtime::Builder::new_current_thread().enable_time().build() {
                        Ok(runtime) => runtime.block_on(job),
                        Err(error) => Err(broken("a runtime to run on", error.to_string())),
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                thread.join().unwrap_or_else(|_| Err(broken("no panic", "a thread of the rule panicked")))
            })
            .collect()
    })
}

/// Whether an answer says that another caller was first, so that one tries again.
fn lost_a_race(error: &StoreError) -> bool {
    matches!(Refusal::of(error), Refusal::Conflict | Refusal::VersionConflict)
}

async fn no_lost_update(trial: &SecretTrial<'_>) -> Checked {
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
    let place = Place::new(trial)?;
    let (store, other) = (place.initialized().await?, place.open()?);
    store.create(new("counter", "0")).await.works("a creation")?;
    let handles = [&store, &store, &other, &other];
    on_threads(handles.map(|handle| -> Turn<'_, Checked> { Box::pin(count(handle)) }).into())?;
    // Once more in turns that the seed decides, so that what it finds can be repeated.
    let turns = handles.map(|handle| -> Turn<'_, Checked> { Box::pin(count(handle)) }).into();
    in_turns(turns, || trial.random()).await.into_iter().collect::<Checked>()?;
    let read = place.open()?.get(&at("counter")).await.works("a read")?;
    let (expected, found) = (2 * THREADS * EACH, read.value.expose_text().unwrap_or("nothing").to_owned());
    ensure(found == expected.to_string(), format!("a count of {expected}"), found)?;
    let version = read.header.version.map_or(0, keyway_secrets::SecretVersion::number);
    ensure(version == expected + 1, format!("version {}", expected + 1), version.to_string())
}

async fn one_creator_wins(trial: &SecretTrial<'_>) -> Checked {
    let place = Place::new(trial)?;
    let (store, other) = (place.initialized().await?, place.open()?);
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
                                return refused
                                    .refused("creating it too", &[Refusal::SecretExists])
                                    .map(|_| None);
                            }
                        }
                    }
                })
            })
            .collect();
        let winners: Vec<Option<usize>> = if round % 2 == 0 {
            on_threads(turns)?
        } else {
            in_turns(turns, || trial.random()).await.into_iter().collect::<Result<_, _>>()?
        };
        let winners: Vec<_> = winners.into_iter().flatten().collect();
        ensure(winners.len() == 1, "one creator", format!("{winners:?}"))?;
        let read = store.get(&at(&name)).await.works("a read")?;
        let kept = read.value.expose_text() == Some(&winners[0].to_string());
        ensure(kept, "the value of the one that succeeded", "another one")?;
    }
    Ok(())
}

async fn no_lost_write(trial: &SecretTrial<'_>) -> Checked {
    const EACH: usize = 6;
    let place = Place::new(trial)?;
    let (store, other) = (place.initialized().await?, place.open()?);
    let write = |caller: usize, round: &'static str| -> Turn<'_, Checked> {
        let handle = [&store, &other][caller % 2];
        Box::pin(async move {
            for number in 0..EACH {
                let name = format!("{round} {caller} {number}");
                loop {
                    match handle.create(new(&name, &name)).await {
                        Err(error) if Refusal::of(&error) == Refusal::Conflict => {}
                        answer => break drop(answer.works("a creation")?),
                    }
                }
            }
            Ok(())
        })
    };
    on_threads((0..4).map(|caller| write(caller, "threads")).collect())?;
    let turns = (0..4).map(|caller| write(caller, "turns")).collect();
    in_turns(turns, || trial.random()).await.into_iter().collect::<Checked>()?;
    let picture = Picture::of(&place.open()?).await?;
    let (expected, found) = (8 * EACH, picture.secrets.len());
    ensure(found == expected, format!("{expected} secrets"), found.to_string())?;
    let wrong = picture
        .secrets
        .iter()
        .find(|(address, (_, value))| value.expose_text() != Some(address.name.as_str()));
    ensure(wrong.is_none(), "each with its own value", format!("{:?}", wrong.map(|(address, _)| address)))
}

async fn one_initializer_wins(trial: &SecretTrial<'_>) -> Checked {
    for _ in 0..6 {
        let place = Place::new(trial)?;
        let handles = [place.open()?, place.open()?, place.open()?];
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
                            let allowed = [Refusal::AlreadyInitialized, Refusal::Conflict];
                            refused.refused("making it too", &allowed).map(|_| false)
                        }
                    }
                })
            })
            .collect();
        let made: Vec<bool> =
            in_turns(turns, || trial.random()).await.into_iter().collect::<Result<_, _>>()?;
        let winners = made.iter().filter(|made| **made).count();
        ensure(winners == 1, "one that makes the store", winners.to_string())?;
        place.open()?.get(&at("a")).await.works("a read of what the one wrote next")?;
    }
    Ok(())
}
