//! A model of sessions under the decisions: for each call of a host, the hooks that are called, the answer, and the
//! decisions that make the hooks or the answer differ from upstream's.
//!
//! The model also keeps the content of upstream's cookie, but only to tell where upstream's behaviour differs. Time
//! stands still in a vector, so a failed call is not tried again.

mod cookie;
mod plugin;
mod search;
mod setup;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use plugin::{Ended, run};
use setup::{Setup, is_one_session};

/// A call of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The hook, by its name in the vectors' rules.
    pub hook: String,
    /// The account that the hook sees.
    pub account: Option<String>,
    /// The asset that the hook sees.
    pub asset: Option<String>,
    /// The facts that the vector traces.
    pub trace: Value,
}

/// The outcome of a call of the host.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The hooks that are called, in order.
    pub hooks: Vec<Call>,
    /// The answer; null if the call is refused or fails.
    pub answer: Value,
    /// Whether the call is a fetch that found passwords or keys.
    pub is_found: bool,
    /// The decisions that made the session differ from upstream's so far.
    pub decisions: BTreeSet<&'static str>,
    /// The decision that was last added to `decisions`. If a call added several, this is the first of them by its id.
    /// `None` if there is no decision, or if the model cannot read the input.
    pub ruling: Option<&'static str>,
}

#[derive(Clone, Debug)]
struct CheckOut {
    pair: Pair,
    is_proven: bool,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Held,
    /// The check-in failed, and is tried again later.
    Failing,
    /// The credential is checked in. The event at the end of the session can still name its account and asset.
    Returned,
}

impl CheckOut {
    fn is_unproven(&self) -> bool {
        self.stage == Stage::Held && !self.is_proven
    }
}

type Pair = (Option<String>, Option<String>);

#[expect(clippy::struct_excessive_bools, reason = "each flag is a fact of its own")]
struct Model<'a> {
    plugin: &'a Value,
    cookie: Map<String, Value>,
    session_cookie: Map<String, Value>,
    outs: Vec<CheckOut>,
    /// The account and the asset whose credentials the last fetch read, unless an event came after it. Only for a
    /// plugin without leases.
    read: Vec<Pair>,
    /// Whether credentials are checked in after the authentication, according to the last fetch. Otherwise they are
    /// checked in at the end of the session.
    after_authentication: bool,
    is_authenticated: bool,
    is_ended: bool,
    /// The configuration that the host runs with.
    configuration: Option<String>,
    /// Whether the host cannot use the plugin.
    is_faulty: bool,
    /// Whether the plugin failed at an event, or at a check-in.
    has_failed: bool,
    /// Whether a part of the input so far cannot be read by the model.
    is_blind: bool,
    /// The facts and the login that hooks see.
    seen: Value,
    upstream: Upstream,
    decisions: BTreeSet<&'static str>,
    hooks: Vec<Call>,
}

/// The account and asset in upstream's cookie.
#[derive(Default)]
struct Upstream {
    /// The account and the asset that upstream's host would check in.
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
        outs: Vec::new(),
        read: Vec::new(),
        after_authentication: false,
        is_authenticated: false,
        is_ended: false,
        configuration: None,
        is_faulty: false,
        has_failed: false,
        is_blind: !is_one_session(input),
        seen: Value::Null,
        upstream: Upstream::default(),
        decisions: BTreeSet::new(),
        hooks: Vec::new(),
    };
    let steps = input["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let mut ruling = None;
    let outcome = |step| {
        let before = model.decisions.clone();
        model.has_failed = false;
        let answer = model.step(input, step);
        ruling = model.decisions.difference(&before).next().copied().or(ruling);
        let is_fetch = ["get_password_list", "get_private_key_list"].map(Value::from).contains(&step["call"]);
        Outcome {
            hooks: std::mem::take(&mut model.hooks),
            is_found: is_fetch && answer.as_ref().is_some_and(|answer| !answer["candidate"].is_null()),
            answer: answer.unwrap_or_default(),
            decisions: model.decisions.clone(),
            ruling: ruling.filter(|_| !model.is_blind),
        }
    };
    steps.iter().map(outcome).collect()
}

