//! Provides an issuer whose credentials can be counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use keyway_core::{Registry, Timestamp};
use keyway_host::grants::{
    Grant, GrantOutcome, GrantRequest, Grants, GrantsError, Isolation, IssuedCredential, Limits, Requester,
    Service,
};
use keyway_host::{Host, HostBuilder, HostError, WorkReport};
use keyway_issuers::{
    Action, Capabilities, ContractViolation, CredentialPart, CredentialRef, CredentialRequest, Description,
    Issued, Issuer, IssuerError, LoginRequired, ParameterDescriptor, Parameters, Reconciled, Reconciliation,
    RequestOutcome, Revocation, Rule, ServiceName, UserInfo, Violation,
};
use keyway_seal::KeyRing;
use keyway_storage::Storage;

pub(crate) use crate::ground::*;

/// The issuer's reaction to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Works,
    Refuses,
    /// Refuses 200 ms later.
    RefusesLate,
    /// Asks for another login unless the request has one.
    WantsLogin,
    Panics,
    PanicsAfter,
    ErrorAfter,
    HangsAfter,
    /// Makes the credential, and answers 200 ms later.
    Slow,
    /// Makes the credential. Its reference (`state` on the wire) is always the same.
    SameState,
    SecretInState,
    /// The reference has the largest size.
    LongState,
    HugeState,
    /// Makes the credential, and breaks the contract with an answer that names it.
    Orphan,
}

/// The existing credentials, and the issuer that makes and destroys them.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) capabilities: Capabilities,
    pub(crate) state: Mutex<WorldState>,
}

#[derive(Debug)]
pub(crate) struct WorldState {
    /// The intents of the existing credentials, by the reference of the credential.
    pub(crate) credentials: BTreeMap<String, Vec<String>>,
    pub(crate) request: Request,
    /// How many of the next revocations fail.
    pub(crate) revocations_to_fail: u32,
    /// Whether revocations wait.
    pub(crate) hanging_revocations: bool,
    pub(crate) requests: u32,
    pub(crate) revocations: u32,
    pub(crate) descriptions: u32,
    /// The version in the issuer's description. With `broken`, the description breaks rules. With `hangs`, the call of
    /// `describe` hangs.
    pub(crate) version: String,
    pub(crate) logins: Vec<usize>,
    next: u32,
}

impl World {
    pub(crate) fn new(capabilities: Capabilities) -> Arc<Self> {
        let state = WorldState {
            credentials: BTreeMap::new(),
            request: Request::Works,
            revocations_to_fail: 0,
            hanging_revocations: false,
            requests: 0,
            revocations: 0,
            descriptions: 0,
            version: "1".to_owned(),
            logins: Vec::new(),
            next: 0,
        };
        Arc::new(Self { capabilities, state: Mutex::new(state) })
    }

    pub(crate) fn plain() -> Arc<Self> {
        Self::new(Capabilities::MINIMAL)
    }

    pub(crate) fn set(&self, request: Request) {
        self.change(|state| state.request = request);
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut WorldState) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Counts the credentials.
    pub(crate) fn credentials(&self) -> usize {
        self.change(|state| state.credentials.values().map(Vec::len).sum())
    }

    fn make(&self, intent: &str) -> (String, String) {
        self.change(|world| {
            if self.capabilities.idempotent
                && let Some((state, _)) =
                    world.credentials.iter().find(|(_, of)| of.iter().any(|id| id == intent))
            {
                return (state.clone(), format!("value-of-{state}"));
            }
            world.next += 1;
            let value = format!("needle-value-{}", world.next);
            let state = match world.request {
                Request::SameState => "the-same-needle-state".to_owned(),
                Request::SecretInState => format!("state of {value}"),
                Request::LongState => "s".repeat(16 << 10),
                Request::HugeState => "s".repeat(17 << 10),
                _ => format!("needle-state-{}", world.next),
            };
            world.credentials.entry(state.clone()).or_default().push(intent.to_owned());
            (state, value)
        })
    }
}

