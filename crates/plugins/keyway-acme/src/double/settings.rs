//! The settings of the server for tests.

use std::time::Duration;

use crate::external_account::ExternalAccount;

/// The settings of an [`AcmeDouble`](super::AcmeDouble). The default is a server without faults.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)] // Each flag is a fault of its own, read by name.
pub struct DoubleSettings {
    /// Every request whose number is a multiple of this number is answered with `badNonce`. Zero switches this off.
    pub bad_nonce_every: u32,
    /// The number of signed requests, from now on, that are answered with status 429.
    pub limited: u32,
    /// The header `Retry-After` in the answers for orders, challenges and renewal information, and in answers with
    /// status 429.
    pub retry_after: Option<String>,
    /// An operation that is answered late, and the delay. `put` and `remove` are operations of the responder.
    pub slow: Option<(String, Duration)>,
    /// An operation whose next answer is lost after its effect.
    pub lost: Option<String>,
    /// An operation whose next request is lost before its effect.
    pub unheard: Option<String>,
    /// An operation whose next request is refused with status 404 and a problem of ACME, as an outdated copy of the
    /// server would.
    pub refused: Option<String>,
    /// An operation that a gateway answers in place of the server, with a page of HTML, and the status of its answers.
    pub gateway: Option<(String, u16)>,
    /// An operation whose next answer, after its effect, is replaced by a gateway with a page of HTML.
    pub replaced: Option<String>,
    /// The number of reads, from now on, that show a finalized order as ready, as an outdated copy would.
    pub stale_looks: u32,
    /// Whether the answer to a finalization has the certificate. By default, it says that the order is being processed.
    pub finalizes_at_once: bool,
    /// Whether accounts have a list of their orders.
    pub lists_orders: bool,
    /// Whether the server offers renewal information.
    pub has_renewal_information: bool,
    /// Whether orders that replace a certificate are refused, as they are if the certificate belongs to another
    /// account.
    pub refuses_replacements: bool,
    /// Whether a new order for the names of an open order returns the open order.
    pub reuses_orders: bool,
    /// Whether a new order shares the pending and valid authorizations of earlier orders.
    pub shares_authorizations: bool,
    /// Whether every proof counts as shown. This is for a host whose responder is not that of the server.
    pub sees_every_proof: bool,
    /// The name that authorizations show in place of their own.
    pub shown_name: Option<String>,
    /// Whether every proof is refused.
    pub refuses_proofs: bool,
    /// The external account that new accounts must be bound to.
    pub external_account: Option<ExternalAccount>,
    /// Whether the responder fails.
    pub responder_fails: bool,
    /// The operation of the responder, `put` or `remove`, that fails until an operator repairs it.
    pub broken: Option<String>,
    /// The delay after which the next proof becomes visible, as the responder reports it.
    pub hidden_for: Option<Duration>,
}

impl Default for DoubleSettings {
    fn default() -> Self {
        Self {
            bad_nonce_every: 0,
            limited: 0,
            retry_after: None,
            slow: None,
            lost: None,
            unheard: None,
            refused: None,
            gateway: None,
            replaced: None,
            stale_looks: 0,
            finalizes_at_once: false,
            lists_orders: true,
            has_renewal_information: true,
            refuses_replacements: false,
            reuses_orders: false,
            shares_authorizations: false,
            sees_every_proof: false,
            shown_name: None,
            refuses_proofs: false,
            external_account: None,
            responder_fails: false,
            broken: None,
            hidden_for: None,
        }
    }
}
