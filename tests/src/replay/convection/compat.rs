//! Replays the vectors `compat`: whether a version satisfies a compatibility string.

use keyway_core::{Compatibility, Version};
use serde_json::Value;

use crate::replay::oracle::version as oracle;
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Compat;

/// Returns the range and the version as the oracle reads them, if both follow the grammar.
fn well_formed(input: &Input) -> Option<(oracle::Compatibility, oracle::Version)> {
    let range = oracle::Compatibility::read(input.get("compatibility").as_str()?)?;
    Some((range, oracle::Version::read(input.get("version").as_str()?)?))
}

impl Adapter for Compat {
    fn run(&self, input: &Input) -> Observed {
        let texts = (input.get("compatibility").as_str(), input.get("version").as_str());
        let outcome = match texts {
            (Some(range), Some(version)) => match (Compatibility::parse(range), Version::parse(version)) {
                (Ok(range), Ok(version)) => StepOutcome::Ok(range.matches(&version).into()),
                _ => StepOutcome::Refused(Class::Invalid),
            },
            // The interface takes only texts, so any other value is refused.
            _ => StepOutcome::Refused(Class::Invalid),
        };
        Observed::one("match", outcome)
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        vec![Some(match well_formed(input) {
            Some((range, version)) => Ruling::new("C2", Demand::Exactly(range.admits(&version).into())),
            None => Ruling::refused("C1", &[Class::Invalid]),
        })]
    }

    fn demands(&self, input: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let demand = |said: &Value| match said.as_str() {
            Some("match") => Ok(Demand::Exactly(true.into())),
            Some("no_match") => Ok(Demand::Exactly(false.into())),
            Some("raises") => Ok(Demand::AnyRefusal),
            _ => Err(format!("{said} is neither match, no_match nor raises")),
        };
        // A vector may also have a documented meaning. For a text outside the grammar, decision C1 overrules that
        // meaning, so only a well-formed text has to satisfy it.
        let documented = match expected.get("documented") {
            said @ Value::String(_) if well_formed(input).is_some() => Some(demand(said)?),
            _ => None,
        };
        Ok(vec![UpstreamStep { observed: demand(expected.get("upstream"))?, documented }])
    }
}
