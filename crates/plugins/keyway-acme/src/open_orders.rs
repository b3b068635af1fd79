//! The records of open orders: each order at the server belongs to one order of the host.

use std::collections::BTreeSet;
use std::time::Instant;

use keyway_certificates::{CertificateError, CertificateOrder, OrderId};
use keyway_core::codec::{Malformed, Reader, put_text, put_u32};
use keyway_storage::{Batch, Expectation, Revision};

use crate::acme::Acme;
use crate::documents::OrderState;
use crate::kept::{Kept, ShownProof, written};
use crate::records::{Content, Kind, corrupt};

/// The schema of the record.
const SCHEMA: u8 = 1;
/// The maximum number of attempts to remove an order's records. An attempt fails if another order that uses the same
/// authorizations ends at the same time.
const MAX_ATTEMPTS: usize = 16;

/// An open order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenOrder {
    /// The id of the host's order.
    pub(crate) id: String,
    /// The URL at the server.
    pub(crate) url: String,
    /// The URLs of the order's authorizations. Orders of one account may share authorizations.
    pub(crate) authorizations: Vec<String>,
    /// The proofs of orders that ended earlier and used the same authorizations. This order removes them when it ends.
    pub(crate) inherited: Vec<ShownProof>,
}

impl OpenOrder {
    fn encode(&self) -> Result<Vec<u8>, CertificateError> {
        let mut out = vec![SCHEMA];
        put_text(&mut out, &self.id);
        put_text(&mut out, &self.url);
        put_u32(&mut out, u32::try_from(self.authorizations.len()).unwrap_or(u32::MAX));
        for authorization in &self.authorizations {
            put_text(&mut out, authorization);
        }
        put_text(&mut out, &written(&self.inherited)?);
        Ok(out)
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
        let inherited =
            serde_json::from_str(reader.text()?).map_err(|_| Malformed { expected: "a list of proofs" })?;
        reader.end()?;
        Ok(Self { id, url, authorizations, inherited })
    }
}

