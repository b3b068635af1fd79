//! Replays the vectors `add_cookies`: the merge of the cookies that a call returns.

use keyway_credentials::{Cookie, Json};
use serde_json::{Map, Value};

use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct AddCookies;

const COOKIES: [&str; 2] = ["cookie", "session_cookie"];

/// Merges the change that a result has for one cookie. The typed interface demands that a cookie is an object.
fn merged(stored: &Value, change: Option<&Value>) -> Result<Value, Class> {
    let object = |value: &Value| match Json::from(value.clone()) {
        Json::Object(entries) => Ok(entries),
        _ => Err(Class::Invalid),
    };
    let cookie = Cookie::new(object(stored)?);
    if let Some(change) = change {
        cookie.merge(object(change)?).map_err(|_| Class::Internal)?;
    }
    Ok(Json::Object(cookie.snapshot()).to_serde())
}

/// Returns the result with the merged cookies. A result that is not an object has no cookies, and is returned as it is.
fn finished(input: &Input) -> Result<Value, Class> {
    let Value::Object(result) = input.get("result") else { return Ok(input.get("result").clone()) };
    let mut finished = result.clone();
    for name in COOKIES {
        finished.insert(name.to_owned(), merged(input.get(name), result.get(name))?);
    }
    Ok(Value::Object(finished))
}

impl Adapter for AddCookies {
    fn run(&self, input: &Input) -> Observed {
        let outcome = finished(input).map_or_else(StepOutcome::Refused, StepOutcome::Ok);
        Observed::one("the result", outcome)
    }

    /// Demands that a cookie that is not an object is refused.
    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let is_other = |result: &Map<String, Value>| {
            COOKIES.iter().any(|name| result.get(*name).is_some_and(|cookie| !cookie.is_object()))
        };
        let is_refused = input.get("result").as_object().is_some_and(is_other);
        vec![is_refused.then(|| Ruling::refused("S5", &[Class::Invalid]))]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let demand = match expected.value().get("value") {
            Some(value) => Demand::Exactly(value.clone()),
            None if expected.get("error").is_string() => Demand::AnyRefusal,
            None => return Err("neither `value` nor `error`".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}
