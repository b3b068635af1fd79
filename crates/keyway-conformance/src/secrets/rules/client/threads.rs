//! Tests many tasks that share one client.

use super::world::gives;
use super::{
    Checked, Client, ClientAnswer, ClientFailure, ClientFixture, Layer, Resolution, StoreFixture, Turn,
    add_environments, ensure, fill, in_turns, list_all, on_threads, rules, text,
};
use crate::races::MOST_LOST_RACES;

rules! {
    in StoreFixture;
    "SEC-260" Must from ["L11", "Locker/threads"]
        "16 tasks that share clones of one client without a lock of their own read their own writes, each in its own scope and by its own policy, and lose nothing."
        clones_agree;
}

const TASKS: usize = 16;

/// Repeats a call as long as it fails because another writer was faster, a limited number of times.
async fn insisting<F>(mut call: impl FnMut() -> F + Send) -> Result<(), ClientFailure>
where
    F: Future<Output = Result<(), ClientFailure>> + Send,
{
    for _ in 0..MOST_LOST_RACES {
        match call().await {
            Err(failure) if failure.code == "conflict" => {}
            other => return other,
        }
    }
    call().await
}

async fn task(client: Client<'_>, number: usize, environment: Option<&str>) -> Checked {
    let policy = if number.is_multiple_of(2) { Resolution::Exact } else { Resolution::SharedFallback };
    let client = client.in_scope(environment, policy).on_behalf_of(&format!("task {number}"));
    let layer = if environment.is_some() { Layer::Environment } else { Layer::Shared };
    let key = format!("of {number}");
    insisting(|| client.create(&key, "0")).await.works("`create` in a task")?;
    for round in 1..3 {
        let value = format!("{number} {round}");
        insisting(|| client.modify(&key, &value)).await.works("`modify` in a task")?;
        gives(&client, &key, &text(&value), layer, environment).await?;
        let listed = client.list().await.works("`list` in a task")?;
        let own = listed.iter().filter(|found| found.key == key && found.value.same_as(&text(&value)));
        ensure(own.count() == 1, format!("{key:?} once, as it was written"), "another list")?;
        let sees_shared = environment.is_none() || policy == Resolution::SharedFallback;
        let common = client.find("common").await.works("`find` in a task")?;
        let value = common.as_ref().map(|found| found.value.same_as(&text("value of common")));
        let wanted = sees_shared.then_some(true);
        ensure(value == wanted, format!("{wanted:?} for the common secret"), format!("{value:?}"))?;
    }
    Ok(())
}

async fn clones_agree(fixture: &StoreFixture<'_>) -> Checked {
    let environments = fixture.subject().capabilities().environments;
    for in_threads in [true, false] {
        let fixture = ClientFixture::new(fixture, &[], &[]).await?;
        fill(&fixture.store, &["common"]).await?;
        if environments {
            add_environments(&fixture.store, &["e"]).await?;
        }
        let jobs: Vec<Turn<'_, Checked>> = (0..TASKS)
            .map(|number| -> Turn<'_, Checked> {
                let environment = (environments && number % 4 < 2).then_some("e");
                Box::pin(task(fixture.client.clone(), number, environment))
            })
            .collect();
        if in_threads {
            on_threads(jobs)?;
        } else {
            // Runs the jobs again on one thread, in an order that depends on the seed, so that a failure can be
            // repeated.
            in_turns(jobs, || fixture.random()).await.into_iter().collect::<Checked>()?;
        }
        let told = fixture.accessed();
        for number in 0..TASKS {
            let requester = format!("task {number}");
            let key = format!("of {number}");
            let foreign = told.iter().find(|told| {
                told.requester.as_deref() == Some(&requester)
                    && told.key.as_deref().is_some_and(|told| told != "common" && told != key)
            });
            ensure(foreign.is_none(), format!("{requester} told of its own keys"), format!("{foreign:?}"))?;
        }
        let own = keyway_secrets::ListQuery::all();
        let all = list_all(&fixture.store, &own).await?.len();
        ensure(all == TASKS + 1, (TASKS + 1).to_string(), all.to_string())?;
    }
    Ok(())
}
