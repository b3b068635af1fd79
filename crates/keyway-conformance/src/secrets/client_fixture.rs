//! Prepares a client over a store of the plugin under test, for the rules about clients.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use keyway_client::{Layer, Resolution};
use keyway_core::SecretText;
use keyway_secrets::{Environment, Layered, SecretAddress, SecretStore};

use super::client::{
    Accessed, ApplicationClient, AuditHook, ClientFailure, FileFormat, Found, Missing, Request, Response,
    Scope,
};
use super::fault_plan::FaultPlan;
use super::fixture::StoreFixture;
use super::recorded::Recorded;
use super::samples::{add_environments, put, text};
use crate::{Broken, History, broken};

/// Prepares a new store, and a client over it with a fault plan between the two.
pub(super) struct ClientFixture<'a> {
    place: StoreFixture<'a>,
    /// A handle that bypasses the client.
    pub(super) store: Recorded<'a>,
    plan: Arc<Layered<FaultPlan>>,
    /// The client, which works among the shared secrets and resolves exactly.
    pub(super) client: Client<'a>,
    accessed: Arc<Mutex<Vec<Accessed>>>,
}

impl<'a> Deref for ClientFixture<'a> {
    type Target = StoreFixture<'a>;

    fn deref(&self) -> &StoreFixture<'a> {
        &self.place
    }
}

impl<'a> ClientFixture<'a> {
    /// Makes a client with an audit hook, over a new store with environments and secrets of the value `v`.
    pub(super) async fn new(
        fixture: &StoreFixture<'a>,
        environments: &[&str],
        secrets: &[SecretAddress],
    ) -> Result<Self, Broken> {
        let place = fixture.fresh()?;
        let store = place.initialized().await?;
        // The client gets its own handle, so that no rule passes only because a handle remembers
        // something. Where reads may be stale, a separate handle would show it.
        let handle =
            if store.capabilities().immediate() { place.open()?.0.store } else { Arc::clone(&store.0.store) };
        let plan = Arc::new(Layered(FaultPlan::new(handle)));
        let accessed = Arc::new(Mutex::new(Vec::new()));
        let client = Client::new(&place, Arc::clone(&plan) as Arc<dyn SecretStore>, Some(hook(&accessed)));
        let fixture = Self { place, store, plan, client, accessed };
        add_environments(&fixture.store, environments).await?;
        for address in secrets {
            put(&fixture.store, address.clone(), "v").await?;
        }
        Ok(fixture)
    }

    /// Returns the fault plan between the client and the store.
    pub(super) fn faults(&self) -> &FaultPlan {
        &self.plan.0
    }

