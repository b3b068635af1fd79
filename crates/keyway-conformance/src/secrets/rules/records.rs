//! Tests single secrets and their properties other than the value.

use keyway_core::Clock as _;
use keyway_secrets::{ListQuery, MAX_DESCRIPTION_BYTES, SecretChange, SecretStore, StoreError};

use super::{
    Answer, Checked, DATES, DESCRIPTIONS, DESTRUCTION, Invalid, KitClock, SecretExists, SecretNotFound,
    Snapshot, StoreFixture, TooLarge, at, broken, ensure, list_all, new, put, ring, rules, silent, text,
};

rules! {
    in StoreFixture;
    "SEC-010" Must from ["Convection/create", "Convection/get", "Locker/create", "Locker/get"]
        "`get` returns the value that was passed to `create`, with the same address and header."
        created_is_read;
    "SEC-011" Must from ["Convection/create", "C5"]
        "`create` of an existing secret answers `SecretExists` and changes nothing."
        create_never_overwrites;
    "SEC-012" Must from ["Convection/get", "C5", "Locker/errors"]
        "`get`, `modify` and `destroy` of a missing secret answer `SecretNotFound` with its address."
        missing_is_typed;
    "SEC-013" Must from ["Convection/modify", "Locker/modify"]
        "`modify` changes the value of that secret and of no other."
        modify_changes_one;
    "SEC-014" Must from ["Convection/modify", "L4"]
        "`modify` never creates."
        modify_never_creates;
    "SEC-015" Must needs DESTRUCTION from ["Convection/destroy"]
        "`destroy` removes that secret and no other, for good."
        destroy_removes_one;
    "SEC-016" Must needs DESTRUCTION from ["Convection/create", "Convection/destroy"]
        "After a secret is destroyed, its name can be created again, with nothing left of the old secret."
        names_can_be_used_again;
    "SEC-017" Must from ["Contract/ids", "Locker/retrieve"]
        "Ids tell secrets apart, and stay the same through changes, rotations and restarts."
        ids_are_stable;
    "SEC-018" Must from ["Convection/modify"]
        "An empty change keeps the value, and still answers `SecretNotFound` for a missing secret."
        a_change_of_nothing;
    "SEC-020" Must needs DESCRIPTIONS from ["Contract/descriptions"]
        "A description is kept, changed and removed independently of the value."
        descriptions_are_kept;
    "SEC-021" Must needs DESCRIPTIONS from ["Contract/descriptions", "C6"]
        "A description that is too long is refused before any data is touched."
        long_descriptions_are_refused;
    "SEC-022" Must needs DATES from ["Contract/dates"]
        "`created` is the time of creation, and `modified` that of the last change."
        dates_are_the_hosts;
    "SEC-023" Must needs DATES from ["Contract/dates"]
        "After the clock jumps back, operations still work, and no secret is modified before its creation."
        clocks_may_jump;
}

async fn created_is_read(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    for name in ["a", "b"] {
        let header = store.create(new(name, &format!("value of {name}"))).await.works("creating a secret")?;
        ensure(header.address == at(name), format!("the address {}", at(name)), header.address.to_string())?;
        let secret = store.get(&at(name)).await.works("reading it")?;
        let value = secret.value.expose_text();
        ensure(value == Some(&format!("value of {name}")), "the value that was created", "another one")?;
        ensure(secret.header == header, format!("the header {header:?}"), format!("{:?}", secret.header))?;
    }
    let listed = list_all(&store, &ListQuery::all()).await?.len();
    ensure(listed == 2, "2 secrets in the list", listed.to_string())
}

async fn create_never_overwrites(fixture: &StoreFixture<'_>) -> Checked {
    let (store, before) = fixture.seen(&["a", "b"]).await?;
    for value in ["value of a", "another value"] {
        store.create(new("a", value)).await.refused("creating it again", &[SecretExists])?;
        before.must_hold_in(&store, "after `create` was refused").await?;
    }
    Ok(())
}

async fn missing_is_typed(fixture: &StoreFixture<'_>) -> Checked {
    let (store, before) = fixture.seen(&["a"]).await?;
    let missing = at("b");
    let change = SecretChange::value(text("v"));
    for _ in 0..2 {
        for (operation, answer) in [
            ("`get`", store.get(&missing).await.map(drop)),
            ("`modify`", store.modify(&missing, change.clone()).await.map(drop)),
            ("`destroy`", store.destroy(&missing, None).await),
        ] {
            if operation == "`destroy`" && !store.capabilities().destroys {
                continue;
            }
            let error = answer.refused(operation, &[SecretNotFound])?;
            if let StoreError::SecretNotFound { address } = &error {
                ensure(*address == missing, format!("{operation} to name {missing}"), address.to_string())?;
            }
        }
    }
    before.must_hold_in(&store, "after refusals").await
}

