//! The accounts and assets of a connection (decision S4).

use serde_json::Value;

use super::settings::Settings;

/// The names of the built-in generators of assets, in order.
pub(super) const BUILT_IN: [&str; 4] = ["hostname", "ip", "domain", "domain_asset_mapping"];

/// Returns the account: the user's name at the target, with the configured prefix and suffix. Returns `None` for a user
/// without a name at the target.
pub fn account(settings: &Settings, username: &Value) -> Option<String> {
    let name = existing(username)?;
    let part = |option| settings.get("account", option).unwrap_or_default();
    Some([part("prefix"), name, part("suffix")].concat())
}

/// The assets of a connection, and the generators that are not built in.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Assets {
    /// The assets of built-in generators, in order. `None` marks the place of a generator that is not built in.
    pub in_order: Vec<Option<String>>,
    /// The names of the generators that are not built in, in order.
    pub own: Vec<String>,
    /// Whether an expected value was missing, or an asset or a generator occurred twice.
    pub has_gaps: bool,
}

/// Returns the assets of a connection, without duplicates.
pub fn assets(settings: &Settings, connection: &Value) -> Assets {
    let mut found = Assets::default();
    for generator in generators(settings) {
        if !BUILT_IN.contains(&generator) {
            if found.own.iter().any(|known| known == generator) {
                found.has_gaps = true;
            } else {
                found.own.push(generator.to_owned());
                found.in_order.push(None);
            }
            continue;
        }
        match asset(settings, connection, generator) {
            Some(asset) if !found.in_order.contains(&Some(asset.clone())) => found.in_order.push(Some(asset)),
            Some(_) => found.has_gaps = true,
            None => found.has_gaps |= is_expected(settings, generator),
        }
    }
    found
}

/// Returns the names of the generators.
pub fn generators(settings: &Settings) -> Vec<&str> {
    settings
        .get("assets", "generator")
        .map_or(BUILT_IN.to_vec(), |list| list.split(',').map(str::trim).collect())
}

/// Tells how upstream treats a generator whose value is missing: true if upstream makes an asset without the value or
/// fails, and false if upstream skips the generator.
fn is_expected(settings: &Settings, generator: &str) -> bool {
    let has_suffix = settings.get("assets", "domain_suffix").is_some_and(|suffix| !suffix.is_empty());
    match generator {
        "hostname" | "domain" => has_suffix,
        "domain_asset_mapping" => settings.has(generator),
        _ => false,
    }
}

fn asset(settings: &Settings, connection: &Value, generator: &str) -> Option<String> {
    let domain = existing(&connection["server_domain"]);
    let suffixed = |value: &str| match settings.get("assets", "domain_suffix").unwrap_or_default() {
        "" => value.to_owned(),
        suffix => [value, ".", suffix].concat(),
    };
    match generator {
        "hostname" => existing(&connection["server_hostname"]).map(suffixed),
        "ip" => existing(&connection["server_ip"]).map(str::to_owned),
        "domain" => domain.map(suffixed),
        _ => settings
            .get(generator, &domain?.to_lowercase())
            .filter(|asset| !asset.is_empty())
            .map(str::to_owned),
    }
}

fn existing(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}