impl Acme {
    /// Returns the URL of an order at the server, if it was placed.
    pub(crate) async fn placed(&self, order: &CertificateOrder) -> Result<Option<String>, CertificateError> {
        let kept = Kept(&order.plugin_meta);
        if let Some(url) = kept.order() {
            return Ok(Some(url));
        }
        let key = self.order_key(order.id.as_str());
        let Some((open, _)) = self.records.get(&key).await?.map(decoded).transpose()? else {
            return Ok(None);
        };
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
        let inherited = Vec::new();
        let open = OpenOrder { id: id.as_str().to_owned(), url: url.to_owned(), authorizations, inherited };
        let order = self.order_key(id.as_str());
        let claim = self.records.key(Kind::Claim, url.as_bytes());
        let absent = Expectation::Absent;
        let records =
            [(&order[..], &open.encode()?[..], absent), (&claim[..], id.as_str().as_bytes(), absent)];
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

    /// Removes the proofs, the claim and the record of an order that has ended.
    ///
    /// The server may still check an authorization that another open order uses, too. Then the proof stays, and the
    /// other order inherits it in the same commit that removes this order's record. If the certificate was made, all
    /// authorizations are valid, so no other order needs their proofs.
    ///
    /// Returns `false` if the call has little time left, and the next call has to continue.
    pub(crate) async fn release(
        &self,
        order: &CertificateOrder,
        url: &str,
        is_made: bool,
        until: Instant,
    ) -> Result<bool, CertificateError> {
        let kept = Kept(&order.plugin_meta);
        let (id, claim) = (self.order_key(order.id.as_str()), self.records.key(Kind::Claim, url.as_bytes()));
        for _ in 0..MAX_ATTEMPTS {
            let mut own = self.records.get(&id).await?.map(decoded).transpose()?;
            let has_proofs =
                !kept.proofs().is_empty() || own.iter().any(|(own, _)| !own.inherited.is_empty());
            let needs_others = has_proofs && !is_made;
            let mut others = if needs_others { self.others(&order.id).await? } else { Vec::new() };
            let needed = others.iter().flat_map(|(other, _)| other.authorizations.iter().cloned()).collect();
            if !self.proofs_removed(order, &needed, until).await? {
                return Ok(false);
            }
            let mut proofs = kept.proofs();
            if let Some((own, revision)) = &mut own {
                let before = own.inherited.len();
                let removed = self.removed(&mut own.inherited, &needed, until, |_| Ok(())).await;
                if !matches!(removed, Ok(true)) && own.inherited.len() < before {
                    let expected = Expectation::Revision(*revision);
                    self.records.put(&[(&id, &own.encode()?, expected)]).await?;
                }
                if !removed? {
                    return Ok(false);
                }
                proofs.extend(own.inherited.clone());
            }
            let mut heirs = BTreeSet::new();
            for shown in proofs.into_iter().filter(|shown| shown.proof.is_some()) {
                let uses = |(other, _): &(OpenOrder, _)| other.authorizations.contains(&shown.authorization);
                let Some(heir) = others.iter().position(uses) else { continue };
                let inherited = &mut others[heir].0.inherited;
                if !inherited.iter().any(|other| other.proof == shown.proof) {
                    inherited.push(shown);
                    heirs.insert(heir);
                }
            }
            let expected = own.map_or(Expectation::Any, |(_, revision)| Expectation::Revision(revision));
            let batch = Batch::new().delete(id.clone(), expected).delete(claim.clone(), Expectation::Any);
            let heirs = heirs.into_iter().map(|at| {
                let (heir, revision) = &others[at];
                Ok((self.order_key(&heir.id), heir.encode()?, Expectation::Revision(*revision)))
            });
            let heirs = heirs.collect::<Result<Vec<_>, CertificateError>>()?;
            let heirs: Vec<_> = heirs.iter().map(|(key, heir, at)| (&key[..], &heir[..], *at)).collect();
            if self.records.commit(batch, &heirs).await? {
                kept.set_proofs(&[])?;
                return Ok(true);
            }
        }
        Err(CertificateError::Unavailable {
            what: "the records of the open orders, which many change at once,",
            retry_after: None,
            source: None,
        })
    }

    /// Removes the proofs of an order except those for the authorizations in `good`, because the account has another
    /// key now. A proof whose authorization another open order uses stays: the order notes it with the inherited ones,
    /// and removes it at its own end (decision H359).
    ///
    /// Returns `false` if the next call has to continue.
    pub(crate) async fn outdated_removed(
        &self,
        order: &CertificateOrder,
        good: &BTreeSet<String>,
        until: Instant,
    ) -> Result<bool, CertificateError> {
        let kept = Kept(&order.plugin_meta);
        let mut proofs = kept.proofs();
        if proofs.iter().all(|shown| good.contains(&shown.authorization)) {
            return Ok(true);
        }
        let others = self.authorizations_of_others(&order.id).await?;
        let is_shared = |shown: &mut ShownProof| {
            !good.contains(&shown.authorization) && others.contains(&shown.authorization)
        };
        let shared: Vec<_> = proofs.extract_if(.., is_shared).collect();
        let id = self.order_key(order.id.as_str());
        if !shared.is_empty()
            && let Some((mut own, revision)) = self.records.get(&id).await?.map(decoded).transpose()?
        {
            let is_new = |shown: &ShownProof| !own.inherited.iter().any(|other| other.proof == shown.proof);
            let new: Vec<_> = shared.into_iter().filter(is_new).collect();
            own.inherited.extend(new);
            let expected = Expectation::Revision(revision);
            if !self.records.put(&[(&id, &own.encode()?, expected)]).await? {
                return Ok(false);
            }
            kept.set_proofs(&proofs)?;
        }
        self.proofs_removed(order, good, until).await
    }

    /// Removes the claim and the record of an order that has ended, and forgets the proofs that are left.
    pub(crate) async fn abandon(&self, order: &CertificateOrder, url: &str) -> Result<(), CertificateError> {
        let (id, claim) = (self.order_key(order.id.as_str()), self.records.key(Kind::Claim, url.as_bytes()));
        let batch = Batch::new().delete(id, Expectation::Any).delete(claim, Expectation::Any);
        self.records.commit(batch, &[]).await.map(drop)
    }

    fn order_key(&self, id: &str) -> Vec<u8> {
        self.records.key(Kind::Order, id.as_bytes())
    }

    /// Returns all open orders except the order `id`.
    async fn others(&self, id: &OrderId) -> Result<Vec<(OpenOrder, Revision)>, CertificateError> {
        let all = self.records.all(Kind::Order).await?.into_iter().map(decoded);
        all.filter(|open| open.as_ref().map_or(true, |(open, _)| open.id != id.as_str())).collect()
    }

    /// Returns the authorizations of all open orders except the order `id`.
    pub(crate) async fn authorizations_of_others(
        &self,
        id: &OrderId,
    ) -> Result<BTreeSet<String>, CertificateError> {
        Ok(self.others(id).await?.into_iter().flat_map(|(open, _)| open.authorizations).collect())
    }
}

fn decoded((content, revision): Content) -> Result<(OpenOrder, Revision), CertificateError> {
    let open = OpenOrder::decode(&content).map_err(|error| corrupt(error.to_string()))?;
    Ok((open, revision))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::responder::Proof;

    proptest! {
        #[test]
        fn a_record_is_read_as_it_was_written(
            id in ".*", url in ".*", authorizations in prop::collection::vec(".*", 0..4),
            names in prop::collection::vec((".*", ".*", ".*"), 0..3),
        ) {
            let inherited = |(authorization, name, value)| ShownProof {
                authorization, proof: Some((Proof::Txt { name, value }, "challenge".into())),
                key: "thumbprint".into(), is_shown: true, is_visible: true, is_announced: true,
            };
            let inherited = names.into_iter().map(inherited).collect();
            let order = OpenOrder { id, url, authorizations, inherited };
            let encoded = order.encode().unwrap();
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
