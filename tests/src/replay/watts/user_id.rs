//! Replays the vectors `userid`: the id by which plugins identify a user.

use keyway_issuers::{JsonObject, UserInfo};
use serde_json::{Value, json};

use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Id;

impl Adapter for Id {
    fn run(&self, input: &Input) -> Observed {
        let claims: JsonObject =
            ["iss", "sub"].into_iter().map(|key| (key.to_owned(), input.get(key).clone().into())).collect();
        let outcome = match UserInfo::from_claims(claims) {
            Some(user) => {
                let (id, made_of) = (user.user_id(), (user.issuer().to_owned(), user.subject().to_owned()));
                StepOutcome::Ok(json!({ "userid": id.as_str(), "reads_back": id.parts() == Some(made_of) }))
            }
            None => StepOutcome::Refused(Class::Invalid),
        };
        Observed::one("the id", outcome)
    }

    fn rulings(&self, _: &Input) -> Vec<Option<Ruling>> {
        vec![None]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let host = expected.get("host");
        let demand = match (&host["userid"], &host["refused"]) {
            (id @ Value::String(_), _) => Demand::Exactly(json!({ "userid": id, "reads_back": true })),
            (_, Value::Bool(true)) => Demand::Refused(&[Class::Invalid]),
            _ => return Err("neither `userid` nor `refused`".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}
