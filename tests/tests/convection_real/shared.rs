//! Provides a store that both sides can open.

use std::path::PathBuf;
use std::sync::Arc;

use keyway_seal::KeyRing;
use keyway_secrets::core::{Plugins, plugins};
use keyway_secrets::{OpenContext, SecretAddress, SecretName, SecretStore, SecretStores, StoreName};
use keyway_tests::services::{self, OrSkip as _};
use serde_json::{Value, json};
use tempfile::TempDir;

const PLUGINS: Plugins = plugins! { keyway_convection };

/// Throw-away keys, the same number as Convection has.
pub(crate) const OLD: [&str; 5] = [
    "h6t5m4sfcek0UQoEhfu37A8kmJ_2awT4oUfNfct1sVU=",
    "ptRxCnGIAfjcm7Mi16GQGP0jre1vWKEvZgqVh8c8ES0=",
    "tS5STt1yt6sZk1FRmMNtCazp0gwwfMtjwnDmvHDlS0A=",
    "uHMSXAyY69rz6hj1pN1v48JQB1W9TcEYitSVMQIzQsQ=",
    "smDI1SWW3zXGWZ5bbrIc4Z_nJm7ZLG-Ji-cSdoMEF7s=",
];
pub(crate) const NEW: [&str; 2] =
    ["HhojZjG_594t4SI7kjERbXTubMyAuV4USkiA0o6lFwY=", "0X4NYWnWnsXLP9iJ-pSmyJS9xvoMOPZYgu13uV_kNLc="];

/// A folder with a store that both sides can open.
pub(crate) struct Shared {
    root: TempDir,
    theirs: services::ConvectionPlugin,
    /// The id of Keyway's plugin.
    ours: &'static str,
    /// The folder of Convection's plugin.
    folder: &'static str,
}

impl Shared {
    /// Makes a store for the Generic plugin. If there is no Python to compare with, reports that and returns `None`.
    pub(crate) fn generic(what: &str) -> Option<Self> {
        Self::new("generic", "convection-generic", "secrets", what)
    }

    /// Does the same as [`generic`](Self::generic), for the PassDB plugin.
    pub(crate) fn passdb(what: &str) -> Option<Self> {
        Self::new("passdb", "convection-passdb", "passdb", what)
    }

    fn new(theirs: &'static str, ours: &'static str, folder: &'static str, what: &str) -> Option<Self> {
        let theirs = services::ConvectionPlugin::new(theirs).or_skip(what)?;
        Some(Self { root: tempfile::tempdir().unwrap(), theirs, ours, folder })
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.root.path().join(self.folder).join("shared")
    }

    /// Opens a new handle of Keyway's plugin.
    pub(crate) fn here(&self, keys: &[&str]) -> Arc<dyn SecretStore> {
        opened_by(self.ours, keys, json!({ "directory": self.root.path() }))
    }

    /// Does the same as [`here`](Self::here), with settings for a new store.
    pub(crate) fn here_with_settings(&self, keys: &[&str], settings: &Value) -> Arc<dyn SecretStore> {
        opened_by(self.ours, keys, json!({ "directory": self.root.path(), "settings": settings }))
    }

    /// Runs these steps on a new handle of the real plugin, and returns its answers.
    pub(crate) fn there(&self, keys: &[&str], steps: &[Value]) -> Vec<Value> {
        self.theirs.answers(self.root.path(), "shared", keys, None, steps)
    }

    /// Does the same as [`there`](Self::there), on a handle that gets settings as for a new store.
    pub(crate) fn there_with(&self, config: &Value, steps: &[Value]) -> Vec<Value> {
        self.theirs.answers(self.root.path(), "shared", &OLD, Some(config), steps)
    }

    /// Returns the real plugin's list, and the value of each name.
    pub(crate) fn all_there(&self, keys: &[&str], names: &[&str]) -> (Vec<String>, Vec<Value>) {
        let mut steps = vec![json!(["list"])];
        steps.extend(names.iter().map(|name| json!(["get", name])));
        let mut answers = self.there(keys, &steps);
        let list = serde_json::from_value(answers.remove(0)["ok"].take()).unwrap();
        (list, answers)
    }
}

pub(crate) fn at(name: &str) -> SecretAddress {
    SecretAddress::shared(SecretName::new(name).unwrap())
}

/// Opens a handle of any plugin of Keyway.
pub(crate) fn opened_by(plugin: &str, keys: &[&str], configuration: Value) -> Arc<dyn SecretStore> {
    let registry = PLUGINS.registry().unwrap();
    let plugin = registry.get::<SecretStores>(plugin).unwrap();
    let keys = KeyRing::parse(keys.iter().copied()).unwrap();
    let opening = OpenContext::new(StoreName::new("shared").unwrap(), plugin.metadata().clone(), keys)
        .with_configuration(configuration);
    plugin.open(&opening).unwrap()
}
