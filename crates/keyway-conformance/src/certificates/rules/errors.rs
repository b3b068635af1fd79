//! Rules about errors, which must not show the data of clients.

use keyway_core::PluginError as _;

use super::provoked::{Provoked, all_words, provoke};
use super::{Broken, CertificateFixture, Checked, broken, ensure, rules};
use crate::child;
use crate::trace_capture::traced;

rules! {
    in CertificateFixture;
    "CER-110" Must from ["Barbican/sub_status_message", "Barbican/invalid", "R7"]
        "Every error has words for the client, and words for the log."
        provoked(words);
    "CER-111" Must from ["K1", "Barbican/sub_status_message"]
        "No error and no message shows what the client gave."
        provoked(errors_are_clean);
    "CER-112" Must from ["K1"]
        "Nothing that is traced shows what the client gave."
        traces_are_clean;
    "CER-113" Must from ["K1"]
        "The debugging text of the authority shows nothing that the client gave."
        provoked(debugging_is_clean);
    "CER-114" Must from ["K1"]
        "What a plugin prints shows nothing that the client gave."
        output_is_clean;
}

/// Makes calls that are likely to fail, and checks their results.
async fn provoked(fixture: &CertificateFixture<'_>, check: fn(&Provoked) -> Checked) -> Checked {
    check(&provoke(fixture).await?)
}

fn words(provoked: &Provoked) -> Checked {
    if let Some(what) = provoked.panics.first() {
        return Err(broken(format!("words after `{what}`"), "it panicked"));
    }
    if provoked.errors.is_empty() {
        return Err(Broken::Missing { capability: "an error that the kit can bring about" });
    }
    for (what, error) in &provoked.errors {
        for (whose, text) in
            [("the client", error.client_message().into_owned()), ("the log", error.detail())]
        {
            ensure(!text.trim().is_empty(), format!("words for {whose} after `{what}`"), "none")?;
        }
    }
    Ok(())
}

fn errors_are_clean(provoked: &Provoked) -> Checked {
    let errors = provoked.errors.iter().map(|(what, error)| (what, all_words(error)));
    let messages = provoked.messages.iter().map(|(what, message)| (what, message.clone()));
    for (what, text) in errors.chain(messages) {
        let expected = format!("words after `{what}` without the data of the client");
        ensure(!provoked.shows(&text), expected, "they show some")?;
    }
    Ok(())
}

async fn traces_are_clean(fixture: &CertificateFixture<'_>) -> Checked {
    let (provoked, traced) = traced(provoke(fixture)).await;
    ensure(!provoked?.shows(&traced), "traces without the data of the client", "they show some")
}

fn debugging_is_clean(provoked: &Provoked) -> Checked {
    let shows = provoked.shows(&provoked.handle);
    ensure(!shows, "a debugging text without the data of the client", "it shows some")
}

async fn output_is_clean(fixture: &CertificateFixture<'_>) -> Checked {
    if child::is_child() {
        let provoked = provoke(fixture).await?;
        return child::noted(provoked.secrets, fixture.history()).map(drop);
    }
    child::must_print_no_secret(fixture, "CER-114", fixture.scratch())
}
