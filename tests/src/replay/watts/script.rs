//! A plugin that follows a vector without a process of its own. Its output goes through the wire decoder.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keyway_issuers::wire::{Ended, Profile, host};
use keyway_issuers::{
    Capabilities, CredentialRequest, Description, Issuer, IssuerError, RequestOutcome, Revocation,
    async_trait,
};
use serde_json::Value;

use crate::replay::Input;

/// The plugin's behaviour when it is called.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) printed: String,
    pub(super) ended: Ended,
    /// True if the plugin does not answer in time.
    pub(super) hangs: bool,
}

impl Run {
    /// Creates a run that prints this text and exits with success.
    pub(super) fn printing(printed: impl Into<String>) -> Self {
        Self { printed: printed.into(), ended: Ended::SUCCESS, hangs: false }
    }

    /// Reads the behaviour of a vector.
    pub(super) fn of(input: &Input) -> Self {
        let ended = match (input.get("killed_by_signal"), input.get("exit").as_i64()) {
            (Value::String(name), _) => Ended::Signal(signal(name)),
            (_, Some(status)) => Ended::Status(i32::try_from(status).unwrap_or(1)),
            _ => Ended::SUCCESS,
        };
        Self { printed: printed(input), ended, hangs: false }
    }

    pub(super) fn is_success(&self) -> bool {
        self.ended == Ended::SUCCESS
    }
}

/// Returns the output of a vector's plugin. If the output is too long for the file, the vector only describes it.
fn printed(input: &Input) -> String {
    if let Value::String(text) = input.get("stdout") {
        return text.clone();
    }
    match filling(input) {
        Some(length) => format!(
            r#"{{"result": "ok", "credential": [{{"name": "n", "type": "text", "value": "{}"}}], "state": "st1"}}"#,
            "x".repeat(length)
        ),
        None => String::new(),
    }
}

/// Returns the number of `x` in the only text value of the output, if the vector describes the output in this way.
pub(super) fn filling(input: &Input) -> Option<usize> {
    let words = input.text("stdout_note").strip_prefix("value of the one text entry is ")?;
    words.strip_suffix(" x")?.parse().ok().filter(|length| *length <= 4 << 20)
}

/// The deadline of a plugin if the service sets none.
///
/// See decision W7.
const DEADLINE: Duration = Duration::from_secs(30);

/// Tells whether the plugin sleeps beyond its deadline.
pub(super) fn hangs(input: &Input) -> bool {
    let asleep = match input.get("sleep") {
        Value::String(seconds) => seconds.parse().unwrap_or(0.0),
        other => other.as_f64().unwrap_or(0.0),
    };
    let allowed = input.get("service")["plugin_timeout"].as_u64().filter(|milliseconds| *milliseconds > 0);
    asleep > allowed.map_or(DEADLINE, Duration::from_millis).as_secs_f64()
}

fn signal(name: &str) -> i32 {
    match name.trim_start_matches("SIG") {
        "HUP" => 1,
        "INT" => 2,
        "ABRT" => 6,
        "SEGV" => 11,
        "PIPE" => 13,
        "TERM" => 15,
        _ => 9,
    }
}

/// The plugin. Its n-th request makes the n-th run of `requests`; later requests repeat the last run.
#[derive(Debug)]
pub(super) struct Script {
    profile: Profile,
    description: Description,
    requests: Vec<Run>,
    revocation: Run,
    asked: AtomicUsize,
    revoked: Mutex<Vec<String>>,
}

impl Script {
    pub(super) fn new(profile: Profile, description: Description, requests: Vec<Run>) -> Self {
        Self {
            profile,
            description,
            requests,
            revocation: Run::printing(r#"{"result": "ok"}"#),
            asked: AtomicUsize::new(0),
            revoked: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn revoking(mut self, revocation: Run) -> Self {
        self.revocation = revocation;
        self
    }

    /// Returns the states that the plugin was told to revoke.
    pub(super) fn revoked(&self) -> Vec<String> {
        self.revoked.lock().map(|revoked| revoked.clone()).unwrap_or_default()
    }
}

#[async_trait]
impl Issuer for Script {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        Ok(self.description.clone())
    }

    async fn request(&self, _: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst).min(self.requests.len().saturating_sub(1));
        // The yields make concurrent requests overlap.
        for _ in 0..32 {
            tokio::task::yield_now().await;
        }
        let Some(run) = self.requests.get(turn) else { return Err(IssuerError::refused("", "")) };
        if run.hangs {
            std::future::pending::<()>().await;
        }
        host::decode_outcome(run.printed.as_bytes(), run.ended, self.profile)
    }

    async fn revoke(&self, revocation: &Revocation) -> Result<(), IssuerError> {
        if self.revocation.hangs {
            std::future::pending::<()>().await;
        }
        if let Ok(mut revoked) = self.revoked.lock() {
            revoked.push(revocation.state.as_str().to_owned());
        }
        let run = &self.revocation;
        host::decode_revoked(run.printed.as_bytes(), run.ended, self.profile)
    }
}
