//! Runs an executable, and reads its answer.

use keyway_credentials::CredentialError;
use keyway_issuers::wire::Ended;
use keyway_process::{Finished, Input, RunError, Runner};

use super::order::Order;

/// The answer of an executable, and the end of its error output without the secrets of the order.
#[derive(Debug)]
pub(super) struct Answer {
    /// The word of the answer. `None` if the executable printed none of its words, or did not exit with status 0.
    pub(super) word: Option<&'static str>,
    pub(super) note: String,
}

/// Runs an executable that answers with one of `words`. An error means that nothing was started. The answer of a run
/// that was cut short has no word.
pub(super) async fn run(
    runner: &Runner,
    order: &Order<'_>,
    words: &[&'static str],
) -> Result<Answer, CredentialError> {
    let secrets = || order.secrets().iter().copied();
    match runner.run(Input::Standard(order.to_input())).await {
        Ok(finished) => {
            if finished.left_behind > 0 {
                let (program, processes) = (runner.program().command().display(), finished.left_behind);
                tracing::warn!(%program, processes, "killed what it left behind");
            }
            let word = word(&finished, words);
            let ended = finished.ended;
            let mut errors = finished.errors;
            errors.hide_output(&finished.output);
            Ok(Answer {
                word,
                note: format!("it ended with {ended}: {}", errors.for_log(secrets()).as_str()),
            })
        }
        Err(error) if error.nothing_started() => {
            Err(CredentialError::not_ready("the command for credentials", reason(&error)))
        }
        Err(error) => {
            let errors = error.errors().map(|errors| errors.for_log(secrets())).unwrap_or_default();
            Ok(Answer { word: None, note: format!("{}: {}", reason(&error), errors.as_str()) })
        }
    }
}

fn reason(error: &RunError) -> String {
    keyway_core::with_causes(error)
}

fn word(finished: &Finished, words: &[&'static str]) -> Option<&'static str> {
    let printed = finished.output.trim_ascii();
    (finished.ended == Ended::SUCCESS)
        .then(|| words.iter().find(|word| word.as_bytes() == printed).copied())
        .flatten()
}
