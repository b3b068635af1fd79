//! A vector's plugin, and the calls of its host.

use std::collections::BTreeMap;

use keyway_credentials::{AssetGenerator, AssetRules, Connection, SpsConfiguration, VaultLoginSource};
use serde_json::{Map, Value, json};

use super::super::connection;
use super::rules::Rules;
use crate::replay::{Class, Input};

/// Returns the facts of a connection. They are the defaults for facts that a vector leaves out.
fn usual_facts() -> Value {
    json!({
        "client_hostname": "laptop", "client_ip": "10.0.0.9", "gateway_domain": "corp",
        "gateway_groups": ["admins"], "gateway_password": "gwpw", "gateway_username": "alice",
        "protocol": "ssh", "server_domain": "example.com", "server_hostname": "web1",
        "server_ip": "192.0.2.7", "server_port": 22, "server_username": "root", "session_id": "sess-1",
    })
}

/// The name of the generator that stands for a plugin's own `_generate_assets`.
pub(super) const OWN_ASSETS: &str = "_generate_assets";

/// A vector's plugin.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The rules of each hook that the plugin has.
    pub hooks: BTreeMap<String, Rules>,
    /// The plugin's own accounts.
    pub accounts: Option<Value>,
    /// The plugin's own assets.
    pub assets: Option<Value>,
    /// The plugin's own generators of assets, by name.
    pub generators: Map<String, Value>,
    /// The section that has the login to the vault.
    pub section: Option<String>,
    /// Whether each call of a hook is noted with its connection.
    pub traces_connection: bool,
    /// Whether each call of a hook is noted with its login.
    pub traces_login: bool,
}

impl Plan {
    /// Reads the plugin of a vector.
    ///
    /// # Errors
    /// The reason why the plugin does not have the form that vectors use.
    pub fn read(input: &Input) -> Result<Self, String> {
        let plugin = input.get("plugin");
        let hooks = plugin["hooks"].as_object().ok_or("no `hooks`")?;
        let hooks = hooks.iter().map(|(name, rules)| Ok((name.clone(), Rules::read(rules)?)));
        Ok(Self {
            hooks: hooks.collect::<Result<_, String>>()?,
            accounts: plugin.get("accounts").cloned(),
            assets: plugin.get("assets").cloned(),
            generators: plugin["custom_generators"].as_object().cloned().unwrap_or_default(),
            section: input.get("configuration_section").as_str().map(str::to_owned),
            traces_connection: plugin["trace_connection"] == true,
            traces_login: plugin["trace_auth"] == true,
        })
    }

    /// Returns the rules for assets: those of the configuration, unless the plugin generates all assets itself.
    ///
    /// # Errors
    /// [`Class::Invalid`] when the configuration has a wrong value.
    pub fn asset_rules(&self, configuration: &SpsConfiguration) -> Result<AssetRules, Class> {
        let mut rules = configuration.asset_rules().map_err(|_| Class::Invalid)?;
        if self.assets.is_some() {
            rules.generators = vec![AssetGenerator::from_name(OWN_ASSETS)];
        }
        Ok(rules)
    }

    /// Returns the source of the login to the vault, if the plugin has a section for it.
    ///
    /// # Errors
    /// [`Class::Invalid`] when the section has a wrong value.
    pub fn login(&self, configuration: &SpsConfiguration) -> Result<Option<VaultLoginSource>, Class> {
        let source = self.section.as_deref().map(|section| configuration.vault_login(section));
        source.transpose().map_err(|_| Class::Invalid)
    }
}

/// A call of a vector's host.
#[derive(Clone, Debug)]
pub struct HostCall {
    /// The name of upstream's method.
    pub method: String,
    /// The facts of the connection.
    pub facts: Value,
    /// The asset of a remote application.
    pub asset: Option<String>,
    /// The configuration of the call, if it differs from that of the vector.
    pub configuration: Option<String>,
    /// The cookie with which the host replaces the stored one.
    pub cookie: Option<Value>,
    /// The session cookie with which the host replaces the stored one.
    pub session_cookie: Option<Value>,
    /// Whether an argument is missing or unknown, which the typed interface cannot express.
    pub is_misfit: bool,
}

impl HostCall {
    /// Reads the calls of a vector.
    ///
    /// # Errors
    /// The reason why the calls do not have the form that vectors use.
    pub fn read_all(input: &Input) -> Result<Vec<Self>, String> {
        let steps = input.get("steps").as_array().ok_or("no `steps`")?;
        steps.iter().map(Self::read).collect()
    }

    fn read(step: &Value) -> Result<Self, String> {
        let method = step["call"].as_str().ok_or("a step without a call")?.to_owned();
        let is_fetch = method.starts_with("get_");
        let mut facts = usual_facts();
        if !is_fetch {
            facts = json!({ "session_id": facts["session_id"] });
        }
        let mut asset = Some("appserver".to_owned());
        let mut is_misfit = step["omit"].as_array().is_some_and(|names| !names.is_empty());
        for (name, value) in step["args"].as_object().into_iter().flatten() {
            if name == "asset" && method == "get_remote_app_credentials" {
                asset = value.as_str().map(str::to_owned);
            } else if let Some(fact) = facts.get_mut(name) {
                *fact = value.clone();
            } else {
                is_misfit = true;
            }
        }
        Ok(Self {
            method,
            facts,
            asset,
            configuration: step["config"].as_str().map(str::to_owned),
            cookie: step.get("cookie").cloned(),
            session_cookie: step.get("session_cookie").cloned(),
            is_misfit,
        })
    }

    /// Tells whether the call fetches credentials.
    pub fn is_fetch(&self) -> bool {
        self.method.starts_with("get_")
    }

    /// Returns the connection of the call.
    ///
    /// # Errors
    /// [`Class::Invalid`] when a fact has a wrong type.
    pub fn connection(&self) -> Result<Connection, Class> {
        connection::connection(&self.facts)
    }
}
