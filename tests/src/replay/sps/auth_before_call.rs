//! Replays the vectors `auth_before_call`: the login to the vault, outside of a call.

use keyway_core::PluginError as _;
use keyway_credentials::{CredentialError, SpsConfiguration};
use serde_json::Value;

use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct BeforeCall;

/// Returns the user's name for the vault. A plugin without a configuration section has no name.
fn username(input: &Input) -> Result<Option<String>, Class> {
    let Some(section) = input.get("configuration_section").as_str() else { return Ok(None) };
    let login = SpsConfiguration::default().vault_login(section).map_err(|_| Class::Invalid)?.login(None);
    let login = login.map_err(|error| Class::of_kind(CredentialError::from(error).kind()))?;
    Ok(Some(login.username))
}

impl Adapter for BeforeCall {
    fn run(&self, input: &Input) -> Observed {
        let outcome = username(input).map_or_else(StepOutcome::Refused, |name| StepOutcome::Ok(name.into()));
        Observed::one("the name", outcome)
    }

    fn rulings(&self, _: &Input) -> Vec<Option<Ruling>> {
        vec![None]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let demand = match (expected.value().get("value"), expected.get("error").as_str()) {
            (Some(value @ (Value::Null | Value::String(_))), _) => Demand::Exactly(value.clone()),
            (None, Some("InvalidUsageException")) => Demand::Refused(&[Class::Unauthenticated]),
            _ => return Err("neither `value` nor `error`".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}
