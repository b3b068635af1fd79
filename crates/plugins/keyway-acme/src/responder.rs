//! Defines the trait that shows proofs to an ACME server. The host passes an implementation to the plugin.

use std::fmt;
use std::time::Duration;

use keyway_certificates::{CertificateError, async_trait};
use serde::{Deserialize, Serialize};

/// Shows proofs to an ACME server, as pages of a web server or as TXT records. The host passes an implementation to the
/// plugin as an `Arc<dyn Responder>`.
///
/// A proof may be shown or removed several times, and by several processes. The plugin removes each proof that it has
/// shown, whatever the outcome of the order, and even after a crash.
///
/// A call should take less than a quarter of `call_seconds`. Otherwise the plugin's own call takes too long, and a host
/// whose deadline passes drops it (decision H356).
#[async_trait]
pub trait Responder: fmt::Debug + Send + Sync {
    /// Shows a proof, in addition to the proofs that are shown already. Showing a proof again succeeds.
    ///
    /// Two TXT records of one name must coexist: an order for `example.org` and `*.example.org` needs both.
    ///
    /// # Errors
    /// [`Unavailable`](CertificateError::Unavailable) for a temporary failure: the order waits, and the plugin tries
    /// again later. The plugin returns any other error to the host.
    async fn put(&self, proof: &Proof) -> Result<Visibility, CertificateError>;

    /// Removes a proof, and no other proof. Removing a missing proof succeeds.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    async fn remove(&self, proof: &Proof) -> Result<(), CertificateError>;
}

/// A proof that the account controls a name. It is public.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Proof {
    /// The page `http://NAME/.well-known/acme-challenge/TOKEN` on port 80.
    Page {
        /// The host name or IP address.
        name: String,
        /// The last part of the path: letters, digits, `-` and `_`.
        token: String,
        /// The body of the page.
        content: String,
    },
    /// A TXT record.
    Txt {
        /// The name of the record, without a final dot.
        name: String,
        /// The value.
        value: String,
    },
}

/// The time from which a proof can be seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// The proof can be seen now.
    Now,
    /// The proof will be seen later, for example when the name servers have copied the zone. The plugin shows the proof
    /// again after the delay, until the answer is `Now`.
    After(Duration),
}
