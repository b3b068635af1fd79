//! Tests the client that an application uses over the plugin under test.
//!
//! The rules from `SEC-200` run an application's client over the plugin's stores. The client is
//! `keyway_client::Secrets`, unless the subject sets another client with
//! [`SecretStoreSubject::client`](super::SecretStoreSubject::client). So the same rules can test another client over a
//! store that is known to be correct.
//!
//! For the kit, a client is one function from [`Request`] to [`Response`]. Both are types of the kit, because each
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

/// Makes the suite of only the rules about clients, to test a client over a correct store.
pub fn suite() -> Suite<SecretStoreSubject> {
    Suite { kind: "secret", rules: rules::of_clients(), clauses: clauses::CLAUSES }
}

/// Makes clients under test.
pub trait ClientMaker: Send + Sync {
    /// Makes a client over a store. The client works on the shared secrets with the policy [`Resolution::Exact`], and
    /// reports accesses only if a hook is given.
    fn client(&self, store: Arc<dyn SecretStore>, audit: Option<AuditHook>) -> Arc<dyn ApplicationClient>;

    /// Returns the credentials that the client chooses for a service. `None` means that the client does not choose
    /// credentials; the rules about this choice are then skipped.
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

/// A client of an application, in one scope.
#[async_trait]
pub trait ApplicationClient: fmt::Debug + Send + Sync {
    /// Returns the same client in another scope. Does no I/O. Both clients share the store.
    fn in_scope(&self, scope: &Scope) -> Arc<dyn ApplicationClient>;

    /// Carries out one operation.
    ///
    /// # Errors
    /// The errors of the client, as the kit's type.
    ///
    /// # Cancel safety
    /// The rules drop the future before it ends, and test what the client promises for a dropped call.
    async fn call(&self, request: Request) -> Result<Response, ClientFailure>;
}

/// The scope of a client: its environment, policy and requester.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The environment; `None` for the shared secrets.
    pub environment: Option<String>,
    /// The policy by which the client resolves keys.
    pub resolution: Resolution,
    /// The requester, as the reports to the audit hook name it.
    pub requester: Option<String>,
}

impl Scope {
    /// The scope of the shared secrets, with exact resolution and without a requester.
    pub const SHARED: Self = Self { environment: None, resolution: Resolution::Exact, requester: None };
}

/// A hook that receives the accesses of a client.
pub type AuditHook = Arc<dyn Fn(Accessed) + Send + Sync>;

/// The report of one access to an audit hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accessed {
    /// The requester.
    pub requester: Option<String>,
    /// The operation.
    pub operation: Operation,
    /// The key, for an operation on one secret.
    pub key: Option<String>,
    /// The environment of the client's scope, or the environment that the operation concerns.
    pub environment: Option<String>,
    /// The layer that the secret came from.
    pub layer: Option<Layer>,
    /// The outcome.
    pub outcome: AccessOutcome,
    /// All texts in which the client's report can be printed. They must not contain a value.
    pub shown: String,
}

/// The values that each source of credentials offers to a client. Decision L7 lists the sources.
#[derive(Clone, Debug, Default)]
pub struct GivenCredentials {
    /// The access key ID that is given explicitly.
    pub access_key_id: Option<String>,
    /// The secret access key that is given explicitly.
    pub secret_access_key: Option<String>,
    /// The address of the service that is given explicitly.
    pub api_base: Option<String>,
    /// The environment variables by name. They include `HOME`.
    pub environment: Vec<(String, String)>,
}

/// The credentials that a client chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenCredentials {
    /// The access key ID.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
    /// The address of the service.
    pub api_base: String,
    /// The `Debug` text of the client's own type. It must contain neither key.
    pub shown: String,
}
