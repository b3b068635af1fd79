//! A certificate authority that follows a script, for tests of engines and hosts.

mod authority;
mod books;
mod calls;
mod cas;
mod orders;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keyway_certificates::{
    Capabilities, CertificateAuthority, CertificateError, CertificatePlugin, IssuedCertificate, Json,
    OpenContext, OrderId, OrderOutcome, Pem, RequestTypes,
};
use keyway_core::{Clock, SystemClock};

use crate::scripted::{self, Player, Shelf};
pub use books::CaEffect;
use books::{Books, OrderState};
pub use calls::CaCall;

/// A step of a script. After a delay, it answers one call of a certificate authority or makes the call fail.
pub type Step = scripted::Step<OrderOutcome>;

/// A certificate authority with all capabilities, which answers, waits and fails as a script says. It counts the calls
/// and their effects.
///
/// Without a script it takes an order, and makes the certificate at the first check after that. It keeps its books in
/// memory or in a folder. A folder survives a kill, and several processes can share it. Clones and
/// [reopened](Self::reopened) handles share the books and the script.
///
/// The certificate is the same for every order, unless [`with_certificate`](Self::with_certificate) sets another one.
/// It was made once for `door.example.com`, and nobody has its key.
///
/// ```
/// use keyway_certificates::{CertificateAuthority as _, OrderMetadata, OrderRequest, Support, Waiting};
/// use keyway_conformance::certificates::{CaCall, Fault, ScriptedCa, Step};
///
/// # pollster::block_on(async {
/// let ca = ScriptedCa::new();
/// ca.script(CaCall::Supports, [Step::fault(Fault::Unavailable), Step::work()]);
/// let request = OrderRequest::new(OrderMetadata::default());
/// assert!(ca.supports(&request).await.is_err());
/// assert_eq!(ca.supports(&request).await.unwrap(), Support::Yes);
///
/// // The authority goes down, and comes back with all that it knew.
/// ca.kill();
/// assert!(ca.supports(&request).await.is_err());
/// let ca = ca.reopened();
/// assert_eq!(ca.supports(&request).await.unwrap(), Support::Yes);
/// assert_eq!(ca.calls(CaCall::Supports), 4);
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct ScriptedCa {
    shelf: Shelf<Books>,
    player: Player<CaCall, OrderOutcome>,
    capabilities: Capabilities,
    clock: Arc<dyn Clock>,
    pub(in crate::certificates) issued: IssuedCertificate,
    name: String,
    looks: u32,
    retry_after: Option<Duration>,
    cancels_later: bool,
}

impl ScriptedCa {
    /// The capabilities of a new authority: all capabilities, and no limit.
    pub const CAPABILITIES: Capabilities = Capabilities::MINIMAL
        .request_types(RequestTypes::CUSTOM.and(RequestTypes::SIMPLE_CMC).and(RequestTypes::STORED_KEY))
        .modifies(true)
        .cancels(true)
        .creates_cas(true)
        .deletes_cas(true)
        .revokes(true)
        .renewal_information(true)
        .maintains(true)
        .idempotent(true)
        .reconciles(true);

    /// Creates an authority with empty books in memory.
    pub fn new() -> Self {
        Self::with(Shelf::memory(), Self::CAPABILITIES)
    }

    /// Opens the authority whose books are in a folder. A missing folder is created. The calls block on files, and the
    /// authority declares that they do.
    pub fn in_folder(folder: impl AsRef<Path>) -> Self {
        Self::with(Shelf::Folder(folder.as_ref().to_owned()), Self::CAPABILITIES.blocking(true))
    }

    fn with(shelf: Shelf<Books>, capabilities: Capabilities) -> Self {
        let pem = |text: &str| Pem::new(text).expect("the kit's own certificates are short");
        let signer = pem(cas::SIGNER);
        Self {
            shelf,
            player: Player::default(),
            capabilities,
            clock: Arc::new(SystemClock),
            issued: IssuedCertificate::new(pem(include_str!("pem/leaf.pem"))).with_intermediates(signer),
            name: "The scripted authority".to_owned(),
            looks: 1,
            retry_after: None,
            cancels_later: false,
        }
    }

