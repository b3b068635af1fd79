//! Replays the vectors `version_cmp` and `version_parse`: the order of versions, and their parts.

use std::cmp::Ordering;

use keyway_core::Version;
use serde_json::{Value, json};

use crate::replay::oracle::version as oracle;
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

type Holds = fn(Ordering) -> bool;

/// The six comparisons.
const COMPARISONS: [(&str, Holds); 6] = [
    ("lt", Ordering::is_lt),
    ("le", Ordering::is_le),
    ("eq", Ordering::is_eq),
    ("ne", Ordering::is_ne),
    ("gt", Ordering::is_gt),
    ("ge", Ordering::is_ge),
];

pub(super) struct Compare;

impl Adapter for Compare {
    fn run(&self, input: &Input) -> Observed {
        let read = |key| input.get(key).as_str().and_then(|text| Version::parse(text).ok());
        let (a, b) = (read("a"), read("b"));
        let outcome = |holds: fn(&Version, &Version) -> bool| match (&a, &b) {
            (Some(a), Some(b)) => StepOutcome::Ok(holds(a, b).into()),
            _ => StepOutcome::Refused(Class::Invalid),
        };
        Observed::steps([
            ("lt", outcome(|a, b| a < b)),
            ("le", outcome(|a, b| a <= b)),
            ("eq", outcome(|a, b| a == b)),
            ("ne", outcome(|a, b| a != b)),
            ("gt", outcome(|a, b| a > b)),
            ("ge", outcome(|a, b| a >= b)),
        ])
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let read = |key| input.get(key).as_str().and_then(oracle::Version::read);
        let order = read("a").zip(read("b")).map(|(a, b)| a.compare(&b));
        let ruling = |holds: fn(Ordering) -> bool| match order {
            Some(order) => Ruling::new("C2", Demand::Exactly(holds(order).into())),
            None => Ruling::refused("C1", &[Class::Invalid]),
        };
        COMPARISONS.map(|(_, holds)| Some(ruling(holds))).into()
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let demand = |(name, _)| match expected.get(name) {
            Value::Bool(truth) => Ok(Demand::Exactly((*truth).into()).into()),
            Value::String(text) if text.starts_with("raises") => Ok(Demand::AnyRefusal.into()),
            other => Err(format!("{name} is {other}")),
        };
        COMPARISONS.into_iter().map(demand).collect()
    }
}

pub(super) struct Parse;

impl Adapter for Parse {
    fn run(&self, input: &Input) -> Observed {
        let version = input.get("version").as_str().and_then(|text| Version::parse(text).ok());
        let outcome = version.map_or(StepOutcome::Refused(Class::Invalid), |version| {
            let text = version.to_string();
            // A version is printed as it was written, so the number of dots shows the number of components.
            let written = text.split(['-', '+']).next().unwrap_or_default().split('.').count();
            let numbers = &[version.major(), version.minor(), version.patch()][..written.min(3)];
            let mut parts: Vec<Value> = numbers.iter().map(|number| (*number).into()).collect();
            let tails = [
                version.pre_release().map(|pre| format!("-{pre}")),
                version.build().map(|build| format!("+{build}")),
            ];
            parts.extend(tails.into_iter().flatten().map(Value::from));
            StepOutcome::Ok(json!({ "parts": parts, "str": text }))
        });
        Observed::one("parse", outcome)
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let text = input.text("version").to_owned();
        vec![match oracle::Version::read(&text).filter(|_| input.get("version").is_string()) {
            None => Some(Ruling::refused("C1", &[Class::Invalid])),
            // Upstream has no pre-release and build parts: it splits at dots.
            Some(version) if version.has_tail() => {
                let numbers: Vec<Value> = version.numbers().into_iter().map(Value::from).collect();
                let holds = move |value: &Value| {
                    let parts = value["parts"].as_array().cloned().unwrap_or_default();
                    let tails: String = parts.iter().filter_map(Value::as_str).collect();
                    let dotted: Vec<_> = numbers.iter().map(Value::to_string).collect();
                    parts.starts_with(&numbers)
                        && value["str"] == text.as_str()
                        && format!("{}{tails}", dotted.join(".")) == text
                };
                Some(Ruling::new("C2", Demand::answer("its numbers, then its pre-release and build", holds)))
            }
            Some(_) => None,
        }]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        match expected.value() {
            value @ Value::Object(fields) if fields.contains_key("parts") => {
                Ok(vec![Demand::Exactly(value.clone()).into()])
            }
            Value::Object(fields) if fields.contains_key("error") => Ok(vec![Demand::AnyRefusal.into()]),
            other => Err(other.to_string()),
        }
    }
}
