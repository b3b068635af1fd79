//! Replays the vectors `route`: the choice of the authority for an order. It is the one that the order names, or else
//! the preferred one, or else the first whose plugin supports the order.

use std::sync::Arc;

use keyway_certificates::{CaId, CaInformation};
use keyway_core::Timestamp;
use serde_json::{Map, Value, json};

use super::script::{Answer, Scripted};
use super::stage::{Stage, run};
use crate::replay::oracle::barbican::route as oracle;
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Route;

/// Returns a plugin with its authorities. One of them may have an expired description.
fn plugin(name: &str, input: &Value) -> Result<Arc<Scripted>, Class> {
    let answers = input["issue"].as_array().map_or(&[][..], Vec::as_slice);
    let answer =
        |said: &Value| if *said == "unavailable" { Answer::unavailable() } else { Answer::waiting() };
    let mut scripted = Scripted::new(answers.iter().map(answer));
    scripted.supports = oracle::supports(input, name);
    for (ca, _) in oracle::CAS.iter().filter(|(_, of)| *of == name) {
        let information = CaInformation::new(CaId::new(*ca).map_err(|_| Class::Internal)?, *ca);
        let expires = (*ca == oracle::EXPIRED).then_some(Timestamp::from_milliseconds(1));
        scripted.cas.push(expires.into_iter().fold(information, CaInformation::with_expiration));
    }
    Ok(Arc::new(scripted))
}

/// Returns the plugin and the authority of the first call for the order, and the authority of the second call.
async fn replay(input: &Input) -> Result<(Value, Value), Class> {
    let names = oracle::plugins(input.value());
    let plugins: Vec<(&str, Arc<Scripted>)> =
        names.iter().map(|name| Ok((*name, plugin(name, input.value())?))).collect::<Result<_, Class>>()?;
    let stage = Stage::new(plugins.clone(), []).await?;
    for (field, is_project) in [("global_preferred", false), ("project_preferred", true)] {
        let preferred = input.get(field).as_str().and_then(|name| stage.ca(name));
        if let Some(ca) = preferred {
            stage.prefer(is_project, &ca).await?;
        }
    }
    let mut metadata = Map::new();
    if let Some(named) = input.value().get("ca_id") {
        let ca = named.as_str().and_then(|label| stage.ca(oracle::name_of(label)));
        metadata.insert("ca_id".to_owned(), ca.map_or_else(|| named.clone(), |ca| ca.as_str().into()));
    }
    let order = stage.submit(&metadata.into()).await?;
    stage.next(&order).await?;
    let authority = stage.order(&order).await?.authority;
    let calls: Vec<Value> = plugins.iter().flat_map(|(_, plugin)| plugin.calls()).collect();
    let ca = |call: usize| calls.get(call).map_or(Value::Null, |call| call["plugin_ca_id"].clone());
    Ok((json!({ "plugin": authority.as_str(), "ca": ca(0) }), ca(1)))
}

impl Adapter for Route {
    fn run(&self, input: &Input) -> Observed {
        let (chosen, kept) = match run(replay(input)) {
            Ok((chosen, kept)) => (StepOutcome::Ok(chosen), kept),
            Err(class) => (StepOutcome::Refused(class), Value::Null),
        };
        Observed::steps([("the authority", chosen), ("the authority in later calls", StepOutcome::Ok(kept))])
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        oracle::rulings(input.value()).into()
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let step = expected.get("steps").get(0).ok_or("no `steps`")?;
        let calls = expected.get("plugin_calls");
        let chosen = match (step["status"].as_str(), step["barbican_meta_rows"]["plugin_name"].as_str()) {
            (Some("ERROR"), _) => Demand::AnyRefusal,
            (Some(_), Some(class)) => {
                let plugin = if class.ends_with("ScriptedB") { "B" } else { "A" };
                Demand::Exactly(json!({ "plugin": plugin, "ca": calls[0]["plugin_ca_id"] }))
            }
            _ => return Err("no order".to_owned()),
        };
        Ok(vec![chosen.into(), Demand::Exactly(calls[1]["plugin_ca_id"].clone()).into()])
    }
}