#[async_trait]
impl Issuer for World {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        self.change(|state| state.descriptions += 1);
        let mut version = self.change(|state| state.version.clone());
        while version == "hangs" {
            tokio::time::sleep(Duration::from_millis(5)).await;
            version = self.change(|state| state.version.clone());
        }
        let description = Description::builder(&version)
            .text("prefix", "p")
            .set([ParameterDescriptor::mandatory("pub_key", "public key", "the key")])
            .set([]);
        let description =
            if version == "broken" { description.text("A", "").text("prefix", "") } else { description };
        description.build().map_err(|error| IssuerError::system("describe itself", error))
    }

    async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        let intent = request.context.intent.as_ref().expect("a host says what it intends").as_str();
        assert_eq!(request.context.configuration.text("prefix"), Some("p"));
        let behaviour = self.change(|state| {
            state.requests += 1;
            state.logins.push(request.context.requester.additional_logins.len());
            state.request
        });
        match behaviour {
            Request::RefusesLate => {
                tokio::time::sleep(Duration::from_millis(200)).await;
                return Err(IssuerError::refused("Sorry, joe.", "joe was denied"));
            }
            Request::Refuses => return Err(IssuerError::refused("Sorry, joe.", "joe was denied")),
            Request::WantsLogin if request.context.requester.additional_logins.is_empty() => {
                let (provider, message) = ("iam".to_owned(), "Log in there first.".to_owned());
                return Ok(RequestOutcome::LoginRequired(LoginRequired { provider, message }));
            }
            Request::Panics => panic!("needle-in-a-panic"),
            _ => {}
        }
        let (state, value) = self.make(intent);
        match behaviour {
            Request::PanicsAfter => panic!("needle-in-a-panic"),
            Request::ErrorAfter => {
                Err(IssuerError::system("reach the disk", std::io::Error::other("broken")))
            }
            Request::HangsAfter => std::future::pending().await,
            Request::Orphan => Err(IssuerError::ContractViolation(Box::new(ContractViolation {
                action: Action::Request,
                violations: Violation::new("credential", Rule::Missing).into(),
                orphan: Some(CredentialRef::new(state)),
                note: String::new(),
            }))),
            _ => {
                let pause = Duration::from_millis(if behaviour == Request::Slow { 200 } else { 0 });
                tokio::time::sleep(pause).await;
                Ok(Issued::new(state).with(CredentialPart::text("password", value)).into())
            }
        }
    }

    async fn revoke(&self, revocation: &Revocation) -> Result<(), IssuerError> {
        tokio::task::yield_now().await;
        while self.change(|world| world.hanging_revocations) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.change(|world| {
            world.revocations += 1;
            if let Some(left) = world.revocations_to_fail.checked_sub(1) {
                world.revocations_to_fail = left;
                return Err(IssuerError::refused("Could not revoke.", "the portal is closed"));
            }
            world.credentials.remove(revocation.state.as_str());
            Ok(())
        })
    }

    async fn reconcile(&self, question: &Reconciliation) -> Result<Reconciled, IssuerError> {
        if !self.capabilities.reconciles {
            return Err(IssuerError::Unsupported { what: "reconcile" });
        }
        let intent = question.context.intent.as_ref().expect("an intent").as_str().to_owned();
        Ok(self.change(|world| {
            let made = world.credentials.iter().find(|(_, of)| of.contains(&intent));
            made.map_or(Reconciled::NothingHappened, |(state, _)| {
                Reconciled::Made(CredentialRef::new(state.as_str()))
            })
        }))
    }
}

pub(crate) fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

pub(crate) fn svc() -> ServiceName {
    name("needle-svc")
}

pub(crate) fn user(subject: &str) -> Requester {
    Requester::new(UserInfo::new("https://needle.example.com", subject).with("groups", "needle-group"))
}

pub(crate) fn plain_request(subject: &str) -> GrantRequest {
    GrantRequest::new(user(subject))
}

pub(crate) fn with_key(subject: &str, value: &str) -> GrantRequest {
    plain_request(subject).with_parameters(Parameters::new().with("pub_key", value))
}

pub(crate) fn limits() -> Limits {
    Limits::default().with_deadline(Duration::from_secs(20)).with_isolation(Isolation::Inline)
}

pub(crate) fn service(world: &Arc<World>) -> Service {
    Service::with_issuer(svc(), Arc::clone(world) as Arc<dyn Issuer>).allow_everybody()
}

/// Builds a named host with one service. The host takes over its name at once.
pub(crate) fn host(storage: &Arc<dyn Storage>, keys: &KeyRing, service: Service) -> HostBuilder {
    without_services(storage, keys).grant_limits(limits()).service(service)
}

pub(crate) fn without_services(storage: &Arc<dyn Storage>, keys: &KeyRing) -> HostBuilder {
    let registry = Registry::builder().build().unwrap();
    Host::builder(registry, Arc::clone(storage), keys.clone()).name("a").takeover_after(Duration::ZERO)
}

/// A host whose grants these tests use.
#[derive(Clone)]
pub(crate) struct Started(Host);

impl std::ops::Deref for Started {
    type Target = Grants;

    fn deref(&self) -> &Grants {
        self.0.grants()
    }
}

impl Started {
    pub(crate) async fn recover(&self) -> Result<Vec<WorkReport>, HostError> {
        self.0.recover().await
    }

    pub(crate) async fn run_due(&self, now: Timestamp) -> Result<Vec<WorkReport>, HostError> {
        self.0.run_due(now).await
    }

    pub(crate) async fn all_undecided(&self) -> Vec<Grant> {
        self.undecided(None, 1000).await.unwrap().grants
    }
}

pub(crate) trait Start {
    async fn started(self) -> Started;
}

impl Start for HostBuilder {
    async fn started(self) -> Started {
        Started(self.start().await.unwrap())
    }
}

pub(crate) async fn start(world: &Arc<World>) -> Started {
    host(&memory(), &ring(), service(world)).started().await
}

pub(crate) fn granted(outcome: Result<GrantOutcome, GrantsError>) -> IssuedCredential {
    match outcome.unwrap() {
        GrantOutcome::Granted(handed) => handed,
        other => panic!("{other:?}"),
    }
}
