//! Tests dropped calls, and calls during which the storage fails.

use keyway_core::SecretValue;
use keyway_secrets::{Configure, EnvironmentChange, ListQuery, SecretChange, SecretStore, StoreError};

use super::{
    Answer, Broken, Checked, Conflict, ExpectedError, Indeterminate, LENT_STORAGE, NotReady, Other, Recorded,
    Snapshot, StoreFixture, System, Unavailable, add_environments, at, broken, each_read, ensure,
    environment, list_all, new, new_environment, polled, rules, same_settings, text,
};

rules! {
    in StoreFixture;
    "SEC-140" Must from ["Contract/cancellation", "C6"]
        "A write that is dropped at any point took effect as a whole or not at all."
        dropped_writes_are_whole;
    "SEC-141" Must from ["Contract/cancellation", "C13", "Convection/close", "R1"]
        "After a call fails or is dropped at any point, every handle can still read and write."
        dropped_calls_hold_nothing;
    "SEC-145" Must needs LENT_STORAGE from ["C6", "C5", "Convection/write"]
        "If the storage fails at any operation of a write, the error is typed, and the write has taken effect as a whole or not at all."
        failed_writes_are_whole;
    "SEC-146" Must needs LENT_STORAGE from ["C5", "Convection/read"]
        "If the storage fails during a read, the answer is that failure, never that the secret is missing."
        failed_reads_are_typed;
}

/// A write that the rules interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Write {
    Create,
    Modify,
    Destroy,
    Configure,
    CreateEnvironment,
    ModifyEnvironment,
}

impl Write {
    const ALL: [Self; 6] = [
        Self::Create,
        Self::Modify,
        Self::Destroy,
        Self::Configure,
        Self::CreateEnvironment,
        Self::ModifyEnvironment,
    ];

    fn applies_to(self, store: &dyn SecretStore) -> bool {
        let declared = store.capabilities();
        match self {
            Self::Create | Self::Modify => true,
            Self::Destroy => declared.destroys,
            Self::Configure => declared.configures,
            Self::CreateEnvironment | Self::ModifyEnvironment => declared.environments,
        }
    }

    async fn run(self, store: &dyn SecretStore, settings: &keyway_core::Table) -> Result<(), StoreError> {
        match self {
            Self::Create => store.create(new("new", "new")).await.map(drop),
            Self::Modify => store.modify(&at("a"), SecretChange::value(text("new"))).await.map(drop),
            Self::Destroy => store.destroy(&at("a"), None).await,
            Self::Configure => store.configure(Configure::Write(settings.clone())).await.map(drop),
            Self::CreateEnvironment => store.create_environment(new_environment("new")).await.map(drop),
            Self::ModifyEnvironment => {
                let change = EnvironmentChange { external_url: Some("new".to_owned()) };
                store.modify_environment(&environment("e"), change).await.map(drop)
            }
        }
    }

    /// Tells whether the write took effect. Fails if only a part of the write took effect.
    async fn took_effect(
        self,
        store: &dyn SecretStore,
        before: &Snapshot,
        settings: &keyway_core::Table,
    ) -> Result<bool, Broken> {
        let after = Snapshot::of(store).await?;
        if before.difference(&after).is_none() {
            // `before` may already have the settings that the write sets. The write then changes nothing visible.
            return Ok(self == Self::Configure && same_settings(&before.settings, settings));
        }
        let mut expected = before.clone();
        match self {
            Self::Create | Self::Modify => {
                let address = if self == Self::Create { at("new") } else { at("a") };
                let Some((header, value)) = after.secrets.get(&address).cloned() else {
                    return Err(broken("the store as before or as after", format!("{address} is gone")));
                };
                let as_read = store.get(&address).await.works("reading it")?;
                let whole = value.expose_text() == Some("new") && as_read.value.same_as(&value);
                ensure(whole, "the new value, whole", "another one")?;
                if let (Self::Modify, Some((old, _))) = (self, before.secrets.get(&address)) {
                    let next = old.version.map(keyway_secrets::SecretVersion::next);
                    ensure(header.version == next, format!("{next:?}"), format!("{:?}", header.version))?;
                }
                expected.secrets.insert(address, (header, value));
            }
            Self::Destroy => drop(expected.secrets.remove(&at("a"))),
            Self::Configure => expected.settings = settings.clone(),
            Self::CreateEnvironment | Self::ModifyEnvironment => {
                let name = environment(if self == Self::CreateEnvironment { "new" } else { "e" });
                if let Some(found) = after.environments.get(&name) {
                    expected.environments.insert(name, found.clone());
                }
            }
        }
        expected.must_equal(&after, "but the write that was interrupted").map(|()| true)
    }
}

async fn prepared<'a>(fixture: &StoreFixture<'a>) -> Result<Recorded<'a>, Broken> {
    let store = fixture.filled(&["a", "b"]).await?;
    if store.capabilities().environments {
        add_environments(&store, &["e"]).await?;
    }
    Ok(store)
}

