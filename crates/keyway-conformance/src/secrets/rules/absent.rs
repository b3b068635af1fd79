//! Tests undeclared capabilities: the store answers `Unsupported`, and changes nothing.

use keyway_core::Table;
use keyway_secrets::{
    Configure, EnvironmentChange, EnvironmentFilter, ListQuery, NewSecret, SecretChange, SecretStore,
    SecretVersion, StoreError,
};

use super::{
    Answer, Broken, Checked, NO_DATES, NO_DELETION, NO_DESCRIPTIONS, NO_DESTRUCTION, NO_ENVIRONMENTS,
    NO_ROTATION, NO_SETTINGS, NO_VERSIONS, NO_WRITER, Recorded, STALENESS, Snapshot, StoreFixture,
    Unsupported, at, at_in, ensure, environment, fill, new, new_environment, ring, rules, silent, text,
};

rules! {
    in StoreFixture;
    "SEC-009" Must needs STALENESS from ["Principle/declared", "C16"]
        "If reads may be stale, a handle reads its own writes at once, and other writes after the declared time at the latest."
        staleness_has_a_bound;
    "SEC-120" Must needs NO_ENVIRONMENTS from ["Principle/declared", "L1"]
        "Without environments, every operation on one answers `Unsupported` and changes nothing."
        no_environments;
    "SEC-121" Must needs NO_DESCRIPTIONS from ["Principle/declared", "Contract/descriptions"]
        "Without descriptions, a description is refused as `Unsupported`, and none is returned."
        no_descriptions;
    "SEC-122" Must needs NO_VERSIONS from ["Principle/declared", "Contract/versions"]
        "Without versions, an expected version is refused as `Unsupported`, and none is returned."
        no_versions;
    "SEC-123" Must needs NO_DATES from ["Principle/declared", "Contract/dates"]
        "Without dates, no date is returned."
        no_dates;
    "SEC-124" Must from ["Principle/declared"]
        "The capabilities are the same for every handle, and do not change when the store is used."
        capabilities_are_constant;
    "SEC-125" Must needs NO_DESTRUCTION from ["Principle/declared", "C16"]
        "Without destruction, `destroy` answers `Unsupported` and changes nothing."
        no_destruction;
    "SEC-126" Must needs NO_ROTATION from ["Principle/declared", "C16"]
        "Without rotation, `rotate` answers `Unsupported`, and the keys stay as they are."
        no_rotation;
    "SEC-127" Must needs NO_SETTINGS from ["Principle/declared", "C16"]
        "Without settings, `configure` answers `Unsupported`, whether it reads or writes, and changes nothing."
        no_settings;
    "SEC-128" Must needs NO_DELETION from ["Principle/declared", "C16"]
        "Without deletion, `marked_for_delete` answers `Unsupported`, and the store stays as it is."
        no_deletion;
    "SEC-129" Must needs NO_WRITER from ["Principle/declared", "C16"]
        "Without a tracked writer, `written_by` answers `Unsupported`, and `info` names none."
        no_writer;
}

async fn staleness_has_a_bound(fixture: &StoreFixture<'_>) -> Checked {
    let (one, other) = (fixture.initialized().await?, fixture.open()?);
    fill(&one, &["a"]).await?;
    fixture.settle(&other);
    let mut old = "value of a".to_owned();
    for round in 0..4 {
        other.get(&at("a")).await.works("a read before the write")?;
        let new = format!("value {round}");
        one.modify(&at("a"), SecretChange::value(text(&new))).await.works("a change")?;
        let own = one.get(&at("a")).await.works("a read of its own write")?.value;
        ensure(own.expose_text() == Some(&new), "the value that the handle wrote itself", "another one")?;
        let early = other.get(&at("a")).await.works("a read at once")?.value;
        let known = early.expose_text().is_some_and(|early| early == old || early == new);
        ensure(known, "the value from before or after the write", "another one")?;
        fixture.settle(&other);
        let late = other.get(&at("a")).await.works("a read after the declared time")?.value;
        let observed = "another one".to_owned();
        ensure(late.expose_text() == Some(&new), "the value that was written", observed)?;
        Snapshot::of(&one).await?.must_hold_in(&other, "in a list after the declared time").await?;
        old = new;
    }
    Ok(())
}

/// A store, with a snapshot of it and of its data at rest.
struct Before<'a> {
    store: Recorded<'a>,
    shown: Snapshot,
    at_rest: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<'a> Before<'a> {
    async fn of(fixture: &StoreFixture<'a>) -> Result<Self, Broken> {
        let (store, shown) = fixture.seen(&["a", "b"]).await?;
        Ok(Self { store, shown, at_rest: fixture.at_rest().await })
    }

    /// Demands that the answers are refusals, and that no data has changed.
    async fn all_unsupported<T>(
        &self,
        fixture: &StoreFixture<'_>,
        what: &str,
        answers: Vec<Result<T, StoreError>>,
    ) -> Checked {
        for answer in answers {
            answer.refused(what, &[Unsupported])?;
        }
        ensure(self.at_rest == fixture.at_rest().await, "nothing touched", "what lies at rest has changed")?;
        self.shown.must_hold_in(&self.store, "after refusals").await?;
        self.shown.must_hold_in(&fixture.open()?, "after refusals and a restart").await
    }
}

async fn no_destruction(fixture: &StoreFixture<'_>) -> Checked {
    let before = Before::of(fixture).await?;
    let (there, missing) =
        (before.store.destroy(&at("a"), None).await, before.store.destroy(&at("c"), None).await);
    before.all_unsupported(fixture, "`destroy`", vec![there, missing]).await
}

async fn no_rotation(fixture: &StoreFixture<'_>) -> Checked {
    let before = Before::of(fixture).await?;
    let answers = vec![
        before.store.rotate(&ring(fixture.random()), &silent).await,
        before.store.rotate(&fixture.keys, &silent).await,
    ];
    before.all_unsupported(fixture, "`rotate`", answers).await
}

async fn no_settings(fixture: &StoreFixture<'_>) -> Checked {
    let before = Before::of(fixture).await?;
    let settings = fixture.subject().settings.clone().unwrap_or_default();
    let mut answers = Vec::new();
    for request in [Configure::Read, Configure::Write(Table::new()), Configure::Write(settings)] {
        answers.push(before.store.configure(request).await);
    }
    before.all_unsupported(fixture, "`configure`", answers).await
}

async fn no_deletion(fixture: &StoreFixture<'_>) -> Checked {
    let before = Before::of(fixture).await?;
    let answers = vec![before.store.marked_for_delete().await];
    before.all_unsupported(fixture, "`marked_for_delete`", answers).await
}

async fn no_writer(fixture: &StoreFixture<'_>) -> Checked {
    let before = Before::of(fixture).await?;
    let by = before.store.info().await.works("`info`")?.written_by;
    ensure(by.is_none(), "no writer in `info`", format!("{by:?}"))?;
    before.all_unsupported(fixture, "`written_by`", vec![before.store.written_by().await]).await
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
    // `if_unchanged` is a condition even if the header has no version, so the store must refuse it too.
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
    if declared.deletable {
        store.marked_for_delete().await.works("deleting the store")?;
    }
    let last = store.capabilities();
    ensure(last == declared, format!("{declared:?}"), format!("{last:?}"))
}
