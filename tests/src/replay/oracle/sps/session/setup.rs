//! The configuration and the arguments of a call.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::settings::Settings;

/// What a call works with.
pub(super) struct Setup {
    pub(super) settings: Settings,
    pub(super) facts: Value,
    /// Whether check-ins follow the authentication, by the protocol.
    pub(super) after_authentication: bool,
    /// The asset of a remote application.
    pub(super) asset: Option<String>,
}

impl Setup {
    /// Returns `None` for a call that is refused before the plugin is asked.
    pub(super) fn read(input: &Value, step: &Value, decisions: &mut BTreeSet<&'static str>) -> Option<Self> {
        let text = step["config"].as_str().or(input["config"].as_str())?;
        let defaults = input["defaults"].as_str().unwrap_or_default();
        if settings_of_the_host(text) {
            // The log and the proxy are the host's: upstream fails for a wrong value.
            decisions.insert("S9");
        }
        let settings = Settings::read(text)?.over(Settings::read(defaults)?);
        let words: Vec<(&str, &str)> = settings.of("check-in-trigger").collect();
        let is_word = |word: &str| {
            ["session-ended", "authentication-completed"].contains(&word.to_lowercase().as_str())
        };
        if settings.has_references || words.iter().any(|(_, word)| !is_word(word)) {
            decisions.insert("H200");
            return None;
        }
        if has_wrong_login(&settings, input["configuration_section"].as_str()) {
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
        Some(Self { settings, facts, after_authentication, asset })
    }
}

fn settings_of_the_host(text: &str) -> bool {
    ["[logging]", "[https_proxy]", "[https-proxy]"].iter().any(|section| text.contains(section))
}

/// Whether the login to the vault is not complete, or has an unknown source.
fn has_wrong_login(settings: &Settings, section: Option<&str>) -> bool {
    let Some(section) = section else { return false };
    let filled = |option| settings.get(section, option).is_some_and(|value| !value.is_empty());
    match settings.get(section, "use_credential").map(str::to_lowercase).as_deref() {
        None | Some("gateway") => false,
        Some("explicit") => !(filled("username") && filled("password")),
        Some(_) => true,
    }
}

/// Returns the facts of the connection and the asset, or `None` for arguments that the call does not have.
fn arguments(step: &Value) -> Option<(Value, Option<String>)> {
    let call = step["call"].as_str()?;
    let usual = json!({
        "server_domain": "example.com", "server_hostname": "web1", "server_ip": "192.0.2.7",
        "server_username": "root", "protocol": "ssh",
    });
    let others = [
        "client_hostname",
        "client_ip",
        "gateway_domain",
        "gateway_groups",
        "gateway_password",
        "gateway_username",
        "server_port",
        "session_id",
    ];
    let is_fetch = call.starts_with("get_");
    let mut facts = if is_fetch { usual } else { Value::Object(Map::new()) };
    let mut asset = Some("appserver".to_owned());
    if !step["omit"].is_null() {
        return None;
    }
    for (name, value) in step["args"].as_object().into_iter().flatten() {
        if name == "asset" && call == "get_remote_app_credentials" {
            asset = value.as_str().map(str::to_owned);
        } else if let Some(fact) = facts.get_mut(name) {
            *fact = value.clone();
        } else if !(is_fetch && others.contains(&name.as_str()) || name == "session_id") {
            return None;
        }
    }
    Some((facts, asset))
}
