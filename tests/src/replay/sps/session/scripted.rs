//! A credential store that follows a vector, and notes the calls of its hooks.

use std::sync::Arc;

use keyway_core::SecretText;
use keyway_credentials::{
    Account, Asset, CandidateQuestion, Candidates, Capabilities, CheckIn, CheckedIn, Cookie, CredentialError,
    CredentialStore, Fetch, FetchOutcome, Json, JsonObject, Lease, LeaseId, Passwords, PrivateKeys,
    RemoteAppCredentials, Rotation, SessionContext, SessionEvent, TotpCodes, VaultLoginSource, async_trait,
};
use serde_json::{Map, Value, json};

use super::journal::{HookCall, Journal, replace};
use super::plan::{OWN_ASSETS, Plan};
use super::rules::{Effect, End};
use super::typed::{self, Convert};
use super::yields::Yields;

/// The store. It keeps nothing between its calls, because a host may open a new store for each call (decision S9).
#[derive(Debug)]
pub struct Scripted {
    plan: Arc<Plan>,
    login: Option<VaultLoginSource>,
    journal: Arc<Journal>,
}

/// The names of an account and its asset in the cookie.
type Names = [&'static str; 2];
const NAMES: Names = ["account", "asset"];
const REMOTE_NAMES: Names = ["remote_app_account", "remote_app_asset"];

impl Scripted {
    /// Opens the store.
    pub fn new(plan: Arc<Plan>, login: Option<VaultLoginSource>, journal: Arc<Journal>) -> Self {
        Self { plan, login, journal }
    }

    /// Notes the call of a hook, and follows the hook's rule. Returns null if no rule fits, and `None` if the plugin
    /// does not have the hook.
    fn call(
        &self,
        hook: &str,
        candidate: Option<(&str, &str)>,
        names: Names,
        session: &SessionContext,
    ) -> Option<Result<Value, CredentialError>> {
        let rules = self.plan.hooks.get(hook)?;
        let (account, asset) = candidate.unzip();
        let call = HookCall {
            hook: upstream_name(hook).to_owned(),
            account: account.map(str::to_owned),
            asset: asset.map(str::to_owned),
        };
        if let Err(error) = self.journal.see(&session.cookie) {
            return Some(Err(error));
        }
        self.journal.note(call, self.trace(session));
        let mut seen = entries(&session.cookie);
        for (name, value) in names.into_iter().zip([account, asset]) {
            seen.insert(name.to_owned(), value.into());
        }
        let Some(rule) = rules.fitting(&seen) else { return Some(Ok(Value::Null)) };
        for effect in &rule.effects {
            if let Err(error) = apply(effect, session) {
                return Some(Err(error));
            }
        }
        Some(match &rule.end {
            End::Returns(value) => Ok(value.clone()),
            End::Raises(class) => Err(CredentialError::refused(class, class)),
        })
    }

    /// Returns the facts and the login, as far as the vector asks for them. The login may be missing.
    fn trace(&self, session: &SessionContext) -> Value {
        let mut trace = Map::new();
        let connection = &session.connection;
        if self.plan.traces_connection {
            let mut facts = json!({
                "client_hostname": connection.client_hostname, "client_ip": connection.client_ip,
                "gateway_domain": connection.gateway_domain, "gateway_username": connection.gateway_username,
                "gateway_password": connection.gateway_password.as_ref().map(SecretText::expose),
                "gateway_groups": connection.gateway_groups, "protocol": connection.protocol,
                "server_domain": connection.server_domain, "server_hostname": connection.server_hostname,
                "server_ip": connection.server_ip, "server_port": connection.server_port,
                "server_username": connection.server_username, "session_id": connection.session_id.as_str(),
            });
            if let Some(facts) = facts.as_object_mut() {
                facts.retain(|_, fact| !fact.is_null() && *fact != json!([]));
            }
            trace.insert("connection".to_owned(), facts);
        }
        if self.plan.traces_login {
            let login = self.login.as_ref().and_then(|source| source.login(Some(connection)).ok());
            let (username, password) =
                login.map(|login| (login.username, login.password.expose().to_owned())).unzip();
            trace.insert("login".to_owned(), json!({ "username": username, "password": password }));
        }
        trace.into()
    }

    fn fetch<C>(
        &self,
        hook: &str,
        names: Names,
        fetch: &Fetch,
        convert: Convert<C>,
    ) -> Result<FetchOutcome<C>, CredentialError> {
        let candidate = (fetch.candidate.account.as_str(), fetch.candidate.asset.as_str());
        let returned = match self.call(hook, Some(candidate), names, &fetch.session) {
            None => return Ok(FetchOutcome::Unsupported),
            Some(Err(CredentialError::Refused { log_message, .. }))
                if log_message == "NotImplementedError" =>
            {
                return Ok(FetchOutcome::Unsupported);
            }
            Some(returned) => returned?,
        };
        let mut outcome = typed::outcome(&returned, convert)?;
        if let FetchOutcome::Found(found) = &mut outcome {
            // Upstream's plugin returns changes of the cookies. Keyway's interface requires that a plugin writes them
            // into the cookies of the call. This plugin does so only in a fetch that finds credentials.
            for (name, cookie) in
                [("cookie", &fetch.session.cookie), ("session_cookie", &fetch.session.session_cookie)]
            {
                if let Some(changes) = returned.get(name) {
                    cookie.merge(object(changes)?)?;
                }
            }
            if let Some(intent) = fetch.intent.as_ref().filter(|_| self.capabilities().leases) {
                found.lease = Some(Lease::new(LeaseId::new(intent.as_str())?));
            }
        }
        Ok(outcome)
    }

    fn event(&self, hook: &str, event: &SessionEvent) -> Result<(), CredentialError> {
        let last = event.check_outs.last();
        let candidate = last.map(|it| (it.candidate.account.as_str(), it.candidate.asset.as_str()));
        self.call(hook, candidate, NAMES, &event.session).unwrap_or(Ok(Value::Null)).map(drop)
    }
}

/// Returns upstream's name of a hook.
pub(super) fn upstream_name(hook: &str) -> &'static str {
    match hook {
        "password" => "do_get_password_list",
        "private_key" => "do_get_private_key_list",
        "remote_app" => "do_get_remote_app_credentials",
        "totp" => "do_get_totp_codes",
        "auth_completed" => "do_authentication_completed",
        "check_in" => "do_check_in_credential",
        _ => "do_session_ended",
    }
}

