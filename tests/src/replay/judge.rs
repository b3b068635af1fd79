//! Computes a verdict from the outcome, the rulings and upstream's behaviour.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Adapter, Class, Input, Observed, StepOutcome, Vector};

/// The verdict on a vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The outcome equals upstream's.
    Passed,
    /// The outcome satisfies these decisions, and differs from upstream's.
    Decided(BTreeSet<&'static str>),
    /// The outcome neither satisfies decisions nor equals upstream's.
    Failed {
        /// The expected outcome.
        expected: String,
        /// The observed outcome.
        observed: String,
    },
}

/// Replays one vector. The outcome and the rulings are fixed before `expected` is read.
pub fn judge(adapter: &dyn Adapter, vector: &Vector) -> Verdict {
    let observed = catch_unwind(AssertUnwindSafe(|| adapter.run(&vector.input)))
        .unwrap_or_else(|_| Observed::one("the replay", StepOutcome::Refused(Class::Panicked)));
    let Ok(rulings) = catch_unwind(AssertUnwindSafe(|| adapter.rulings(&vector.input))) else {
        return failed("a ruling", "the oracle panicked");
    };
    // From here on the outcome cannot change.
    let upstream = match adapter.demands(&vector.input, &vector.expected) {
        Ok(upstream) => upstream,
        Err(reason) => {
            return failed("a vector of this kind", &format!("`expected` is of another form: {reason}"));
        }
    };
    let steps = observed.0.len();
    if let Some(panicked) =
        observed.0.iter().find(|step| step.outcome == StepOutcome::Refused(Class::Panicked))
    {
        return failed("an outcome", &format!("{} panicked", panicked.what));
    }
    if steps == 0 || rulings.len() != steps || upstream.len() != steps {
        return failed(
            "one ruling and one expectation for each step",
            &format!("{steps} steps, {} rulings, {} expectations", rulings.len(), upstream.len()),
        );
    }
    let mut decisions = BTreeSet::new();
    for ((step, ruling), upstream) in observed.0.iter().zip(&rulings).zip(&upstream) {
        let at = &step.what;
        let fits_upstream = upstream.observed.admits(&step.outcome);
        match ruling {
            None if !fits_upstream => {
                return failed(&format!("{at}: {}", upstream.observed), &format!("{at}: {}", step.outcome));
            }
            None => {}
            Some(ruling) => {
                if !ruling.required.admits(&step.outcome) {
                    let expected = format!("{at}: {} ({})", ruling.required, ruling.decision);
                    return failed(&expected, &format!("{at}: {}", step.outcome));
                }
                if let Some(documented) =
                    upstream.documented.as_ref().filter(|demand| !demand.admits(&step.outcome))
                {
                    return failed(
                        &format!("{at}: {documented} (documented)"),
                        &format!("{at}: {}", step.outcome),
                    );
                }
                if !fits_upstream {
                    decisions.insert(ruling.decision);
                }
            }
        }
    }
    if decisions.is_empty() { Verdict::Passed } else { Verdict::Decided(decisions) }
}

/// Replays an input that was not recorded, so that only decisions determine the outcome. Returns the number of steps
/// that have a ruling.
///
/// # Panics
/// When an outcome breaks a ruling, or is a panic.
pub fn assert_rulings_hold(adapter: &dyn Adapter, input: &Input) -> usize {
    let Observed(steps) = adapter.run(input);
    let rulings = adapter.rulings(input);
    assert_eq!(steps.len(), rulings.len(), "{}", input.value());
    let mut ruled = 0;
    for (step, ruling) in steps.iter().zip(rulings) {
        assert_ne!(step.outcome, StepOutcome::Refused(Class::Panicked), "{}\n{}", step.what, input.value());
        let Some(ruling) = ruling else { continue };
        ruled += 1;
        assert!(
            ruling.required.admits(&step.outcome),
            "{} demands {} of {}, which is {}\n{}",
            ruling.decision,
            ruling.required,
            step.what,
            step.outcome,
            input.value()
        );
    }
    ruled
}

fn failed(expected: &str, observed: &str) -> Verdict {
    Verdict::Failed { expected: expected.to_owned(), observed: observed.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::replay::{Demand, Expected, Ruling, UpstreamStep};

    /// An adapter that returns its input and refuses nothing. `ruling` is the demand of a decision.
    struct Echo {
        ruling: Option<fn() -> Ruling>,
    }

    impl Adapter for Echo {
        fn run(&self, input: &Input) -> Observed {
            assert!(*input.value() != json!("panic"), "as asked for");
            Observed::one("echo", StepOutcome::Ok(input.value().clone()))
        }

        fn rulings(&self, _: &Input) -> Vec<Option<Ruling>> {
            vec![self.ruling.map(|ruling| ruling())]
        }

        fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
            match expected.value() {
                Value::Null => Err("null".to_owned()),
                Value::Array(steps) => {
                    Ok(steps.iter().map(|step| Demand::Exactly(step.clone()).into()).collect())
                }
                other => Ok(vec![Demand::Exactly(other.clone()).into()]),
            }
        }
    }

    fn verdict(ruling: Option<fn() -> Ruling>, input: Value, expected: Value) -> Verdict {
        let vector = Vector {
            id: "x".to_owned(),
            kind: "echo".to_owned(),
            what: String::new(),
            input: Input::new(input),
            expected: Expected::new(expected),
        };
        judge(&Echo { ruling }, &vector)
    }

    fn is_failed(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Failed { .. })
    }

    #[test]
    fn without_a_ruling_upstream_must_be_matched() {
        assert_eq!(verdict(None, json!(1), json!(1)), Verdict::Passed);
        assert!(is_failed(&verdict(None, json!(1), json!(2))));
    }

    #[test]
    fn a_ruling_must_be_matched_whatever_upstream_did() {
        let one: fn() -> Ruling = || Ruling::new("Z1", Demand::Exactly(json!(1)));
        assert_eq!(verdict(Some(one), json!(1), json!(1)), Verdict::Passed);
        assert_eq!(verdict(Some(one), json!(1), json!(2)), Verdict::Decided(["Z1"].into()));
        assert!(is_failed(&verdict(Some(one), json!(2), json!(2))));
        let refused: fn() -> Ruling = || Ruling::refused("Z2", &[Class::Invalid]);
        assert!(is_failed(&verdict(Some(refused), json!(2), json!(2))));
    }

    #[test]
    fn a_vector_that_cannot_be_judged_fails() {
        assert!(is_failed(&verdict(None, json!(1), json!(null))));
        assert!(is_failed(&verdict(None, json!(1), json!([]))));
        assert!(is_failed(&verdict(None, json!(1), json!([1, 1]))));
        assert!(is_failed(&verdict(None, json!("panic"), json!("panic"))));
    }
}