async fn dropped_writes_are_whole(fixture: &StoreFixture<'_>) -> Checked {
    for write in Write::ALL {
        for polls in 0..300 {
            let fixture = fixture.fresh()?;
            let store = prepared(&fixture).await?;
            if !write.applies_to(&store) {
                break;
            }
            let before = Snapshot::of(&store).await?;
            let settings = fixture.subject().settings.clone().unwrap_or_else(|| before.settings.clone());
            let answer = polled(polls, write.run(&store, &settings)).await;
            let same = write.took_effect(&store, &before, &settings).await?;
            let reopened = write.took_effect(&fixture.open()?, &before, &settings).await?;
            ensure(same == reopened, "the same after a restart", format!("{same}, then {reopened}"))?;
            if let Some(answer) = answer {
                answer.works("the whole write")?;
                ensure(same, format!("the effect of {write:?}"), "none")?;
                break;
            }
        }
    }
    Ok(())
}

async fn dropped_calls_hold_nothing(fixture: &StoreFixture<'_>) -> Checked {
    let (store, other) = (prepared(fixture).await?, fixture.open()?);
    let mut number = 0;
    for polls in 0..300 {
        let settings = Snapshot::of(&store).await?.settings;
        let mut all_done = true;
        for write in Write::ALL.into_iter().filter(|write| write.applies_to(&store)) {
            // In later rounds most writes return an error, because the same write has already taken effect in an
            // earlier round.
            all_done &= polled(polls, write.run(&store, &settings)).await.is_some();
        }
        all_done &= polled(polls, store.get(&at("b"))).await.is_some();
        all_done &= polled(polls, list_all(&store, &ListQuery::all().with_values())).await.is_some();
        all_done &= polled(polls, store.info()).await.is_some();
        for handle in [&store, &other] {
            number += 1;
            let name = format!("after {number}");
            handle.create(new(&name, "v")).await.works("a write after a dropped call")?;
            handle.get(&at(&name)).await.works("a read after a dropped call")?;
            if handle.capabilities().destroys {
                handle.destroy(&at(&name), None).await.works("a destruction after a dropped call")?;
            }
        }
        if all_done {
            return Ok(());
        }
    }
    Err(broken("every operation within 300 polls", "more"))
}

/// The errors that a store may return when its storage fails.
const FAILURES: [ExpectedError; 6] = [System, NotReady, Indeterminate, Unavailable, Conflict, Other];

async fn failed_writes_are_whole(fixture: &StoreFixture<'_>) -> Checked {
    for write in Write::ALL {
        for round in 0..200 {
            let fixture = fixture.fresh()?;
            let store = prepared(&fixture).await?;
            if !write.applies_to(&store) {
                break;
            }
            let before = Snapshot::of(&store).await?;
            let settings = fixture.subject().settings.clone().unwrap_or_else(|| before.settings.clone());
            fixture.fail_storage(round / 4, round % 2 == 1, round % 4 < 2);
            let answer = write.run(&store, &settings).await;
            let has_failed = fixture.storage().recover();
            let same = write.took_effect(&store, &before, &settings).await?;
            let reopened = write.took_effect(&fixture.open()?, &before, &settings).await?;
            ensure(same == reopened, "the same after a restart", format!("{same}, then {reopened}"))?;
            match answer {
                Ok(()) => ensure(same, format!("the effect of {write:?}, which was acknowledged"), "none")?,
                refused => drop(refused.refused(&format!("{write:?} on a storage that fails"), &FAILURES)?),
            }
            store.create(new("later", "v")).await.works("a write when the storage is back")?;
            if !has_failed && round % 4 == 3 {
                break;
            }
        }
    }
    Ok(())
}

async fn failed_reads_are_typed(fixture: &StoreFixture<'_>) -> Checked {
    let store = prepared(fixture).await?;
    let before = Snapshot::of(&store).await?;
    for round in 0..60 {
        for fresh in [false, true] {
            let reopened = if fresh { Some(fixture.open()?) } else { None };
            let handle = reopened.as_ref().unwrap_or(&store);
            fixture.fail_storage(round / 2, false, round % 2 == 0);
            let got = handle.get(&at("a")).await;
            let listed = handle.list(&ListQuery::all().with_values()).await;
            let operations = each_read(handle, "a").await;
            let is_tracked = handle.capabilities().tracks_writer;
            let by = if is_tracked { handle.written_by().await.map(|by| by.is_some()) } else { Ok(true) };
            fixture.storage().recover();
            let value = |value: &SecretValue| value.expose_text() == Some("value of a");
            match got {
                Ok(secret) => ensure(value(&secret.value), "the value, if any", "another one")?,
                refused => drop(refused.refused("`get` on a storage that fails", &FAILURES)?),
            }
            match listed {
                Ok(page) => ensure(!page.secrets.is_empty(), "secrets, if anything", "an empty page")?,
                refused => drop(refused.refused("`list` on a storage that fails", &FAILURES)?),
            }
            match by {
                Ok(by) => ensure(by, "who wrote it", "nobody")?,
                refused => drop(refused.refused("`written_by` on a storage that fails", &FAILURES)?),
            }
            for (operation, answer) in operations {
                if answer.is_err() {
                    answer.refused(&format!("{operation} on a storage that fails"), &FAILURES)?;
                }
            }
            before.must_hold_in(handle, "when the storage is back").await?;
        }
    }
    Ok(())
}
