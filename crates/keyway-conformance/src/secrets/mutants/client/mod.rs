//! Mutants of the client: the client of this workspace over a sound store, with one thing
//! broken.

mod files;
mod lists;
mod reads;
mod told;
mod writes;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use keyway_client::Resolution;
use keyway_secrets::SecretStore;

use super::warp::{Mutant, MutantPlugin, Warp};
use crate::secrets::client::{
    Accessed, ApplicationClient, AuditHook, ClientFailure, ClientMaker, GivenCredentials, KeywayClient,
    Request, Response, Standing, TakenCredentials,
};
use crate::secrets::reference::Habits;

/// Lists the mutants of a file as `MUTANTS`: type, and what it does.
macro_rules! client_mutants {
    ($($type:ident $what:literal;)+) => {
        $(#[derive(Debug)] struct $type;)+
        pub(super) static MUTANTS: &[crate::secrets::mutants::warp::Mutant] = &[
            $(crate::secrets::mutants::warp::Mutant {
                name: stringify!($type),
                what: $what,
                plugin: &super::SOUND,
                client: Some(&$type),
            }),+
        ];
    };
}
use client_mutants;

/// All of them.
pub(super) fn families() -> Vec<&'static [Mutant]> {
    vec![reads::MUTANTS, writes::MUTANTS, lists::MUTANTS, told::MUTANTS, files::MUTANTS]
}

/// A store with nothing broken.
#[derive(Debug)]
struct Sound;

impl Warp for Sound {}

static SOUND: MutantPlugin = MutantPlugin { habits: Habits::FULL, warp: &Sound };

/// What a client answers.
type Answered = Result<Response, ClientFailure>;

/// What is broken. Everything that a mutant does not replace is the workspace's client's.
#[async_trait]
pub(super) trait Twist: fmt::Debug + Send + Sync {
    fn told(&self, it: &ClientNotes, accessed: Accessed) -> Vec<Accessed> {
        let _ = it;
        vec![accessed]
    }

    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        it.inner.call(request).await
    }

    fn credentials(&self, given: &GivenCredentials) -> Option<Result<TakenCredentials, ClientFailure>> {
        KeywayClient.credentials(given)
    }
}

/// What a mutant and its clones remember.
#[derive(Default)]
pub(super) struct ClientNotes {
    text: Mutex<String>,
    answer: Mutex<Option<Response>>,
    place: Mutex<Option<Standing>>,
}

impl ClientNotes {
    fn text(&self) -> MutexGuard<'_, String> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self) -> MutexGuard<'_, Option<Response>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self) -> MutexGuard<'_, Option<Standing>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the clients of a mutant.
pub(super) struct TwistedClient(pub(super) &'static dyn Twist);

impl ClientMaker for TwistedClient {
    fn client(&self, store: Arc<dyn SecretStore>, audit: Option<AuditHook>) -> Arc<dyn ApplicationClient> {
        let (twist, notes) = (self.0, Arc::new(ClientNotes::default()));
        let audit = audit.map(|hook| -> AuditHook {
            let notes = Arc::clone(&notes);
            Arc::new(move |accessed| twist.told(&notes, accessed).into_iter().for_each(|told| hook(told)))
        });
        let inner = KeywayClient.client(Arc::clone(&store), audit);
        Arc::new(Twisted { twist, inner, store, notes, standing: Standing::SHARED })
    }

    fn credentials(&self, given: &GivenCredentials) -> Option<Result<TakenCredentials, ClientFailure>> {
        self.0.credentials(given)
    }
}

/// A client of a mutant.
pub(super) struct Twisted {
    twist: &'static dyn Twist,
    inner: Arc<dyn ApplicationClient>,
    store: Arc<dyn SecretStore>,
    notes: Arc<ClientNotes>,
    standing: Standing,
}

impl Twisted {
    /// The sound client, elsewhere.
    fn at(&self, environment: Option<&str>, resolution: Resolution) -> Arc<dyn ApplicationClient> {
        let environment = environment.map(str::to_owned);
        self.inner.standing(&Standing { environment, resolution, ..self.standing.clone() })
    }

    /// The sound client among the shared secrets.
    fn shared(&self) -> Arc<dyn ApplicationClient> {
        self.at(None, Resolution::Exact)
    }

    /// Whether it stands in an environment and falls back.
    fn falls_back(&self) -> bool {
        self.standing.environment.is_some() && self.standing.resolution == Resolution::SharedFallback
    }
}

impl fmt::Debug for Twisted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ApplicationClient for Twisted {
    fn standing(&self, standing: &Standing) -> Arc<dyn ApplicationClient> {
        *self.notes.place() = Some(standing.clone());
        Arc::new(Self {
            twist: self.twist,
            inner: self.inner.standing(standing),
            store: Arc::clone(&self.store),
            notes: Arc::clone(&self.notes),
            standing: standing.clone(),
        })
    }

    async fn call(&self, request: Request) -> Answered {
        self.twist.call(self, request).await
    }
}

/// The key of a request for one secret that only reads.
fn read_key(request: &Request) -> Option<&str> {
    match request {
        Request::Get { key }
        | Request::GetOr { key, .. }
        | Request::GetRequired { key }
        | Request::Find { key }
        | Request::Retrieve { key } => Some(key),
        _ => None,
    }
}
