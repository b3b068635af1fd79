//! A host of a vector: the engine with one vault, and one session.

use std::sync::Arc;
use std::time::Duration;

use keyway_core::{Clock, Registry, Timestamp};
use keyway_credentials::{
    Connection, CredentialStoreName, Json, JsonObject, Passwords, PrivateKeys, RemoteAppCredentials,
    SpsConfiguration, TotpCodes,
};
use keyway_host::Host;
use keyway_host::sessions::{
    CredentialType, FetchRequest, Isolation, Limits, NewSession, Session, SessionsError, Settled, Vault,
};
use keyway_seal::{Key, KeyRing};
use keyway_storage::{Memory, Storage};
use serde_json::{Value, json};

use super::answer::{Shown, fetched};
use super::journal::{Journal, replace};
use super::plan::{HostCall, Plan};
use super::scripted::Scripted;
use crate::replay::{Class, Input};

/// A clock that stands still, so that the host does not repeat a failed call.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_milliseconds(1_800_000_000_000)
    }
}

/// The host of a vector. It starts with the configuration of its first call. It starts again if a fetch has another
/// configuration, because upstream reads the configuration for each fetch.
pub(super) struct Driver {
    plan: Arc<Plan>,
    configuration: String,
    defaults: String,
    connection: Connection,
    pub(super) journal: Arc<Journal>,
    storage: Arc<dyn Storage>,
    running: Option<Running>,
    has_ended: bool,
    /// The number of fetches that found passwords or keys.
    pub(super) found: u64,
}

/// A run of the host.
struct Running {
    configuration: String,
    session: Session,
}

fn store() -> Result<CredentialStoreName, Class> {
    CredentialStoreName::new("vault").map_err(|_| Class::Internal)
}

fn object(value: &Value) -> Result<JsonObject, Class> {
    match Json::from(value.clone()) {
        Json::Object(entries) => Ok(entries),
        _ => Err(Class::Invalid),
    }
}

/// Returns `Denied` if the host refused a call or the plugin failed: the vectors do not compare the class of such an
/// error. Returns `Internal` for a failure of the host itself, which does not occur in a replay.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` gives it away")]
fn class(error: SessionsError) -> Class {
    match error {
        SessionsError::Record(_) | SessionsError::NoVault { .. } | SessionsError::Overtaken => {
            Class::Internal
        }
        _ => Class::Denied,
    }
}

impl Driver {
    /// Prepares the host of a vector with these calls. All calls have the connection of the first fetch, because the
    /// user has only one connection.
    pub(super) fn new(input: &Input, calls: &[HostCall]) -> Result<Self, Class> {
        let connections = calls.iter().filter(|call| call.is_fetch() && !call.is_misfit);
        let connection = connections.map(HostCall::connection).find_map(Result::ok);
        let connection = connection.or_else(|| calls.first()?.connection().ok()).ok_or(Class::Invalid)?;
        Ok(Self {
            plan: Arc::new(Plan::read(input).map_err(|_| Class::Invalid)?),
            configuration: input.text("config").to_owned(),
            defaults: input.text("defaults").to_owned(),
            connection,
            journal: Arc::default(),
            storage: Arc::new(Memory::new()),
            running: None,
            has_ended: false,
            found: 0,
        })
    }

