//! Tests that secrets stay hidden, and that dropped handles release their resources.

use std::error::Error;
use std::fmt::{Debug, Write};

use keyway_core::{PluginError, SecretValue, Structured, Table};
use keyway_secrets::{
    Configure, EnvironmentFilter, ListQuery, NewSecret, SecretAddress, SecretChange, SecretHeader,
    SecretName, SecretStore, SecretVersion, StoreError,
};

use super::{
    Answer, Broken, Checked, StoreFixture, at, at_in, ensure, environment, fill, new_environment, polled,
    ring, rules, silent,
};
use crate::child;
use crate::trace_capture::traced;

rules! {
    in StoreFixture;
    "SEC-160" Must from ["Principle/secrets", "C14"]
        "The debugging text of handles and answers shows no secret value and no key."
        debugging_text_is_clean;
    "SEC-161" Must from ["Principle/secrets", "C5", "Locker/errors"]
        "An error, its debugging text, its detail and its causes show no secret value and no key."
        errors_are_clean;
    "SEC-162" Must from ["Principle/secrets"]
        "No secret value and no key is traced at any level, in operations that succeed or fail."
        traces_are_clean;
    "SEC-163" Must from ["Principle/secrets"]
        "No secret value and no key is printed, in operations that succeed or fail."
        output_is_clean;
    "SEC-165" Must from ["Contract/resources", "R1"]
        "A dropped handle releases its files, its threads and the lent resources."
        resources_are_given_back;
}

/// A text that the rules search for in several encodings, together with the text of the store's key.
struct Canary {
    text: String,
    forms: Vec<String>,
}

impl Canary {
    fn new(fixture: &StoreFixture<'_>) -> Self {
        let text = format!("Kanari-{:016x}", fixture.random());
        let bytes = text.as_bytes();
        let listed: Vec<_> = bytes.iter().map(u8::to_string).collect();
        let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let forms = vec![text.clone(), listed.join(", "), hex, fixture.key_text.clone()];
        Self { text, forms }
    }

    fn value(&self) -> SecretValue {
        SecretValue::text(self.text.clone())
    }

    fn must_not_be_in(&self, text: &str, place: &str) -> Checked {
        let found = self.forms.iter().any(|form| text.contains(form.as_str()));
        ensure(!found, format!("no secret in {place}"), "one shows there")
    }
}

/// The answers of operations: `Debug` texts, and errors.
#[derive(Default)]
struct Answers {
    shown: Vec<String>,
    errors: Vec<StoreError>,
}

impl Answers {
    fn note<T: Debug>(&mut self, answer: Result<T, StoreError>) {
        match answer {
            Ok(value) => self.shown.push(format!("{value:?} {value:#?}")),
            Err(error) => self.errors.push(error),
        }
    }
}

/// Calls all operations with the canary as value: before the store exists, with the store, and with wrong keys.
async fn everything(fixture: &StoreFixture<'_>, canary: &Canary) -> Result<Answers, Broken> {
    let (mut answers, random) = (Answers::default(), fixture.random());
    let opened = fixture.open()?.0.store;
    let store: &dyn SecretStore = &*opened;
    let mut structured = Table::new();
    structured.insert(canary.text.as_str(), Structured::text(canary.text.as_str()));
    // A setting may be secret too, for example the password of a server.
    let mut settings = Table::new();
    settings.insert("unknown", Structured::text(canary.text.as_str()));
    let values = [
        canary.value(),
        SecretValue::bytes(canary.text.as_bytes()),
        SecretValue::Structured(Structured::Table(structured)),
    ];
    // The three rounds: before the store exists, with the store, and with wrong keys.
    for round in 0..3 {
        let stranger;
        let store = if round == 2 {
            stranger = fixture.open_with(&ring(random))?.0.store;
            &*stranger
        } else {
            store
        };
        if round == 1 {
            answers.note(store.initialize().await);
            if store.capabilities().environments {
                answers.note(store.create_environment(new_environment("e")).await);
            }
        }
        answers.shown.push(format!("{store:?} {store:#?}"));
        let hostile = SecretAddress::shared(SecretName::of_existing("a\u{0}"));
        for address in [at("a"), at("a"), at_in("a", "e"), at_in("a", "missing"), hostile] {
            for value in &values {
                answers.note(store.create(NewSecret::new(address.clone(), value.clone())).await);
                let change = SecretChange::value(value.clone());
                let stale = SecretVersion::new(1000).unwrap_or(SecretVersion::FIRST);
                let stale = SecretHeader::new("stale", address.clone()).with_version(stale);
                answers.note(store.modify(&address, change.clone().if_unchanged(&stale)).await);
                answers.note(store.modify(&address, change).await);
                answers.note(store.get(&address).await);
            }
        }
        if round == 1 {
            let large = SecretValue::text(canary.text.repeat(50_000));
            answers.note(store.create(NewSecret::new(at("large"), large)).await);
            answers.note(store.destroy(&at("large"), None).await);
        }
        answers.note(store.modify(&at("missing"), SecretChange::value(canary.value())).await);
        answers.note(store.list(&ListQuery::all().with_values()).await);
        let of = EnvironmentFilter::In(environment("e"));
        answers.note(store.list(&ListQuery::all().of(of).with_values()).await);
        answers.note(store.configure(Configure::Write(settings.clone())).await);
        answers.note(store.configure(Configure::Read).await);
        answers.note(store.info().await);
        for left in 0..4 {
            fixture.fail_storage(left, true, true);
            answers.note(store.create(NewSecret::new(at("late"), canary.value())).await);
            answers.note(store.modify(&at("a"), SecretChange::value(canary.value())).await);
            answers.note(store.get(&at("a")).await);
            answers.note(store.list(&ListQuery::all().with_values()).await);
            fixture.storage().recover();
        }
        answers.shown.push(format!("{store:?} {store:#?}"));
    }
    answers.note(store.rotate(&ring(random), &silent).await);
    answers.note(store.destroy(&at("a"), None).await);
    answers.note(store.marked_for_delete().await);
    answers.note(store.create(NewSecret::new(at("a"), canary.value())).await);
    Ok(answers)
}

