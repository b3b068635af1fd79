//! Tests that environments are separate from each other and from the shared secrets.

use std::collections::BTreeSet;

use keyway_secrets::{
    EnvironmentChange, EnvironmentFilter, ListQuery, MAX_EXTERNAL_URL_BYTES, NewEnvironment, NewSecret,
    SecretChange, SecretStore,
};

use super::{
    Answer, Checked, ENVIRONMENTS, EnvironmentExists, EnvironmentNotFound, Invalid, SecretNotFound, Snapshot,
    StoreFixture, TooLarge, add_environments, at, at_in, ensure, environment, list_all,
    list_all_environments, new_environment, rules, text,
};

rules! {
    in StoreFixture;
    "SEC-060" Must needs ENVIRONMENTS
        from ["Locker/create_environment", "Locker/retrieve_environment", "Locker/list_environments"]
        "A new environment is read and listed with its URL, also after a restart."
        created_is_read;
    "SEC-061" Must needs ENVIRONMENTS from ["Locker/create_environment", "C5"]
        "`create_environment` of an existing environment answers `EnvironmentExists` and changes nothing."
        create_never_overwrites;
    "SEC-062" Must needs ENVIRONMENTS from ["Locker/modify_environment"]
        "`modify_environment` sets or removes the URL, and changes no other environment."
        modify_sets_the_url;
    "SEC-063" Must needs ENVIRONMENTS from ["Locker/retrieve_environment", "Locker/modify_environment", "L2", "C5"]
        "Operations on a missing environment answer `EnvironmentNotFound` and never create it."
        missing_is_typed;
    "SEC-064" Must needs ENVIRONMENTS from ["L1", "L4", "Locker/get", "Locker/modify"]
        "Each layer may have a secret of the same name, and no operation reaches into another layer."
        layers_are_apart;
    "SEC-065" Must needs ENVIRONMENTS from ["L2", "Locker/errors"]
        "Operations on secrets of a missing environment answer `EnvironmentNotFound`, and so does their list."
        unknown_environments_are_refused;
    "SEC-066" Must needs ENVIRONMENTS from ["Locker/list", "Convection/list"]
        "A list holds exactly the secrets of the requested layer."
        lists_are_filtered;
    "SEC-067" Must needs ENVIRONMENTS from ["Locker/list_environments"]
        "The pages of a list hold each environment once, for every page size."
        pages_are_complete;
    "SEC-068" Must needs ENVIRONMENTS from ["Locker/create_environment", "C6"]
        "An external URL that is too long is refused and changes nothing; the longest allowed one is kept."
        long_urls_are_refused;
    "SEC-069" Must needs ENVIRONMENTS from ["Locker/list_environments"]
        "A foreign cursor for a list of environments is refused as `Invalid`."
        foreign_cursors_are_refused;
}

async fn created_is_read(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    for url in [Some("https://a.example.org"), Some(""), Some("not a URL \u{fc}"), None] {
        let name = environment(&format!("with {url:?}"));
        let new = NewEnvironment { name: name.clone(), external_url: url.map(str::to_owned) };
        let created = store.create_environment(new).await.works("creating an environment")?;
        ensure(created.name == name, format!("{name}"), format!("{}", created.name))?;
        let reopened = fixture.open()?;
        let read = reopened.retrieve_environment(&name).await.works("reading it")?;
        ensure(read.external_url.as_deref() == url, format!("{url:?}"), format!("{:?}", read.external_url))?;
        let expected = format!("what `create_environment` answered: {created:?}");
        ensure(read == created, expected, format!("{read:?}"))?;
        let listed = list_all_environments(&reopened, 100).await?;
        ensure(listed.contains(&read), format!("{read:?} in the list"), format!("{listed:?}"))?;
    }
    Ok(())
}

