//! The fixture of the rules about clients: a client over a store of the plugin under test.

use std::ops::Deref;
use std::sync::{Arc, Mutex};

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
use crate::lock::locked;
use crate::{Broken, History, broken};

/// A new store, and a client over it. A [`FaultPlan`] between the client and the store makes calls fail when a rule
/// wants it.
pub(super) struct ClientFixture<'a> {
    place: StoreFixture<'a>,
    /// A handle of the store that bypasses the client.
    pub(super) store: Recorded<'a>,
    plan: Arc<Layered<FaultPlan>>,
    /// The client. It works on the shared secrets, with exact resolution.
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
    /// Makes a client with an audit hook, over a new store with these environments and secrets. The value of each
    /// secret is `v`.
    pub(super) async fn new(
        fixture: &StoreFixture<'a>,
        environments: &[&str],
        secrets: &[SecretAddress],
    ) -> Result<Self, Broken> {
        let place = fixture.fresh()?;
        let store = place.initialized().await?;
        // The client gets its own handle, so that no rule passes only because a handle remembers something. If reads
        // may be stale, the client shares the handle of the rule, since another handle might return stale data.
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

    /// Returns the reports to the audit hook since the last call of this method.
    pub(super) fn accessed(&self) -> Vec<Accessed> {
        std::mem::take(&mut locked(&self.accessed))
    }
}

fn hook(into: &Arc<Mutex<Vec<Accessed>>>) -> AuditHook {
    let into = Arc::clone(into);
    Arc::new(move |accessed| locked(&into).push(accessed))
}

/// The default value that the rules pass to a client.
pub(super) const DEFAULT: &str = "the kit's default";

/// The operations that read. Five read one secret, and two read all secrets.
pub(super) const READS: [&str; 7] =
    ["get", "get_or", "get_required", "find", "retrieve", "list", "list_names"];

/// The result of a request.
pub(super) type ClientResult<T> = Result<T, ClientFailure>;

/// Declares methods of a client. Each has a name, arguments, the type of its answer, the request, and a pattern that
/// takes the answer from the response.
macro_rules! requests {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty { $request:expr => $fits:pat => $taken:expr })+) => {
        $(pub(super) async fn $name(&self, $($argument: $type),*) -> ClientResult<$answer> {
            match self.call($request).await? {
                $fits => Ok($taken),
                other => Err(unexpected(&other)),
            }
        })+
    };
}

/// The client under test, with one method for each request. It records the calls in the history of the rule.
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

    /// Returns the client's own `Debug` text.
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

    requests! {
        get(key: &str) -> Option<SecretText> { Request::Get(key.to_owned()) => Response::Text(text) => text }
        get_or(key: &str, default: &str) -> Option<SecretText> {
            Request::GetOr { key: key.to_owned(), default: default.into() } => Response::Text(text) => text
        }
        get_required(key: &str) -> Option<SecretText> {
            Request::GetRequired(key.to_owned()) => Response::Text(text) => text
        }
        find(key: &str) -> Option<Found> { Request::Find(key.to_owned()) => Response::Secret(secret) => secret }
        retrieve(key: &str) -> Option<Found> { Request::Retrieve(key.to_owned()) => Response::Secret(secret) => secret }
        list() -> Vec<Found> { Request::List => Response::Secrets(secrets) => secrets }
        list_names() -> Vec<(String, Layer)> { Request::ListNames => Response::Names(names) => names }
        create(key: &str, value: &str) -> () {
            Request::Create { key: key.to_owned(), value: text(value) } => Response::Done => ()
        }
        modify(key: &str, value: &str) -> () {
            Request::Modify { key: key.to_owned(), value: text(value) } => Response::Done => ()
        }
        delete(key: &str) -> () { Request::Delete(key.to_owned()) => Response::Done => () }
        environments(request: Request) -> Vec<Environment> { request => Response::Environments(all) => all }
        export(format: FileFormat) -> SecretText { Request::Export(format) => Response::File(text) => text }
        // The result of an import: the numbers of secrets that it created, changed and left unchanged.
        import(format: FileFormat, text: &SecretText) -> [usize; 3] {
            Request::Import { format, text: text.clone() } =>
                Response::Imported { created, changed, unchanged } => [created, changed, unchanged]
        }
    }

    /// Reads a key with one operation of [`READS`], and returns whether the client found a value.
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
    let code = format!("(it answered {what}, which does not fit the request)");
    ClientFailure { code, ..ClientFailure::default() }
}

/// Judges a client's answer for a rule.
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
