//! A model of sessions under the decisions: the hooks that each call of a host reaches, and the decisions that make them
//! others than upstream's.
//!
//! Beside its own state, the model keeps what upstream's cookie would say, only to tell where the two part.

mod cookie;
mod plugin;
mod search;
mod setup;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use plugin::{Ended, run};
use setup::Setup;

/// A call of a hook: its upstream name in the vectors' rules, the account and the asset.
pub type Call = (String, Option<String>, Option<String>);

/// What a call of the host leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The hooks that are called, in order.
    pub hooks: Vec<Call>,
    /// Whether the call is refused or fails.
    pub is_refused: bool,
    /// The decisions by which it differs from upstream so far.
    pub decisions: BTreeSet<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct CheckOut {
    account: String,
    asset: String,
    is_proven: bool,
}

type Pair = (Option<String>, Option<String>);

struct Model<'a> {
    plugin: &'a Value,
    cookie: Map<String, Value>,
    session_cookie: Map<String, Value>,
    held: Vec<CheckOut>,
    /// The last check-out of the session, whether it is held or not.
    last: Option<Pair>,
    /// The moment for check-ins as of the last fetch: when the authentication is completed, or at the end.
    after_authentication: bool,
    is_authenticated: bool,
    is_ended: bool,
    upstream: Upstream,
    decisions: BTreeSet<&'static str>,
    hooks: Vec<Call>,
}

/// What upstream's cookie would say.
#[derive(Default)]
struct Upstream {
    /// The account and the asset that its host would check in.
    shown: Option<Pair>,
    /// Whether a check-in was made.
    was_checked_in: bool,
}

/// Returns the outcome of each call of a vector's host.
pub fn outcomes(input: &Value) -> Vec<Outcome> {
    let mut model = Model {
        plugin: &input["plugin"],
        cookie: Map::new(),
        session_cookie: Map::new(),
        held: Vec::new(),
        last: None,
        after_authentication: false,
        is_authenticated: false,
        is_ended: false,
        upstream: Upstream::default(),
        decisions: BTreeSet::new(),
        hooks: Vec::new(),
    };
    let steps = input["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let outcome = |step| {
        let is_refused = model.step(input, step).is_none();
        Outcome { hooks: std::mem::take(&mut model.hooks), is_refused, decisions: model.decisions.clone() }
    };
    steps.iter().map(outcome).collect()
}

impl Model<'_> {
    /// Returns `None` when the call is refused or fails.
    fn step(&mut self, input: &Value, step: &Value) -> Option<()> {
        let setup = Setup::read(input, step, &mut self.decisions)?;
        let given = [step.get("cookie"), step.get("session_cookie")];
        if given.into_iter().flatten().any(|cookie| !cookie.is_object()) {
            if step["session_cookie"].is_null() && step.get("session_cookie").is_some() {
                self.decisions.insert("S5");
            }
            return None;
        }
        self.take_cookies(step);
        if self.is_ended {
            self.decisions.insert("S8");
            return None;
        }
        match step["call"].as_str()? {
            "get_password_list" => self.fetch(&setup, "password", "passwords"),
            "get_private_key_list" => self.fetch(&setup, "private_key", "private_keys"),
            "get_remote_app_credentials" => self.remote_app(&setup),
            "get_totp_codes" => self.totp(&setup),
            "authentication_completed" => self.authenticated(),
            _ => {
                self.end();
                Some(())
            }
        }
    }

    fn authenticated(&mut self) -> Option<()> {
        if self.is_authenticated {
            self.decisions.insert("S8");
            return None;
        }
        self.is_authenticated = true;
        let held = self.held.last().map(|it| (Some(it.account.clone()), Some(it.asset.clone())));
        self.event("auth_completed", held);
        for check_out in &mut self.held {
            check_out.is_proven = true;
        }
        if self.after_authentication {
            // Upstream checks in whatever its cookie has, also nothing.
            let upstream = [self.upstream.shown.clone().unwrap_or_default()];
            let held = std::mem::take(&mut self.held);
            self.check_in(&held, &upstream, "S3");
            self.upstream.was_checked_in = true;
        }
        Some(())
    }

    fn end(&mut self) {
        let upstream: Vec<Pair> = if self.upstream.was_checked_in {
            Vec::new()
        } else {
            self.upstream.shown.clone().into_iter().collect()
        };
        let held = std::mem::take(&mut self.held);
        self.check_in(&held, &upstream, "S2");
        self.event("session_ended", self.last.clone());
        self.is_ended = true;
    }

    /// Calls the hook of an event, whose failure is noted and does not stop the session.
    fn event(&mut self, hook: &str, pair: Option<Pair>) {
        let pair = pair.unwrap_or_default();
        if self.plugin["hooks"].get(hook).is_none() {
            return;
        }
        if pair != self.upstream.shown.clone().unwrap_or_default() {
            self.decisions.insert("S6");
        }
        if let Some(Ended::Raised(_)) = run(self, hook, &pair, ["account", "asset"]) {
            self.decisions.insert("S6");
        }
    }

    /// Checks in, and notes the decision if upstream would check in others.
    fn check_in(&mut self, held: &[CheckOut], upstream: &[Pair], decision: &'static str) {
        if self.plugin["hooks"].get("check_in").is_none() {
            return;
        }
        let ours: Vec<Pair> =
            held.iter().map(|it| (Some(it.account.clone()), Some(it.asset.clone()))).collect();
        if ours != upstream {
            self.decisions.insert(decision);
        }
        for pair in &ours {
            if let Some(Ended::Raised(_)) = run(self, "check_in", pair, ["account", "asset"]) {
                self.decisions.insert("S2");
            }
        }
    }
}
