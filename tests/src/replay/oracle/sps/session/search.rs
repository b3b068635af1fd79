//! Fetches: the search through the candidates (decisions S1, S4 and S7).

#![expect(clippy::option_option, reason = "`None` stands for an input that the model does not read")]

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::candidates;
use super::plugin::{self, Ended, Reading, read, run, shown};
use super::setup::Setup;
use super::{CheckOut, Model, Pair, Stage};

const NAMES: [&str; 2] = ["account", "asset"];
const KNOWN: [&str; 6] =
    ["passwords", "private_keys", "cookie", "session_cookie", "launch_information", "host_app"];

/// An account with its asset, and the credentials.
type Found = (Pair, Value);

/// Accounts or assets in order. An error stands for a generator that raises.
type List = Vec<Result<String, ()>>;

impl Model<'_> {
    pub(super) fn fetch(&mut self, setup: &Setup, hook: &str, key: &str) -> Option<Value> {
        self.is_usable()?;
        self.after_authentication = setup.after_authentication;
        let upstream: Vec<Pair> = self.upstream.shown.clone().into_iter().collect();
        self.check_in(|out| !out.is_proven, &upstream, "S3");
        let cookies = (self.cookie.clone(), self.session_cookie.clone());
        let found = self.search(setup, hook, key);
        if found.is_none() && cookies != (self.cookie.clone(), self.session_cookie.clone()) {
            // Upstream loses the cookies that a failing call wrote.
            self.decisions.insert("S5");
        }
        let found = found?;
        self.upstream.shown = found.as_ref().map(|(pair, _)| pair.clone());
        self.read.clear();
        Some(self.keep(found))
    }

    /// Refuses a fetch from a plugin that the host cannot use.
    fn is_usable(&mut self) -> Option<()> {
        if self.is_faulty {
            self.decisions.insert("H181");
        }
        (!self.is_faulty).then_some(())
    }

    /// Records a check-out of the found credentials (for a plugin without leases, only that they were read), and
    /// returns the answer to the fetch.
    fn keep(&mut self, found: Option<Found>) -> Value {
        let Some((pair, credentials)) = found else {
            return json!({ "credentials": [], "candidate": null });
        };
        let candidate = json!([pair.0, pair.1]);
        if self.has_leases() {
            self.outs.push(CheckOut { pair, is_proven: false, stage: Stage::Held });
        } else {
            self.read.push(pair);
        }
        json!({ "credentials": credentials, "candidate": candidate })
    }

    /// Searches through the candidates. Returns the first credentials that are found, `Some(None)` if there are none,
    /// or `None` for a failure.
    fn search(&mut self, setup: &Setup, hook: &str, key: &str) -> Option<Option<Found>> {
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
                    Some(Ended::Returned(value)) => {
                        if let Some(credentials) = self.found(&value, key)? {
                            return Some(Some((pair, credentials)));
                        }
                    }
                    None => {}
                }
            }
        }
        Some(None)
    }

    /// Reads the credentials that a hook returned.
    fn found(&mut self, value: &Value, key: &str) -> Option<Option<Value>> {
        match read(value, key) {
            Reading::Nothing => return Some(None),
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
        Some(Some(shown(value, key)))
    }

    /// Fails because a generator raised an exception. Upstream treats a `NotImplementedError` of a generator as
    /// "unsupported".
    fn generator_raised(&mut self, which: &str) -> Option<Option<Found>> {
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

    /// Returns the items of a plugin's own generator. An item that is not a text becomes an empty text.
    fn own(&mut self, script: &Value) -> Option<List> {
        let items = match (&script["yield"], &script["return"]) {
            (Value::Array(items), _) | (_, Value::Array(items)) => items,
            (_, Value::String(_)) => {
                // Upstream treats a text as a list of its characters. Decision S4 makes the generator fail.
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

    pub(super) fn remote_app(&mut self, setup: &Setup) -> Option<Value> {
        let asked = |name: &str| {
            self.session_cookie.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
        };
        let username = setup.facts["server_username"].as_str();
        let account = asked("account").or(username).filter(|text| !text.is_empty()).map(str::to_owned);
        let asset =
            asked("asset").or(setup.asset.as_deref()).filter(|text| !text.is_empty()).map(str::to_owned);
        // Upstream keeps no separate check-out for these credentials: at the end of the session, it checks in whichever
        // account was named.
        self.decisions.insert("S2");
        self.is_usable()?;
        let (Some(account), Some(asset)) = (account, asset) else { return Some(self.keep(None)) };
        let pair = (Some(account), Some(asset));
        let found = match run(self, "remote_app", &pair, ["remote_app_account", "remote_app_asset"]) {
            Some(Ended::Raised(class)) if class != "NotImplementedError" => return None,
            None | Some(Ended::Raised(_) | Ended::Returned(Value::Null)) => None,
            Some(Ended::Returned(value)) if value.is_object() => self.found(&value, "passwords")?,
            Some(Ended::Returned(_)) => return None,
        };
        Some(self.keep_beside(setup, found.map(|credentials| (pair, credentials))))
    }

    /// Records a check-out of credentials that are used beside a password. Such a fetch also determines when
    /// credentials are checked in. Upstream's fetch of such credentials does not.
    fn keep_beside(&mut self, setup: &Setup, found: Option<Found>) -> Value {
        if found.is_some() {
            self.after_authentication = setup.after_authentication;
        }
        self.keep(found)
    }

    /// Fetches one-time codes for each candidate. Upstream asks once, without a candidate.
    pub(super) fn totp(&mut self, setup: &Setup) -> Option<Value> {
        if self.plugin["hooks"].get("totp").is_some() {
            self.decisions.insert("S7");
        }
        self.is_usable()?;
        let found = self.search(setup, "totp", plugin::TOTP_CODES)?;
        Some(self.keep_beside(setup, found))
    }
}
