//! Replays the vectors `params_valid`: the check of a request's parameters against a service's sets.

use keyway_issuers::fitting_set;
use serde_json::Value;

use super::fixture;
use crate::replay::oracle::watts::gate::{Fit, Sets};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct ParamsValid;

impl Adapter for ParamsValid {
    fn run(&self, input: &Input) -> Observed {
        let sets = input.get("sets");
        let parameters = fixture::parameters(input.get("params"));
        let has_none = sets.as_array().is_none_or(Vec::is_empty);
        let outcome = if has_none {
            // A description always has at least one set. So for a service without sets, the check is called directly,
            // with an empty list.
            StepOutcome::Ok(fitting_set(&[], &parameters).is_ok().into())
        } else {
            match fixture::description(sets) {
                Ok(description) => StepOutcome::Ok(description.fitting_set(&parameters).is_ok().into()),
                Err(_) => StepOutcome::Refused(Class::Invalid),
            }
        };
        Observed::one("the parameters fit", outcome)
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let ruling = match (Sets::of(input.get("sets")), input.get("params")) {
            (None, _) if input.get("sets").as_array().is_some_and(|sets| !sets.is_empty()) => {
                Some(Ruling::refused("W4", &[Class::Invalid]))
            }
            (Some(sets), Value::Object(parameters)) if sets.fit(parameters) == Fit::WrongType => {
                Some(Ruling::new("W5", Demand::Exactly(false.into())))
            }
            _ => None,
        };
        vec![ruling]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        match &expected.get("host")["valid"] {
            valid @ Value::Bool(_) => Ok(vec![Demand::Exactly(valid.clone()).into()]),
            _ => Err("no `valid`".to_owned()),
        }
    }
}
