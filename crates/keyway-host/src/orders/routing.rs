//! Chooses the authority that gets an order.

use std::fmt;

use keyway_certificates::{
    AuthorityName, CaId, CertificateError, ClientMessage, OrderRequest, RequestContext, RequestTypes, Support,
};
use keyway_core::{ErrorKind, PluginError as _};

use super::{CaRefusal, HostedCa, RequestError};

/// A connection to certificate authorities, as a candidate for an order.
pub trait Candidate: Sync {
    /// Returns the name of the connection.
    fn name(&self) -> &AuthorityName;

    /// Returns the types of requests that the connection takes.
    fn request_types(&self) -> RequestTypes;

    /// Asks whether the authority can carry out a request.
    ///
    /// # Errors
    /// Those of the plugin.
    fn supports(
        &self,
        request: &OrderRequest,
    ) -> impl Future<Output = Result<Support, CertificateError>> + Send;
}

/// The authority that gets an order. It is chosen once, and kept with the order (decision B10).
#[derive(Debug)]
#[non_exhaustive]
pub struct Route {
    /// The connection.
    pub authority: AuthorityName,
    /// The plugin's own id of the authority behind the connection. `None` stands for the plugin's default authority.
    pub ca: Option<CaId>,
    /// The connections that come before `authority` in the configuration, and did not take the request.
    pub passed_over: Vec<NotTaken>,
}

impl Route {
    /// Returns the context that the plugin gets with each call for the order.
    pub fn context(&self) -> RequestContext {
        self.ca.iter().cloned().fold(RequestContext::new(), RequestContext::with_ca)
    }
}

/// A connection that does not take a request, with the reason.
#[derive(Debug)]
pub enum NotTaken {
    /// The plugin of the connection does not declare the type of the request.
    Type {
        /// The connection.
        authority: AuthorityName,
    },
    /// The authority was asked, and said no.
    Refused {
        /// The connection.
        authority: AuthorityName,
        /// The reason, for the client.
        reason: ClientMessage,
    },
    /// The authority could not be asked.
    Failed {
        /// The connection.
        authority: AuthorityName,
        /// The failure.
        error: CertificateError,
    },
}

/// The error for a request that no authority takes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// The field `request_type` or `ca_id` is not acceptable.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The owner may not use the authority that the client named or the owner prefers.
    #[error(transparent)]
    Ca(#[from] CaRefusal),
    /// The authority that the client named or the owner prefers does not take the request.
    #[error("the certificate authority \"{}\" does not take the request: {reason}", name.escape_debug())]
    NotTaken {
        /// The host's id of the authority.
        ca: CaId,
        /// The name of the authority for people.
        name: String,
        /// The reason.
        reason: NotTaken,
    },
    /// The authority is known, but its connection is missing: the host was started without it.
    #[error("the certificate authority \"{}\" cannot be asked: connect {authority} again", name.escape_debug())]
    NotConnected {
        /// The connection.
        authority: AuthorityName,
        /// The name of the authority.
        name: String,
    },
    /// No connection takes the request.
    #[error("no certificate authority takes the request{}", Reasons(reasons))]
    NoTaker {
        /// Why each connection did not take the request, in the configured sequence of the connections.
        reasons: Vec<NotTaken>,
    },
}

impl RouteError {
    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Request(error) => error.kind(),
            Self::Ca(refusal) => refusal.kind(),
            Self::NotTaken { reason: NotTaken::Failed { error, .. }, .. } => error.kind(),
            Self::NotConnected { .. } => ErrorKind::Unavailable { retry_after: None },
            Self::NotTaken { .. } | Self::NoTaker { .. } => ErrorKind::Unsupported,
        }
    }
}

/// Chooses the authority that gets an order.
///
/// `chosen` is the authority that the client names in `ca_id`, or that the owner [prefers](super::Orders::prefer).
/// Without `chosen`, the order goes to the first of the `candidates` that declares the type of the request and says
/// that it supports the request (decision B10). A connection that fails is passed over (decision H131). A chosen
/// authority is asked, too, but if it fails or does not take the request, that is an error.
///
/// The function has no effect, and its future may be dropped at any time.
///
/// # Errors
/// [`RouteError`] names the chosen authority, or all connections that were asked.
pub async fn route<C: Candidate>(
    candidates: &[C],
    chosen: Option<&HostedCa>,
    request: OrderRequest,
) -> Result<Route, RouteError> {
    if let Some(ca) = chosen {
        return route_to(candidates, ca, request).await;
    }
    let mut passed_over = Vec::new();
    for candidate in candidates {
        match ask(candidate, &request).await? {
            None => return Ok(Route { authority: candidate.name().clone(), ca: None, passed_over }),
            Some(reason) => passed_over.push(reason),
        }
    }
    Err(RouteError::NoTaker { reasons: passed_over })
}

async fn route_to<C: Candidate>(
    candidates: &[C],
    ca: &HostedCa,
    mut request: OrderRequest,
) -> Result<Route, RouteError> {
    let HostedCa { id, authority, information } = ca;
    let name = || information.name.clone();
    let Some(candidate) = candidates.iter().find(|candidate| candidate.name() == authority) else {
        return Err(RouteError::NotConnected { authority: authority.clone(), name: name() });
    };
    request.context.ca = Some(information.id.clone());
    match ask(candidate, &request).await? {
        None => Ok(Route { authority: authority.clone(), ca: request.context.ca, passed_over: Vec::new() }),
        Some(reason) => Err(RouteError::NotTaken { ca: id.clone(), name: name(), reason }),
    }
}

/// Asks a connection; `None` means that it takes the request.
async fn ask(candidate: &impl Candidate, request: &OrderRequest) -> Result<Option<NotTaken>, RouteError> {
    let authority = candidate.name().clone();
    let request_type = request.metadata.request_type().map_err(RequestError::from)?;
    if !candidate.request_types().contains(&request_type) {
        return Ok(Some(NotTaken::Type { authority }));
    }
    Ok(match candidate.supports(request).await {
        Ok(Support::Yes) => None,
        Ok(Support::No { reason }) => Some(NotTaken::Refused { authority, reason }),
        Err(error) => Some(NotTaken::Failed { authority, error }),
    })
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type { authority } => write!(f, "{authority} does not offer requests of this type"),
            Self::Refused { authority, reason } => write!(f, "{authority}: {reason}"),
            Self::Failed { authority, error } => {
                write!(f, "{authority} could not be asked: {}", error.detail())
            }
        }
    }
}

struct Reasons<'a>(&'a [NotTaken]);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str(": the host has none"),
            reasons => reasons
                .iter()
                .enumerate()
                .try_for_each(|(at, reason)| write!(f, "{}{reason}", if at == 0 { ": " } else { "; " })),
        }
    }
}

#[cfg(test)]
mod tests;