    /// Takes the reports to the audit hook since the last call.
    pub(super) fn accessed(&self) -> Vec<Accessed> {
        std::mem::take(&mut self.accessed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn hook(into: &Arc<Mutex<Vec<Accessed>>>) -> AuditHook {
    let into = Arc::clone(into);
    Arc::new(move |accessed| into.lock().unwrap_or_else(PoisonError::into_inner).push(accessed))
}

/// The default value that the rules ask a client for.
pub(super) const DEFAULT: &str = "the kit's default";

/// Lists the operations that read: five read one secret, and two read all.
pub(super) const READS: [&str; 7] =
    ["get", "get_or", "get_required", "find", "retrieve", "list", "list_names"];

/// The result of a request.
pub(super) type ClientResult<T> = Result<T, ClientFailure>;

/// Calls the client, and unpacks the answer that belongs to the request.
macro_rules! taken {
    ($client:expr, $request:expr, $variant:ident $fields:tt => $taken:expr) => {
        taken!(@match $client, $request, Response::$variant $fields => $taken)
    };
    ($client:expr, $request:expr, $variant:ident => $taken:expr) => {
        taken!(@match $client, $request, Response::$variant => $taken)
    };
    (@match $client:expr, $request:expr, $answer:pat => $taken:expr) => {
        match $client.call($request).await? {
            $answer => Ok($taken),
            other => Err(unexpected(&other)),
        }
    };
}

/// Calls a client, with one method for each request, and records the calls in the history of the
/// rule.
#[derive(Clone)]
pub(super) struct Client<'a> {
    under_test: Arc<dyn ApplicationClient>,
    history: &'a History,
    scope: Scope,
}

impl<'a> Client<'a> {
    /// Opens the subject's client on a store.
    pub(super) fn new(
        fixture: &StoreFixture<'a>,
        store: Arc<dyn SecretStore>,
        audit: Option<AuditHook>,
    ) -> Self {
        let client = fixture.subject().client.client(store, audit);
        Self { under_test: client, history: fixture.history(), scope: Scope::SHARED }
    }

    fn with_scope(&self, scope: Scope) -> Self {
        Self { under_test: self.under_test.in_scope(&scope), history: self.history, scope }
    }

    /// Returns the same client in another scope.
    pub(super) fn in_scope(&self, environment: Option<&str>, resolution: Resolution) -> Self {
        let environment = environment.map(str::to_owned);
        self.with_scope(Scope { environment, resolution, requester: self.scope.requester.clone() })
    }

    /// Returns the same client for a requester.
    pub(super) fn on_behalf_of(&self, requester: &str) -> Self {
        self.with_scope(Scope { requester: Some(requester.to_owned()), ..self.scope.clone() })
    }

    /// Describes the scope of the client.
    pub(super) fn place(&self) -> String {
        match &self.scope.environment {
            None => format!("client {:?}", self.scope.resolution),
            Some(environment) => format!("client {:?} in {environment:?}", self.scope.resolution),
        }
    }

    /// Returns the client's own debugging text.
    pub(super) fn shown(&self) -> String {
        format!("{:?} {:#?}", self.under_test, self.under_test)
    }

    pub(super) async fn call(&self, request: Request) -> Result<Response, ClientFailure> {
        let call = format!("{}: {request:?}", self.place());
        let answer = self.under_test.call(request).await;
        let outcome = answer.as_ref().map_or_else(|failure| format!("{failure:?}"), |_| "Ok".to_owned());
        self.history.record(format!("{call} -> {outcome}"));
        answer
    }

    pub(super) async fn get(&self, key: &str) -> ClientResult<Option<SecretText>> {
        taken!(self, Request::Get { key: key.to_owned() }, Text(text) => text)
    }

    pub(super) async fn get_or(&self, key: &str, default: &str) -> ClientResult<Option<SecretText>> {
        taken!(self, Request::GetOr { key: key.to_owned(), default: default.into() }, Text(text) => text)
    }

    pub(super) async fn get_required(&self, key: &str) -> ClientResult<Option<SecretText>> {
        taken!(self, Request::GetRequired { key: key.to_owned() }, Text(text) => text)
    }

    pub(super) async fn find(&self, key: &str) -> ClientResult<Option<Found>> {
        taken!(self, Request::Find { key: key.to_owned() }, Secret(secret) => secret)
    }

    pub(super) async fn retrieve(&self, key: &str) -> ClientResult<Option<Found>> {
        taken!(self, Request::Retrieve { key: key.to_owned() }, Secret(secret) => secret)
    }

    pub(super) async fn list(&self) -> ClientResult<Vec<Found>> {
        taken!(self, Request::List, Secrets(secrets) => secrets)
    }

    pub(super) async fn list_names(&self) -> ClientResult<Vec<(String, Layer)>> {
        taken!(self, Request::ListNames, Names(names) => names)
    }

    /// Reads by one of [`READS`], and returns whether it found anything.
    pub(super) async fn read(&self, read: &str, key: &str) -> ClientResult<bool> {
        Ok(match read {
            "get" => self.get(key).await?.is_some(),
            "get_or" => self.get_or(key, DEFAULT).await?.is_some(),
            "get_required" => self.get_required(key).await?.is_some(),
            "find" => self.find(key).await?.is_some(),
            "retrieve" => self.retrieve(key).await?.is_some(),
            "list" => !self.list().await?.is_empty(),
            _ => !self.list_names().await?.is_empty(),
        })
    }

    pub(super) async fn create(&self, key: &str, value: &str) -> ClientResult<()> {
        taken!(self, Request::Create { key: key.to_owned(), value: text(value) }, Done => ())
    }

    pub(super) async fn modify(&self, key: &str, value: &str) -> ClientResult<()> {
        taken!(self, Request::Modify { key: key.to_owned(), value: text(value) }, Done => ())
    }

    pub(super) async fn delete(&self, key: &str) -> ClientResult<()> {
        taken!(self, Request::Delete { key: key.to_owned() }, Done => ())
    }

    pub(super) async fn environments(&self, request: Request) -> ClientResult<Vec<Environment>> {
        taken!(self, request, Environments(environments) => environments)
    }

    pub(super) async fn export(&self, format: FileFormat) -> ClientResult<SecretText> {
        taken!(self, Request::Export { format }, File(text) => text)
    }

    /// Imports a file, and returns how many secrets it created, changed and left alone.
    pub(super) async fn import(&self, format: FileFormat, text: &SecretText) -> ClientResult<[usize; 3]> {
        let request = Request::Import { format, text: text.clone() };
        taken!(self, request, Imported { created, changed, unchanged } => [created, changed, unchanged])
    }
}

fn unexpected(response: &Response) -> ClientFailure {
    let what = match response {
        Response::Text(_) => "a text",
        Response::Secret(_) => "a secret",
        Response::Secrets(_) => "secrets",
        Response::Names(_) => "names",
        Response::Done => "done",
        Response::Environments(_) => "environments",
        Response::File(_) => "a file",
        Response::Imported { .. } => "imported",
    };
    ClientFailure {
        code: format!("(it answered {what}, which does not fit the request)"),
        http_status: None,
        user_message: String::new(),
        description: String::new(),
        missing: None,
        shown: String::new(),
    }
}

/// Judges an answer of a client for a rule.
pub(super) trait ClientAnswer<T> {
    /// Demands a success.
    fn works(self, what: &str) -> Result<T, Broken>;

    /// Demands a failure that names this item as missing.
    fn misses(self, what: &str, missing: Missing) -> Result<ClientFailure, Broken>;

    /// Demands a failure with this code.
    fn fails_as(self, what: &str, code: &str) -> Result<ClientFailure, Broken>;
}

impl<T> ClientAnswer<T> for ClientResult<T> {
    fn works(self, what: &str) -> Result<T, Broken> {
        self.map_err(|failure| broken(format!("{what} to work"), format!("it answered {failure:?}")))
    }

    fn misses(self, what: &str, missing: Missing) -> Result<ClientFailure, Broken> {
        let which = if missing == Missing::Secret { "secret" } else { "environment" };
        let fits = |failure: &ClientFailure| failure.missing == Some(missing) && failure.code == "not_found";
        failing(self, fits, format!("{what} to say that the {which} is missing"))
    }

    fn fails_as(self, what: &str, code: &str) -> Result<ClientFailure, Broken> {
        failing(self, |failure| failure.code == code, format!("{what} to fail as {code:?}"))
    }
}

fn failing<T>(
    answer: ClientResult<T>,
    fits: impl Fn(&ClientFailure) -> bool,
    expected: String,
) -> Result<ClientFailure, Broken> {
    match answer {
        Err(failure) if fits(&failure) => Ok(failure),
        Err(failure) => Err(broken(expected, format!("it answered {failure:?}"))),
        Ok(_) => Err(broken(expected, "it answered Ok")),
    }
}
