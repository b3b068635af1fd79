//! Tests errors of a client.

use std::io;

use keyway_secrets::StoreError;

use super::defaults::{NamedFailure, failures};
use super::{
    Checked, ClientAnswer, ClientFailure, ClientFixture, ENVIRONMENTS, Missing, Request, Resolution,
    Snapshot, StoreFixture, at, ensure, put, rules,
};

rules! {
    in StoreFixture;
    "SEC-230" Must from ["L6", "Locker/create", "Locker/errors"]
        "`create` of an existing secret is a conflict with status 409 and changes nothing; a name that is not allowed is invalid with status 422."
        duplicates_are_conflicts;
    "SEC-231" Must from ["L6", "Locker/errors"]
        "Each failure has the code and the status of its row of the error table, and a message and a description."
        failures_have_their_rows;
    "SEC-232" Must needs ENVIRONMENTS from ["L6", "Locker/errors", "Principle/secrets"]
        "A message about a secret names its key and its environment, and no error shows a value, in any form."
        messages_name_the_key;
    "SEC-233" Must needs ENVIRONMENTS from ["L6", "Locker/create_environment", "Locker/errors"]
        "`create_environment` of an existing environment is a conflict with status 409 and changes nothing."
        duplicate_environments_are_conflicts;
}

/// Demands that a failure has this row of the error table: code, status, message and description.
fn has_row(what: &str, failure: &ClientFailure, code: &str, http_status: Option<u16>) -> Checked {
    let right = failure.code == code && failure.http_status == http_status;
    let observed = format!("{} with status {:?}", failure.code, failure.http_status);
    ensure(right, format!("{code} with status {http_status:?} for {what}"), observed)?;
    let words = !failure.user_message.trim().is_empty() && !failure.description.trim().is_empty();
    ensure(words, format!("a message and a description for {what}"), "one of them is empty")
}

async fn duplicates_are_conflicts(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &[], &[]).await?;
    fixture.client.create("a", "first").await.works("`create`")?;
    let before = Snapshot::of(&fixture.store).await?;
    let again = fixture.client.create("a", "second").await;
    let failure = again.fails_as("`create` of what is there", "conflict")?;
    has_row("`create` of what is there", &failure, "conflict", Some(409))?;
    ensure(failure.missing.is_none(), "a conflict", "it says that something is missing")?;
    for key in ["", "line\nend", "zero\0", &"x".repeat(1025)] {
        let created = fixture.client.create(key, "v").await;
        let failure = created.fails_as("`create` of a forbidden name", "invalid")?;
        has_row("a forbidden name", &failure, "invalid", Some(422))?;
    }
    before.must_hold_in(&fixture.store, "after refused creations").await
}

async fn duplicate_environments_are_conflicts(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &["e"], &[]).await?;
    let before = Snapshot::of(&fixture.store).await?;
    let again = Request::CreateEnvironment { name: "e".to_owned(), external_url: None };
    let answer = fixture.client.environments(again).await;
    let failure = answer.fails_as("`create_environment` of one that is there", "conflict")?;
    has_row("`create_environment` of one that is there", &failure, "conflict", Some(409))?;
    let forbidden = Request::CreateEnvironment { name: "a\0".to_owned(), external_url: None };
    let answer = fixture.client.environments(forbidden).await;
    let failure = answer.fails_as("`create_environment` of a forbidden name", "invalid")?;
    has_row("a forbidden name", &failure, "invalid", Some(422))?;
    before.must_hold_in(&fixture.store, "after refused creations").await
}

/// Returns the row for a failure of a store, from the kit's own copy of the error table.
fn row(failure: &str) -> (&'static str, Option<u16>) {
    match failure {
        "NotInitialized" | "Deleted" => ("not_found", Some(404)),
        "Invalid" | "TooLarge" => ("invalid", Some(422)),
        "Conflict" => ("conflict", Some(409)),
        "Unavailable" => ("http_error", Some(503)),
        "System" | "ContractViolation" => ("server_error", Some(500)),
        // The seed describes this row as "invalid local data, process interruptions".
        "WrongKey" | "Corrupt" | "DeadlineExceeded" => ("cli_error", None),
        _ => ("", None),
    }
}

async fn failures_have_their_rows(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &[], &[]).await?;
    for (name, failure) in failures() {
        let (code, http_status) = row(name);
        if code.is_empty() {
            continue;
        }
        fixture.faults().fail_after(0, failure);
        for (what, answer) in [
            ("get", fixture.client.get("a").await.map(drop)),
            ("retrieve", fixture.client.retrieve("a").await.map(drop)),
            ("list", fixture.client.list().await.map(drop)),
            ("create", fixture.client.create("a", "v").await),
            ("modify", fixture.client.modify("a", "v").await),
            ("delete", fixture.client.delete("a").await),
        ] {
            let what = format!("`{what}` when the store answers {name}");
            let failure = answer.fails_as(&what, code)?;
            has_row(&what, &failure, code, http_status)?;
        }
        fixture.faults().recover();
    }
    let missing = fixture.client.retrieve("missing").await;
    let missing = missing.misses("`retrieve` of nothing", Missing::Secret)?;
    has_row("a missing secret", &missing, "not_found", Some(404))
}

async fn messages_name_the_key(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &["staging"], &[]).await?;
    let canary = format!("Kanari-{:016x}", fixture.random());
    put(&fixture.store, at("other"), &canary).await?;
    let client = fixture.client.in_scope(Some("staging"), Resolution::SharedFallback);
    client.create("there", &canary).await.works("`create`")?;
    let mut failures = vec![
        ("there", client.create("there", &canary).await.fails_as("`create` of what is there", "conflict")?),
        ("PASSWORD", client.get_required("PASSWORD").await.misses("`get_required`", Missing::Secret)?),
        ("PASSWORD", client.retrieve("PASSWORD").await.misses("`retrieve`", Missing::Secret)?),
        ("other", client.modify("other", &canary).await.misses("`modify`", Missing::Secret)?),
    ];
    if fixture.destroys() {
        failures.push(("other", client.delete("other").await.misses("`delete`", Missing::Secret)?));
    }
    for (key, failure) in &failures {
        let message = &failure.user_message;
        let expected = format!("{key:?} and \"staging\" in the message");
        ensure(message.contains(key) && message.contains("staging"), expected, format!("{message:?}"))?;
    }
    for (_, error) in failures_with_causes() {
        fixture.faults().fail_after(0, error);
        for answer in [
            client.create("new", &canary).await.map(drop),
            client.modify("there", &canary).await.map(drop),
            client.get_or("there", &canary).await.map(drop),
        ] {
            failures.extend(answer.err().map(|failure| ("", failure)));
        }
        fixture.faults().recover();
    }
    let forbidden = client.create("a\0", &canary).await;
    failures.extend(forbidden.err().map(|failure| ("", failure)));
    for (_, failure) in &failures {
        let texts = [&failure.shown, &failure.user_message, &failure.description];
        let clean = texts.iter().all(|text| !text.contains(&canary));
        ensure(clean, "no value in an error", format!("one shows in an error with code {}", failure.code))?;
    }
    Ok(())
}

fn failures_with_causes() -> Vec<NamedFailure> {
    let mut all = failures();
    all.push(("Unavailable", || StoreError::Unavailable {
        what: "the kit",
        retry_after: None,
        source: Some(io::Error::other("a cause").into()),
    }));
    all
}