fn entries(cookie: &Cookie) -> Map<String, Value> {
    cookie.snapshot().iter().map(|(name, value)| (name.clone(), value.to_serde())).collect()
}

fn object(value: &Value) -> Result<JsonObject, CredentialError> {
    match Json::from(value.clone()) {
        Json::Object(entries) => Ok(entries),
        _ => Err(CredentialError::invalid("the cookie", "it is not an object")),
    }
}

fn apply(effect: &Effect, session: &SessionContext) -> Result<(), CredentialError> {
    let cookie = &session.cookie;
    match effect {
        Effect::SetCookie(key, value) => cookie.set(key, Json::from(value.clone()))?,
        Effect::CountCookie(key) => {
            let count = cookie.get(key).and_then(|count| count.to_serde().as_i64()).unwrap_or(0);
            cookie.set(key, Json::from(json!(count + 1)))?;
        }
        Effect::SetSessionCookie(key, value) => session.session_cookie.set(key, Json::from(value.clone()))?,
        Effect::ReplaceCookie(all) => replace(cookie, object(&Value::Object(all.clone()))?)?,
        Effect::SetCandidate => {}
    }
    Ok(())
}

#[async_trait]
impl CredentialStore for Scripted {
    /// Returns the capabilities of the plugin. They include every kind of fetch, because each plugin of upstream has
    /// the hooks of all fetches: a hook that a plugin does not override answers that it is not supported.
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL
            .passwords(true)
            .private_keys(true)
            .remote_apps(true)
            .totp_codes(true)
            .leases(self.plan.hooks.contains_key("check_in"))
            .own_accounts(self.plan.accounts.is_some())
            .own_assets(self.plan.assets.is_some() || !self.plan.generators.is_empty())
    }

    async fn passwords(&self, fetch: &Fetch) -> Result<FetchOutcome<Passwords>, CredentialError> {
        self.fetch("password", NAMES, fetch, typed::passwords)
    }

    async fn private_keys(&self, fetch: &Fetch) -> Result<FetchOutcome<PrivateKeys>, CredentialError> {
        self.fetch("private_key", NAMES, fetch, typed::private_keys)
    }

    async fn totp_codes(&self, fetch: &Fetch) -> Result<FetchOutcome<TotpCodes>, CredentialError> {
        self.fetch("totp", NAMES, fetch, typed::totp_codes)
    }

    async fn remote_app_credentials(
        &self,
        fetch: &Fetch,
    ) -> Result<FetchOutcome<RemoteAppCredentials>, CredentialError> {
        self.fetch("remote_app", REMOTE_NAMES, fetch, typed::remote_app)
    }

    async fn accounts(&self, _: &CandidateQuestion) -> Result<Candidates<Account>, CredentialError> {
        let script = self.plan.accounts.as_ref().unwrap_or(&Value::Null);
        Ok(Candidates::new(Yields::read(script, Account::new)?))
    }

    async fn assets(&self, question: &CandidateQuestion) -> Result<Candidates<Asset>, CredentialError> {
        let name = question.generator.as_deref().unwrap_or_default();
        if name == OWN_ASSETS {
            let script = self.plan.assets.as_ref().unwrap_or(&Value::Null);
            return Ok(Candidates::new(Yields::read(script, Asset::new)?));
        }
        // A generator with a name returns one asset, or none if the plugin does not have the generator.
        let script = match self.plan.generators.get(name) {
            Some(script) if script["raise"].is_string() => script.clone(),
            script => json!({ "yield": [script.map(|script| &script["return"])] }),
        };
        Ok(Candidates::new(Yields::read(&script, Asset::new)?))
    }

    async fn check_in(&self, check_in: &CheckIn) -> Result<CheckedIn, CredentialError> {
        let candidate = (check_in.candidate.account.as_str(), check_in.candidate.asset.as_str());
        self.call("check_in", Some(candidate), NAMES, &check_in.session).unwrap_or(Ok(Value::Null))?;
        Ok(CheckedIn::new(Rotation::NotRotated))
    }

    async fn authentication_completed(&self, event: &SessionEvent) -> Result<(), CredentialError> {
        self.event("auth_completed", event)
    }

    async fn session_ended(&self, event: &SessionEvent) -> Result<(), CredentialError> {
        self.event("session_ended", event)
    }
}