async fn create_never_overwrites(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    add_environments(&store, &["e"]).await?;
    store.create(NewSecret::new(at_in("a", "e"), text("v"))).await.works("creating a secret in it")?;
    let before = Snapshot::of(&store).await?;
    for url in [None, Some("https://other.example.org".to_owned())] {
        let again = NewEnvironment { name: environment("e"), external_url: url };
        store.create_environment(again).await.refused("creating it again", &[EnvironmentExists])?;
    }
    before.must_hold_in(&store, "after refusals").await
}

async fn modify_sets_the_url(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    add_environments(&store, &["e", "f"]).await?;
    store.create(NewSecret::new(at_in("a", "e"), text("v"))).await.works("creating a secret in it")?;
    let before = Snapshot::of(&store).await?;
    for url in [Some("https://new.example.org"), None, Some("")] {
        let change = EnvironmentChange { external_url: url.map(str::to_owned) };
        let changed = store.modify_environment(&environment("e"), change).await.works("a change")?;
        let mut expected = before.clone();
        let mut read = fixture.open()?.retrieve_environment(&environment("e")).await.works("reading it")?;
        ensure(read.external_url.as_deref() == url, format!("{url:?}"), format!("{:?}", read.external_url))?;
        let observed = format!("{read:?}");
        ensure(read == changed, format!("what `modify_environment` answered: {changed:?}"), observed)?;
        let after = Snapshot::of(&store).await?;
        if let Some(listed) = after.environments.get(&environment("e")) {
            read = listed.clone();
        }
        ensure(read == changed, format!("{changed:?} in the list"), format!("{read:?}"))?;
        expected.environments.insert(environment("e"), changed);
        expected.must_equal(&after, "but the URL")?;
    }
    Ok(())
}

async fn missing_is_typed(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    add_environments(&store, &["Staging"]).await?;
    let before = Snapshot::of(&store).await?;
    for name in ["staging", "other"] {
        let missing = environment(name);
        let change = EnvironmentChange { external_url: None };
        let changed = store.modify_environment(&missing, change).await;
        changed.refused("`modify_environment`", &[EnvironmentNotFound])?;
        let read = store.retrieve_environment(&missing).await;
        read.refused("`retrieve_environment`", &[EnvironmentNotFound])?;
    }
    before.must_hold_in(&store, "after refusals").await
}

async fn layers_are_apart(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    add_environments(&store, &["e", "f"]).await?;
    let layers = [at("a"), at_in("a", "e"), at_in("a", "f")];
    let missing = [SecretNotFound];
    for (number, address) in layers.iter().enumerate() {
        let change = SecretChange::value(text("through"));
        store.get(address).await.refused("`get` before its own layer has it", &missing)?;
        store.modify(address, change).await.refused("`modify` before its own layer has it", &missing)?;
        if store.capabilities().destroys {
            store.destroy(address, None).await.refused("`destroy` before its own layer has it", &missing)?;
        }
        let new = NewSecret::new(address.clone(), text(&number.to_string()));
        let header = store.create(new).await.works("the same name in another layer")?;
        ensure(header.address == *address, address.to_string(), header.address.to_string())?;
    }
    store.modify(&layers[1], SecretChange::value(text("changed"))).await.works("a change in one layer")?;
    for (address, value) in layers.iter().zip(["0", "changed", "2"]) {
        let secret = store.get(address).await.works("reading it")?;
        let expected = format!("{address} with its own value");
        ensure(secret.value.expose_text() == Some(value), expected, "another one")?;
        ensure(secret.header.address == *address, address.to_string(), secret.header.address.to_string())?;
    }
    if !store.capabilities().destroys {
        return Ok(());
    }
    store.destroy(&layers[1], None).await.works("destroying it in one layer")?;
    store.get(&layers[1]).await.refused("`get` where it was destroyed", &missing)?;
    for address in [&layers[0], &layers[2]] {
        store.get(address).await.works("reading it in the other layers")?;
    }
    Ok(())
}

