//! A client over a store of the plugin under test, for the rules about clients.

use std::sync::{Arc, Mutex, PoisonError};

use keyway_client::{Layer, Resolution};
use keyway_secrets::{Environment, SecretStore};
use secrecy::SecretString;

use super::SecretStoreSubject;
use super::client::{
    Accessed, ApplicationClient, AuditHook, ClientFailure, FileFormat, Found, Missing, Request, Response,
    Standing,
};
use super::interposed::Interposed;
use super::orders::Orders;
use super::place::Place;
use super::recorded::Recorded;
use super::samples::text;
use crate::trial::History;
use crate::{Broken, Trial, broken};

/// A new store, and a client over it with the kit between the two.
pub(super) struct Scene<'a> {
    pub(super) place: Place<'a>,
    /// A handle that goes past the client, to prepare and to look.
    pub(super) store: Recorded<'a>,
    pub(super) between: Arc<Interposed<Orders>>,
    /// Stands among the shared secrets, and resolves exactly.
    pub(super) client: Client<'a>,
    accessed: Arc<Mutex<Vec<Accessed>>>,
}

impl<'a> Scene<'a> {
    /// A client with an audit hook over a store that is empty.
    pub(super) async fn new(trial: &Trial<'a, SecretStoreSubject>) -> Result<Self, Broken> {
        let place = Place::new(trial)?;
        let store = place.initialized().await?;
        // A handle of its own, so that nothing is right only because of what a handle remembers.
        Self::over(trial, store, place)
    }

    fn over(
        trial: &Trial<'a, SecretStoreSubject>,
        store: Recorded<'a>,
        place: Place<'a>,
    ) -> Result<Self, Broken> {
        let between = Arc::new(Interposed::new(Arc::clone(place.open()?.inner()), Orders::default()));
        let accessed = Arc::new(Mutex::new(Vec::new()));
        let client = Client::new(trial, Arc::clone(&between) as Arc<dyn SecretStore>, Some(hook(&accessed)));
        Ok(Self { place, store, between, client, accessed })
    }

