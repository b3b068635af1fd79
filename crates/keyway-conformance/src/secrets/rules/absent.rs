//! Undeclared capabilities: the store answers `Unsupported`, and changes nothing.

use keyway_secrets::{
    EnvironmentChange, EnvironmentFilter, ListQuery, NewSecret, SecretChange, SecretStore, SecretVersion,
};

use super::{
    Answer, Checked, NO_DATES, NO_DESCRIPTIONS, NO_ENVIRONMENTS, NO_VERSIONS, StoreFixture, Unsupported, at,
    at_in, ensure, environment, fill, new, new_environment, rules, text,
};

rules! {
    in StoreFixture;
    "SEC-120" Must needs NO_ENVIRONMENTS from ["Principle/declared", "L1"]
        "Without environments, every operation on one answers `Unsupported` and changes nothing."
        no_environments;
    "SEC-121" Must needs NO_DESCRIPTIONS from ["Principle/declared", "Contract/descriptions"]
        "Without descriptions, a description is refused as `Unsupported`, and none is answered."
        no_descriptions;
    "SEC-122" Must needs NO_VERSIONS from ["Principle/declared", "Contract/versions"]
        "Without versions, an expected version is refused as `Unsupported`, and none is answered."
        no_versions;
    "SEC-123" Must needs NO_DATES from ["Principle/declared", "Contract/dates"]
        "Without dates, no date is answered."
        no_dates;
    "SEC-124" Must from ["Principle/declared"]
        "The capabilities are the same for every handle, and do not change when the store is used."
        capabilities_are_constant;
}

async fn no_environments(fixture: &StoreFixture<'_>) -> Checked {
    let (store, before) = fixture.seen(&["a"]).await?;
    let at_rest = fixture.at_rest().await;
    let list = ListQuery::all().of(EnvironmentFilter::In(environment("e")));
    let url = EnvironmentChange { external_url: None };
    for (operation, answer) in [
        ("`list_environments`", store.list_environments(None, 10).await.map(drop)),
        ("`retrieve_environment`", store.retrieve_environment(&environment("e")).await.map(drop)),
        ("`create_environment`", store.create_environment(new_environment("e")).await.map(drop)),
        ("`modify_environment`", store.modify_environment(&environment("e"), url).await.map(drop)),
        ("`create` in one", store.create(NewSecret::new(at_in("a", "e"), text("v"))).await.map(drop)),
        ("`get` in one", store.get(&at_in("a", "e")).await.map(drop)),
        ("`modify` in one", store.modify(&at_in("a", "e"), SecretChange::value(text("v"))).await.map(drop)),
        ("`destroy` in one", store.destroy(&at_in("a", "e"), None).await),
        ("`list` of one", store.list(&list).await.map(drop)),
    ] {
        answer.refused(operation, &[Unsupported])?;
    }
    ensure(at_rest == fixture.at_rest().await, "nothing touched", "what lies at rest has changed")?;
    before.must_hold_in(&store, "after refusals").await
}

async fn no_descriptions(fixture: &StoreFixture<'_>) -> Checked {
    let (store, before) = fixture.seen(&["a"]).await?;
    let created = store.create(new("b", "v").with_description("d")).await;
    created.refused("`create` with a description", &[Unsupported])?;
    for description in [Some("d".to_owned()), None] {
        let mut change = SecretChange::value(text("v"));
        change.description = Some(description);
        store.modify(&at("a"), change).await.refused("`modify` of a description", &[Unsupported])?;
    }
    before.must_hold_in(&store, "after refusals").await?;
    let found = before.secrets.values().find_map(|(header, _)| header.description.clone());
    ensure(found.is_none(), "no description", format!("{found:?}"))
}

async fn no_versions(fixture: &StoreFixture<'_>) -> Checked {
    let (store, before) = fixture.seen(&["a"]).await?;
    let read = store.get(&at("a")).await.works("a read")?.header;
    let versioned = read.clone().with_version(SecretVersion::FIRST);
    let change = SecretChange::value(text("v")).if_unchanged(&versioned);
    let changed = store.modify(&at("a"), change).await;
    changed.refused("`modify` for a version", &[Unsupported])?;
    let destroyed = store.destroy(&at("a"), Some(versioned.revision())).await;
    destroyed.refused("`destroy` for a version", &[Unsupported])?;
    // A header without a version is a condition, too.
    let changed = store.modify(&at("a"), SecretChange::value(text("v")).if_unchanged(&read)).await;
    changed.refused("`modify` for an unchanged secret", &[Unsupported])?;
    before.must_hold_in(&store, "after refusals").await?;
    let found = before.secrets.values().find_map(|(header, _)| header.version);
    ensure(found.is_none(), "no version", format!("{found:?}"))
}

async fn no_dates(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.filled(&["a"]).await?;
    store.modify(&at("a"), SecretChange::value(text("w"))).await.works("a change")?;
    let header = store.get(&at("a")).await.works("a read")?.header;
    let observed = format!("{:?} and {:?}", header.created, header.modified);
    ensure(header.created.is_none() && header.modified.is_none(), "no dates", observed)
}

async fn capabilities_are_constant(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.open()?;
    let declared = store.capabilities();
    store.initialize().await.works("making the store")?;
    fill(&store, &["a"]).await?;
    let after = [store.capabilities(), fixture.open()?.capabilities(), fixture.subject().capabilities()];
    ensure(after.iter().all(|found| *found == declared), format!("{declared:?}"), format!("{after:?}"))?;
    store.marked_for_delete().await.works("deleting the store")?;
    let last = store.capabilities();
    ensure(last == declared, format!("{declared:?}"), format!("{last:?}"))
}
