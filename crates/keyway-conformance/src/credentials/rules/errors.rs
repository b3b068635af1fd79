//! Rules about errors, which must not show secrets.

use keyway_core::{Effect, ErrorKind, PluginError as _};

use super::provoked::{Provoked, all_words, provoke};
use super::{Broken, Checked, FOUND, StoreFixture, broken, ensure, rules};
use crate::child;
use crate::lock::locked;
use crate::trace_capture::traced;

rules! {
    in StoreFixture;
    "CRE-130" Must from ["R7", "R4"]
        "Every error has words for the user, and words for the log."
        provoked(words);
    "CRE-131" Must from ["K1"]
        "No error and no message shows a credential, the user's login, or what a cookie holds."
        provoked(errors_are_clean);
    "CRE-132" Must from ["K1"]
        "Nothing that is traced shows a credential, the user's login, or what a cookie holds."
        traces_are_clean;
    "CRE-133" Must from ["K1"]
        "The debugging text of the store shows no credential, no login, and nothing of a cookie."
        provoked(debugging_is_clean);
    "CRE-134" Must from ["K1"]
        "What a plugin prints shows no credential, no login, and nothing of a cookie."
        output_is_clean;
    "CRE-135" Must needs FOUND from ["S11", "L11"]
        "Without the user's login a fetch is answered, or says that the login is missing and that nothing happened."
        without_login;
}

/// Makes calls that are likely to fail, and checks their results.
async fn provoked(fixture: &StoreFixture<'_>, check: fn(&StoreFixture<'_>, &Provoked) -> Checked) -> Checked {
    check(fixture, &provoke(fixture).await?)
}

fn words(_: &StoreFixture<'_>, provoked: &Provoked) -> Checked {
    if let Some(what) = provoked.panics.first() {
        return Err(broken(format!("words after `{what}`"), "it panicked"));
    }
    if provoked.errors.is_empty() {
        return Err(Broken::Missing { capability: "an error that the kit can bring about" });
    }
    for (what, error) in &provoked.errors {
        for (whose, text) in [("the user", error.user_message().into_owned()), ("the log", error.detail())] {
            ensure(!text.trim().is_empty(), format!("words for {whose} after `{what}`"), "none")?;
        }
    }
    Ok(())
}

fn errors_are_clean(fixture: &StoreFixture<'_>, provoked: &Provoked) -> Checked {
    let errors = provoked.errors.iter().map(|(what, error)| (what, all_words(error)));
    let messages = provoked.messages.iter().map(|(what, message)| (what, message.clone()));
    for (what, text) in errors.chain(messages) {
        ensure(!fixture.shows(&text), format!("words after `{what}` without a secret"), "they show one")?;
    }
    Ok(())
}

async fn traces_are_clean(fixture: &StoreFixture<'_>) -> Checked {
    let (provoked, traced) = traced(provoke(fixture)).await;
    provoked?;
    ensure(!fixture.shows(&traced), "traces without a secret", "they show one")
}

fn debugging_is_clean(fixture: &StoreFixture<'_>, provoked: &Provoked) -> Checked {
    ensure(!fixture.shows(&provoked.handle), "a debugging text without a secret", "it shows one")
}

async fn output_is_clean(fixture: &StoreFixture<'_>) -> Checked {
    if child::is_child() {
        provoke(fixture).await?;
        let secrets = locked(&fixture.secrets).clone();
        return child::noted(secrets, fixture.history()).map(drop);
    }
    child::must_print_no_secret(fixture, "CRE-134", fixture.scratch())
}

async fn without_login(fixture: &StoreFixture<'_>) -> Checked {
    let mut session = fixture.session()?;
    session.change(|connection| {
        connection.gateway_username = None;
        connection.gateway_password = None;
    });
    for kind in fixture.kinds() {
        if let Err(error) = session.fetch(kind, &fixture.example(kind, 0)?).await? {
            let is_typed = error.kind() == ErrorKind::Unauthorized && error.effect() == Effect::None;
            let observed = fixture.clean(&format!("{:?}: {error}", error.kind()));
            ensure(is_typed, "an answer, or the error that there is no login to the vault", observed)?;
        }
    }
    Ok(())
}
