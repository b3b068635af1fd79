//! Implements `Opens` for issuers: the host opens plugins of every kind through this trait.

use std::num::NonZeroUsize;
use std::sync::Arc;

use keyway_issuers::{
    Capabilities, Issuer, IssuerError, IssuerPlugin, Issuers, Json, OpenContext, ServiceName,
};

use crate::plugin::{Opened, Opens, Pace};

/// An issuer whose calls are bounded in time.
pub(super) type GuardedIssuer = Opened<Issuers>;

impl Opens for Issuers {
    type Name = ServiceName;
    type Instance = dyn Issuer;
    type Error = IssuerError;
    type Capabilities = Capabilities;

    fn check(plugin: &dyn IssuerPlugin, configuration: &Json) -> Result<(), IssuerError> {
        plugin.check_configuration(configuration)
    }

    fn open(plugin: &dyn IssuerPlugin, context: &OpenContext) -> Result<Arc<dyn Issuer>, IssuerError> {
        plugin.open(context)
    }

    fn capabilities(issuer: &dyn Issuer) -> Capabilities {
        issuer.capabilities()
    }

    fn pace(declared: &Capabilities) -> (Pace, Option<NonZeroUsize>) {
        (Pace::declared(declared.blocking, declared.prompt), declared.max_concurrency)
    }
}
