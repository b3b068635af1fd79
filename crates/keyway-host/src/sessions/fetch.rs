//! Defines the request for credentials, and its answer.

use std::time::Duration;

use keyway_credentials::{
    Candidate, Certificates, CredentialKind, Lease, Passwords, PrivateKeys, RemoteAppCredentials, TotpCodes,
};

use super::asking::{Answer, AnyCredentials};
pub use super::search::Attempt;
use super::state::{CheckOut, CheckOutId};

/// Credentials that a session can fetch: [`Passwords`], [`PrivateKeys`], [`Certificates`], [`TotpCodes`] and
/// [`RemoteAppCredentials`].
pub trait CredentialType: sealed::Sealed + Send + Sized + 'static {
    /// The kind.
    const KIND: CredentialKind;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! credential_types {
    ($($type:ident is $kind:ident,)+) => {
        $(impl sealed::Sealed for $type {}

        impl CredentialType for $type {
            const KIND: CredentialKind = CredentialKind::$kind;
        })+
    };
}

credential_types! {
    Passwords is Passwords,
    PrivateKeys is PrivateKeys,
    Certificates is Certificates,
    TotpCodes is TotpCodes,
    RemoteAppCredentials is RemoteApp,
}

/// The request for credentials. The default is enough unless the host demands a reason or a ticket.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FetchRequest {
    /// The caller's own id of this call. A repeated call with the same id makes no second check-out (decision S8).
    pub call: Option<String>,
    /// The user's reason.
    pub reason: Option<String>,
    /// The ticket.
    pub ticket: Option<String>,
    /// The asset of a remote application, unless the session cookie names one.
    pub asset: Option<String>,
    /// How long to wait for an account that another session holds exclusively. If this is `None`, the vault's
    /// [time](super::Vault::busy_wait) counts.
    pub busy_wait: Option<Duration>,
}

impl FetchRequest {
    /// Creates a request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the caller's own id of this call.
    #[must_use]
    pub fn with_call(mut self, call: impl Into<String>) -> Self {
        self.call = Some(call.into());
        self
    }

    /// Sets the user's reason.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Sets the ticket.
    #[must_use]
    pub fn with_ticket(mut self, ticket: impl Into<String>) -> Self {
        self.ticket = Some(ticket.into());
        self
    }

    /// Sets the asset of a remote application.
    #[must_use]
    pub fn with_asset(mut self, asset: impl Into<String>) -> Self {
        self.asset = Some(asset.into());
        self
    }

    /// Sets how long to wait for an account that another session holds exclusively.
    #[must_use]
    pub const fn with_busy_wait(mut self, wait: Duration) -> Self {
        self.busy_wait = Some(wait);
        self
    }
}

/// The answer to a fetch.
///
/// ```
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// # use keyway_conformance::credentials::{NoCredentials, ScriptedStore, Step, StoreCall};
/// # use keyway_core::Registry;
/// # use keyway_credentials::{Connection, CredentialStoreName, Denial, SessionId};
/// # use keyway_host::Host;
/// # use keyway_host::sessions::{NewSession, Session, SessionsError, Vault};
/// # use keyway_seal::{Key, KeyRing};
/// # use keyway_storage::Memory;
/// use keyway_credentials::{FetchOutcome, Passwords};
/// use keyway_host::sessions::{FetchRequest, Fetched};
///
/// # async fn log_in(session: &Session, hall: &CredentialStoreName) -> Result<String, SessionsError> {
/// let told = match session.fetch::<Passwords>(hall, FetchRequest::new()).await? {
///     Fetched::Found(found) => format!("logs in as {}", found.candidate.account.as_str()),
///     // The vault's rules make no candidate of this connection.
///     Fetched::Nothing(attempts) if attempts.is_empty() => "no account at this server".to_owned(),
///     Fetched::Nothing(attempts) => {
///         let told = attempts.into_iter().map(|attempt| match attempt.outcome {
///             FetchOutcome::Busy(_) => format!("{} is in use", attempt.candidate.account.as_str()),
///             FetchOutcome::Denied(denial) => denial.message,
///             FetchOutcome::NeedInfo(need) => need.message,
///             FetchOutcome::Unavailable { .. } => "try again later".to_owned(),
///             _ => format!("no password for {}", attempt.candidate.account.as_str()),
///         });
///         told.collect::<Vec<_>>().join("; ")
///     }
///     _ => "an answer of a later version".to_owned(),
/// };
/// # Ok(told)
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let declared = ScriptedStore::CAPABILITIES.own_accounts(false).own_assets(false);
/// # let store = ScriptedStore::new().with_account("root").with_capabilities(declared);
/// # store.script(StoreCall::Passwords, [Step::outcome(NoCredentials::Denied(Denial::new("not at night")))]);
/// # let hall = CredentialStoreName::new("hall")?;
/// # let vault = Vault::with_store(hall.clone(), Arc::new(store)).busy_wait(Duration::ZERO);
/// # let (registry, keys) = (Registry::builder().build()?, KeyRing::new([Key::generate()?])?);
/// # let host = Host::builder(registry, Arc::new(Memory::new()), keys).vault(vault).start().await?;
/// # let begin = |account: Option<&str>| -> Result<Session, Box<dyn std::error::Error>> {
/// #     let mut connection = Connection::new(SessionId::new(account.unwrap_or("nobody"))?);
/// #     connection.server_username = account.map(str::to_owned);
/// #     connection.server_hostname = Some("web1".into());
/// #     Ok(host.sessions().begin(NewSession::new(connection))?)
/// # };
/// # let session = begin(Some("root"))?;
/// # assert_eq!(log_in(&session, &hall).await?, "not at night");
/// # assert_eq!(log_in(&session, &hall).await?, "logs in as root");
/// # assert_eq!(log_in(&begin(None)?, &hall).await?, "no account at this server");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Fetched<C> {
    /// The credentials. The host does not keep them.
    Found(FoundCredentials<C>),
    /// No candidate has credentials. The list has the outcome of each candidate, in the order in which they were tried.
    /// If it is empty, there was no candidate. For a remote application, an empty list means that the user has to name
    /// the account and the asset.
    Nothing(Vec<Attempt>),
}

/// Credentials that a session has until they are checked in.
#[derive(Debug)]
#[non_exhaustive]
pub struct FoundCredentials<C> {
    /// The credentials.
    pub credentials: C,
    /// The account and the asset.
    pub candidate: Candidate,
    /// The lease, if the store gives leases.
    pub lease: Option<Lease>,
    /// The id of the check-out.
    pub check_out: CheckOutId,
}

impl<C: CredentialType> Fetched<C> {
    /// Converts the answer of a store to credentials of one kind; `None` if the credentials are of another kind, which
    /// cannot happen.
    pub(super) fn of(answer: Answer) -> Option<Self> {
        Some(match answer {
            Answer::Nothing(attempts) => Self::Nothing(attempts),
            Answer::Found(CheckOut { id, candidate, lease, .. }, credentials) => {
                let credentials: AnyCredentials = credentials;
                let credentials = *credentials.downcast::<C>().ok()?;
                Self::Found(FoundCredentials { credentials, candidate, lease, check_out: id })
            }
        })
    }

    /// Returns the credentials, if there are any.
    pub fn found(self) -> Option<FoundCredentials<C>> {
        match self {
            Self::Found(found) => Some(found),
            Self::Nothing(_) => None,
        }
    }
}
