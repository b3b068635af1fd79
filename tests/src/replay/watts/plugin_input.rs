//! Replays the vectors `plugin_input`: the inputs that a plugin accepts, and its output for other inputs.

use keyway_issuers::IssuerError;
use keyway_issuers::wire::plugin::{decode_input, encode_error};
use keyway_issuers::wire::{Alphabet, base64};
use serde_json::Value;

use super::encode::json_of;
use crate::replay::oracle::watts::{Plain, base64 as base64_oracle, input as oracle};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct PluginInput;

/// Returns the raw text of an input. Returns `None` if the vector has the input as JSON.
fn raw(input: &Input) -> Option<&str> {
    input.get("raw").as_str()
}

/// Tells whether the decisions accept the input, and returns the decision that makes the answer differ from that of the
/// plugins' own library.
fn judged(input: &Input) -> oracle::Judged {
    let Some(raw) = raw(input) else {
        if Plain::is_too_deep(&input.get("input").to_string()) {
            return (false, Some("H78"));
        }
        return oracle::accepts(input.get("input"));
    };
    let line = raw.strip_suffix('\n').unwrap_or(raw);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let spelling = match () {
        () if line != raw => Some("H29"),
        () if !base64_oracle::is_plain(raw) => Some("W1"),
        () => None,
    };
    let Some(json) = base64_oracle::decode(line).map(String::from_utf8) else { return (false, spelling) };
    let Ok(json) = json else { return (false, Some("W2")) };
    if Plain::is_too_deep(&json) {
        return (false, Some("H78"));
    }
    match Plain::first_of(&json) {
        None => (false, spelling),
        Some((value, rest)) if value.has_duplicates() || !rest.trim().is_empty() => (false, Some("W2")),
        Some(_) => {
            let (accepted, decision) = oracle::accepts(&serde_json::from_str(&json).unwrap_or_default());
            (accepted, decision.or(spelling))
        }
    }
}

impl Adapter for PluginInput {
    fn run(&self, input: &Input) -> Observed {
        let encoded = || {
            let json = json_of(input.get("input")).to_ascii();
            base64::encode(json.as_bytes(), Alphabet::UrlSafe).expose().to_owned()
        };
        let written = raw(input).map_or_else(encoded, str::to_owned);
        let (taken, printed) = match decode_input(written.as_bytes()) {
            Ok(_) => (StepOutcome::done(), Value::Null),
            Err(error) => {
                let printed = encode_error(&IssuerError::from(error));
                let printed: Value = serde_json::from_str(printed.expose()).unwrap_or_default();
                let has = |key: &str| printed[key].as_str().is_some_and(|text| !text.is_empty());
                let result =
                    if has("user_msg") && has("log_msg") { &printed["result"] } else { &Value::Null };
                (StepOutcome::Refused(Class::Invalid), result.clone())
            }
        };
        Observed::steps([("the input", taken), ("the error that is printed", StepOutcome::Ok(printed))])
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let (accepted, decision) = judged(input);
        let Some(id) = decision else { return vec![None, None] };
        if accepted {
            vec![Some(Ruling::new(id, Demand::done())), Some(Ruling::new(id, Demand::done()))]
        } else {
            let printed = Demand::Exactly("error".into());
            vec![Some(Ruling::refused(id, &[Class::Invalid])), Some(Ruling::new(id, printed))]
        }
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        match expected.get("result").as_str() {
            Some("ok") => Ok(vec![Demand::done().into(), Demand::done().into()]),
            Some("error") => {
                Ok(vec![Demand::Refused(&[Class::Invalid]).into(), Demand::Exactly("error".into()).into()])
            }
            _ => Err("no `result`".to_owned()),
        }
    }
}
