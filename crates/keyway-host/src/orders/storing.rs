//! Keeps certificates in a secret store of the host.

use keyway_certificates::{IssuedCertificate, OrderId, Pem};
use keyway_core::SecretValue;
use keyway_secrets::{NewSecret, SecretAddress, SecretName, SecretStore, StoreError, StoreName};

use super::secret_stores::SecretStores;

/// The secret store that the host named for certificates (decision B11).
#[derive(Clone, Debug)]
pub(super) struct CertificateStore {
    pub(super) name: StoreName,
    pub(super) stores: SecretStores,
}

impl CertificateStore {
    /// Returns the reference to the container of an order (decision B20).
    pub(super) fn reference(&self, order: &OrderId) -> String {
        format!("{}/{}", self.name, container(order))
    }

    /// Stores a certificate, its chain, and for a stored key the reference to the container with the key. The
    /// names follow from the order, so storing them again after a crash changes nothing (decision B13).
    pub(super) async fn keep(
        &self,
        order: &OrderId,
        issued: &IssuedCertificate,
        key: Option<&str>,
    ) -> Result<(), StoreError> {
        let store = self.stores.open(&self.name).await?;
        let parts = [
            ("certificate", Some(issued.certificate.as_str())),
            ("intermediates", issued.intermediates.as_ref().map(Pem::as_str)),
            ("key_container", key),
        ];
        for (part, text) in parts {
            if let Some(text) = text {
                keep_part(store.as_ref(), &format!("{}.{part}", container(order)), text).await?;
            }
        }
        Ok(())
    }
}

/// Stores one text under a name, unless it is there.
async fn keep_part(store: &dyn SecretStore, name: &str, text: &str) -> Result<(), StoreError> {
    const WHAT: &str = "the name of a certificate";
    let name = SecretName::new(name).map_err(|error| StoreError::invalid(WHAT, error.to_string()))?;
    let address = SecretAddress::shared(name);
    match store.create(NewSecret::new(address.clone(), SecretValue::text(text))).await {
        Err(StoreError::SecretExists { .. }) => match store.get(&address).await?.value.expose_text() {
            Some(there) if there == text => Ok(()),
            _ => Err(StoreError::invalid(WHAT, "another secret has it: move that one")),
        },
        created => created.map(drop),
    }
}

/// The common part of the names of an order's secrets (decision H143).
fn container(order: &OrderId) -> String {
    format!("order-{order}")
}