impl Model<'_> {
    /// Returns the answer, or `None` when the call is refused or fails.
    fn step(&mut self, input: &Value, step: &Value) -> Option<Value> {
        let setup = Setup::read(input, step, self)?;
        let given = [step.get("cookie"), step.get("session_cookie")];
        if given.into_iter().flatten().any(|cookie| !cookie.is_object()) {
            if step["session_cookie"].is_null() && step.get("session_cookie").is_some() {
                self.decisions.insert("S5");
            }
            return None;
        }
        let method = step["call"].as_str()?;
        self.open(&setup, method.starts_with("get_"));
        self.take_cookies(step);
        let mut answer = match method {
            _ if self.is_ended => {
                self.decisions.insert("S8");
                // A second call of `session_ended` changes nothing.
                return (method == "session_ended").then(|| json!({ "failed": false }));
            }
            "get_password_list" => self.fetch(&setup, "password", "passwords")?,
            "get_private_key_list" => self.fetch(&setup, "private_key", "private_keys")?,
            "get_remote_app_credentials" => self.remote_app(&setup)?,
            "get_totp_codes" => self.totp(&setup)?,
            "authentication_completed" => {
                self.authenticated();
                json!({ "failed": self.has_failed })
            }
            _ => {
                self.end();
                return Some(json!({ "failed": self.has_failed }));
            }
        };
        answer["cookie"] = cookie::own_entries(&self.cookie);
        answer["session_cookie"] = self.session_cookie.clone().into();
        Some(answer)
    }

    /// Starts the host. A fetch with another configuration starts it again, unless the session has ended.
    fn open(&mut self, setup: &Setup, is_fetch: bool) {
        let is_other = self.configuration.as_ref() != Some(&setup.configuration);
        if self.configuration.is_none() || (is_fetch && is_other && !self.is_ended) {
            self.configuration = Some(setup.configuration.clone());
            self.is_faulty = setup.has_unknown_generator;
        }
    }

    fn authenticated(&mut self) {
        let unproven = |pair| CheckOut { pair, is_proven: false, stage: Stage::Held };
        self.outs.extend(std::mem::take(&mut self.read).into_iter().map(unproven));
        let is_repeated = self.is_authenticated && !self.outs.iter().any(CheckOut::is_unproven);
        if is_repeated {
            self.decisions.insert("S8");
        } else {
            self.is_authenticated = true;
            for out in self.outs.iter_mut().filter(|out| out.stage == Stage::Held) {
                out.is_proven = true;
            }
            let proven = |out: &&CheckOut| out.is_proven && out.stage != Stage::Returned;
            let last = self.outs.iter().rfind(proven).map(|out| out.pair.clone());
            self.event("auth_completed", last);
        }
        if self.after_authentication {
            // Upstream checks in the account and the asset that its cookie names. If the cookie names none, upstream
            // makes the same call without an account and an asset.
            let upstream = [self.upstream.shown.clone().unwrap_or_default()];
            self.check_in(|out| out.is_proven, &upstream, if is_repeated { "S8" } else { "S3" });
            self.upstream.was_checked_in = true;
        }
    }

    fn end(&mut self) {
        let upstream: Vec<Pair> = if self.upstream.was_checked_in {
            Vec::new()
        } else {
            self.upstream.shown.clone().into_iter().collect()
        };
        self.is_ended = true;
        self.check_in(|_| true, &upstream, "S2");
        let last = self.outs.last().map(|out| out.pair.clone());
        let last = self.read.pop().or(last);
        self.event("session_ended", last);
    }

    /// Calls the hook of an event. A failure is noted, and does not stop the session.
    fn event(&mut self, hook: &str, pair: Option<Pair>) {
        let pair = pair.unwrap_or_default();
        if self.is_faulty {
            self.decisions.insert("H181");
            self.has_failed = true;
            return;
        }
        if self.plugin["hooks"].get(hook).is_none() {
            return;
        }
        if pair != self.upstream.shown.clone().unwrap_or_default() {
            self.decisions.insert("S6");
        }
        if let Some(Ended::Raised(_)) = run(self, hook, &pair, ["account", "asset"]) {
            self.decisions.insert("S6");
            self.has_failed = true;
        }
    }

    /// Tells whether the plugin gives leases. It does if it has the hook that checks in.
    fn has_leases(&self) -> bool {
        self.plugin["hooks"].get("check_in").is_some()
    }

    /// Checks in the held credentials that `is_meant` selects, and notes the decision if upstream would check in
    /// different credentials.
    fn check_in(&mut self, is_meant: fn(&CheckOut) -> bool, upstream: &[Pair], decision: &'static str) {
        if !self.has_leases() {
            return;
        }
        let meant = |out: &CheckOut| out.stage == Stage::Held && is_meant(out);
        let indices: Vec<_> = (0..self.outs.len()).filter(|index| meant(&self.outs[*index])).collect();
        let ours: Vec<Pair> = indices.iter().map(|index| self.outs[*index].pair.clone()).collect();
        if ours != upstream {
            self.decisions.insert(decision);
        }
        for (index, pair) in indices.into_iter().zip(ours) {
            self.outs[index].stage = Stage::Returned;
            let ended =
                if self.is_faulty { None } else { run(self, "check_in", &pair, ["account", "asset"]) };
            if !matches!(ended, Some(Ended::Returned(_))) {
                self.decisions.insert("S2");
                self.outs[index].stage = Stage::Failing;
                self.has_failed = true;
            }
        }
        if !self.is_ended {
            self.outs.retain(|out| out.is_proven || out.stage != Stage::Returned);
        }
    }
}
