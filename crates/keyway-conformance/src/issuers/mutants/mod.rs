//! Tests the suite itself: a rule must catch each issuer or executable that has one fault on purpose, and must accept
//! subjects that are unusual but correct.

mod concurrency;
mod credentials;
mod descriptions;
mod errors;
mod intents;
mod ledger;
mod odd;
mod paths;
mod program;
mod programs;
mod reference;
mod requests;
mod revocation;
mod runners;

use std::sync::Arc;

use keyway_issuers::{CredentialRef, IssuerError, Json, Login, Reconciled, UserInfo};

// Imports for the files of this folder.
use super::{IssuerExample, IssuerSubject, suite};
use crate::lock::locked;
use crate::notation::mutants;
use crate::{Candidate, Mutant};
use ledger::Ledger;
use reference::{FULL, Operations, ReferenceIssuer, admit, refuse_if};

type IssuerResult<T> = Result<T, IssuerError>;

/// The user of the refused example.
const BANNED: &str = "mallory";

/// The provider of the login that some issuers ask for.
const PROVIDER: &str = "else where/\u{f6}";

/// Makes the subject of a mutant for `mutants!`. The optional kind is the name of the function that makes the subject,
/// `reference_subject` by default. The other argument lists the operations of the reference issuer that the mutant
/// overrides.
macro_rules! issuer_mutant {
    ($name:ident $operations:tt) => { issuer_mutant!($name reference_subject $operations) };
    ($name:ident $kind:ident ($($operation:ident: $overridden:expr),*)) => {
        || {
            use $crate::issuers::mutants::{$kind, reference::Operations};
            let operations = Operations { $($operation: $overridden,)* ..Operations::SOUND };
            std::sync::Arc::new($kind(stringify!($name), operations))
        }
    };
}

use issuer_mutant;

/// Lists the mutants, each with the rules that it breaks.
pub fn all() -> Vec<Mutant<IssuerSubject>> {
    let families = [
        descriptions::MUTANTS,
        requests::MUTANTS,
        credentials::MUTANTS,
        errors::MUTANTS,
        revocation::MUTANTS,
        intents::MUTANTS,
        paths::MUTANTS,
        concurrency::MUTANTS,
        programs::MUTANTS,
        runners::MUTANTS,
    ];
    families.concat()
}

/// Lists the mutants and the correct subjects, each with its suite, for a front end that tests one of them in a
/// separate process.
pub fn candidates() -> Vec<Candidate> {
    let mutants = all().into_iter().map(|mutant| Candidate::of_mutant(suite(), &mutant));
    let mutants = mutants.chain(sound().map(Candidate::from));
    #[cfg(test)]
    let mutants = mutants.chain([Candidate::from(tests::hanging())]);
    mutants.collect()
}

fn sound() -> [IssuerSubject; 8] {
    [minimal(), reference(), strange(), waiting(), never_sure(), executable(), strange_executable(), single()]
}

/// Makes an issuer that does the least that the contract allows: no configuration, no parameters,
/// credentials without parts, no capability.
pub fn minimal() -> IssuerSubject {
    IssuerSubject::of_the_kit("minimal", |_| Ok(Arc::new(odd::Minimal)))
}

/// Makes an issuer with all capabilities.
pub fn reference() -> IssuerSubject {
    reference_subject("reference", Operations::SOUND)
}

/// Makes an issuer with rare but allowed behaviour. It asks for another login, waits often, works on one call at a
/// time, and has unusual names. Its references to credentials (`state` on the wire) are unusual, and it refuses
/// references that it did not make.
pub fn strange() -> IssuerSubject {
    let operations = Operations {
        entry: |_, _, entry| entry.state.insert_str(0, odd::KEY),
        issued: |issued| {
            credentials::change_part(issued, 1, |file| file.size(1, 1000).save_as("\u{f6} $(id).txt"));
        },
        ..Operations::SOUND
    };
    login_subject("strange", operations).layered(odd::strange)
}

