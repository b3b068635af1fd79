//! What a client's errors say (decision L6).

use std::io;

use keyway_secrets::{SecretStore, StoreError};

use super::defaults::{NamedFailure, failures};
use super::{Checked, SecretTrial};
use crate::ensure;
use crate::secrets::client::{ClientFailure, Missing, Request};
use crate::secrets::picture::Picture;
use crate::secrets::refusal::Answer;
use crate::secrets::samples::{new, new_environment};
use crate::secrets::scene::{ClientAnswer, Scene};

rules! {
    "SEC-230" Must needs NOTHING from ["L6", "Locker/create", "Locker/errors"]
        "`create` of what is there is a conflict with status 409 and changes nothing; a name that is not allowed is invalid with status 422."
        duplicates_are_conflicts;
    "SEC-231" Must needs NOTHING from ["L6", "Locker/errors"]
        "Each failure has the code and the status of its row of the error table, and a message and a description."
        failures_have_their_rows;
    "SEC-232" Must needs ENVIRONMENTS from ["L6", "Locker/errors", "Principle/secrets"]
        "A message about a secret names its key and its environment, and no error shows a value, in any form."
        messages_name_the_key;
    "SEC-233" Must needs ENVIRONMENTS from ["L6", "Locker/create_environment", "Locker/errors"]
        "`create_environment` of one that is there is a conflict with status 409 and changes nothing."
        duplicate_environments_are_conflicts;
}

/// Demands a row: code, status, and words.
fn has_row(what: &str, failure: &ClientFailure, code: &str, http_status: Option<u16>) -> Checked {
    ensure(
        failure.code == code && failure.http_status == http_status,
        format!("{code} with status {http_status:?} for {what}"),
        format!("{} with status {:?}", failure.code, failure.http_status),
    )?;
    let words = !failure.user_message.trim().is_empty() && !failure.description.trim().is_empty();
    ensure(words, format!("a message and a description for {what}"), "one of them is empty")
}

async fn duplicates_are_conflicts(trial: &SecretTrial<'_>) -> Checked {
    let scene = Scene::new(trial).await?;
    scene.client.create("a", "first").await.works("`create`")?;
    let before = Picture::of(&scene.store).await?;
    let failure =
        scene.client.create("a", "second").await.fails_as("`create` of what is there", "conflict")?;
    has_row("`create` of what is there", &failure, "conflict", Some(409))?;
    ensure(failure.missing.is_none(), "a conflict", "it says that something is missing")?;
    for key in ["", "line\nend", "zero\0", &"x".repeat(1025)] {
        let failure =
            scene.client.create(key, "v").await.fails_as("`create` of a forbidden name", "invalid")?;
        has_row("a forbidden name", &failure, "invalid", Some(422))?;
    }
    before.must_equal(&Picture::of(&scene.store).await?, "after refused creations")
}

async fn duplicate_environments_are_conflicts(trial: &SecretTrial<'_>) -> Checked {
    let scene = Scene::new(trial).await?;
    scene.store.create_environment(new_environment("e")).await.works("creating an environment")?;
    let before = Picture::of(&scene.store).await?;
    let again = Request::CreateEnvironment { name: "e".to_owned(), external_url: None };
    let answer = scene.client.environments(again).await;
    let failure = answer.fails_as("`create_environment` of one that is there", "conflict")?;
    has_row("`create_environment` of one that is there", &failure, "conflict", Some(409))?;
    let forbidden = Request::CreateEnvironment { name: "a\0".to_owned(), external_url: None };
    let answer = scene.client.environments(forbidden).await;
    let failure = answer.fails_as("`create_environment` of a forbidden name", "invalid")?;
    has_row("a forbidden name", &failure, "invalid", Some(422))?;
    before.must_equal(&Picture::of(&scene.store).await?, "after refused creations")
}

/// The row of each failure that a store may answer: a table of the kit's own.
fn row(failure: &str) -> (&'static str, Option<u16>) {
    match failure {
        "NotInitialized" | "Deleted" => ("not_found", Some(404)),
        "Invalid" | "TooLarge" => ("invalid", Some(422)),
        "Conflict" => ("conflict", Some(409)),
        "Unavailable" => ("http_error", Some(503)),
        "System" | "ContractViolation" => ("server_error", Some(500)),
        // The seed: "invalid local data, process interruptions".
        "WrongKey" | "Corrupt" | "DeadlineExceeded" => ("cli_error", None),
        _ => ("", None),
    }
}

async fn failures_have_their_rows(trial: &SecretTrial<'_>) -> Checked {
    let scene = Scene::new(trial).await?;
    for (name, failure) in failures() {
        let (code, http_status) = row(name);
        if code.is_empty() {
            continue;
        }
        scene.between.fail_after(0, failure);
        for (what, answer) in [
            ("get", scene.client.get("a").await.map(drop)),
            ("retrieve", scene.client.retrieve("a").await.map(drop)),
            ("list", scene.client.list().await.map(drop)),
            ("create", scene.client.create("a", "v").await),
            ("modify", scene.client.modify("a", "v").await),
            ("delete", scene.client.delete("a").await),
        ] {
            let what = format!("`{what}` when the store answers {name}");
            let failure = answer.fails_as(&what, code)?;
            has_row(&what, &failure, code, http_status)?;
        }
        scene.between.recover();
    }
    let missing = scene.client.retrieve("missing").await.misses("`retrieve` of nothing", Missing::Secret)?;
    has_row("a missing secret", &missing, "not_found", Some(404))
}

async fn messages_name_the_key(trial: &SecretTrial<'_>) -> Checked {
    let scene = Scene::new(trial).await?;
    let canary = format!("Kanari-{:016x}", trial.random());
    scene.store.create_environment(new_environment("staging")).await.works("creating an environment")?;
    scene.store.create(new("other", &canary)).await.works("creating a secret")?;
    let client = scene.client.standing(Some("staging"), keyway_client::Resolution::SharedFallback);
    client.create("there", &canary).await.works("`create`")?;
    let mut failures = vec![
        ("there", client.create("there", &canary).await.fails_as("`create` of what is there", "conflict")?),
        ("PASSWORD", client.get_required("PASSWORD").await.misses("`get_required`", Missing::Secret)?),
        ("PASSWORD", client.retrieve("PASSWORD").await.misses("`retrieve`", Missing::Secret)?),
        ("other", client.modify("other", &canary).await.misses("`modify`", Missing::Secret)?),
        ("other", client.delete("other").await.misses("`delete`", Missing::Secret)?),
    ];
    for (key, failure) in &failures {
        let message = &failure.user_message;
        ensure(
            message.contains(key) && message.contains("staging"),
            format!("{key:?} and \"staging\" in the message"),
            format!("{message:?}"),
        )?;
    }
    for (_, error) in self::failures_with_causes() {
        scene.between.fail_after(0, error);
        for answer in [
            client.create("new", &canary).await.map(drop),
            client.modify("there", &canary).await.map(drop),
            client.get_or("there", &canary).await.map(drop),
        ] {
            failures.extend(answer.err().map(|failure| ("", failure)));
        }
        scene.between.recover();
    }
    let forbidden = client.create("a\0", &canary).await;
    failures.extend(forbidden.err().map(|failure| ("", failure)));
    for (_, failure) in &failures {
        let clean = ![&failure.shown, &failure.user_message, &failure.description]
            .into_iter()
            .any(|text| text.contains(&canary));
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