    /// Makes a call, and returns its answer.
    pub(super) async fn call(&mut self, call: &HostCall) -> Result<Value, Class> {
        let text = call.configuration.as_ref().unwrap_or(&self.configuration).clone();
        let vault = self.vault(&text)?;
        if call.is_misfit {
            return Err(Class::Invalid);
        }
        call.connection()?;
        let cookie = call.cookie.as_ref().map(object).transpose()?;
        let session_cookie = call.session_cookie.as_ref().map(object).transpose()?;
        let is_other = |running: &Running| call.is_fetch() && running.configuration != text;
        if self.running.as_ref().is_none_or(is_other) && !self.has_ended {
            self.start(vault, text).await?;
        }
        let session = self.running.as_ref().ok_or(Class::Internal)?.session.clone();
        if let Some(entries) = cookie {
            self.journal.plant(entries);
        }
        if let Some(entries) = session_cookie {
            replace(session.cookie(), entries).map_err(|_| Class::Invalid)?;
        }
        let settled = match call.method.as_str() {
            "get_password_list" => return self.fetch::<Passwords>(&session, call).await,
            "get_private_key_list" => return self.fetch::<PrivateKeys>(&session, call).await,
            "get_totp_codes" => return self.fetch::<TotpCodes>(&session, call).await,
            "get_remote_app_credentials" => {
                return self.fetch::<RemoteAppCredentials>(&session, call).await;
            }
            "authentication_completed" => session.authentication_completed().await,
            "session_ended" => {
                self.has_ended = true;
                session.end().await
            }
            _ => return Err(Class::Invalid),
        };
        let Settled { failures, .. } = settled.map_err(class)?;
        let mut answer = json!({ "failed": !failures.is_empty() });
        if call.method != "session_ended" {
            self.show_cookies(&session, &mut answer);
        }
        Ok(answer)
    }

    async fn fetch<C: CredentialType + Shown>(
        &mut self,
        session: &Session,
        call: &HostCall,
    ) -> Result<Value, Class> {
        let mut request = FetchRequest::new();
        request.asset.clone_from(&call.asset);
        let answer = session.fetch::<C>(&store()?, request).await.map_err(class)?;
        let mut shown = fetched(answer);
        let has_candidate = !shown["candidate"].is_null();
        self.found += u64::from(has_candidate && C::IS_COUNTED);
        self.show_cookies(session, &mut shown);
        Ok(shown)
    }

    fn show_cookies(&self, session: &Session, answer: &mut Value) {
        answer["cookie"] = super::answer::own_entries(&Json::Object(self.journal.cookie()).to_serde());
        answer["session_cookie"] = Json::Object(session.cookie().snapshot()).to_serde();
    }

    /// Makes the vault of a configuration.
    fn vault(&self, text: &str) -> Result<Vault, Class> {
        let read = |text: &str| SpsConfiguration::read(text).map_err(|_| Class::Invalid);
        let configuration = read(text)?.over(read(&self.defaults)?);
        let login = self.plan.login(&configuration)?;
        let scripted = Scripted::new(Arc::clone(&self.plan), login, Arc::clone(&self.journal));
        Ok(Vault::with_store(store()?, Arc::new(scripted))
            .accounts(configuration.account_rule().map_err(|_| Class::Invalid)?)
            .assets(self.plan.asset_rules(&configuration)?)
            .check_in_triggers(configuration.check_in_triggers().map_err(|_| Class::Invalid)?)
            .busy_wait(Duration::ZERO))
    }

    /// Starts the host, and begins or resumes the session.
    async fn start(&mut self, vault: Vault, configuration: String) -> Result<(), Class> {
        let shared = self.running.take().map(|running| running.session.cookie().snapshot());
        let keys = KeyRing::new([Key::from_bytes(&mut [9; 32])]).map_err(|_| Class::Internal)?;
        let registry = Registry::builder().build().map_err(|_| Class::Internal)?;
        let host = Host::builder(registry, Arc::clone(&self.storage), keys)
            .takeover_after(Duration::ZERO)
            .clock(Arc::new(Still))
            .session_limits(Limits::default().with_isolation(Isolation::Inline))
            .vault(vault);
        let host = host.start().await.map_err(|_| Class::Internal)?;
        let new = NewSession::new(self.connection.clone()).with_store(store()?).detached(true);
        let sessions = host.sessions();
        let resumed = sessions.resume(new.clone()).await.map_err(class)?;
        let session = match resumed {
            Some(session) => session,
            None => sessions.begin(new).map_err(class)?,
        };
        replace(session.cookie(), shared.unwrap_or_default()).map_err(|_| Class::Internal)?;
        self.running = Some(Running { configuration, session });
        Ok(())
    }
}
