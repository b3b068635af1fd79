//! Tests the client that an application uses over the plugin under test.
//!
//! The rules `SEC-200` and up run an application's client over the plugin's stores. The client is
//! `keyway_client::Secrets`, unless the subject sets another one by
//! [`SecretStoreSubject::client`](super::SecretStoreSubject::client). So the same rules can test
//! another client, over a store that is known to be sound.
//!
//! A client is one function from [`Request`] to [`Response`], in types of the kit, because each
//! client has its own errors and answers:
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

use super::{SecretStoreSubject, clauses, rules};
use crate::Suite;

pub use keyway::KeywayClient;
pub use request::{ClientFailure, FileFormat, Found, Missing, Request, Response};

/// Makes the suite of the rules about clients only, for a client over a sound store.
pub fn suite() -> Suite<SecretStoreSubject> {
    Suite { kind: "secret", rules: rules::of_clients(), clauses: clauses::CLAUSES }
}

/// Makes the client under test.
pub trait ClientMaker: Send + Sync {
    /// Makes a client over a store. It works in the scope of the shared secrets, uses the exact
    /// resolution, and has an audit only if a hook is given.
    fn client(&self, store: Arc<dyn SecretStore>, audit: Option<AuditHook>) -> Arc<dyn ApplicationClient>;

    /// Returns the credentials that the client chooses for a service, and `None` for a client that has
    /// no credentials.
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

/// Serves an application in one scope.
#[async_trait]
pub trait ApplicationClient: fmt::Debug + Send + Sync {
    /// Returns the same client in another scope. It does no I/O, and shares the store.
    fn in_scope(&self, scope: &Scope) -> Arc<dyn ApplicationClient>;

    /// Does one operation.
    ///
    /// # Errors
    /// Those of the client, in the kit's types.
    ///
    /// # Cancel safety
    /// The rules drop the future before it ends, and test what the client promises for that case.
    async fn call(&self, request: Request) -> Result<Response, ClientFailure>;
}

/// Names the environment, the policy and the requester of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The environment; `None` among the shared secrets.
    pub environment: Option<String>,
    /// The policy.
    pub resolution: Resolution,
    /// The requester, for the audit.
    pub requester: Option<String>,
}

impl Scope {
    /// Means the shared secrets, read exactly, without a requester.
    pub const SHARED: Self = Self { environment: None, resolution: Resolution::Exact, requester: None };
}

/// Receives the accesses of a client.
pub type AuditHook = Arc<dyn Fn(Accessed) + Send + Sync>;

/// Reports one access to an audit hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accessed {
    /// The requester.
    pub requester: Option<String>,
    /// The operation.
    pub operation: Operation,
    /// The key, for an operation on one secret.
    pub key: Option<String>,
    /// The environment of the client's scope, or the one that the operation is about.
    pub environment: Option<String>,
    /// The layer that gave the secret.
    pub layer: Option<Layer>,
    /// The outcome.
    pub outcome: AccessOutcome,
    /// All forms in which the report can be printed. They must contain no value.
    pub shown: String,
}

/// Holds credentials from the sources of decision L7.
#[derive(Clone, Debug, Default)]
pub struct GivenCredentials {
    /// The access key ID that is given explicitly.
    pub access_key_id: Option<String>,
    /// The secret access key that is given explicitly.
    pub secret_access_key: Option<String>,
    /// The address of the service that is given explicitly.
    pub api_base: Option<String>,
    /// The names and values of an environment; `HOME` is among them.
    pub environment: Vec<(String, String)>,
}

/// Holds the credentials that a client chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenCredentials {
    /// The access key ID.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
    /// The address of the service.
    pub api_base: String,
    /// The debugging text of the client's own type. It must contain neither key.
    pub shown: String,
}
