//! What an adapter does, and the terms in which outcomes are told.

use std::fmt;

use serde_json::Value;

use super::{Class, Expected, Input};

/// How the vectors of one kind are replayed.
///
/// `run` and `rulings` see the input only. `demands` reads what upstream did, and is asked last.
pub trait Adapter: Sync {
    /// What Keyway does with the input, step by step. Most kinds have one step.
    fn run(&self, input: &Input) -> Observed;

    /// What decisions demand, for each step of [`run`](Self::run); `None` where none rules and
    /// upstream is to be matched. Computed from the input, without the code under test.
    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>>;

    /// What upstream did, for each step.
    ///
    /// # Errors
    /// Why `expected` does not have the form of this kind's vectors.
    fn demands(&self, input: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String>;
}

/// What Keyway did with an input.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed(pub Vec<Step>);

/// One thing that was observed.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it is, for who reads a failure.
    pub what: String,
    /// How it came out.
    pub outcome: StepOutcome,
}

impl Observed {
    /// A single outcome.
    pub fn one(what: impl Into<String>, outcome: StepOutcome) -> Self {
        Self(vec![Step { what: what.into(), outcome }])
    }

    /// Several.
    pub fn steps<W: Into<String>>(steps: impl IntoIterator<Item = (W, StepOutcome)>) -> Self {
        Self(steps.into_iter().map(|(what, outcome)| Step { what: what.into(), outcome }).collect())
    }
}

/// How something came out.
#[derive(Clone, Debug, PartialEq)]
pub enum StepOutcome {
    /// It answered this.
    Ok(Value),
    /// It refused, or failed.
    Refused(Class),
}

impl StepOutcome {
    /// An answer without content.
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

/// What somebody demands of an outcome.
pub enum Demand {
    /// Exactly this answer.
    Exactly(Value),
    /// A failure of one of these classes.
    Refused(&'static [Class]),
    /// A failure, whatever it is.
    AnyRefusal,
    /// An answer for which this holds.
    Answer(String, Box<dyn Fn(&Value) -> bool>),
    /// Nothing: who is asked says nothing of this step.
    Nothing,
}

impl Demand {
    /// An answer for which `holds`; `what` says so in words.
    pub fn answer(what: impl Into<String>, holds: impl Fn(&Value) -> bool + 'static) -> Self {
        Self::Answer(what.into(), Box::new(holds))
    }

    /// An answer without content.
    pub fn done() -> Self {
        Self::Exactly(Value::Null)
    }

    /// Whether the outcome is what is demanded. A panic never is.
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

/// What a decision demands of one step.
#[derive(Debug)]
pub struct Ruling {
    /// The decision's id.
    pub decision: &'static str,
    /// What it demands.
    pub required: Demand,
}

impl Ruling {
    /// A ruling.
    pub fn new(decision: &'static str, required: Demand) -> Self {
        Self { decision, required }
    }

    /// A ruling that demands a refusal.
    pub fn refused(decision: &'static str, classes: &'static [Class]) -> Self {
        Self::new(decision, Demand::Refused(classes))
    }
}

/// What upstream did in one step.
#[derive(Debug)]
pub struct UpstreamStep {
    /// What it was observed to do.
    pub observed: Demand,
    /// What its documents say that it should do, where the vector holds that too. It must be
    /// fulfilled also where a decision rules.
    pub documented: Option<Demand>,
}

impl From<Demand> for UpstreamStep {
    fn from(observed: Demand) -> Self {
        Self { observed, documented: None }
    }
}

/// Whether two JSON values are the same. Numbers of different types are different, and so are
/// the two zeros.
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

/// A value for a reader: cut where it is long.
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
