//! The audit hook: reports each access and its outcome.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use keyway_core::{ErrorKind, PluginError};

use crate::{Error, Layer, Secrets};

/// Receives a report of every access of a client, without values.
///
/// A client calls it once for each operation, when the operation ends, on the thread that ran the operation. This
/// includes operations that failed, and operations whose future was dropped before they ended. The hook should be
/// quick, because the caller waits for it. If the hook panics, the panic is caught, and the caller still gets the
/// operation's result.
///
/// A closure implements it:
///
/// ```
/// use keyway_client::{Access, AccessAudit};
///
/// fn is_one(audit: impl AccessAudit) {}
/// is_one(|access: &Access<'_>| println!("{access}"));
/// ```
pub trait AccessAudit: Send + Sync {
    /// Receives the report of an operation that ended.
    fn accessed(&self, access: &Access<'_>);
}

impl<F: Fn(&Access<'_>) + Send + Sync> AccessAudit for F {
    fn accessed(&self, access: &Access<'_>) {
        self(access);
    }
}

/// One access. `Display` is one line for a log: names in it are escaped.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Access<'a> {
    /// The name of the client, if it has one.
    pub client: Option<&'a str>,
    /// The requester, if the application named one.
    pub requester: Option<&'a str>,
    /// The operation.
    pub operation: Operation,
    /// The key, for an operation on one secret.
    pub key: Option<&'a str>,
    /// The environment in which the client works, or the environment that an operation on environments is about.
    pub environment: Option<&'a str>,
    /// The layer in which the secret was found. Only reads of a single secret have it.
    pub layer: Option<Layer>,
    /// The outcome.
    pub outcome: AccessOutcome,
    /// The duration.
    pub duration: Duration,
}

impl fmt::Display for Access<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operation.as_str())?;
        for (what, text) in [
            ("client", self.client),
            ("requester", self.requester),
            ("key", self.key),
            ("environment", self.environment),
        ] {
            if let Some(text) = text {
                write!(f, " {what}=\"{}\"", text.escape_debug())?;
            }
        }
        if let Some(layer) = self.layer {
            write!(f, " layer={layer}")?;
        }
        write!(f, " outcome={} microseconds={}", self.outcome, self.duration.as_micros())
    }
}

/// An operation: a method of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// `get`, `get_or` and `get_required`.
    Get,
    /// `retrieve` and `find`.
    Retrieve,
    /// `list` and `list_all`, with values.
    List,
    /// `list_names`.
    ListNames,
    /// `create`.
    Create,
    /// `modify`.
    Modify,
    /// `delete` and `delete_if_unchanged`.
    Delete,
    /// `list_environments`.
    ListEnvironments,
    /// `retrieve_environment` and the deprecated `get_environment`.
    RetrieveEnvironment,
    /// `create_environment`.
    CreateEnvironment,
    /// `modify_environment`.
    ModifyEnvironment,
    /// `export`: reads all values of a layer to write them elsewhere.
    Export,
    /// `plan_import`, and the first step of `import`: reads the current values to compare them.
    PlanImport,
}

impl Operation {
    /// Returns the name of the method.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Retrieve => "retrieve",
            Self::List => "list",
            Self::ListNames => "list_names",
            Self::Create => "create",
            Self::Modify => "modify",
            Self::Delete => "delete",
            Self::ListEnvironments => "list_environments",
            Self::RetrieveEnvironment => "retrieve_environment",
            Self::CreateEnvironment => "create_environment",
            Self::ModifyEnvironment => "modify_environment",
            Self::Export => "export",
            Self::PlanImport => "plan_import",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The outcome of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccessOutcome {
    /// The operation succeeded.
    Done,
    /// The operation failed. A missing secret is `Failed(NotFound)`, even if the caller got a default value instead.
    Failed(ErrorKind),
    /// The future was dropped before the operation ended, or the store panicked. A write may have
    /// taken effect.
    Cancelled,
}

impl AccessOutcome {
    /// Returns `done`, `cancelled`, or the code of the kind of failure.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed(kind) => kind.code(),
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for AccessOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An operation in progress. It is reported once: by [`end`](Self::end), or when it is dropped.
pub(crate) struct Call<'a> {
    client: &'a Secrets,
    operation: Operation,
    key: Option<&'a str>,
    environment: Option<&'a str>,
    /// The start of the operation. It is `None` when neither a hook nor a log needs it, because reading the clock costs
    /// more than the rest of a report.
    begun: Option<Instant>,
    ended: bool,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        client: &'a Secrets,
        operation: Operation,
        key: Option<&'a str>,
        environment: Option<&'a str>,
    ) -> Self {
        let observed = client.audit().is_some() || tracing::enabled!(tracing::Level::WARN);
        Self { client, operation, key, environment, begun: observed.then(Instant::now), ended: false }
    }

    /// Reports the outcome of the operation, and returns its result.
    pub(crate) fn end<T>(mut self, result: Result<T, Error>) -> Result<T, Error> {
        self.report(None, result.as_ref().err());
        result
    }

    /// Reports that the operation succeeded.
    pub(crate) fn done(mut self) {
        self.report(None, None);
    }

    /// Reports that the operation failed with this error.
    pub(crate) fn failed(mut self, error: &Error) {
        self.report(None, Some(error));
    }

    /// Does the same as [`end`](Self::end) for a single secret, and reports the layer in which it was found.
    pub(crate) fn end_in<T>(mut self, layer: Layer, result: Result<T, Error>) -> Result<T, Error> {
        self.report(result.as_ref().ok().map(|_| layer), result.as_ref().err());
        result
    }

    fn report(&mut self, layer: Option<Layer>, error: Option<&Error>) {
        self.ended = true;
        let Some(begun) = self.begun else { return };
        self.tell(
            begun,
            layer,
            error.map_or(AccessOutcome::Done, |error| AccessOutcome::Failed(error.kind())),
        );
    }

    #[cold]
    #[inline(never)]
    fn tell(&self, begun: Instant, layer: Option<Layer>, outcome: AccessOutcome) {
        let access = Access {
            client: self.client.name(),
            requester: self.client.requester(),
            operation: self.operation,
            key: self.key,
            environment: self.environment,
            layer,
            outcome,
            duration: begun.elapsed(),
        };
        trace(&access);
        if let Some(audit) = self.client.audit()
            && catch_unwind(AssertUnwindSafe(|| audit.accessed(&access))).is_err()
        {
            tracing::error!(operation = access.operation.as_str(), "the access audit panicked");
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(begun) = self.begun.filter(|_| !self.ended) {
            self.tell(begun, None, AccessOutcome::Cancelled);
        }
    }
}

/// Logs an access. A failure that the caller did not cause is a warning; everything else has level `debug`.
fn trace(access: &Access<'_>) {
    let callers = matches!(
        access.outcome,
        AccessOutcome::Done
            | AccessOutcome::Cancelled
            | AccessOutcome::Failed(
                ErrorKind::NotFound | ErrorKind::AlreadyExists | ErrorKind::Conflict | ErrorKind::Invalid
            )
    );
    macro_rules! event {
        ($level:ident) => {
            tracing::$level!(
                client = access.client,
                requester = access.requester,
                operation = access.operation.as_str(),
                key = access.key,
                environment = access.environment,
                layer = access.layer.map(Layer::as_str),
                outcome = access.outcome.as_str(),
                "secrets"
            )
        };
    }
    if callers {
        event!(debug);
    } else {
        event!(warn);
    }
}
