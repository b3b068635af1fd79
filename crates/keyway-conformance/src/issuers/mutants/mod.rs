//! What the suite is proved with: issuers and executables that are broken on purpose, and some
//! that are odd and yet right.

mod counter;
mod defect;
mod ledger;
mod minimal;
mod program;
mod shell;
mod table;

use std::sync::Arc;

use keyway_issuers::wire::Profile;
use keyway_issuers::{CredentialRef, Json, Login, UserInfo};

use counter::CounterPlugin;
use defect::{Defect, Fault};
use program::Program;

use super::subject::metadata_of_the_kit;
use super::{IssuerExample, IssuerSubject};
use crate::Mutant;

/// Every mutant, with the id of the rule that it breaks.
pub fn all() -> Vec<Mutant<IssuerSubject>> {
    table::mutants()
}

/// An issuer that does the least that the contract allows: nothing to configure, nothing to
/// enter, credentials without parts, no capability.
pub fn minimal() -> IssuerSubject {
    IssuerSubject::of_plugin("minimal".to_owned(), Arc::new(minimal::MinimalPlugin), metadata_of_the_kit())
}

/// An issuer with everything that there is.
pub fn reference() -> IssuerSubject {
    subject(Defect::None)
}

/// An issuer that does what an issuer may do and hardly any does: it asks for another login,
/// waits often, works on one call at a time, has odd states and names, and refuses what it does
/// not know.
pub fn strange() -> IssuerSubject {
    login_subject(Defect::Strange)
}

/// An executable that keeps the whole contract.
pub fn executable() -> IssuerSubject {
    program(Fault::None)
}

/// An executable that does what an executable may do and hardly any does: it reads no
/// standard input, prints white space around its object, says more than anybody knows, and
/// ends its errors with another status.
pub fn strange_executable() -> IssuerSubject {
    program(Fault::Strange)
}

/// An issuer with files in the scratch folder.
fn subject(defect: Defect) -> IssuerSubject {
    let example = IssuerExample::new()
        .configured("motto", "long live the kit")
        .parameter("pass_phrase", "correct horse battery")
        .access_token("token-of-the-example");
    let banned = UserInfo::new("https://issuer.example.com/", "mallory");
    let refused = example.clone().user(banned);
    IssuerSubject::of_plugin(format!("{defect:?}"), Arc::new(CounterPlugin(defect)), metadata_of_the_kit())
        .configuration(|scratch| serde_json::json!({ "folder": scratch }))
        .example(example)
        .refused(refused)
        .listing(|scratch| ledger::states(scratch).into_iter().map(CredentialRef::new).collect())
}

/// An issuer that asks for another login.
fn login_subject(defect: Defect) -> IssuerSubject {
    let mut subject = subject(defect);
    let user_info = UserInfo::new("https://elsewhere.example.com/", "joe").with("groups", Json::Null);
    let login = Login { user_info, access_token: Some("token-of-the-login".into()) };
    subject.example = subject.example.login(login.clone());
    subject.refused = subject.refused.map(|refused| refused.login(login));
    subject
}

/// An executable.
fn program(fault: Fault) -> IssuerSubject {
    IssuerSubject::wired(format!("{fault:?}"), Arc::new(Program::new(fault)), Profile::Strict, false)
        .example(IssuerExample::new().parameter("pass_phrase", "correct horse battery"))
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
        for defect in [Defect::TrustsTheHost, Defect::KnowsAllUsers, Defect::PanicsOnUnknownStates] {
            let report = suite().run(&Arc::new(subject(defect)), &RunOptions::default().only("ISS-04"));
            let failed = |outcome: &&crate::RuleOutcome| matches!(outcome.verdict, crate::Verdict::Failed(_));
            let failed: Vec<_> =
                report.outcomes().iter().filter(failed).map(|outcome| outcome.rule).collect();
            assert_eq!(failed, ["ISS-040"], "{defect:?}");
        }
    }
}
