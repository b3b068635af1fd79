//! The proof of the suite: issuers and executables with one thing broken, each of which a rule must catch, and some
//! that are odd and yet right.

mod concurrency;
mod credentials;
mod descriptions;
mod errors;
mod intents;
mod ledger;
mod odd;
mod program;
mod programs;
mod reference;
mod requests;
mod revocation;

use std::sync::Arc;

use keyway_issuers::{CredentialRef, Issuer, IssuerError, Json, Layered, Login, UserInfo};

// Shared by the files of this folder.
use super::{IssuerExample, IssuerSubject};
use crate::Mutant;
use crate::notation::mutants;
use ledger::Ledger;
use reference::{Operations, ReferenceIssuer};

type IssuerResult<T> = Result<T, IssuerError>;

/// The user whom the refused example names.
const BANNED: &str = "mallory";

/// The provider of the login that some issuers ask for.
const PROVIDER: &str = "else where/\u{f6}";

/// Makes the subject of a mutant for `mutants!`. The kind names the function that makes it. The change is either the
/// overridden operations of the reference issuer, by name, or a block of those of an `IssuerLayer` around it, where
/// a mutant awaits something.
macro_rules! issuer_mutant {
    ($name:ident $change:tt) => { issuer_mutant!($name reference_subject $change) };
    ($name:ident $kind:ident ($($operation:ident: $overridden:expr),*)) => {
        || {
            use $crate::issuers::mutants::reference::Operations;
            let operations = Operations { $($operation: $overridden,)* ..Operations::SOUND };
            let subject = $crate::issuers::mutants::$kind(stringify!($name), operations, |issuer| {
                std::sync::Arc::new(issuer)
            });
            std::sync::Arc::new(subject)
        }
    };
    ($name:ident $kind:ident { $($operation:tt)+ }) => {{
        #[derive(Debug)]
        struct $name($crate::issuers::mutants::reference::ReferenceIssuer);

        impl keyway_issuers::IssuerLayer for $name {
            type Inner = $crate::issuers::mutants::reference::ReferenceIssuer;

            fn inner(&self) -> &Self::Inner {
                &self.0
            }

            $($operation)+
        }

        || {
            let sound = $crate::issuers::mutants::reference::Operations::SOUND;
            let subject = $crate::issuers::mutants::$kind(stringify!($name), sound, |issuer| {
                std::sync::Arc::new(keyway_issuers::Layered($name(issuer)))
            });
            std::sync::Arc::new(subject)
        }
    }};
}

use issuer_mutant;

/// Lists the mutants, with the rules that they break.
pub fn all() -> Vec<Mutant<IssuerSubject>> {
    let families = [
        descriptions::MUTANTS,
        requests::MUTANTS,
        credentials::MUTANTS,
        errors::MUTANTS,
        revocation::MUTANTS,
        intents::MUTANTS,
        concurrency::MUTANTS,
        programs::MUTANTS,
    ];
    families.concat()
}

/// Makes an issuer that does the least that the contract allows: nothing to configure, nothing to
/// enter, credentials without parts, no capability.
pub fn minimal() -> IssuerSubject {
    IssuerSubject::of_the_kit("minimal", |_| Ok(Arc::new(odd::Minimal)))
}

/// Makes an issuer with all capabilities.
pub fn reference() -> IssuerSubject {
    reference_subject("reference", Operations::SOUND, |issuer| Arc::new(issuer))
}

/// Makes an issuer that does what an issuer may do and hardly any does: it asks for another login,
/// waits often, works on one call at a time, has odd states and names, and refuses states that it does
/// not know.
pub fn strange() -> IssuerSubject {
    let operations = Operations {
        entry: |_, _, entry| entry.state.insert_str(0, odd::KEY),
        issued: |issued| {
            credentials::change_part(issued, 1, |file| file.size(1, 1000).save_as("\u{f6} $(id).txt"));
        },
        ..Operations::SOUND
    };
    login_subject("strange", operations, |issuer| Arc::new(Layered(odd::Strange(issuer))))
}

/// Makes an executable that keeps the whole contract.
pub fn executable() -> IssuerSubject {
    program::subject("executable", |run| program::printed(&run.text))
}

/// Makes an executable that does what an executable may do and hardly any does: it reads no
/// standard input, prints white space around its object, has keys that no host knows, and
/// ends its errors with another status.
pub fn strange_executable() -> IssuerSubject {
    programs::strange()
}

/// Makes a subject of the reference issuer, with files in the scratch folder.
fn reference_subject(
    name: &str,
    operations: Operations,
    layered: fn(ReferenceIssuer) -> Arc<dyn Issuer>,
) -> IssuerSubject {
    let example = IssuerExample::new()
        .configured("motto", "long live the kit")
        .parameter("pass_phrase", "correct horse battery")
        .access_token("token-of-the-example");
    let refused = example.clone().user(UserInfo::new("https://issuer.example.com/", BANNED));
    IssuerSubject::of_the_kit(name, move |context| Ok(layered(ReferenceIssuer::open(context, operations)?)))
        .configuration(|scratch| serde_json::json!({ "folder": scratch }))
        .example(example)
        .refused(refused)
        .listing(|scratch| {
            let entries = Ledger::of(scratch).entries().into_iter();
            entries.map(|entry| CredentialRef::new(entry.state)).collect()
        })
}

/// Makes the same with an example that has another login.
fn login_subject(
    name: &str,
    operations: Operations,
    layered: fn(ReferenceIssuer) -> Arc<dyn Issuer>,
) -> IssuerSubject {
    let mut subject = reference_subject(name, operations, layered);
    let user_info = UserInfo::new("https://elsewhere.example.com/", "joe").with("groups", Json::Null);
    let login = Login { user_info, access_token: Some("token-of-the-login".into()) };
    subject.example = subject.example.login(login.clone());
    subject.refused = subject.refused.map(|refused| refused.login(login));
    subject
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuers::suite;
    use crate::{Format, Matrix, RunOptions};

    #[test]
    fn odd_issuers_that_are_right_pass() {
        for (subject, skipped) in [
            (minimal(), 23),
            (reference(), 13),
            (strange(), 11),
            (executable(), 13),
            (strange_executable(), 14),
        ] {
            let report = suite().run(&Arc::new(subject), &RunOptions::default());
            assert!(report.succeeded(), "{}", report.format(Format::Table));
            assert_eq!(report.totals().skipped, skipped, "{}", report.format(Format::Table));
        }
    }

    #[test]
    fn every_mutant_is_caught_by_the_rule_that_it_breaks() {
        // Each with its own rule; the whole matrix is run by `xtask`.
        let matrix = Matrix::run(&suite(), &all(), false, &RunOptions::default(), &|_| {});
        assert!(matrix.faults().is_empty(), "{}", matrix.format());
        for row in &matrix.rows {
            assert!(row.explanation.contains("expected"), "{}: {}", row.mutant, row.explanation);
            let secrets = ["correct horse", "token-of-the", "canary"];
            let shown = secrets.iter().find(|secret| row.explanation.contains(**secret));
            assert_eq!(shown, None, "{}", row.explanation);
        }
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