    /// What the audit hook was told since this was called last.
    pub(super) fn accessed(&self) -> Vec<Accessed> {
        std::mem::take(&mut self.accessed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn hook(into: &Arc<Mutex<Vec<Accessed>>>) -> AuditHook {
    let into = Arc::clone(into);
    Arc::new(move |accessed| into.lock().unwrap_or_else(PoisonError::into_inner).push(accessed))
}

/// A client whose calls go into the history of the rule, with a method for each request.
#[derive(Clone)]
pub(super) struct Client<'a> {
    under_test: Arc<dyn ApplicationClient>,
    history: &'a History,
    standing: Standing,
}

impl<'a> Client<'a> {
    /// The subject's client over a store.
    pub(super) fn new(
        trial: &Trial<'a, SecretStoreSubject>,
        store: Arc<dyn SecretStore>,
        audit: Option<AuditHook>,
    ) -> Self {
        let client = trial.subject().client.client(store, audit);
        Self { under_test: client, history: trial.history(), standing: Standing::SHARED }
    }

    /// The same client in another place.
    pub(super) fn standing(&self, environment: Option<&str>, resolution: Resolution) -> Self {
        let standing = Standing {
            environment: environment.map(str::to_owned),
            resolution,
            requester: self.standing.requester.clone(),
        };
        Self { under_test: self.under_test.standing(&standing), history: self.history, standing }
    }

    /// The same client for somebody.
    pub(super) fn on_behalf_of(&self, requester: &str) -> Self {
        let standing = Standing { requester: Some(requester.to_owned()), ..self.standing.clone() };
        Self { under_test: self.under_test.standing(&standing), history: self.history, standing }
    }

    /// Where it stands, in words.
    pub(super) fn place(&self) -> String {
        match &self.standing.environment {
            None => format!("client {:?}", self.standing.resolution),
            Some(environment) => format!("client {:?} in {environment:?}", self.standing.resolution),
        }
    }

    /// The client's own debugging text.
    pub(super) fn shown(&self) -> String {
        format!("{:?} {:#?}", self.under_test, self.under_test)
    }

    pub(super) async fn call(&self, request: Request) -> Result<Response, ClientFailure> {
        let call = format!("{}.{}", self.place(), described(&request));
        let answer = self.under_test.call(request).await;
        let outcome = match &answer {
            Ok(_) => "Ok".to_owned(),
            Err(failure) => format!("{failure:?}"),
        };
        self.history.record(format!("{call} -> {outcome}"));
        answer
    }

    async fn text(&self, request: Request) -> Result<Option<SecretString>, ClientFailure> {
        match self.call(request).await? {
            Response::Text(text) => Ok(text),
            other => Err(unexpected(&other)),
        }
    }

    async fn secret(&self, request: Request) -> Result<Option<Found>, ClientFailure> {
        match self.call(request).await? {
            Response::Secret(secret) => Ok(secret),
            other => Err(unexpected(&other)),
        }
    }

    async fn done(&self, request: Request) -> Result<(), ClientFailure> {
        match self.call(request).await? {
            Response::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<SecretString>, ClientFailure> {
        self.text(Request::Get { key: key.to_owned() }).await
    }

    pub(super) async fn get_or(
        &self,
        key: &str,
        default: &str,
    ) -> Result<Option<SecretString>, ClientFailure> {
        self.text(Request::GetOr { key: key.to_owned(), default: default.into() }).await
    }

    pub(super) async fn get_required(&self, key: &str) -> Result<Option<SecretString>, ClientFailure> {
        self.text(Request::GetRequired { key: key.to_owned() }).await
    }

    pub(super) async fn find(&self, key: &str) -> Result<Option<Found>, ClientFailure> {
        self.secret(Request::Find { key: key.to_owned() }).await
    }

    pub(super) async fn retrieve(&self, key: &str) -> Result<Option<Found>, ClientFailure> {
        self.secret(Request::Retrieve { key: key.to_owned() }).await
    }

    pub(super) async fn list(&self) -> Result<Vec<Found>, ClientFailure> {
        match self.call(Request::List).await? {
            Response::Secrets(secrets) => Ok(secrets),
            other => Err(unexpected(&other)),
        }
    }

    pub(super) async fn list_names(&self) -> Result<Vec<(String, Layer)>, ClientFailure> {
        match self.call(Request::ListNames).await? {
            Response::Names(names) => Ok(names),
            other => Err(unexpected(&other)),
        }
    }

    pub(super) async fn create(&self, key: &str, value: &str) -> Result<(), ClientFailure> {
        self.done(Request::Create { key: key.to_owned(), value: text(value) }).await
    }

    pub(super) async fn modify(&self, key: &str, value: &str) -> Result<(), ClientFailure> {
        self.done(Request::Modify { key: key.to_owned(), value: text(value) }).await
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), ClientFailure> {
        self.done(Request::Delete { key: key.to_owned() }).await
    }

    pub(super) async fn environments(&self, request: Request) -> Result<Vec<Environment>, ClientFailure> {
        match self.call(request).await? {
            Response::Environments(environments) => Ok(environments),
            other => Err(unexpected(&other)),
        }
    }

    pub(super) async fn export(&self, format: FileFormat) -> Result<SecretString, ClientFailure> {
        match self.call(Request::Export { format }).await? {
            Response::File(text) => Ok(text),
            other => Err(unexpected(&other)),
        }
    }

    /// How many secrets the import created, changed and left.
    pub(super) async fn import(
        &self,
        format: FileFormat,
        text: &SecretString,
    ) -> Result<[usize; 3], ClientFailure> {
        match self.call(Request::Import { format, text: text.clone() }).await? {
            Response::Imported { created, changed, unchanged } => Ok([created, changed, unchanged]),
            other => Err(unexpected(&other)),
        }
    }
}

/// A request as the history shows it: without values.
fn described(request: &Request) -> String {
    match request {
        Request::Get { key } => format!("get({key:?})"),
        Request::GetOr { key, .. } => format!("get_or({key:?})"),
        Request::GetRequired { key } => format!("get_required({key:?})"),
        Request::Find { key } => format!("find({key:?})"),
        Request::Retrieve { key } => format!("retrieve({key:?})"),
        Request::List => "list()".to_owned(),
        Request::ListNames => "list_names()".to_owned(),
        Request::Create { key, .. } => format!("create({key:?})"),
        Request::Modify { key, .. } => format!("modify({key:?})"),
        Request::Delete { key } => format!("delete({key:?})"),
        Request::ListEnvironments => "list_environments()".to_owned(),
        Request::RetrieveEnvironment { name } => format!("retrieve_environment({name:?})"),
        Request::GetEnvironment { name } => format!("get_environment({name:?})"),
        Request::CreateEnvironment { name, .. } => format!("create_environment({name:?})"),
        Request::ModifyEnvironment { name, .. } => format!("modify_environment({name:?})"),
        Request::Export { format } => format!("export({format:?})"),
        Request::Import { format, .. } => format!("import({format:?})"),
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

/// What a rule says about an answer of a client.
pub(super) trait ClientAnswer<T> {
    /// It must be a success.
    fn works(self, what: &str) -> Result<T, Broken>;

    /// It must say that this is missing.
    fn misses(self, what: &str, missing: Missing) -> Result<ClientFailure, Broken>;

    /// It must be a failure with this code.
    fn fails_as(self, what: &str, code: &str) -> Result<ClientFailure, Broken>;
}

impl<T> ClientAnswer<T> for Result<T, ClientFailure> {
    fn works(self, what: &str) -> Result<T, Broken> {
        self.map_err(|failure| broken(format!("{what} to work"), format!("it answered {failure:?}")))
    }

    fn misses(self, what: &str, missing: Missing) -> Result<ClientFailure, Broken> {
        let expected = format!(
            "{what} to say that the {} is missing",
            match missing {
                Missing::Secret => "secret",
                Missing::Environment => "environment",
            }
        );
        match self {
            Err(failure) if failure.missing == Some(missing) && failure.code == "not_found" => Ok(failure),
            Err(failure) => Err(broken(expected, format!("it answered {failure:?}"))),
            Ok(_) => Err(broken(expected, "it answered Ok")),
        }
    }

    fn fails_as(self, what: &str, code: &str) -> Result<ClientFailure, Broken> {
        let expected = format!("{what} to fail as {code:?}");
        match self {
            Err(failure) if failure.code == code => Ok(failure),
            Err(failure) => Err(broken(expected, format!("it answered {failure:?}"))),
            Ok(_) => Err(broken(expected, "it answered Ok")),
        }
    }
}
