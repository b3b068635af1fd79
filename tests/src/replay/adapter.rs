//! Defines the trait that replays the vectors of one kind, and the types for outcomes and for demands on outcomes.

use std::fmt;

use serde_json::Value;

use super::{Class, Expected, Input};

/// Replays the vectors of one kind.
///
/// `run` and `rulings` see the input only. `demands` sees upstream's behaviour, and is called last.
pub trait Adapter: Sync {
    /// Tells whether a vector of a replayed kind is left out, because its input never reaches the part of upstream that
    /// Keyway replaces.
    fn is_out_of_scope(&self, input: &Input) -> bool {
        let _ = input;
        false
    }

    /// Runs Keyway on the input, step by step. Most kinds have one step.
    fn run(&self, input: &Input) -> Observed;

    /// Returns what decisions demand in each step of [`run`](Self::run), or `None` for a step that must match upstream.
    ///
    /// These rulings are computed from the input, without the code under test.
    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>>;

    /// Returns upstream's behaviour for each step.
    ///
    /// # Errors
    /// Returns the reason why `expected` does not have the form of this kind's vectors.
    fn demands(&self, input: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String>;
}

/// Keyway's behaviour on an input.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed(pub Vec<Step>);

/// Keyway's behaviour in one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The description, for a reader of failures.
    pub what: String,
    /// The outcome.
    pub outcome: StepOutcome,
}

impl Observed {
    /// Creates the behaviour on an input with a single step.
    pub fn one(what: impl Into<String>, outcome: StepOutcome) -> Self {
        Self(vec![Step { what: what.into(), outcome }])
    }

    /// Creates the behaviour on an input with several steps.
    pub fn steps<W: Into<String>>(steps: impl IntoIterator<Item = (W, StepOutcome)>) -> Self {
        Self(steps.into_iter().map(|(what, outcome)| Step { what: what.into(), outcome }).collect())
    }
}

/// The outcome of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum StepOutcome {
    /// The answer.
    Ok(Value),
    /// A refusal or failure.
    Refused(Class),
}

impl StepOutcome {
    /// Creates an answer without content.
    pub fn done() -> Self {
        Self::Ok(Value::Null)
    }
}

impl fmt::Display for StepOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok(value) => write!(f, "ok {}", Brief(value)),
            Self::Refused(class) => write!(f, "refused: {class}"),
        }
    }
}

/// A demand on an outcome.
pub enum Demand {
    /// Exactly this answer.
    Exactly(Value),
    /// A failure of one of these classes.
    Refused(&'static [Class]),
    /// Any failure.
    AnyRefusal,
    /// An answer that satisfies this predicate.
    Answer(String, Box<dyn Fn(&Value) -> bool>),
    /// No demand on this step.
    Nothing,
}

impl Demand {
    /// Creates a demand for an answer that satisfies `holds`; `what` describes it.
    pub fn answer(what: impl Into<String>, holds: impl Fn(&Value) -> bool + 'static) -> Self {
        Self::Answer(what.into(), Box::new(holds))
    }

    /// Creates a demand for an answer without content.
    pub fn done() -> Self {
        Self::Exactly(Value::Null)
    }

    /// Tells whether the outcome satisfies the demand. A panic never does.
    pub fn admits(&self, outcome: &StepOutcome) -> bool {
        match (self, outcome) {
            (_, StepOutcome::Refused(Class::Panicked)) => false,
            (Self::Nothing, _) | (Self::AnyRefusal, StepOutcome::Refused(_)) => true,
            (Self::Exactly(wanted), StepOutcome::Ok(value)) => same(wanted, value),
            (Self::Refused(classes), StepOutcome::Refused(class)) => classes.contains(class),
            (Self::Answer(_, holds), StepOutcome::Ok(value)) => holds(value),
            _ => false,
        }
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(value) => write!(f, "ok {}", Brief(value)),
            Self::Refused(classes) => {
                f.write_str("refused: ")?;
                for (index, class) in classes.iter().enumerate() {
                    write!(f, "{}{class}", if index > 0 { " or " } else { "" })?;
                }
                Ok(())
            }
            Self::AnyRefusal => f.write_str("refused"),
            Self::Answer(what, _) => write!(f, "ok, {what}"),
            Self::Nothing => f.write_str("anything"),
        }
    }
}

impl fmt::Debug for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Demand({self})")
    }
}

/// The demand of a decision on one step.
#[derive(Debug)]
pub struct Ruling {
    /// The decision's id.
    pub decision: &'static str,
    /// The demand.
    pub required: Demand,
}

impl Ruling {
    /// Creates a ruling.
    pub fn new(decision: &'static str, required: Demand) -> Self {
        Self { decision, required }
    }

    /// Creates a ruling that demands a refusal.
    pub fn refused(decision: &'static str, classes: &'static [Class]) -> Self {
        Self::new(decision, Demand::Refused(classes))
    }
}

/// Upstream's behaviour in one step.
#[derive(Debug)]
pub struct UpstreamStep {
    /// The observed behaviour.
    pub observed: Demand,
    /// The documented behaviour, if the vector states it beside the observed behaviour.
    ///
    /// Keyway must show the documented behaviour even where a decision departs from the observed one.
    pub documented: Option<Demand>,
}

impl From<Demand> for UpstreamStep {
    fn from(observed: Demand) -> Self {
        Self { observed, documented: None }
    }
}

/// Tells whether two JSON values are the same. Numbers of different types are different, and so are `0.0` and `-0.0`.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.to_string() == b.to_string(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

/// A value to show in a message. A long value is cut.
pub(crate) struct Brief<'a>(pub(crate) &'a Value);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 160;
        let text = self.0.to_string();
        match text.char_indices().nth(LONGEST) {
            None => f.write_str(&text),
            Some((end, _)) => write!(f, "{}… ({} bytes)", &text[..end], text.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_panic_is_never_what_is_demanded() {
        let panicked = StepOutcome::Refused(Class::Panicked);
        for demand in [Demand::AnyRefusal, Demand::Nothing, Demand::Refused(&[Class::Panicked])] {
            assert!(!demand.admits(&panicked), "{demand}");
        }
    }

    #[test]
    fn values_are_the_same_only_with_their_types() {
        assert!(same(&json!({"a": [1, 1.5, "x"]}), &json!({"a": [1, 1.5, "x"]})));
        for (a, b) in [
            (json!(1), json!(1.0)),
            (json!(0.0), json!(-0.0)),
            (json!("1"), json!(1)),
            (json!({}), json!([])),
        ] {
            assert!(!same(&a, &b), "{a} {b}");
        }
        assert!(!same(&json!({"a": 1}), &json!({"a": 1, "b": 2})));
    }
}
