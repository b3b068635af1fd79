//! Tests concurrent callers.

use keyway_secrets::{ListQuery, SecretChange, SecretStore, StoreError};

use super::{
    AlreadyInitialized, Answer, Broken, Checked, Conflict, ExpectedError, IMMEDIATE, IMMEDIATE_VERSIONS,
    NOT_BLOCKING, PROMPT, PROMPT_READS, SecretExists, Snapshot, StoreFixture, Turn, VersionConflict, at,
    ensure, fill, in_turns, new, on_threads, rules, text,
};
use crate::polled::{Attempts, CALLERS_TASK, HOST_THREAD, Promptness};
use crate::races::MOST_LOST_RACES;

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
        leaves_its_thread(HOST_THREAD);
    "SEC-135" Must needs PROMPT from ["R1"]
        "An operation of a store that declares `prompt` returns from every poll at once."
        leaves_its_thread(CALLERS_TASK);
    "SEC-136" Must needs PROMPT_READS from ["R1"]
        "A read by `get` or `written_by` of a store that declares `prompt_reads` returns from every poll at once."
        reads_promptly;
}

/// Counts the races that a call may lose before its failure breaks the rule.
struct Races(usize);

impl Races {
    const fn new() -> Self {
        Self(MOST_LOST_RACES)
    }

    /// Tells whether the call failed because another caller was faster, so that it must be retried.
    fn lost(&mut self, error: &StoreError) -> bool {
        let lost = matches!(ExpectedError::of(error), Conflict | VersionConflict) && self.0 > 0;
        self.0 -= usize::from(lost);
        lost
    }
}

async fn no_lost_update(fixture: &StoreFixture<'_>) -> Checked {
    const THREADS: u64 = 4;
    const EACH: u64 = 15;
    async fn count(store: &dyn SecretStore) -> Checked {
        for _ in 0..EACH {
            let mut races = Races::new();
            loop {
                let read = store.get(&at("counter")).await.works("a read")?;
                let number: u64 = read.value.expose_text().and_then(|text| text.parse().ok()).unwrap_or(0);
                let change = SecretChange::value(text(&(number + 1).to_string())).if_unchanged(&read.header);
                match store.modify(&at("counter"), change).await {
                    Err(error) if races.lost(&error) => {}
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
                    let mut races = Races::new();
                    loop {
                        match handle.create(new(&name, &caller.to_string())).await {
                            Ok(_) => return Ok(Some(caller)),
                            Err(error) if races.lost(&error) => {}
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
                let (name, mut races) = (format!("{round} {caller} {number}"), Races::new());
                loop {
                    match handle.create(new(&name, &name)).await {
                        Err(error) if ExpectedError::of(&error) == Conflict && races.lost(&error) => {}
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

async fn leaves_its_thread(fixture: &StoreFixture<'_>, demanded: Promptness) -> Checked {
    let store = fixture.filled(&["a"]).await?;
    reads(&store, demanded).await?;
    let mut list = Attempts::of("`list`", demanded);
    while list.another() {
        drop(list.timed(store.list(&ListQuery::all())).await);
    }
    list.judged()?;
    // Each attempt writes something else, since a store may have less to do for a write that it has made already.
    let (mut create, mut number) = (Attempts::of("`create`", demanded), 0);
    while create.another() {
        number += 1;
        drop(create.timed(store.create(new(&format!("b{number}"), "1"))).await);
    }
    create.judged()?;
    let mut modify = Attempts::of("`modify`", demanded);
    while modify.another() {
        number += 1;
        let change = SecretChange::value(text(&number.to_string()));
        drop(modify.timed(store.modify(&at("a"), change)).await);
    }
    modify.judged()?;
    let mut destroy = Attempts::of("`destroy`", demanded);
    while destroy.another() {
        number += 1;
        let name = format!("c{number}");
        store.create(new(&name, "1")).await.works("a creation")?;
        drop(destroy.timed(store.destroy(&at(&name), None)).await);
    }
    destroy.judged()
}

async fn reads_promptly(fixture: &StoreFixture<'_>) -> Checked {
    reads(&fixture.filled(&["a"]).await?, CALLERS_TASK).await
}

async fn reads(store: &dyn SecretStore, demanded: Promptness) -> Checked {
    let mut get = Attempts::of("`get`", demanded);
    while get.another() {
        drop(get.timed(store.get(&at("a"))).await);
    }
    get.judged()?;
    let mut written_by = Attempts::of("`written_by`", demanded);
    while written_by.another() {
        drop(written_by.timed(store.written_by()).await);
    }
    written_by.judged()
}