    /// Sets the capabilities. An operation that is not declared answers `Unsupported`. Without
    /// [`idempotent`](Capabilities::idempotent) a repeated call repeats its effect.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Sets the clock. It decides when the description of the authority expires, and when the authority wants to do
    /// work of its own again.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the name of the authority that always exists. Different names tell the scripted authorities of one host
    /// apart.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the number of checks of an order until there is a certificate. With 0 the certificate is made at once.
    #[must_use]
    pub const fn looks(mut self, looks: u32) -> Self {
        self.looks = looks;
        self
    }

    /// Sets the delay that the authority requests between two checks.
    #[must_use]
    pub const fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// Sets whether the cancellation of an order takes effect only at its next check.
    #[must_use]
    pub const fn cancels_later(mut self, later: bool) -> Self {
        self.cancels_later = later;
        self
    }

    /// Sets the certificate that every order receives.
    #[must_use]
    pub fn with_certificate(mut self, issued: IssuedCertificate) -> Self {
        self.issued = issued;
        self
    }

    /// Adds steps for the next calls of an operation, for any order. A call for the default authority also follows the
    /// script of `ca_information`.
    pub fn script(&self, call: CaCall, steps: impl IntoIterator<Item = Step>) {
        self.player.add(call, None, steps);
    }

    /// Adds steps for the next calls of an operation that concern this order. They come before the steps for any order.
    pub fn script_order(&self, order: &OrderId, call: CaCall, steps: impl IntoIterator<Item = Step>) {
        self.player.add(call, Some(order.as_str()), steps);
    }

    /// Returns the number of calls of an operation, including those that failed. Blocks when the books are in a folder.
    ///
    /// # Panics
    /// If the books cannot be read.
    pub fn calls(&self, call: CaCall) -> u64 {
        self.books(|books| books.calls.get(&call).copied().unwrap_or_default())
    }

    /// Returns all effects in the order in which they happened. Blocks when the books are in a folder.
    ///
    /// # Panics
    /// If the books cannot be read.
    pub fn effects(&self) -> Vec<CaEffect> {
        self.books(|books| books.effects.clone())
    }

    /// Returns the ids of the orders whose certificates were made. Blocks when the books are in a folder.
    ///
    /// # Panics
    /// If the books cannot be read.
    pub fn issued_orders(&self) -> Vec<String> {
        self.books(|books| {
            let issued = books.orders.iter().filter(|(_, state)| **state == OrderState::Issued);
            issued.filter_map(|(ticket, _)| orders::of_ticket(ticket)).map(str::to_owned).collect()
        })
    }

    /// Returns each effect that happened more than once for the same intent. Blocks when the books are in a folder.
    ///
    /// # Panics
    /// If the books cannot be read.
    pub fn doubled(&self) -> Vec<CaEffect> {
        scripted::doubled(self.effects())
    }

    /// Returns the time of the authority's clock.
    pub(in crate::certificates) fn now(&self) -> keyway_core::Timestamp {
        self.clock.now()
    }

    fn books<T>(&self, look: impl FnOnce(&mut Books) -> T) -> T {
        self.shelf.with(look).expect("the books of the scripted authority can be read")
    }

    /// Reads or changes the books for a call.
    fn at_books<T>(&self, work: impl FnOnce(&mut Books) -> T) -> Result<T, CertificateError> {
        self.shelf.with(work).map_err(|error| CertificateError::system("open its books", error))
    }

    /// Stops the authority, for this handle and its clones. Calls that are still running fail, and may have had their
    /// effect. Later calls fail as [`Unavailable`](CertificateError::Unavailable).
    pub fn kill(&self) {
        self.player.kill();
    }

    /// Creates a copy of this authority, with empty books and without a script.
    pub(in crate::certificates) fn with_empty_books(&self) -> Self {
        Self { shelf: Shelf::memory(), player: Player::default(), ..self.clone() }
    }

    /// Opens the authority again, with the same books and the same script.
    #[must_use]
    pub fn reopened(&self) -> Self {
        Self { player: self.player.reopened(), ..self.clone() }
    }
}

impl Default for ScriptedCa {
    fn default() -> Self {
        Self::new()
    }
}

/// Opens the authority again for each handle, with the host's clock. The configuration is ignored.
impl CertificatePlugin for ScriptedCa {
    fn check_configuration(&self, _: &Json) -> Result<(), CertificateError> {
        Ok(())
    }

    fn open(&self, context: &OpenContext) -> Result<Arc<dyn CertificateAuthority>, CertificateError> {
        Ok(Arc::new(self.reopened().with_clock(Arc::clone(&context.clock))))
    }
}
