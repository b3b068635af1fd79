//! The subject of the suite: a plugin for certificate authorities, with examples of orders.

use std::path::Path;
use std::sync::Arc;

use keyway_certificates::{
    AuthorityName, Capabilities, CertificateAuthorities, CertificateAuthority, CertificateError, OpenContext,
};
use keyway_core::{Clock, Resources};

use super::OrderExample;
use super::fixture::CertificateFixture;
use crate::asked::Asked;
use crate::notation::Fixture as _;
use crate::{PluginSubject, Suite, TestedContract};

pub(super) type Listing = dyn Fn(&Path) -> Vec<String> + Send + Sync;

/// Describes a certificate authority under test.
///
/// Every rule opens the authority anew, with a scratch folder of its own and a clock that the kit sets.
///
/// ```no_run
/// # fn subject(plugin: &'static dyn keyway_certificates::CertificatePlugin, metadata: keyway_core::PluginMetadata) {
/// use keyway_conformance::certificates::{CertificateSubject, OrderExample};
/// use serde_json::json;
///
/// let subject = CertificateSubject::new("my-ca", plugin, metadata)
///     .configuration(|scratch| json!({ "folder": scratch }))
///     .example(OrderExample::new(json!({ "name": "door.example.com" })));
/// # }
/// ```
pub type CertificateSubject = PluginSubject<CertificateAuthorities>;

impl TestedContract for CertificateAuthorities {
    type Told = ToldOfCertificates;

    fn suite() -> Suite<CertificateSubject> {
        super::suite()
    }
}

/// The facts that the author of a certificate plugin gives to the suite.
#[derive(Default)]
#[expect(missing_debug_implementations, reason = "its subject has a name to show")]
pub struct ToldOfCertificates {
    pub(super) example: OrderExample,
    pub(super) refused: Option<OrderExample>,
    pub(super) changed: Option<OrderExample>,
    pub(super) listing: Option<Arc<Listing>>,
    pub(super) issues: bool,
    pub(super) days_field: Option<&'static str>,
    /// The capabilities, which are requested only once.
    asked: Asked<Capabilities>,
}

impl CertificateSubject {
    /// Sets an order that ends in a certificate. The default is a custom order without data.
    #[must_use]
    pub fn example(mut self, example: OrderExample) -> Self {
        self.told.example = example;
        self
    }

    /// Sets an order that the authority refuses. Without it, the rules about refusals are skipped.
    #[must_use]
    pub fn refused(mut self, refused: OrderExample) -> Self {
        self.told.refused = Some(refused);
        self
    }

    /// Sets new data that the authority takes for the open order of the example. Without them, an order is modified
    /// with the data that it has already.
    #[must_use]
    pub fn changed(mut self, changed: OrderExample) -> Self {
        self.told.changed = Some(changed);
        self
    }

    /// Lets the kit see the effects at the authority. `listing` returns a line for each order that is placed, changed
    /// or canceled, for each subordinate authority, and for each revocation. Without it, the rules about effects are
    /// skipped, and only answers are judged.
    #[must_use]
    pub fn listing(mut self, listing: impl Fn(&Path) -> Vec<String> + Send + Sync + 'static) -> Self {
        self.told.listing = Some(Arc::new(listing));
        self
    }

    /// States that the authority makes a real certificate for each PKCS#10 request, valid by the kit's clock. The kit
    /// then also orders certificates for its own requests. Such an order has the data of the example, the type
    /// `simple-cmc`, and the request in `request_data`. The requests name `kit.example.com`, a wildcard below it, and
    /// addresses. Without this statement, the rules about issued certificates are skipped.
    #[must_use]
    pub const fn issues(mut self) -> Self {
        self.told.issues = true;
        self
    }

    /// Sets the field of the client's data that requests a validity in days, as a whole number. Without it, the rule
    /// about the requested validity is skipped.
    #[must_use]
    pub const fn days_field(mut self, field: &'static str) -> Self {
        self.told.days_field = Some(field);
        self
    }

    pub(super) fn open(
        &self,
        scratch: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<dyn CertificateAuthority>, CertificateError> {
        let context = OpenContext::new(AuthorityName::new("kit")?, self.metadata.clone())
            .with_configuration((self.configuration)(scratch))
            .with_resources((self.lending)(Resources::new(), scratch))
            .with_clock(clock);
        self.plugin.check_configuration(&context.configuration)?;
        self.plugin.open(&context)
    }

    /// Returns the declared capabilities. The plugin is asked only once.
    ///
    /// # Panics
    /// If the plugin opens no authority in time, because then there is nothing to test. The suite reports the panic.
    pub fn capabilities(&self) -> Capabilities {
        *self.asked.must(self, |trial| Ok(CertificateFixture::new(trial)?.open()?.capabilities()))
    }
}
