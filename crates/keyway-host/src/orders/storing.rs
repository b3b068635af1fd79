//! Keeps certificates in a secret store of the host.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use keyway_certificates::{IssuedCertificate, OrderId, Pem};
use keyway_core::SecretValue;
use keyway_secrets::{NewSecret, SecretAddress, SecretName, SecretStore, StoreError, StoreName};

/// The opened store, soon.
pub(crate) type OpenedStore = Pin<Box<dyn Future<Output = Result<Arc<dyn SecretStore>, StoreError>> + Send>>;

/// The secret store that the host named for certificates (decision B11).
#[derive(Clone)]
pub(crate) struct CertificateStore {
    pub(crate) name: StoreName,
    pub(crate) open: Arc<dyn Fn() -> OpenedStore + Send + Sync>,
}

impl CertificateStore {
    /// Returns the reference to the container of an order (decision B20).
    pub(super) fn reference(&self, order: &OrderId) -> String {
        format!("{}/{}", self.name, container(order))
    }

    /// Stores a certificate and its chain. The names follow from the order, so storing them again after a crash
    /// changes nothing (decision B13).
    pub(super) async fn keep(&self, order: &OrderId, issued: &IssuedCertificate) -> Result<(), StoreError> {
        let store = (self.open)().await?;
        let parts =
            [("certificate", Some(&issued.certificate)), ("intermediates", issued.intermediates.as_ref())];
        for (part, pem) in parts {
            if let Some(pem) = pem {
                keep_part(store.as_ref(), &format!("{}.{part}", container(order)), pem).await?;
            }
        }
        Ok(())
    }
}

/// Stores one text under a name, unless it is there.
async fn keep_part(store: &dyn SecretStore, name: &str, pem: &Pem) -> Result<(), StoreError> {
    let name = SecretName::new(name)
        .map_err(|error| StoreError::invalid("the name of a certificate", error.to_string()))?;
    let address = SecretAddress::shared(name);
    match store.create(NewSecret::new(address.clone(), SecretValue::text(pem.as_str()))).await {
        Err(StoreError::SecretExists { .. }) => {
            let there = store.get(&address).await?;
            if there.value.expose_text() == Some(pem.as_str()) {
                return Ok(());
            }
            Err(StoreError::invalid("the name of a certificate", "another secret has it: remove that one"))
        }
        created => created.map(drop),
    }
}

/// The common part of the names of an order's secrets (decision H143).
fn container(order: &OrderId) -> String {
    format!("order-{order}")
}

impl fmt::Debug for CertificateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateStore").field("name", &self.name).finish_non_exhaustive()
    }
}
