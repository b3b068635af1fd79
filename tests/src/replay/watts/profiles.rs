//! Replays in both profiles, first the lenient one.

use keyway_issuers::wire::Profile;

use super::fixture;
use crate::replay::{Class, Observed, Ruling, StepOutcome};

const ORDER: [Profile; 2] = [Profile::Lenient, Profile::Strict];

/// Replays in both profiles. Returns the two steps of each profile, named by `what`.
pub(super) fn observed<F>(what: [&str; 2], replay: impl Fn(Profile) -> F) -> Observed
where
    F: Future<Output = Result<[StepOutcome; 2], Class>>,
{
    let mut observed = Vec::new();
    for profile in ORDER {
        let outcomes = fixture::run(replay(profile))
            .unwrap_or_else(|class| [StepOutcome::Refused(class), StepOutcome::Refused(class)]);
        for (what, outcome) in what.into_iter().zip(outcomes) {
            observed.push((format!("{}: {what}", profile.word()), outcome));
        }
    }
    Observed::steps(observed)
}

/// Returns the rulings on these steps, in the same order.
pub(super) fn rulings(ruling: impl Fn(Profile) -> [Option<Ruling>; 2]) -> Vec<Option<Ruling>> {
    ORDER.into_iter().flat_map(ruling).collect()
}
