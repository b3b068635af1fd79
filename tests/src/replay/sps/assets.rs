//! Replays the vectors `assets`: the assets of a connection, in order.

use keyway_credentials::{AssetSource, SpsConfiguration};
use serde_json::{Value, json};

use super::connection::connection;
use crate::replay::oracle::sps::{candidates, settings::Settings};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Assets;

/// Returns the assets, and the generators that neither the host nor the plugin has.
fn generated(input: &Input) -> Result<Value, Class> {
    let configuration = SpsConfiguration::read(input.text("config")).map_err(|_| Class::Invalid)?;
    let rules = configuration.asset_rules().map_err(|_| Class::Invalid)?;
    let connection = connection(input.get("connection"))?;
    let sources = rules.assets(&connection).map(|source| match source {
        AssetSource::Asset(asset) => Source::Asset(asset.to_string()),
        AssetSource::Own(name) => Source::Own(name.to_owned()),
    });
    Ok(told(input, sources))
}

enum Source {
    Asset(String),
    Own(String),
}

/// Puts the assets of the plugin's own generators in their places.
fn told(input: &Input, sources: impl Iterator<Item = Source>) -> Value {
    let (mut assets, mut unknown) = (Vec::new(), Vec::new());
    for source in sources {
        match source {
            Source::Asset(asset) => assets.push(asset),
            Source::Own(name) => match input.get("custom_generators")[&name].as_str() {
                Some(asset) => assets.push(asset.to_owned()),
                None => unknown.push(name),
            },
        }
    }
    json!({ "value": assets, "unknown": unknown })
}

impl Adapter for Assets {
    fn run(&self, input: &Input) -> Observed {
        let outcome = generated(input).map_or_else(StepOutcome::Refused, StepOutcome::Ok);
        Observed::one("the assets", outcome)
    }

    /// Demands that a missing value makes no asset and causes no failure, and that no asset occurs twice.
    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let settings = Settings::read(input.text("config")).filter(|settings| !settings.has_references);
        let mut facts = input.get("connection").as_object().into_iter().flatten();
        let are_texts = facts.all(|(_, fact)| fact.is_null() || fact.is_string());
        let Some(settings) = settings.filter(|_| are_texts) else { return vec![None] };
        let candidates::Assets { in_order, own, has_gaps } =
            candidates::assets(&settings, input.get("connection"));
        if !has_gaps {
            return vec![None];
        }
        let mut own = own.into_iter();
        let sources = in_order
            .into_iter()
            .filter_map(|asset| asset.map(Source::Asset).or_else(|| own.next().map(Source::Own)));
        vec![Some(Ruling::new("S4", Demand::Exactly(told(input, sources))))]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        if expected.get("error").is_string() {
            return Ok(vec![Demand::AnyRefusal.into()]);
        }
        let events = expected.get("events").as_array().ok_or("no `events`")?;
        let unknown: Option<Vec<&str>> =
            events.iter().map(|event| event.as_str()?.strip_prefix("generator_unknown ")).collect();
        let unknown = unknown.ok_or("an event of another kind")?;
        Ok(vec![Demand::Exactly(json!({ "value": expected.get("value"), "unknown": unknown })).into()])
    }
}