/// Makes an issuer whose service cannot refuse a late call, so it is not idempotent. Its first answer about a call
/// without an effect is a temporary error. The second is that nothing happened, since by then no call can be late.
fn waiting() -> IssuerSubject {
    let operations = Operations {
        capabilities: |_| FULL.idempotent(false),
        request: |issuer, request| admit(request).map(|()| issuer.issue_to_anybody(request)),
        reconcile: |issuer, question| {
            let (told, intent) = (issuer.tell(question), format!("{:?}", question.context.intent));
            let mut notes = locked(&issuer.notes);
            if told == Reconciled::NothingHappened && !notes.contains(&intent) {
                notes.push(intent);
                return Err(odd::busy());
            }
            Ok(told)
        },
        ..Operations::SOUND
    };
    reference_subject("waiting", operations)
}

/// Makes an issuer that never tells that nothing happened, because at its service a call may be late for ever.
fn never_sure() -> IssuerSubject {
    let operations = Operations {
        capabilities: |_| FULL.idempotent(false),
        request: |issuer, request| admit(request).map(|()| issuer.issue_to_anybody(request)),
        reconcile: |issuer, question| match issuer.tell(question) {
            Reconciled::NothingHappened => Err(odd::busy()),
            told => Ok(told),
        },
        ..Operations::SOUND
    };
    reference_subject("never sure", operations)
}

/// Makes an issuer that refuses a user a second credential while the first exists.
fn single() -> IssuerSubject {
    let operations = Operations {
        request: |issuer, request| {
            let has_another = issuer.known(request).is_none() && !issuer.ledger.entries().is_empty();
            refuse_if(has_another, "the user has a credential")?;
            issuer.issue(request)
        },
        ..Operations::SOUND
    };
    reference_subject("single", operations)
}

/// Makes an executable that keeps the whole contract.
pub fn executable() -> IssuerSubject {
    program::subject("executable", |run| program::printed(&run.text))
}

/// Makes an executable with rare but allowed behaviour. It reads no standard input, prints white space around its JSON
/// object, prints keys that no host knows, and exits with a status other than 0 after an error.
pub fn strange_executable() -> IssuerSubject {
    programs::strange()
}

/// Makes a subject of the reference issuer, with files in the scratch folder.
fn reference_subject(name: &str, operations: Operations) -> IssuerSubject {
    let example = IssuerExample::new()
        .configured("motto", "long live the kit")
        .parameter("pass_phrase", "correct horse battery")
        .access_token("token-of-the-example");
    let refused = example.clone().user(UserInfo::new("https://issuer.example.com/", BANNED));
    IssuerSubject::of_the_kit(name, move |context| Ok(Arc::new(ReferenceIssuer::open(context, operations)?)))
        .configuration(|scratch| serde_json::json!({ "folder": scratch }))
        .example(example)
        .refused(refused)
        .listing(|scratch| {
            let entries = Ledger::of(scratch).entries().into_iter();
            entries.map(|entry| CredentialRef::new(entry.state)).collect()
        })
}

