//! Tests the client's operations on environments.

use keyway_secrets::{Environment, SecretStore};

use super::{
    Answer, Broken, Checked, Client, ClientAnswer, ClientFixture, ENVIRONMENTS, Missing, Request, Snapshot,
    StoreFixture, broken, ensure, environment, list_all_environments, rules,
};

rules! {
    in StoreFixture;
    "SEC-208" Must needs ENVIRONMENTS
        from ["L11", "Locker/list_environments", "Locker/retrieve_environment", "Locker/create_environment", "Locker/modify_environment", "Locker/get_environment"]
        "A client lists, retrieves, creates and modifies environments as the store has them, over all pages."
        environments_are_the_stores;
    "SEC-209" Must needs ENVIRONMENTS from ["L2", "L11", "Locker/get_environment", "Locker/retrieve_environment", "Locker/modify_environment"]
        "A client's operation on a missing environment answers that it is missing and creates nothing; the older `get_environment` returns nothing."
        missing_environments;
}

async fn one(client: &Client<'_>, request: Request, what: &str) -> Result<Environment, Broken> {
    let mut environments = client.environments(request).await.works(what)?;
    let count = environments.len();
    match environments.pop() {
        Some(environment) if count == 1 => Ok(environment),
        _ => Err(broken(format!("one environment from {what}"), count.to_string())),
    }
}

async fn environments_are_the_stores(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &[], &[]).await?;
    let (client, url) = (&fixture.client, |text: &str| Some(text.to_owned()));
    for number in 0..5 {
        let name = format!("e{}", (number * 3) % 5);
        let request =
            Request::CreateEnvironment { name: name.clone(), external_url: url("https://x.example") };
        let created = one(client, request, "`create_environment`").await?;
        let observed = format!("{created:?}");
        let as_asked = created.name.as_str() == name && created.external_url == url("https://x.example");
        ensure(as_asked, format!("{name} with its URL"), observed)?;
    }
    for wanted in [None, url(""), url("elsewhere")] {
        let request = Request::ModifyEnvironment { name: "e3".to_owned(), external_url: wanted.clone() };
        let changed = one(client, request, "`modify_environment`").await?;
        let stored = fixture.store.retrieve_environment(&environment("e3")).await.works("reading it")?;
        for seen in [&changed, &stored] {
            ensure(seen.external_url == wanted, format!("{wanted:?}"), format!("{:?}", seen.external_url))?;
        }
    }
    let stored = list_all_environments(&fixture.store, 100).await?;
    for page in [2, usize::MAX] {
        fixture.faults().short_pages(page);
        let listed = client.environments(Request::ListEnvironments).await.works("`list_environments`")?;
        ensure(listed == stored, format!("{stored:?}"), format!("{listed:?} in pages of {page}"))?;
    }
    for wanted in &stored {
        let name = wanted.name.as_str().to_owned();
        let retrieve = Request::RetrieveEnvironment(name.clone());
        let read = one(client, retrieve, "`retrieve_environment`").await?;
        ensure(read == *wanted, format!("{wanted:?}"), format!("{read:?}"))?;
        let read = one(client, Request::GetEnvironment(name), "`get_environment`").await?;
        ensure(read == *wanted, format!("{wanted:?}"), format!("{read:?}"))?;
    }
    Ok(())
}

async fn missing_environments(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &["e"], &[]).await?;
    let before = Snapshot::of(&fixture.store).await?;
    let name = || "E".to_owned();
    let missing = Missing::Environment;
    let retrieve = Request::RetrieveEnvironment(name());
    let answer = fixture.client.environments(retrieve).await;
    answer.misses("`retrieve_environment` of one that is not there", missing)?;
    let modify = Request::ModifyEnvironment { name: name(), external_url: None };
    let answer = fixture.client.environments(modify).await;
    answer.misses("`modify_environment` of one that is not there", missing)?;
    let found = fixture.client.environments(Request::GetEnvironment(name())).await;
    let found = found.works("`get_environment` of one that is not there")?;
    ensure(found.is_empty(), "no environment", format!("{found:?}"))?;
    before.must_hold_in(&fixture.store, "after operations that found nothing").await
}