async fn unknown_environments_are_refused(fixture: &StoreFixture<'_>) -> Checked {
    let (store, before) = fixture.seen(&["a"]).await?;
    let address = at_in("a", "nowhere");
    let change = SecretChange::value(text("v"));
    let list = ListQuery::all().of(EnvironmentFilter::In(environment("nowhere")));
    for (operation, answer) in [
        ("`create`", store.create(NewSecret::new(address.clone(), text("v"))).await.map(drop)),
        ("`get`", store.get(&address).await.map(drop)),
        ("`modify`", store.modify(&address, change).await.map(drop)),
        ("`destroy`", store.destroy(&address, None).await),
        ("`list`", store.list(&list).await.map(drop)),
    ] {
        if operation != "`destroy`" || store.capabilities().destroys {
            answer.refused(operation, &[EnvironmentNotFound])?;
        }
    }
    before.must_hold_in(&store, "after refusals").await
}

async fn lists_are_filtered(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    add_environments(&store, &["e", "f", "empty"]).await?;
    let all = [
        at("a"),
        at("b"),
        at_in("a", "e"),
        at_in("c", "e"),
        at_in("a", "f"),
        at_in("d", "f"),
        at_in("b", "f"),
    ];
    for address in &all {
        store.create(NewSecret::new(address.clone(), text("v"))).await.works("creating a secret")?;
    }
    let of = |name| EnvironmentFilter::In(environment(name));
    for filter in [EnvironmentFilter::All, EnvironmentFilter::Shared, of("e"), of("f"), of("empty")] {
        let is_wanted = |address: &&keyway_secrets::SecretAddress| match &filter {
            EnvironmentFilter::All => true,
            EnvironmentFilter::Shared => address.environment.is_none(),
            EnvironmentFilter::In(environment) => address.environment.as_ref() == Some(environment),
        };
        let wanted: BTreeSet<_> = all.iter().filter(is_wanted).cloned().collect();
        for limit in [1, 2, 100] {
            let listed = list_all(&store, &ListQuery::all().of(filter.clone()).limit(limit)).await?;
            let count = listed.len();
            let listed: BTreeSet<_> = listed.into_iter().map(|listed| listed.header.address).collect();
            let expected = format!("{} secrets of {filter:?}", wanted.len());
            ensure(listed == wanted && count == wanted.len(), expected, format!("{count}: {listed:?}"))?;
        }
    }
    Ok(())
}

async fn pages_are_complete(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    let names: BTreeSet<_> = (0..7).map(|number| environment(&format!("e{number}"))).collect();
    for name in &names {
        store.create_environment(new_environment(name.as_str())).await.works("creating an environment")?;
    }
    for limit in [1, 2, 3, 7, 8] {
        let listed = list_all_environments(&store, limit).await?;
        let count = listed.len();
        let listed: BTreeSet<_> = listed.into_iter().map(|environment| environment.name).collect();
        ensure(listed == names && count == 7, "each of 7 environments once", format!("{count}: {listed:?}"))?;
    }
    Ok(())
}

async fn long_urls_are_refused(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    let longest = Some("u".repeat(MAX_EXTERNAL_URL_BYTES));
    let new = NewEnvironment { name: environment("e"), external_url: longest.clone() };
    let created = store.create_environment(new).await.works("the longest URL")?;
    ensure(created.external_url == longest, "the longest URL as it was", "another one")?;
    let before = Snapshot::of(&store).await?;
    let long = Some("u".repeat(MAX_EXTERNAL_URL_BYTES + 1));
    let refusals = [Invalid, TooLarge];
    let new = NewEnvironment { name: environment("f"), external_url: long.clone() };
    store.create_environment(new).await.refused("creating with a longer URL", &refusals)?;
    let change = EnvironmentChange { external_url: long };
    let changed = store.modify_environment(&environment("e"), change).await;
    changed.refused("changing to a longer URL", &refusals)?;
    before.must_hold_in(&store, "after refusals").await
}

async fn foreign_cursors_are_refused(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    add_environments(&store, &["e"]).await?;
    for cursor in super::lists::foreign_cursors() {
        let answer = store.list_environments(Some(&cursor), 10).await;
        answer.refused("`list_environments` after a foreign cursor", &[Invalid])?;
    }
    Ok(())
}