async fn modify_changes_one(fixture: &StoreFixture<'_>) -> Checked {
    let (store, before) = fixture.seen(&["a", "b", "c"]).await?;
    let header = store.modify(&at("b"), SecretChange::value(text("new"))).await.works("a change")?;
    let mut after = Snapshot::of(&store).await?;
    let Some((listed, value)) = after.secrets.get_mut(&at("b")) else {
        return Err(broken("the changed secret in the list", "it is not there"));
    };
    ensure(value.expose_text() == Some("new"), "the new value in a list", "another one")?;
    ensure(*listed == header, format!("the header {header:?}"), format!("{listed:?}"))?;
    let read = store.get(&at("b")).await.works("reading it")?;
    ensure(read.value.expose_text() == Some("new"), "the new value", "another one")?;
    for name in ["a", "c"] {
        let same = match (before.secrets.get(&at(name)), after.secrets.get(&at(name))) {
            (Some((_, one)), Some((_, other))) => one.same_as(other),
            _ => false,
        };
        ensure(same, format!("\"{name}\" as it was"), "it has changed")?;
    }
    ensure(after.secrets.len() == 3, "3 secrets", after.secrets.len().to_string())
}

async fn modify_never_creates(fixture: &StoreFixture<'_>) -> Checked {
    let (store, before) = fixture.seen(&["a"]).await?;
    let answer = store.modify(&at("b"), SecretChange::value(text("v"))).await;
    let after = Snapshot::of(&store).await?;
    before.must_equal(&after, "after `modify` of a missing secret")?;
    store.get(&at("b")).await.refused("reading it", &[SecretNotFound])?;
    answer.refused("`modify`", &[SecretNotFound]).map(drop)
}

async fn destroy_removes_one(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.filled(&["a", "b", "c"]).await?;
    let mut expected = Snapshot::of(&store).await?;
    store.destroy(&at("b"), None).await.works("destroying it")?;
    expected.secrets.remove(&at("b"));
    store.get(&at("b")).await.refused("reading it", &[SecretNotFound])?;
    expected.must_hold_in(&store, "but the destroyed secret").await?;
    store.destroy(&at("b"), None).await.refused("destroying it again", &[SecretNotFound])?;
    let reopened = fixture.open()?;
    reopened.get(&at("b")).await.refused("reading it after a restart", &[SecretNotFound])?;
    expected.must_hold_in(&reopened, "but the destroyed secret, after a restart").await
}

async fn names_can_be_used_again(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    let mut first = new("a", "old");
    if store.capabilities().descriptions {
        first = first.with_description("the old one");
    }
    store.create(first).await.works("creating it")?;
    store.modify(&at("a"), SecretChange::value(text("older"))).await.works("changing it")?;
    store.destroy(&at("a"), None).await.works("destroying it")?;
    let header = store.create(new("a", "new")).await.works("creating it anew")?;
    ensure(header.description.is_none(), "no description", format!("{:?}", header.description))?;
    let first = header.version.is_none_or(|version| version.number() == 1);
    ensure(first, "version 1 of a new secret", format!("{:?}", header.version))?;
    let read = store.get(&at("a")).await.works("reading it")?;
    ensure(read.value.expose_text() == Some("new"), "the new value", "another one")
}

async fn ids_are_stable(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        let id = store.create(new(name, "v")).await.works("creating a secret")?.id;
        ensure(!id.is_empty() && !ids.contains(&id), "an id of its own for each secret", format!("{id:?}"))?;
        ids.push(id);
    }
    store.modify(&at("b"), SecretChange::value(text("w"))).await.works("a change")?;
    let reopened = if store.capabilities().rotates {
        let new_keys = ring(fixture.random());
        store.rotate(&new_keys, &silent).await.works("a rotation")?;
        fixture.open_with(&new_keys)?
    } else {
        fixture.open()?
    };
    for (name, id) in ["a", "b", "c"].into_iter().zip(&ids) {
        let read = reopened.get(&at(name)).await.works("reading it")?;
        ensure(read.header.id == *id, format!("the id {id:?}"), format!("{:?}", read.header.id))?;
    }
    Ok(())
}

