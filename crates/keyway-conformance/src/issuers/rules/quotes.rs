//! Tests that a plugin's errors do not quote the output of its executable.

use keyway_issuers::CredentialRequest;

use super::provoked::all_words;
use super::{Broken, Checked, IssuerFixture, RUNNER, broken, ensure, rules};
use crate::polled::contained;

rules! {
    in IssuerFixture;
    "ISS-111" Must needs RUNNER from ["K1", "W2", "W7"]
        "No error shows an executable's answer that it also writes to its error output, whether the answer is refused or the time is up."
        answers_are_not_quoted;
}

/// The cases in which an answer is not accepted. Each case has a name, and the shell command that ends the executable.
/// In each case the executable prints half of a JSON object.
const ENDS: [(&str, &str); 3] = [
    ("whose answer is refused", "exit 0"),
    ("that fails", "exit 3"),
    ("whose time is up", "exec /bin/sleep 60"),
];

async fn answers_are_not_quoted(fixture: &IssuerFixture<'_>) -> Checked {
    let Some(runner) = &fixture.subject().runner else {
        return Err(Broken::Missing { capability: "plugin that runs executables" });
    };
    for (what, end) in ENDS {
        let canary = fixture.canary("printed");
        let printed = format!("{{\"result\":\"ok\",\"credential\":[{{\"value\":\"{canary}\"");
        let script = format!("printf %s '{printed}'; printf 'cannot send %s' '{printed}' >&2; {end}");
        let issuer = runner("/bin/sh", &["-c".to_owned(), script]);
        let issuer = issuer.map_err(|error| fixture.unexpected("opening the plugin", &error))?;
        let request = CredentialRequest::new(fixture.example().unbound());
        let described = contained(issuer.describe()).await.map(|answer| answer.map(drop));
        let requested = contained(issuer.request(&request)).await.map(|answer| answer.map(drop));
        for answer in [described, requested] {
            let Some(Err(error)) = answer else {
                return Err(broken(
                    format!("an error for an executable {what}"),
                    "it was answered or panicked",
                ));
            };
            let shows = all_words(&error).contains(&canary);
            ensure(!shows, format!("an error without what an executable printed {what}"), "it shows it")?;
        }
    }
    Ok(())
}