async fn debugging_text_is_clean(fixture: &StoreFixture<'_>) -> Checked {
    let canary = Canary::new(fixture);
    let answers = everything(fixture, &canary).await?;
    for shown in &answers.shown {
        canary.must_not_be_in(shown, "the debugging text of a handle or an answer")?;
    }
    let worked = answers.shown.len();
    ensure(worked > 10, "operations that worked, to look at their answers", format!("{worked}"))
}

async fn errors_are_clean(fixture: &StoreFixture<'_>) -> Checked {
    let canary = Canary::new(fixture);
    let answers = everything(fixture, &canary).await?;
    for error in &answers.errors {
        canary.must_not_be_in(&error.to_string(), "an error")?;
        canary.must_not_be_in(&format!("{error:?} {error:#?}"), "the debugging text of an error")?;
        canary.must_not_be_in(&error.detail(), "the detail of an error")?;
        let mut cause = error.source();
        while let Some(error) = cause {
            canary.must_not_be_in(&format!("{error} {error:?}"), "the cause of an error")?;
            cause = error.source();
        }
    }
    ensure(answers.errors.len() > 10, "operations that failed", answers.errors.len().to_string())
}

async fn traces_are_clean(fixture: &StoreFixture<'_>) -> Checked {
    let canary = Canary::new(fixture);
    let (answers, traced) = traced(everything(fixture, &canary)).await;
    answers?;
    canary.must_not_be_in(&traced, "what is traced")
}

async fn output_is_clean(fixture: &StoreFixture<'_>) -> Checked {
    if child::is_child() {
        let canary = Canary::new(fixture);
        everything(fixture, &canary).await?;
        return child::noted(canary.forms, fixture.history()).map(drop);
    }
    let scratch = crate::scratch::scratch_folder()?;
    child::must_print_no_secret(fixture, "SEC-163", scratch.path())
}

/// Counts the open files and threads of this process. Returns `None` if the system does not list them.
fn held() -> Option<(usize, usize)> {
    let count = |folder| std::fs::read_dir(folder).ok().map(Iterator::count);
    Some((count("/proc/self/fd")?, count("/proc/self/task")?))
}

async fn resources_are_given_back(fixture: &StoreFixture<'_>) -> Checked {
    /// The number of handles: large enough to tell a leak from files that other tests of the process open at the same
    /// time.
    const HANDLES: usize = 200;
    const NOISE: usize = 100;
    fixture.initialized().await?;
    let lent = fixture.holders();
    let before = held();
    for number in 0..HANDLES {
        let store = fixture.open()?;
        if number % 50 == 0 {
            fill(&store, &[&format!("a{number}")]).await?;
        }
        store.get(&at("a0")).await.works("a read")?;
        store.list(&ListQuery::all()).await.works("a list")?;
        // A dropped call must release its resources, too.
        let _ = polled(1, store.list(&ListQuery::all())).await;
    }
    let still_lent = fixture.holders();
    let observed = format!("{} still hold it", still_lent - lent);
    ensure(still_lent == lent, "the storage given back by every handle", observed)?;
    if let (Some(before), Some(after)) = (before, held()) {
        let observed = format!("{before:?} before {HANDLES} handles, {after:?} after");
        let fits = after.0 < before.0 + NOISE && after.1 < before.1 + NOISE;
        ensure(fits, "as many open files and threads as before", observed)?;
    }
    Ok(())
}
