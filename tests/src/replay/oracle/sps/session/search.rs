//! Fetches: the search through the candidates (decisions S1, S4 and S7).

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::candidates;
use super::plugin::{self, Ended, Reading, read, run};
use super::setup::Setup;
use super::{CheckOut, Model, Pair};

const NAMES: [&str; 2] = ["account", "asset"];
const KNOWN: [&str; 6] =
    ["passwords", "private_keys", "cookie", "session_cookie", "launch_information", "host_app"];

/// Accounts or assets in order. An error stands for a generator that raises.
type List = Vec<Result<String, ()>>;

impl Model<'_> {
    pub(super) fn fetch(&mut self, setup: &Setup, hook: &str, key: &str) -> Option<()> {
        self.after_authentication = setup.after_authentication;
        let (unproven, proven): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.held).into_iter().partition(|it| !it.is_proven);
        self.held = proven;
        let upstream: Vec<Pair> = self.upstream.shown.clone().into_iter().collect();
        self.check_in(&unproven, &upstream, "S3");
        let cookies = (self.cookie.clone(), self.session_cookie.clone());
        let found = self.search(setup, hook, key);
        if found.is_none() && cookies != (self.cookie.clone(), self.session_cookie.clone()) {
            // Upstream loses what a failing call wrote.
            self.decisions.insert("S5");
        }
        if !found? {
            self.upstream.shown = None;
        }
        self.is_authenticated = false;
        Some(())
    }

    /// Returns whether something was found, or `None` for a failure.
    fn search(&mut self, setup: &Setup, hook: &str, key: &str) -> Option<bool> {
        let accounts = self.accounts(setup)?;
        let (mut tried, mut was_unsupported) = (BTreeSet::new(), false);
        for account in accounts {
            let Ok(account) = account else { return self.generator_raised("accounts") };
            for asset in self.assets(setup)? {
                let Ok(asset) = asset else { return self.generator_raised("assets") };
                if account.is_empty() || asset.is_empty() || !tried.insert((account.clone(), asset.clone())) {
                    self.decisions.insert("S4");
                    continue;
                }
                let pair = (Some(account.clone()), Some(asset.clone()));
                if was_unsupported && self.plugin["hooks"].get(hook).is_some() {
                    // Upstream stops at the first candidate that is unsupported.
                    self.decisions.insert("S1");
                }
                match run(self, hook, &pair, NAMES) {
                    Some(Ended::Raised(class)) if class == "NotImplementedError" => was_unsupported = true,
                    Some(Ended::Raised(_)) => return None,
                    Some(Ended::Returned(value)) if self.found(&value, key, &pair)? => {
                        self.upstream.shown = Some(pair);
                        return Some(true);
                    }
                    None | Some(Ended::Returned(_)) => {}
                }
            }
        }
        Some(false)
    }

    /// Takes what a hook found.
    fn found(&mut self, value: &Value, key: &str, pair: &Pair) -> Option<bool> {
        match read(value, key) {
            Reading::Nothing => return Some(false),
            Reading::NoSuchType => {
                self.decisions.insert("S7");
                return None;
            }
            Reading::Found => {}
        }
        if value.as_object().is_some_and(|value| value.keys().any(|name| !KNOWN.contains(&name.as_str()))) {
            self.decisions.insert("S7");
        }
        self.merge(value)?;
        let (account, asset) = (pair.0.clone()?, pair.1.clone()?);
        self.held.push(CheckOut { account, asset, is_proven: false });
        self.last = Some(pair.clone());
        Some(true)
    }

    /// Fails; upstream reads `NotImplementedError` of a generator as unsupported.
    fn generator_raised(&mut self, which: &str) -> Option<bool> {
        if self.plugin[which]["then_raise"] == "NotImplementedError" {
            self.decisions.insert("S1");
        }
        None
    }

    fn accounts(&mut self, setup: &Setup) -> Option<List> {
        if let Some(own) = self.plugin.get("accounts") {
            return self.own(own);
        }
        let account = candidates::account(&setup.settings, &setup.facts["server_username"]);
        if account.is_none() {
            self.decisions.insert("S4");
        }
        Some(account.into_iter().map(Ok).collect())
    }

    fn assets(&mut self, setup: &Setup) -> Option<List> {
        if let Some(own) = self.plugin.get("assets") {
            return self.own(own);
        }
        let found = candidates::assets(&setup.settings, &setup.facts);
        let attributes = |name: &String| name == "account" || name.starts_with("do_");
        if found.has_gaps || found.own.iter().any(attributes) {
            self.decisions.insert("S4");
        }
        let mut own = found.own.iter();
        let mut assets = List::new();
        for asset in found.in_order {
            let Some(asset) = asset else {
                let generator = &self.plugin["custom_generators"][own.next()?];
                match (generator["raise"].as_str(), generator["return"].as_str()) {
                    (Some(_), _) => assets.push(Err(())),
                    (None, returned) => assets.extend(returned.map(|asset| Ok(asset.to_owned()))),
                }
                continue;
            };
            assets.push(Ok(asset));
        }
        Some(assets)
    }

    /// Returns what a plugin's own generator yields, with an empty text for what is no text.
    fn own(&mut self, script: &Value) -> Option<List> {
        let items = match (&script["yield"], &script["return"]) {
            (Value::Array(items), _) | (_, Value::Array(items)) => items,
            (_, Value::String(_)) => {
                // Upstream takes the characters of a text.
                self.decisions.insert("S4");
                return None;
            }
            _ => return None,
        };
        let mut list: List =
            items.iter().map(|item| Ok(item.as_str().unwrap_or_default().to_owned())).collect();
        if script["then_raise"].is_string() {
            list.push(Err(()));
        }
        Some(list)
    }

    pub(super) fn remote_app(&mut self, setup: &Setup) -> Option<()> {
        let asked = |name: &str| {
            self.session_cookie.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
        };
        let username = setup.facts["server_username"].as_str();
        let account = asked("account").or(username).filter(|text| !text.is_empty()).map(str::to_owned);
        let asset =
            asked("asset").or(setup.asset.as_deref()).filter(|text| !text.is_empty()).map(str::to_owned);
        // Upstream keeps no check-out of its own for these: at the end it checks in whatever account was named.
        self.decisions.insert("S2");
        let (Some(account), Some(asset)) = (account, asset) else { return Some(()) };
        let pair = (Some(account), Some(asset));
        match run(self, "remote_app", &pair, ["remote_app_account", "remote_app_asset"]) {
            Some(Ended::Raised(class)) if class != "NotImplementedError" => None,
            None | Some(Ended::Raised(_)) => Some(()),
            Some(Ended::Returned(value)) if value.is_object() => {
                self.found(&value, "passwords", &pair).map(drop)
            }
            Some(Ended::Returned(value)) => value.is_null().then_some(()),
        }
    }

    /// Fetches one-time codes: for each candidate, where upstream asks once and for none.
    pub(super) fn totp(&mut self, setup: &Setup) -> Option<()> {
        if self.plugin["hooks"].get("totp").is_some() {
            self.decisions.insert("S7");
        }
        self.search(setup, "totp", plugin::TOTP_CODES).map(drop)
    }
}
