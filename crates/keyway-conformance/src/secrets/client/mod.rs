//! The client that an application uses over the plugin under test.
//!
//! The rules `SEC-200` and up run an application's client over the plugin's stores. It is
//! `keyway_client::Secrets` unless the subject names another one with
//! [`SecretStoreSubject::client`](super::SecretStoreSubject::client): so another client can be
//! proved, over a store that is known to be sound, with the same rules.
//!
//! A client is one function from [`Request`] to [`Response`], in types of the kit, because
//! another client has errors and answers of its own:
//!
//! ```
//! use std::sync::Arc;
//! use keyway_conformance::secrets::client::{ClientMaker, KeywayClient};
//! use keyway_conformance::{Candidate, RunOptions, secrets};
//!
//! let subject = secrets::reference().client(KeywayClient);
//! let report = Candidate::from(subject).run(&RunOptions::default().only("SEC-200"));
//! assert!(report.succeeded());
//! ```

mod keyway;
mod request;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use keyway_client::{AccessOutcome, Layer, Operation, Resolution};
use keyway_secrets::SecretStore;

use super::{CLAUSES, SecretStoreSubject, rules};
use crate::Suite;

pub use keyway::KeywayClient;
pub use request::{ClientFailure, FileFormat, Found, Missing, Request, Response};

/// Makes the suite of the rules about clients alone, for a client over a store that is known to be sound.
pub fn suite() -> Suite<SecretStoreSubject> {
    Suite { kind: "secret", rules: rules::of_clients(), clauses: CLAUSES }
}

/// Makes the client under test.
pub trait ClientMaker: Send + Sync {
    /// Makes a client over a store that works among the shared secrets and resolves exactly. Without
    /// a hook it has no audit.
    fn client(&self, store: Arc<dyn SecretStore>, audit: Option<AuditHook>) -> Arc<dyn ApplicationClient>;

    /// What the client takes for the credentials of a service; `None` for a client that has
    /// nothing to do with any (decision L7).
    fn credentials(&self, given: &GivenCredentials) -> Option<Result<TakenCredentials, ClientFailure>> {
        let _ = given;
        None
    }
}

impl<F> ClientMaker for F
where
    F: Fn(Arc<dyn SecretStore>, Option<AuditHook>) -> Arc<dyn ApplicationClient> + Send + Sync,
{
    fn client(&self, store: Arc<dyn SecretStore>, audit: Option<AuditHook>) -> Arc<dyn ApplicationClient> {
        self(store, audit)
    }
}

/// A client of applications, in one scope.
#[async_trait]
pub trait ApplicationClient: fmt::Debug + Send + Sync {
    /// Gives the same client in another scope. It does no I/O, and shares the store.
    fn in_scope(&self, scope: &Scope) -> Arc<dyn ApplicationClient>;

    /// Does one operation.
    ///
    /// # Errors
    /// What the client answers, in the kit's words.
    ///
    /// # Cancel safety
    /// The rules drop it half-way; what the client promises of that is part of what is tested.
    async fn call(&self, request: Request) -> Result<Response, ClientFailure>;
}

/// Where a client works, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The environment; `None` among the shared secrets.
    pub environment: Option<String>,
    /// The policy (decision L1).
    pub resolution: Resolution,
    /// Who asks, for the audit.
    pub requester: Option<String>,
}

impl Scope {
    /// Among the shared secrets, exactly, and nobody says who asks.
    pub const SHARED: Self = Self { environment: None, resolution: Resolution::Exact, requester: None };
}

/// What an audit hook is.
pub type AuditHook = Arc<dyn Fn(Accessed) + Send + Sync>;

/// What an audit hook was told, once for each access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accessed {
    /// Who asked.
    pub requester: Option<String>,
    /// What was asked for.
    pub operation: Operation,
    /// The key, for an operation on one secret.
    pub key: Option<String>,
    /// The environment of the client's scope, or the one that the operation is about.
    pub environment: Option<String>,
    /// The layer that gave the secret.
    pub layer: Option<Layer>,
    /// What came of it.
    pub outcome: AccessOutcome,
    /// All that the report shows when it is printed in any way: no value may be in it.
    pub shown: String,
}

/// Credentials as they are given, in the places of decision L7.
#[derive(Clone, Debug, Default)]
pub struct GivenCredentials {
    /// Explicitly: the access key ID.
    pub access_key_id: Option<String>,
    /// Explicitly: the secret access key.
    pub secret_access_key: Option<String>,
    /// Explicitly: where the service is.
    pub api_base: Option<String>,
    /// The names and values of an environment; `HOME` is among them.
    pub environment: Vec<(String, String)>,
}

/// Credentials as a client took them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenCredentials {
    /// The access key ID.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
    /// Where the service is.
    pub api_base: String,
    /// What the client's own type shows in a debugging text: neither key may be in it.
    pub shown: String,
}
