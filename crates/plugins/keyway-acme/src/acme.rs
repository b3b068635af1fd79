//! The handle to one ACME server.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keyway_certificates::{CertificateError, OpenContext};
use keyway_seal::KeyRing;
use keyway_storage::Storage;

use crate::account::Account;
use crate::client::Client;
use crate::configuration::AcmeConfiguration;
use crate::external_account::ExternalAccount;
use crate::http::Http;
use crate::records::Records;
use crate::responder::Responder;

/// A connection to an ACME server, with one account.
///
/// It is the [`CertificateAuthority`](keyway_certificates::CertificateAuthority) that the plugin opens. A host that
/// [rolls over the account key](Self::roll_over_account_key) opens this type directly, with the same context.
///
/// Handles share nothing but the storage, so there may be several handles, in several processes.
pub struct Acme {
    pub(crate) configuration: AcmeConfiguration,
    pub(crate) client: Client,
    pub(crate) records: Records,
    pub(crate) responder: Arc<dyn Responder>,
    pub(crate) external_account: Option<ExternalAccount>,
    pub(crate) account: Mutex<Option<Arc<Account>>>,
}

impl Acme {
    /// Opens a connection. It does no I/O and does not block.
    ///
    /// The resources of the host must include the storage engine as an `Arc<dyn Storage>`, the keys that seal the
    /// plugin's records as a [`KeyRing`], and the place for proofs as an `Arc<dyn` [`Responder`]`>`. Some servers also
    /// need an [`ExternalAccount`].
    ///
    /// # Errors
    /// [`Invalid`](CertificateError::Invalid) names the unacceptable entry of the configuration;
    /// [`MissingResource`](CertificateError::MissingResource) names the missing resource.
    pub fn new(context: &OpenContext) -> Result<Self, CertificateError> {
        let configuration = AcmeConfiguration::read(&context.configuration)?;
        let storage = Arc::clone(context.resources.require::<Arc<dyn Storage>>()?);
        let keys = context.resources.require::<KeyRing>()?.clone();
        let responder = Arc::clone(context.resources.require::<Arc<dyn Responder>>()?);
        let http = Http::new(&configuration, Arc::clone(&context.clock))
            .map_err(|reason| CertificateError::invalid("the configuration of the plugin", reason))?;
        Ok(Self {
            client: Client::new(http, configuration.directory.clone()),
            records: Records::new(&context.name, &configuration.directory, storage, keys),
            responder,
            external_account: context.resources.get::<ExternalAccount>().cloned(),
            account: Mutex::default(),
            configuration,
        })
    }

    /// Returns the deadline of a call that begins now.
    pub(crate) fn until(&self) -> Instant {
        Instant::now() + Duration::from_secs(self.configuration.call_seconds.into())
    }
}

impl fmt::Debug for Acme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acme").field("directory", &self.configuration.directory).finish_non_exhaustive()
    }
}
