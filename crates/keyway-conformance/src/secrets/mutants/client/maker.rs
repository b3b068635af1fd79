//! Makes the subjects of client mutants.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use keyway_client::Resolution;
use keyway_secrets::SecretStore;

use crate::lock::locked;
use crate::secrets::client::{
    Accessed, ApplicationClient, AuditHook, ClientFailure, ClientMaker, GivenCredentials, KeywayClient,
    Request, Response, Scope, TakenCredentials,
};

/// The result of a request.
pub(super) type ClientResult = Result<Response, ClientFailure>;

/// Makes the subject of a mutant for `mutants!`. The change is either a block of overridden methods of
/// `ClientMutation`, or a closure for one of these methods:
///
/// * `(call |client, request| ...)`: carries out a request;
/// * `(failure |failure| ...)`: changes each failure;
/// * `(told |accessed| ...)`: replaces a report to the audit hook;
/// * `(credentials |given| ...)`: chooses the credentials.
macro_rules! client_mutant {
    ($name:ident { $($method:tt)+ }) => {{
        #[derive(Debug)]
        struct $name;

        #[async_trait::async_trait]
        impl $crate::secrets::mutants::client::maker::ClientMutation for $name {
            $($method)+
        }

        || {
            let sound = $crate::secrets::reference::sound(stringify!($name));
            std::sync::Arc::new(sound.client($crate::secrets::mutants::client::maker::MutantMaker(&$name)))
        }
    }};
    ($name:ident (call |$client:ident, $request:ident| $answer:expr)) => {
        client_mutant!($name {
            async fn call(
                &self,
                $client: &$crate::secrets::mutants::client::maker::MutatedClient,
                $request: $crate::secrets::client::Request,
            ) -> $crate::secrets::mutants::client::maker::ClientResult {
                $answer
            }
        })
    };
    ($name:ident (failure |$failure:ident| $change:expr)) => {
        client_mutant!($name (call |client, request| client.inner.call(request).await.map_err(|failure| {
            let mut $failure = failure;
            $change;
            $failure
        })))
    };
    ($name:ident (told |$accessed:ident| $told:expr)) => {
        client_mutant!($name {
            fn told(
                &self,
                _: &$crate::secrets::mutants::client::maker::ClientNotes,
                $accessed: $crate::secrets::client::Accessed,
            ) -> Vec<$crate::secrets::client::Accessed> {
                $told
            }
        })
    };
    ($name:ident (credentials |$given:ident| $taken:expr)) => {
        client_mutant!($name {
            fn credentials(
                &self,
                $given: &$crate::secrets::client::GivenCredentials,
            ) -> Option<Result<$crate::secrets::client::TakenCredentials, $crate::secrets::client::ClientFailure>> {
                $taken
            }
        })
    };
}

pub(super) use client_mutant;

/// A change to `keyway_client::Secrets`. The default methods change nothing.
#[async_trait]
pub(super) trait ClientMutation: fmt::Debug + Send + Sync {
    fn told(&self, notes: &ClientNotes, accessed: Accessed) -> Vec<Accessed> {
        let _ = notes;
        vec![accessed]
    }

    async fn call(&self, client: &MutatedClient, request: Request) -> ClientResult {
        client.inner.call(request).await
    }

    fn credentials(&self, given: &GivenCredentials) -> Option<Result<TakenCredentials, ClientFailure>> {
        KeywayClient.credentials(given)
    }
}

/// The state that a mutant and its clones share.
#[derive(Default)]
pub(super) struct ClientNotes {
    pub(super) text: Mutex<String>,
    pub(super) answer: Mutex<Option<Response>>,
    pub(super) scope: Mutex<Option<Scope>>,
}

/// Makes the clients of a mutant.
pub(super) struct MutantMaker(pub(super) &'static dyn ClientMutation);

impl ClientMaker for MutantMaker {
    fn client(&self, store: Arc<dyn SecretStore>, audit: Option<AuditHook>) -> Arc<dyn ApplicationClient> {
        let (mutation, notes) = (self.0, Arc::new(ClientNotes::default()));
        let audit = audit.map(|hook| -> AuditHook {
            let notes = Arc::clone(&notes);
            Arc::new(move |accessed| mutation.told(&notes, accessed).into_iter().for_each(|told| hook(told)))
        });
        let inner = KeywayClient.client(Arc::clone(&store), audit);
        Arc::new(MutatedClient { mutation, inner, store, notes, scope: Scope::SHARED })
    }

    fn credentials(&self, given: &GivenCredentials) -> Option<Result<TakenCredentials, ClientFailure>> {
        self.0.credentials(given)
    }
}

/// A client with one fault.
pub(super) struct MutatedClient {
    mutation: &'static dyn ClientMutation,
    pub(super) inner: Arc<dyn ApplicationClient>,
    pub(super) store: Arc<dyn SecretStore>,
    pub(super) notes: Arc<ClientNotes>,
    pub(super) scope: Scope,
}

impl MutatedClient {
    /// Returns the correct client in another scope.
    pub(super) fn at(&self, environment: Option<&str>, resolution: Resolution) -> Arc<dyn ApplicationClient> {
        let environment = environment.map(str::to_owned);
        self.inner.in_scope(&Scope { environment, resolution, ..self.scope.clone() })
    }

    /// Returns the correct client for the shared secrets.
    pub(super) fn shared(&self) -> Arc<dyn ApplicationClient> {
        self.at(None, Resolution::Exact)
    }

    /// Returns the correct client in the same environment, with another policy.
    pub(super) fn by(&self, resolution: Resolution) -> Arc<dyn ApplicationClient> {
        self.at(self.scope.environment.as_deref(), resolution)
    }

    /// Tells whether the client works in an environment and falls back to the shared secrets.
    pub(super) fn falls_back(&self) -> bool {
        self.scope.environment.is_some() && self.scope.resolution == Resolution::SharedFallback
    }
}

impl fmt::Debug for MutatedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ApplicationClient for MutatedClient {
    fn in_scope(&self, scope: &Scope) -> Arc<dyn ApplicationClient> {
        *locked(&self.notes.scope) = Some(scope.clone());
        Arc::new(Self {
            mutation: self.mutation,
            inner: self.inner.in_scope(scope),
            store: Arc::clone(&self.store),
            notes: Arc::clone(&self.notes),
            scope: scope.clone(),
        })
    }

    async fn call(&self, request: Request) -> ClientResult {
        self.mutation.call(self, request).await
    }
}
