//! Mutants whose errors say too much or too little, and mutants that pass input to a shell.

use std::io::Write as _;
use std::process::{Command, Stdio};

use keyway_issuers::{CredentialRequest, IssuerError};

use super::reference::{is_banned, refuse_if};
use super::{IssuerResult, IssuerSubject, issuer_mutant, mutants};
use crate::lock::locked;

fn phrase(request: &CredentialRequest) -> &str {
    request.parameters.text("pass_phrase").unwrap_or_default()
}

/// Runs a line in a shell. The line contains text from outside.
fn run(line: &str) {
    // An error does not matter: a shell that cannot read the line runs nothing.
    drop(Command::new("sh").arg("-c").arg(line).stdin(Stdio::null()).output());
}

/// Replaces the messages of a refusal.
fn reworded<T>(answer: IssuerResult<T>, words: impl Fn(String) -> [String; 2]) -> IssuerResult<T> {
    answer.map_err(|error| match error {
        IssuerError::Refused { log_message, .. } => {
            let [user, log] = words(log_message);
            IssuerError::refused(user, log)
        }
        other => other,
    })
}

mutants! {
    for IssuerSubject, by issuer_mutant;
    RunsTheSubject breaks ["ISS-030"] "hands the subject of the user to a shell"
        (before: |_, request| { run(&format!("echo {}", request.context.requester.user_info.subject())); Ok(()) })
    RunsTheNameWhenRevoking breaks ["ISS-030"] "hands the name of the user to a shell when it revokes"
        (revoking: |_, revocation| {
            run(&format!("echo '{}'", revocation.context.requester.user_info.text("name").unwrap_or_default()));
            Ok(())
        })
    RunsWhatWasEntered breaks ["ISS-031"] "hands a parameter to a shell, without some of the harmful letters"
        (before: |_, request| { run(&format!("echo \"{}\"", phrase(request).replace(['$', '`'], ""))); Ok(()) })
    RunsTheState breaks ["ISS-032"] "hands a state to a shell, without most of the harmful letters"
        (revoking: |_, revocation| {
            run(&format!("echo {}", revocation.state.as_str().replace(['$', '`', ';', '\'', '"'], "")));
            Ok(())
        })
    TellsNoUser breaks ["ISS-040"] "refuses without a word for the user"
        (request: |issuer, request| reworded(issuer.issue(request), |log| [String::new(), log]))
    TellsNoLog breaks ["ISS-040"] "refuses without a word for the log"
        (request: |issuer, request| reworded(issuer.issue(request), |_| ["Sorry.".to_owned(), " ".to_owned()]))
    RepeatsWhatWasEntered breaks ["ISS-041"] "repeats in an error what was entered"
        (before: |_, request| {
            let phrase = phrase(request);
            refuse_if(phrase.starts_with("canary"), &format!("no such phrase: {phrase}"))
        })
    LogsTheToken breaks ["ISS-041"] "puts the access token into the words for the log"
        (before: |_, request| {
            let token = request.context.requester.access_token.as_ref().map_or("", |token| token.expose());
            refuse_if(is_banned(request), &format!("mallory came with {token}"))
        })
    SaysTheSameTwice breaks ["ISS-042"] "tells the user the words for the log"
        (request: |issuer, request| reworded(issuer.issue(request), |log| [log.clone(), log]))
    TracesTheSecret breaks ["ISS-043"] "traces what was entered"
        (before: |_, request| {
            tracing::debug!(phrase = phrase(request), "asked");
            Ok(())
        })
    TracesOnAnotherThread breaks ["ISS-045"] "traces on a thread of its own what was entered"
        (before: |_, request| {
            let phrase = phrase(request).to_owned();
            let thread = std::thread::spawn(move || tracing::debug!(phrase, "asked"));
            drop(thread.join());
            Ok(())
        })
    PrintsTheSecret breaks ["ISS-045"] "prints what was entered"
        (before: |_, request| {
            drop(writeln!(std::io::stderr(), "asked with {}", phrase(request)));
            Ok(())
        })
    ShowsTheSecret breaks ["ISS-044"] "shows in its debugging text what was entered"
        (before: |issuer, request| {
            locked(&issuer.notes).push(phrase(request).to_owned());
            Ok(())
        })
}