/// Makes a reference subject whose example has a second login.
fn login_subject(name: &str, operations: Operations) -> IssuerSubject {
    let mut subject = reference_subject(name, operations);
    let user_info = UserInfo::new("https://elsewhere.example.com/", "joe").with("groups", Json::Null);
    let login = Login { user_info, access_token: Some("token-of-the-login".into()) };
    subject.told.example.logins.push(login.clone());
    subject.told.refused.iter_mut().for_each(|refused| refused.logins.push(login.clone()));
    subject
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use keyway_issuers::CredentialRequest;

    use super::*;
    use crate::asked::Asked;
    use crate::{Ending, Format, Matrix, RunOptions};

    #[test]
    fn odd_issuers_that_are_right_pass() {
        for (subject, skipped) in sound().into_iter().zip([37, 16, 14, 20, 22, 23, 24, 20]) {
            let report = suite().run(&Arc::new(subject), &RunOptions::default());
            assert!(report.succeeded(), "{}", report.format(Format::Table));
            assert_eq!(report.totals().skipped, skipped, "{}", report.format(Format::Table));
        }
    }

    #[test]
    fn every_mutant_is_caught_by_the_rule_that_it_breaks() {
        Matrix::assert_caught(
            &suite(),
            &all(),
            &["correct horse", "token-of-the", "long live the kit", "canary"],
        );
    }

    #[test]
    fn the_rules_of_an_issuer_that_never_describes_itself_are_listed_and_fail() {
        let mut subject = IssuerSubject::of_the_kit("silent", |_| Ok(Arc::new(odd::Silent)));
        subject.told.asked = Asked::within(Duration::from_millis(100));
        let candidate = Candidate::from(subject);
        let rules = candidate.rules();
        assert!(rules.iter().any(|rule| rule.id == "ISS-060" && rule.missing.is_none()));
        let options = RunOptions::default().deadline(Duration::from_millis(200));
        for (rule, told) in [("ISS-001", "an end within"), ("ISS-060", "none within 100ms")] {
            let report = candidate.run(&options.clone().only(rule));
            assert_eq!(report.totals().failed, 1, "{}", report.format(Format::Table));
            assert!(report.outcomes()[0].explanation().contains(told), "{}", report.format(Format::Table));
        }
    }

    /// Makes an issuer whose requests do not end in a second process.
    pub(super) fn hanging() -> IssuerSubject {
        let before = |_: &ReferenceIssuer, _: &CredentialRequest| {
            while crate::child::is_child() {
                std::thread::sleep(Duration::from_secs(1));
            }
            Ok(())
        };
        reference_subject("hanging", Operations { before, ..Operations::SOUND })
    }

    #[test]
    fn a_second_process_has_less_time_than_the_first_and_tells_what_failed() {
        let options = RunOptions::default().deadline(Duration::from_secs(15)).only("ISS-045");
        let report = suite().run(&Arc::new(hanging()), &options);
        let told = report.outcomes()[0].explanation();
        assert!(told.contains("expected an end within 10s"), "{told}");
    }

    #[test]
    fn the_credential_of_a_dropped_request_is_revoked() {
        let folder = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&folder);
        let subject = reference().configuration(move |scratch| {
            *locked(&seen) = Some(scratch.to_owned());
            serde_json::json!({ "folder": scratch })
        });
        // The issuer makes the credential, and the request is dropped before the answer.
        let subject = subject.layered(odd::answering_late);
        let report = suite().run(&Arc::new(subject), &RunOptions::default().only("ISS-082"));
        assert!(report.succeeded(), "{}", report.format(Format::Table));
        let folder = locked(&folder).take().unwrap();
        assert_eq!(Ledger::of(&folder).entries().len(), 0);
    }

    #[test]
    fn a_request_that_hangs_is_judged_within_the_time_of_the_rule() {
        let subject = reference().layered(odd::stuck_once_dropped);
        let options = RunOptions::default().deadline(Duration::from_secs(12)).only("ISS-082");
        let report = suite().run(&Arc::new(subject), &options);
        let ending = report.outcomes()[0].ending();
        assert_eq!(ending, Some(Ending::Judged), "{}", report.format(Format::Table));
    }

    #[test]
    fn a_panic_is_an_error_without_words_and_shows_no_secret() {
        for name in ["TrustsTheHost", "KnowsAllUsers", "PanicsOnUnknownStates"] {
            let mutant = all().into_iter().find(|mutant| mutant.name == name).unwrap();
            let report = suite().run(&(mutant.subject)(), &RunOptions::default().only("ISS-04"));
            let failed = |outcome: &&crate::RuleOutcome| matches!(outcome.verdict, crate::Verdict::Failed(_));
            let failed: Vec<_> =
                report.outcomes().iter().filter(failed).map(|outcome| outcome.rule).collect();
            assert_eq!(failed, ["ISS-040"], "{name}");
        }
    }
}