async fn a_change_of_nothing(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.filled(&["a"]).await?;
    let id = store.get(&at("a")).await.works("reading it")?.header.id;
    let header = store.modify(&at("a"), SecretChange::default()).await.works("a change of nothing")?;
    ensure(header.id == id, format!("the id {id:?}"), format!("{:?}", header.id))?;
    let read = store.get(&at("a")).await.works("reading it")?;
    ensure(read.value.expose_text() == Some("value of a"), "the value as it was", "another one")?;
    let answer = store.modify(&at("b"), SecretChange::default()).await;
    answer.refused("a change of nothing on nothing", &[SecretNotFound]).map(drop)
}

async fn descriptions_are_kept(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    let longest = "d".repeat(MAX_DESCRIPTION_BYTES);
    store.create(new("a", "one").with_description(longest.clone())).await.works("the longest description")?;
    let steps = [
        (SecretChange::value(text("two")), Some(longest.as_str()), "two"),
        (SecretChange::description(Some("second \u{fc}".to_owned())), Some("second \u{fc}"), "two"),
        (SecretChange::description(Some(String::new())), Some(""), "two"),
        (SecretChange::description(None), None, "two"),
        (SecretChange::value(text("three")), None, "three"),
    ];
    for (change, description, value) in steps {
        let header = store.modify(&at("a"), change).await.works("a change")?;
        let read = fixture.open()?.get(&at("a")).await.works("reading it")?;
        for found in [&header.description, &read.header.description] {
            let expected = format!("a description of {:?} bytes", description.map(str::len));
            let observed = format!("{:?} bytes", found.as_ref().map(String::len));
            ensure(found.as_deref() == description, expected, observed)?;
        }
        ensure(read.value.expose_text() == Some(value), "the value that was set last", "another one")?;
    }
    Ok(())
}

async fn long_descriptions_are_refused(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    store.create(new("a", "v").with_description("short")).await.works("creating a secret")?;
    let before = Snapshot::of(&store).await?;
    let long = "d".repeat(MAX_DESCRIPTION_BYTES + 1);
    let refusals = [Invalid, TooLarge];
    let created = store.create(new("b", "v").with_description(long.clone())).await;
    created.refused("creating with a long description", &refusals)?;
    let changed = store.modify(&at("a"), SecretChange::description(Some(long))).await;
    changed.refused("changing to a long description", &refusals)?;
    before.must_hold_in(&store, "after refusals").await
}

async fn dates_are_the_hosts(fixture: &StoreFixture<'_>) -> Checked {
    const HOUR: u64 = 3_600_000;
    let store = fixture.initialized().await?;
    put(&store, at("a"), "v").await?;
    let mut expected = [fixture.clock.now().as_milliseconds(); 2];
    for step in 0..3_u64 {
        let header = fixture.open()?.get(&at("a")).await.works("reading it")?.header;
        // Compares whole seconds, since a store may keep only these. The kit's times are whole hours.
        let found =
            [header.created, header.modified].map(|date| date.map(keyway_core::Timestamp::as_seconds));
        let expected_seconds = expected.map(|time| Some(time / 1000));
        ensure(found == expected_seconds, format!("the dates {expected_seconds:?}"), format!("{found:?}"))?;
        fixture.clock.set(KitClock::BEGINNING + (step + 1) * HOUR);
        // A read must not change a date; only the change below does.
        store.get(&at("a")).await.works("reading it")?;
        store.modify(&at("a"), SecretChange::value(text("w"))).await.works("a change")?;
        expected[1] = KitClock::BEGINNING + (step + 1) * HOUR;
    }
    Ok(())
}

async fn clocks_may_jump(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    let jumps = [0, KitClock::BEGINNING / 2, KitClock::BEGINNING * 20, 1, u64::from(u32::MAX)];
    put(&store, at("a"), "v").await?;
    let beginning = fixture.clock.now().as_seconds();
    for (number, time) in jumps.into_iter().enumerate() {
        fixture.clock.set(time);
        fixture.history().record(format!("the clock jumps to {time} ms"));
        let name = format!("b{number}");
        put(&store, at(&name), "v").await?;
        store.modify(&at("a"), SecretChange::value(text("w"))).await.works("a change")?;
        for (header, _) in Snapshot::of(&fixture.open()?).await?.secrets.into_values() {
            let forward = header.created.is_some() && header.modified >= header.created;
            let observed = format!("{:?} and {:?}", header.modified, header.created);
            ensure(forward, "`modified` not before `created`", observed)?;
        }
        let created = store.get(&at("a")).await.works("reading it")?.header.created;
        let seconds = created.map(keyway_core::Timestamp::as_seconds);
        let observed = format!("{created:?}");
        ensure(seconds == Some(beginning), "the date of creation as it was", observed)?;
    }
    if store.capabilities().destroys {
        store.destroy(&at("a"), None).await.works("a destruction")?;
    }
    Ok(())
}
