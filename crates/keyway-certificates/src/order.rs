//! An order as a plugin sees it.

use keyway_core::IntentId;

use crate::{CaId, ClientMessage, OrderId, OrderMetadata, Pem, PluginMeta};

/// An order. Every call that acts on an order receives one (seed, "Certificate Parameter Objects").
///
/// A clone costs a few reference counts, and shares the [plugin metadata](Self::plugin_meta).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CertificateOrder {
    /// The id of the order. It is the same in every call.
    pub id: OrderId,
    /// The id of the intended effect. The host sends the same id when it repeats a call for the same effect. A check
    /// has the id of the call whose outcome it asks for.
    ///
    /// Decision R2.
    pub intent: IntentId,
    /// The client's data. In a call of [`modify`](crate::CertificateAuthority::modify), these are the new data. Later
    /// calls have the new data, too, if the authority accepted them.
    pub metadata: OrderMetadata,
    /// The client's data before the change. They are present only in a call of
    /// [`modify`](crate::CertificateAuthority::modify), and in a question about its outcome
    /// ([`reconcile`](crate::CertificateAuthority::reconcile)).
    pub previous_metadata: Option<OrderMetadata>,
    /// The plugin's own data.
    pub plugin_meta: PluginMeta,
    /// The host's decisions about the order. They are the same in every call (decision B10).
    pub context: RequestContext,
}

impl CertificateOrder {
    /// Creates an order with an empty context.
    pub fn new(id: OrderId, intent: IntentId, metadata: OrderMetadata, plugin_meta: PluginMeta) -> Self {
        Self {
            id,
            intent,
            metadata,
            previous_metadata: None,
            plugin_meta,
            context: RequestContext::default(),
        }
    }

    /// Sets the client's data before the change.
    #[must_use]
    pub fn with_previous_metadata(mut self, previous: OrderMetadata) -> Self {
        self.previous_metadata = Some(previous);
        self
    }

    /// Sets the host's decisions.
    #[must_use]
    pub fn with_context(mut self, context: RequestContext) -> Self {
        self.context = context;
        self
    }
}

/// The decisions of the host about an order (decision B10).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestContext {
    /// The plugin's own id of the authority that signs. `None` means the plugin's
    /// [default](crate::CertificateAuthority::default_ca).
    pub ca: Option<CaId>,
    /// The request of PKCS#10 that the host made from a stored key (decision B12).
    pub generated_csr: Option<Pem>,
    /// The verified request of `generated_csr`. Clones share it.
    #[cfg(feature = "pkcs10")]
    pub(crate) verified: std::sync::Arc<crate::pkcs10::Verified<Pem>>,
    /// The certificate that the new one replaces. Only an order that renews a certificate has it (decision B18).
    pub replaces: Option<Pem>,
}

impl RequestContext {
    /// Creates an empty context.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the authority that signs.
    #[must_use]
    pub fn with_ca(mut self, ca: CaId) -> Self {
        self.ca = Some(ca);
        self
    }

    /// Sets the request that the host made.
    #[must_use]
    pub fn with_generated_csr(mut self, csr: Pem) -> Self {
        self.generated_csr = Some(csr);
        self
    }

    /// Sets the certificate that the new one replaces.
    #[must_use]
    pub fn with_replaces(mut self, certificate: Pem) -> Self {
        self.replaces = Some(certificate);
        self
    }
}

/// A request for a certificate, before an order is placed. [`supports`](crate::CertificateAuthority::supports) judges
/// it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OrderRequest {
    /// The client's data.
    pub metadata: OrderMetadata,
    /// The host's decisions so far.
    pub context: RequestContext,
}

impl OrderRequest {
    /// Creates a request with an empty context.
    pub fn new(metadata: OrderMetadata) -> Self {
        Self { metadata, context: RequestContext::default() }
    }

    /// Sets the host's decisions.
    #[must_use]
    pub fn with_context(mut self, context: RequestContext) -> Self {
        self.context = context;
        self
    }
}

/// The answer to the question whether an authority can carry out a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Support {
    /// The authority can try to carry out the request.
    Yes,
    /// The authority cannot carry out the request.
    No {
        /// The reason, for the client.
        reason: ClientMessage,
    },
}

impl Support {
    /// Creates the answer that the authority cannot carry out the request, with a reason for the client.
    pub fn no(reason: impl Into<ClientMessage>) -> Self {
        Self::No { reason: reason.into() }
    }
}
