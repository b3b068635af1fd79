//! Keeps certificates in a secret store of the host.

use std::sync::Arc;

use keyway_certificates::{IssuedCertificate, OrderId, Pem};
use keyway_core::{SecretValue, Timestamp};
use keyway_secrets::{
    HostStores, NewSecret, SecretAddress, SecretChange, SecretName, SecretStore, SecretWrite, StoreError,
    StoreName,
};

/// The secret store that the host named for certificates (decision B11).
#[derive(Clone, Debug)]
pub(super) struct CertificateStore {
    pub(super) name: StoreName,
    pub(super) stores: Arc<dyn HostStores>,
}

impl CertificateStore {
    /// Returns the reference to the container of an order (decision B20).
    pub(super) fn reference(&self, order: &OrderId) -> String {
        format!("{}/{}", self.name, container(order))
    }

    /// Stores a certificate and its chain. For an order with a stored key, also stores the reference to the container
    /// of the key. The names are derived from the order, so storing the parts again after a crash changes nothing
    /// (decision B13).
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

impl CertificateStore {
    /// Returns the reference to the newest certificate of a chain of orders.
    pub(super) fn newest_reference(&self, first: &OrderId) -> String {
        format!("{}/{}", self.name, newest(first))
    }

    /// Stores the certificate of an order as the newest of its chain, unless a later order of the chain has stored its
    /// own certificate. A part that this certificate lacks, such as a chain, is stored as an empty text if an older
    /// certificate has it. A store without bulk writes always gets this text: another host may be about to store the
    /// part for an older certificate, and then its write fails (decision H345). The stable name is derived from the
    /// first order of the chain (decision H161).
    ///
    /// In a store with versions, the writes fail if another host wrote since the read. A store without versions cannot
    /// tell: a write of another host between the read of the mark and these writes is lost.
    pub(super) async fn keep_newest(
        &self,
        first: &OrderId,
        made: Timestamp,
        order: &OrderId,
        issued: &IssuedCertificate,
        key: Option<&str>,
    ) -> Result<(), StoreError> {
        let store = self.stores.open(&self.name).await?;
        let bulk = store.capabilities().bulk;
        // Sorting these texts sorts the orders by age.
        let mark = format!("{:020} {order}", made.as_milliseconds());
        let parts = [
            ("certificate", Some(issued.certificate.as_str())),
            ("intermediates", issued.intermediates.as_ref().map(Pem::as_str)),
            ("key_container", key),
            // It is read last, so that it tells of a newer certificate that came during the other reads.
            ("order", Some(mark.as_str())),
        ];
        let mut writes = Vec::new();
        for (part, text) in parts {
            let at = address(&format!("{}.{part}", newest(first)))?;
            let there = match store.get(&at).await {
                Err(StoreError::SecretNotFound { .. }) => None,
                there => Some(there?),
            };
            let is_older = there.is_some() || bulk.is_none();
            let Some(text) = text.or(is_older.then_some("")) else { continue };
            writes.push(match there {
                Some(there) if part == "order" && there.value.expose_text() > Some(text) => return Ok(()),
                Some(there) => {
                    let change = SecretChange::value(SecretValue::text(text));
                    let change = match there.header.version {
                        Some(_) => change.if_unchanged(&there.header),
                        None => change,
                    };
                    SecretWrite::Modify(at, change)
                }
                None => SecretWrite::Create(NewSecret::new(at, SecretValue::text(text))),
            });
        }
        // The mark is written first, so that a store without bulk writes refuses it before it changes another part.
        writes.rotate_right(1);
        for batch in SecretWrite::batches(writes, bulk) {
            SecretWrite::write_batch(store.as_ref(), batch).await?;
        }
        Ok(())
    }
}

fn address(name: &str) -> Result<SecretAddress, StoreError> {
    let name = SecretName::new(name)
        .map_err(|error| StoreError::invalid("the name of a certificate", error.to_string()))?;
    Ok(SecretAddress::shared(name))
}

/// Returns the prefix of the names under which the newest certificate of a chain of orders is stored. `first` is the
/// first order of the chain.
fn newest(first: &OrderId) -> String {
    format!("newest-{first}")
}

/// Stores one text under a name. It is an error if the name exists already with a different text.
async fn keep_part(store: &dyn SecretStore, name: &str, text: &str) -> Result<(), StoreError> {
    const WHAT: &str = "the name of a certificate";
    let address = address(name)?;
    match store.create(NewSecret::new(address.clone(), SecretValue::text(text))).await {
        Err(StoreError::SecretExists { .. }) => match store.get(&address).await?.value.expose_text() {
            Some(there) if there == text => Ok(()),
            _ => Err(StoreError::invalid(WHAT, "another secret has it: move that one")),
        },
        created => created.map(drop),
    }
}

/// Returns the prefix of the names under which an order's secrets are stored (decision H143).
fn container(order: &OrderId) -> String {
    format!("order-{order}")
}

#[cfg(test)]
#[path = "storing_tests.rs"]
mod tests;
