//! The connections of a host to certificate authorities.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use keyway_certificates::core::LookupError;
use keyway_certificates::{
    AuthorityName, Capabilities, CertificateAuthorities, CertificateAuthority, CertificateError,
    CertificatePlugin, Json, OpenContext, OrderRequest, RequestTypes, Support,
};

use super::routing::Candidate;
use super::upkeep::Upkeep;
use crate::host::Lent;
use crate::plugin::{LaneGuard, OpenFault, Opened, Opens, Pace, Source};
use crate::work::{Lane, Limits};

/// A connection of the host to one or more certificate authorities.
#[derive(Clone)]
pub struct Authority {
    pub(super) name: AuthorityName,
    source: Source<CertificateAuthorities>,
}

impl Authority {
    /// Creates a connection that the plugin with this id opens, with an empty configuration.
    pub fn new(name: AuthorityName, plugin: impl Into<String>) -> Self {
        Self { name, source: Source::Plugin(plugin.into(), Json::default()) }
    }

    /// Creates a connection from an object that the caller supplies. After a panic the host keeps using this object,
    /// because only the caller could create another.
    pub fn with_authority(name: AuthorityName, authority: Arc<dyn CertificateAuthority>) -> Self {
        Self { name, source: Source::Given(authority) }
    }

    /// Sets the configuration that the plugin is opened with.
    #[must_use]
    pub fn plugin_configuration(mut self, configuration: impl Into<Json>) -> Self {
        self.source = self.source.configured(configuration.into());
        self
    }
}

impl fmt::Debug for Authority {
    /// Shows no configuration, because it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The reason why a connection does not work.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityFault {
    /// The plugin of the connection is not linked into this host.
    #[error(transparent)]
    Plugin(Arc<LookupError>),
    /// The plugin of the connection could not be opened.
    #[error("the plugin could not be opened: {0}")]
    Open(Arc<CertificateError>),
}

/// A connection in its current state.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuthorityView {
    /// The name of the connection.
    pub name: AuthorityName,
    /// The capabilities that the plugin declares, or the reason why the connection does not work.
    pub capabilities: Result<Capabilities, AuthorityFault>,
}

/// A connection with its opened plugin.
#[derive(Debug)]
pub(super) struct RunningAuthority {
    pub(super) name: AuthorityName,
    pub(super) opened: Result<Opened<CertificateAuthorities>, AuthorityFault>,
    /// The lock that a caller holds while the plugin lists its authorities, so that only one such call runs at a time.
    pub(super) refreshing: Arc<tokio::sync::Mutex<()>>,
    pub(super) upkeep: Upkeep,
}

/// The connections of a host, in the sequence of its configuration. The host asks them in this sequence whether they
/// support a certificate order (decision B10).
#[derive(Clone, Debug)]
pub(super) struct Connections(pub(super) Arc<[Arc<RunningAuthority>]>);

impl Connections {
    /// Returns the plugin of a connection, if it works.
    pub(super) fn opened(&self, name: &AuthorityName) -> Option<&Opened<CertificateAuthorities>> {
        self.0.iter().find(|running| running.name == *name)?.opened.as_ref().ok()
    }

    /// Returns the capabilities of a connection. Returns `None` if it does not work: they are unknown then.
    pub(super) fn capabilities(&self, name: &AuthorityName) -> Option<Capabilities> {
        Some(self.opened(name)?.capabilities)
    }

    pub(super) fn lanes(&self) -> Vec<Lane> {
        let lane = |running: &Arc<RunningAuthority>| Lane {
            name: running.name.to_string(),
            is_ready: running.opened.is_ok(),
        };
        self.0.iter().map(lane).collect()
    }

    pub(super) fn guard(&self, lane: &str) -> Option<&dyn LaneGuard> {
        let running = self.0.iter().find(|running| running.name.as_str() == lane)?;
        Some(running.opened.as_ref().ok()?.lane_guard())
    }
}

impl Candidate for Arc<RunningAuthority> {
    fn name(&self) -> &AuthorityName {
        &self.name
    }

    fn request_types(&self) -> RequestTypes {
        // A connection that does not work takes nothing, but its type is not the reason.
        self.opened.as_ref().map_or(RequestTypes::ALL, |opened| opened.capabilities.request_types)
    }

    async fn supports(&self, request: &OrderRequest) -> Result<Support, CertificateError> {
        let opened = match &self.opened {
            Ok(opened) => opened,
            Err(fault) => {
                let what = "the connection to the certificate authority";
                let source = Some(fault.clone().into());
                return Err(CertificateError::Unavailable { what, retry_after: None, source });
            }
        };
        let request = request.clone();
        opened.call("supports", (), |ca| async move { ca.supports(&request).await }).await
    }
}

/// Creates the error for an order whose connection does not work or is no longer configured.
pub(super) fn not_connected() -> CertificateError {
    let what = "the connection to the certificate authority";
    CertificateError::Unavailable { what, retry_after: None, source: None }
}

impl RunningAuthority {
    pub(super) fn open(authority: Authority, lent: &Lent, limits: &Limits) -> Self {
        let Authority { name, source } = authority;
        let opened = Opened::open(&name, &source, &lent.plugins, (limits.deadline, limits.isolation))
            .map_err(|fault| match fault {
                OpenFault::Lookup(error) => AuthorityFault::Plugin(Arc::new(error)),
                OpenFault::Open(error) => AuthorityFault::Open(Arc::new(error)),
            });
        if let Err(fault) = &opened {
            tracing::warn!(authority = %name, %fault, "a connection to a certificate authority does not work");
        }
        Self { name, opened, refreshing: Arc::default(), upkeep: Upkeep::new(lent.plugins.clock.now()) }
    }

    pub(super) fn view(&self) -> AuthorityView {
        let capabilities = self.opened.as_ref().map(|opened| opened.capabilities).map_err(Clone::clone);
        AuthorityView { name: self.name.clone(), capabilities }
    }
}

impl Opens for CertificateAuthorities {
    type Name = AuthorityName;
    type Instance = dyn CertificateAuthority;
    type Error = CertificateError;
    type Capabilities = Capabilities;

    fn check(plugin: &dyn CertificatePlugin, configuration: &Json) -> Result<(), CertificateError> {
        plugin.check_configuration(configuration)
    }

    fn open(
        plugin: &dyn CertificatePlugin,
        context: &OpenContext,
    ) -> Result<Arc<dyn CertificateAuthority>, CertificateError> {
        plugin.open(context)
    }

    fn capabilities(authority: &dyn CertificateAuthority) -> Capabilities {
        authority.capabilities()
    }

    fn pace(declared: &Capabilities) -> (Pace, Option<NonZeroUsize>) {
        (Pace::declared(declared.blocking, declared.prompt), declared.max_concurrency)
    }
}
