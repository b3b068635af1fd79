//! Reads the configuration and the arguments of a call.

use serde_json::{Map, Value, json};

use super::super::{candidates, settings::Settings};
use super::Model;

/// The calls of a host.
const CALLS: [&str; 6] = [
    "get_password_list",
    "get_private_key_list",
    "get_remote_app_credentials",
    "get_totp_codes",
    "authentication_completed",
    "session_ended",
];

/// The settings and the connection of a call.
pub(super) struct Setup {
    pub(super) configuration: String,
    pub(super) settings: Settings,
    pub(super) facts: Value,
    /// Whether credentials are checked in after the authentication. The setting `check-in-trigger` for the protocol
    /// of the connection determines that.
    pub(super) after_authentication: bool,
    /// The asset of a remote application.
    pub(super) asset: Option<String>,
    /// Whether the rules name a generator of assets that is not built in, and the plugin has none (decision H181).
    pub(super) has_unknown_generator: bool,
}

impl Setup {
    /// Reads the configuration and the arguments of a call. Returns `None` if the call is refused before the plugin is
    /// called.
    pub(super) fn read(input: &Value, step: &Value, model: &mut Model<'_>) -> Option<Self> {
        let decisions = &mut model.decisions;
        let text = step["config"].as_str().or(input["config"].as_str())?;
        let defaults = input["defaults"].as_str().unwrap_or_default();
        if settings_of_the_host(text) {
            // The settings of the log and the proxy belong to the host, so a wrong value does no harm here. Upstream
            // fails if one of them has a wrong value.
            decisions.insert("S9");
        }
        let Some((settings, defaults)) = Settings::read(text).zip(Settings::read(defaults)) else {
            model.is_blind = true;
            return None;
        };
        let settings = settings.over(defaults);
        let words: Vec<(&str, &str)> = settings.of("check-in-trigger").collect();
        let is_word = |word: &str| {
            ["session-ended", "authentication-completed"].contains(&word.to_lowercase().as_str())
        };
        if settings.has_references || words.iter().any(|(_, word)| !is_word(word)) {
            decisions.insert("H200");
            return None;
        }
        let section = input["configuration_section"].as_str();
        if has_wrong_login(&settings, section) {
            decisions.insert("S11");
            return None;
        }
        let (facts, asset) = arguments(step)?;
        let protocol = facts["protocol"].as_str().map(str::to_lowercase);
        if facts.get("protocol") == Some(&Value::Null) {
            decisions.insert("S3");
        }
        let word = |name: &str| settings.get("check-in-trigger", name).map(str::to_lowercase);
        let word = protocol.and_then(|protocol| word(&protocol)).or_else(|| word("default"));
        let after_authentication = word.as_deref() == Some("authentication-completed");
        model.seen = seen(&settings, section, &facts);
        let has_unknown_generator = model.plugin.get("assets").is_none()
            && model.plugin["custom_generators"].as_object().is_none_or(Map::is_empty)
            && has_own_generators(&settings);
        let configuration = text.to_owned();
        Some(Self { configuration, settings, facts, after_authentication, asset, has_unknown_generator })
    }
}

fn settings_of_the_host(text: &str) -> bool {
    ["[logging]", "[https_proxy]", "[https-proxy]"].iter().any(|section| text.contains(section))
}

/// Tells whether the login to the vault is incomplete, or has an unknown source.
fn has_wrong_login(settings: &Settings, section: Option<&str>) -> bool {
    let Some(section) = section else { return false };
    let filled = |option| settings.get(section, option).is_some_and(|value| !value.is_empty());
    match settings.get(section, "use_credential").map(str::to_lowercase).as_deref() {
        None | Some("gateway") => false,
        Some("explicit") => !(filled("username") && filled("password")),
        Some(_) => true,
    }
}

fn has_own_generators(settings: &Settings) -> bool {
    candidates::generators(settings).iter().any(|name| !candidates::BUILT_IN.contains(name))
}

/// Returns the facts that a hook sees, and its login to the vault.
fn seen(settings: &Settings, section: Option<&str>, facts: &Value) -> Value {
    let option = |name| section.and_then(|section| settings.get(section, name));
    let is_explicit = option("use_credential").is_some_and(|source| source.eq_ignore_ascii_case("explicit"));
    let login = match section {
        None => Value::Null,
        Some(_) if is_explicit => json!({ "username": option("username"), "password": option("password") }),
        Some(_) => json!({ "username": facts["gateway_username"], "password": facts["gateway_password"] }),
    };
    json!({ "connection": facts, "login": login, "is_explicit": is_explicit })
}

/// Tells whether the model can read the session. The facts must be texts without control characters (the port a number,
/// and the groups a list of texts) or null, and all fetches must have the same facts apart from the asset. If the
/// configuration changes, the plugin must also give leases, because a host keeps no record of credentials without a
/// lease.
pub(super) fn is_one_session(input: &Value) -> bool {
    let steps = input["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let is_text = |value: &Value| {
        value.is_null() || value.as_str().is_some_and(|text| text.chars().all(|c| !c.is_control()))
    };
    let is_fact = |(name, value): (&String, &Value)| match name.as_str() {
        "session_id" => false,
        "server_port" => value.is_null() || value.as_u64().is_some_and(|port| port <= 65_535),
        "gateway_groups" => value.is_null() || value.as_array().is_some_and(|all| all.iter().all(is_text)),
        _ => is_text(value),
    };
    let without_asset = |step: &Value| {
        let mut facts = step["args"].as_object().cloned().unwrap_or_default();
        facts.remove("asset");
        facts
    };
    let fetches =
        steps.iter().filter(|step| step["call"].as_str().is_some_and(|call| call.starts_with("get_")));
    let mut facts = fetches.filter(|step| step["omit"].is_null()).map(without_asset);
    let first = facts.next();
    let mut texts = steps.iter().filter_map(|step| step["config"].as_str());
    let is_changed = texts.any(|text| input["config"] != text);
    let is_call = |step: &Value| step["call"].as_str().is_some_and(|call| CALLS.contains(&call));
    steps.iter().all(|step| {
        let is_object = step["args"].is_null() || step["args"].is_object();
        is_object && is_call(step) && step["args"].as_object().into_iter().flatten().all(is_fact)
    }) && facts.all(|facts| Some(facts) == first)
        && (!is_changed || input["plugin"]["hooks"].get("check_in").is_some())
}

/// Returns the facts of the connection, and the asset. Returns `None` if the step omits an argument, or has one that
/// the call does not have.
fn arguments(step: &Value) -> Option<(Value, Option<String>)> {
    let call = step["call"].as_str()?;
    let usual = json!({
        "client_hostname": "laptop", "client_ip": "10.0.0.9", "gateway_domain": "corp",
        "gateway_groups": ["admins"], "gateway_password": "gwpw", "gateway_username": "alice",
        "protocol": "ssh", "server_domain": "example.com", "server_hostname": "web1",
        "server_ip": "192.0.2.7", "server_port": 22, "server_username": "root", "session_id": "sess-1",
    });
    let mut facts =
        if call.starts_with("get_") { usual } else { json!({ "session_id": usual["session_id"] }) };
    let mut asset = Some("appserver".to_owned());
    if !step["omit"].is_null() {
        return None;
    }
    for (name, value) in step["args"].as_object().into_iter().flatten() {
        if name == "asset" && call == "get_remote_app_credentials" {
            asset = value.as_str().map(str::to_owned);
        } else {
            *facts.get_mut(name)? = value.clone();
        }
    }
    Some((facts, asset))
}
