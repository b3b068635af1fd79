//! The authority that gets an order.
//!
//! See decisions B10, B14 and H130.

use serde_json::{Value, json};

use crate::replay::{Class, Demand, Ruling};

/// The authorities of the vectors, with their plugins.
pub const CAS: [(&str, &str); 4] = [("ca-a1", "A"), ("ca-a2", "A"), ("ca-b1", "B"), (EXPIRED, "A")];
/// The authority whose description has expired.
pub const EXPIRED: &str = "ca-x";

/// Returns the plugins in order: `A` and `B`, unless the vector lists some of them.
pub fn plugins(input: &Value) -> Vec<&'static str> {
    let listed = |names: &Vec<Value>| {
        let known = |name: &Value| ["A", "B"].into_iter().find(|known| name == *known);
        let mut names: Vec<_> = names.iter().filter_map(known).collect();
        names.dedup();
        names.truncate(2);
        names
    };
    input["plugins"].as_array().map_or_else(|| vec!["A", "B"], listed)
}

/// Tells whether a plugin supports orders.
pub fn supports(input: &Value, plugin: &str) -> bool {
    input[format!("{plugin}.supports")] != Value::Bool(false)
}

/// Returns the authority that a label of a vector means: `row of ca-a2` or `ca-a2`.
pub fn name_of(label: &str) -> &str {
    let name = label.strip_prefix("row of ").unwrap_or(label);
    name.strip_suffix(" (expired)").unwrap_or(name)
}

/// Returns the rulings on the chosen authority, and on the authority in later calls.
pub fn rulings(input: &Value) -> [Option<Ruling>; 2] {
    let plugins = plugins(input);
    let kept = |ca: Option<&str>| Some(Ruling::new("B10", Demand::Exactly(json!(ca))));
    let known = |name: &str| CAS.iter().find(|(ca, plugin)| *ca == name && plugins.contains(plugin));
    let named = match input.get("ca_id").map(Value::as_str) {
        Some(Some("") | None) => return [Some(Ruling::refused("H130", &[Class::Invalid])), kept(None)],
        Some(Some(label)) => Some(name_of(label)),
        None => ["project_preferred", "global_preferred"]
            .into_iter()
            .filter_map(|field| input[field].as_str())
            .find(|name| known(name).is_some()),
    };
    match named.map(known) {
        Some(Some((_, plugin))) if !supports(input, plugin) => {
            [Some(Ruling::refused("B10", &[Class::Unsupported])), kept(None)]
        }
        Some(Some((ca, plugin))) => {
            let chosen = Demand::Exactly(json!({ "plugin": plugin, "ca": ca }));
            [(*ca == EXPIRED).then(|| Ruling::new("B14", chosen)), kept(Some(ca))]
        }
        Some(None) => [None, kept(None)],
        None => {
            let first = plugins.iter().find(|plugin| supports(input, plugin));
            let chosen = first.map_or(Demand::AnyRefusal, |plugin| {
                Demand::Exactly(json!({ "plugin": plugin, "ca": null }))
            });
            [Some(Ruling::new("B10", chosen)), kept(None)]
        }
    }
}
