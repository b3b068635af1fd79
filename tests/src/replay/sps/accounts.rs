//! Replays the vectors `accounts`: the account of a connection.

use keyway_credentials::{Account, SpsConfiguration};
use serde_json::{Value, json};

use super::connection::connection;
use crate::replay::oracle::sps::{candidates, settings::Settings};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Accounts;

fn generated(input: &Input) -> Result<Value, Class> {
    let configuration = SpsConfiguration::read(input.text("config")).map_err(|_| Class::Invalid)?;
    let rule = configuration.account_rule().map_err(|_| Class::Invalid)?;
    let connection = connection(&json!({ "server_username": input.get("server_username") }))?;
    Ok(rule.account(&connection).iter().map(Account::as_str).collect())
}

impl Adapter for Accounts {
    fn run(&self, input: &Input) -> Observed {
        let outcome = generated(input).map_or_else(StepOutcome::Refused, StepOutcome::Ok);
        Observed::one("the accounts", outcome)
    }

    /// Demands that a user without a name at the target has no account.
    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let settings = Settings::read(input.text("config")).filter(|settings| !settings.has_references);
        let username = input.get("server_username");
        let Some(settings) = settings.filter(|_| username.is_null() || username.is_string()) else {
            return vec![None];
        };
        let account = candidates::account(&settings, username);
        let nothing = || Ruling::new("S4", Demand::Exactly(json!([])));
        vec![account.is_none().then(nothing)]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let demand = match (expected.get("value"), expected.get("error")) {
            (value @ Value::Array(_), _) => Demand::Exactly(value.clone()),
            (_, Value::String(_)) => Demand::AnyRefusal,
            _ => return Err("neither `value` nor `error`".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}
