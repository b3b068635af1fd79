//! Tests the default values that a caller passes to a client.

use keyway_core::CallError;
use std::io;
use std::sync::Arc;

use keyway_secrets::{SecretStore, StoreError};

use super::world::{POLICIES, gives, gives_nothing};
use super::{
    Answer, Checked, Client, ClientAnswer, ClientFixture, ENVIRONMENTS, Missing, READS, Recorded,
    StoreFixture, at, broken, ensure, put, ring, rules, text,
};

rules! {
    in StoreFixture;
    "SEC-220" Must from ["L5", "Locker/get", "Locker/default_value"]
        "A missing secret gives the default; an existing secret gives its value, even an empty one."
        an_empty_value_is_a_value;
    "SEC-221" Must from ["L5", "Locker/default_value", "Locker/errors"]
        "Every read returns every failure of the store except a missing secret as an error: no default, no `None`, no empty list."
        failures_are_raised;
    "SEC-222" Must needs ENVIRONMENTS from ["L1", "L5"]
        "If the environment's layer fails, the shared layer does not replace it, and if the shared layer fails, the default does not."
        failures_do_not_fall_back;
    "SEC-223" Must from ["L5", "C5"]
        "A store that does not exist, was deleted, or has other keys gives a client no default."
        broken_stores_are_raised;
}

async fn an_empty_value_is_a_value(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &[], &[]).await?;
    for (key, value) in [("empty", ""), ("blank", " "), ("line", "\n"), ("full", "v")] {
        gives_nothing(&fixture.client, key).await?;
        put(&fixture.store, at(key), value).await?;
        gives(&fixture.client, key, &text(value), keyway_client::Layer::Shared, None).await?;
        // An empty default is returned like any other.
        let found = fixture.client.get_or(key, "").await.works("`get_or`")?;
        let same = found.is_some_and(|found| found.expose() == value);
        ensure(same, format!("the value of {key:?}"), "another text")?;
        if !fixture.store.capabilities().destroys {
            continue;
        }
        fixture.store.destroy(&at(key), None).await.works("destroying it")?;
        gives_nothing(&fixture.client, key).await?;
    }
    Ok(())
}

/// The name of a failure, and a function that makes it.
pub(super) type NamedFailure = (&'static str, fn() -> StoreError);

/// Lists the failures that a store may return from a read.
pub(super) fn failures() -> Vec<NamedFailure> {
    vec![
        ("NotInitialized", || StoreError::NotInitialized),
        ("Unsupported", || StoreError::Unsupported { what: "reading" }),
        ("Invalid", || StoreError::invalid("the key", "the kit says so")),
        ("WrongKey", || StoreError::WrongKey { what: "the secret", sealed_by: None }),
        ("Corrupt", || StoreError::Corrupt { what: "the secret", reason: "the kit says so".to_owned() }),
        ("Deleted", || StoreError::Deleted),
        ("Conflict", || StoreError::Conflict { attempts: 3 }),
        ("Unavailable", || StoreError::Unavailable { what: "the kit", retry_after: None, source: None }),
        ("TooLarge", || StoreError::TooLarge { what: "the secret", bytes: 2, limit: 1 }),
        ("System", || StoreError::System { what: "read", source: io::Error::other("not found").into() }),
        ("Indeterminate", || StoreError::Indeterminate {
            what: "the write",
            source: io::Error::other("not found").into(),
        }),
        ("DeadlineExceeded", || {
            StoreError::Call(CallError::DeadlineExceeded {
                operation: "get",
                deadline: std::time::Duration::from_secs(1),
            })
        }),
        ("ContractViolation", || {
            StoreError::Call(CallError::ContractViolation {
                operation: "get",
                violation: "the kit says so".to_owned(),
            })
        }),
        ("Quarantined", || StoreError::Call(CallError::Quarantined { operation: "get" })),
    ]
}

/// Demands that every read of a client fails, and that the error does not say that the secret is missing.
async fn each_read_raises(client: &Client<'_>, key: &str, when: &str) -> Checked {
    let what = |read: &str| format!("`{read}` to raise the failure {when}");
    for read in READS {
        let observed = match client.read(read, key).await {
            Ok(true) => "it answered something",
            Ok(false) => "it answered nothing",
            Err(failure) if failure.missing == Some(Missing::Secret) => "it said that the secret is missing",
            Err(_) => continue,
        };
        return Err(broken(what(read), observed));
    }
    Ok(())
}

async fn failures_are_raised(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &[], &[at("a")]).await?;
    for (name, failure) in failures() {
        fixture.faults().fail_after(0, failure);
        for policy in POLICIES {
            let client = fixture.client.in_scope(None, policy);
            for key in ["a", "missing"] {
                each_read_raises(&client, key, &format!("{name} of the store")).await?;
            }
        }
        fixture.faults().recover();
    }
    gives(&fixture.client, "a", &text("v"), keyway_client::Layer::Shared, None).await
}

async fn failures_do_not_fall_back(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &["e"], &[at("a")]).await?;
    let client = fixture.client.in_scope(Some("e"), keyway_client::Resolution::SharedFallback);
    for (name, failure) in failures() {
        for (left, layer) in [(0, "environment's"), (1, "shared")] {
            let when = format!("{name} of the {layer} layer");
            for read in READS {
                // The store fails only once. A client that wrongly retries in another layer would find the secret.
                fixture.faults().fail_once_after(left, failure);
                let observed = match client.read(read, "a").await {
                    Ok(_) => "it answered Ok",
                    Err(failure) if failure.missing == Some(Missing::Secret) => {
                        "it said that the secret is missing"
                    }
                    Err(_) => continue,
                };
                return Err(broken(format!("each read to raise {when}"), observed));
            }
        }
    }
    Ok(())
}

async fn broken_stores_are_raised(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &[], &[at("a")]).await?;
    let with = |store: &Recorded<'_>| Client::new(&fixture, Arc::clone(&store.0.store), None);
    let stranger = with(&fixture.open_with(&ring(fixture.random()))?);
    each_read_raises(&stranger, "a", "with keys that do not fit").await?;
    let nobody = fixture.open_named("nothing", &fixture.keys, fixture.metadata())?;
    each_read_raises(&with(&nobody), "a", "where no store is").await?;
    if !fixture.store.capabilities().deletable {
        return Ok(());
    }
    fixture.store.marked_for_delete().await.works("deleting the store")?;
    each_read_raises(&with(&fixture.store), "a", "after the store was deleted").await
}
