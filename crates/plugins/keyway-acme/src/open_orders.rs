//! The records of open orders: each order at the server belongs to one order of the host.

use std::collections::BTreeSet;

use keyway_certificates::{CertificateError, CertificateOrder, OrderId};
use keyway_core::codec::{Malformed, Reader, put_text, put_u32};
use keyway_storage::Expectation;

use crate::acme::Acme;
use crate::documents::OrderState;
use crate::kept::Kept;
use crate::records::{Kind, corrupt};

const SCHEMA: u8 = 1;

/// An open order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenOrder {
    /// The id of the host's order.
    pub(crate) id: String,
    /// The URL at the server.
    pub(crate) url: String,
    /// The URLs of the order's authorizations. Orders of one account may share authorizations.
    pub(crate) authorizations: Vec<String>,
}

impl OpenOrder {
    fn encode(&self) -> Vec<u8> {
        let mut out = vec![SCHEMA];
        put_text(&mut out, &self.id);
        put_text(&mut out, &self.url);
        put_u32(&mut out, u32::try_from(self.authorizations.len()).unwrap_or(u32::MAX));
        for authorization in &self.authorizations {
            put_text(&mut out, authorization);
        }
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != SCHEMA {
            return Err(Malformed { expected: "schema 1: use a newer program" });
        }
        let (id, url) = (reader.text()?.to_owned(), reader.text()?.to_owned());
        let count = reader.u32()?;
        let authorizations =
            (0..count).map(|_| reader.text().map(str::to_owned)).collect::<Result<_, _>>()?;
        reader.end()?;
        Ok(Self { id, url, authorizations })
    }
}

impl Acme {
    /// Returns the URL of an order at the server, if it was placed.
    pub(crate) async fn placed(&self, order: &CertificateOrder) -> Result<Option<String>, CertificateError> {
        let kept = Kept(&order.plugin_meta);
        if let Some(url) = kept.order() {
            return Ok(Some(url));
        }
        let key = self.records.key(Kind::Order, order.id.as_str().as_bytes());
        let Some((content, _)) = self.records.get(&key).await? else { return Ok(None) };
        let open = OpenOrder::decode(&content).map_err(|error| corrupt(error.to_string()))?;
        kept.set_order(&open.url)?;
        Ok(Some(open.url))
    }

    /// Claims an order at the server for an order of the host. Returns `false` if another order of the host has claimed
    /// it.
    pub(crate) async fn claim(
        &self,
        id: &OrderId,
        url: &str,
        state: &OrderState,
    ) -> Result<bool, CertificateError> {
        let authorizations = state.authorizations.clone();
        let open = OpenOrder { id: id.as_str().to_owned(), url: url.to_owned(), authorizations };
        let order = self.records.key(Kind::Order, id.as_str().as_bytes());
        let claim = self.records.key(Kind::Claim, url.as_bytes());
        let absent = Expectation::Absent;
        let records =
            [(&order[..], &open.encode()[..], absent), (&claim[..], id.as_str().as_bytes(), absent)];
        Ok(self.records.put(&records).await? || self.claimant(url).await?.as_deref() == Some(id.as_str()))
    }

    /// Returns the id of the host's order that has claimed the server's order at `url`. Returns `None` if no order of
    /// the host has claimed it.
    pub(crate) async fn claimant(&self, url: &str) -> Result<Option<String>, CertificateError> {
        let claim = self.records.get(&self.records.key(Kind::Claim, url.as_bytes())).await?;
        let text = |content: &[u8]| String::from_utf8(content.to_vec());
        claim
            .map(|(content, _)| text(&content).map_err(|_| corrupt("the id of an order is not a text")))
            .transpose()
    }

    /// Removes the claim and the record of an order that has ended.
    pub(crate) async fn release(&self, id: &OrderId, url: &str) -> Result<(), CertificateError> {
        let order = self.records.key(Kind::Order, id.as_str().as_bytes());
        self.records.remove([order, self.records.key(Kind::Claim, url.as_bytes())]).await
    }

    /// Returns the authorizations of all open orders except the order `id`.
    pub(crate) async fn authorizations_of_others(
        &self,
        id: &OrderId,
    ) -> Result<BTreeSet<String>, CertificateError> {
        let mut used = BTreeSet::new();
        for content in self.records.all(Kind::Order).await? {
            let open = OpenOrder::decode(&content).map_err(|error| corrupt(error.to_string()))?;
            if open.id != id.as_str() {
                used.extend(open.authorizations);
            }
        }
        Ok(used)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_is_read_as_it_was_written(
            id in ".*", url in ".*", authorizations in prop::collection::vec(".*", 0..4),
        ) {
            let order = OpenOrder { id, url, authorizations };
            let encoded = order.encode();
            prop_assert_eq!(&OpenOrder::decode(&encoded).unwrap(), &order);
            for length in 0..encoded.len() {
                prop_assert!(OpenOrder::decode(&encoded[..length]).is_err());
            }
        }

        #[test]
        fn no_bytes_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = OpenOrder::decode(&[&[SCHEMA], &bytes[..]].concat());
        }
    }
}
