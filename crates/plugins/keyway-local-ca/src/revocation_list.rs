//! Revocation lists, which are signed again before they expire.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use der::asn1::{Any, BitString};
use der::{AnyRef, Decode as _, Encode as _, Sequence, Tag};
use keyway_certificates::{CaId, CertificateError};
use keyway_core::Timestamp;
use keyway_storage::{Batch, CommitOutcome, Expectation, KeyRange, Turn};
use keyway_x509::issuing::{extensions, to_encoded, to_pem};
use x509_cert::certificate::Version;
use x509_cert::ext::Extensions;
use x509_cert::ext::pkix::CrlNumber;
use x509_cert::name::Name;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_cert::time::Time;

use crate::authority::Authority;
use crate::base::days;
use crate::list_record::{ListRecord, RevocationRecord};
use crate::local_ca::{LocalCa, MAX_ATTEMPTS};
use crate::records::Kind;
use crate::storage_error::{busy, corrupt, from_storage};

/// A signed revocation list (RFC 5280, section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevocationList {
    /// The list in DER, as it is published.
    pub der: Vec<u8>,
    /// The number of the list. A later list has a greater number.
    pub number: u64,
    /// The time from which the list is valid.
    pub this_update: Timestamp,
    /// The time until which the list is valid. After this time, a verifier refuses the authority's certificates.
    pub next_update: Timestamp,
}

impl RevocationList {
    /// Returns the list as PEM, with the label `X509 CRL`.
    pub fn to_pem(&self) -> String {
        to_pem("X509 CRL", &self.der)
    }
}

/// The last list of each authority that this handle has signed or read, with the state to which the list belongs.
#[derive(Debug, Default)]
pub(crate) struct SignedLists(Mutex<HashMap<String, (ListRecord, RevocationList)>>);

impl SignedLists {
    fn get(&self, ca: &str, state: &ListRecord) -> Option<RevocationList> {
        let lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.get(ca).filter(|(of, _)| of == state).map(|(_, list)| list.clone())
    }

    fn set(&self, ca: &str, state: ListRecord, list: RevocationList) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(ca.to_owned(), (state, list));
    }
}

impl LocalCa {
    /// Returns the revocation list of an authority, with every revocation so far.
    ///
    /// If nothing was revoked since the last list was signed, and less than half of its validity has passed, that list
    /// is returned, whichever handle signed it. Otherwise a new list with the next number is signed. Signing reads the
    /// revocations page by page. Encoding and signing block for a few milliseconds for 100,000 revocations.
    ///
    /// # Errors
    /// [`UnknownCa`](CertificateError::UnknownCa), and the errors of the storage. The call can be repeated safely.
    pub async fn revocation_list(&self, ca: &CaId) -> Result<RevocationList, CertificateError> {
        // Distinguishes an authority that does not exist from an authority without revocations.
        self.authority(Some(ca)).await?;
        let (state, _) = self.list(ca.as_str()).await?;
        if !state.is_due(self.clock.now())
            && let Some(list) = self.last_list(ca, state).await?
        {
            return Ok(list);
        }
        self.sign_list(ca).await
    }

    /// Signs a new list for every authority that has no list yet, whose last list lacks a revocation, or whose last
    /// list has passed half of its validity. Returns the new lists, so that they can be published.
    ///
    /// A host whose engine runs need not call this function, because
    /// [`maintain`](keyway_certificates::CertificateAuthority::maintain) does the same. Any other host calls it several
    /// times within half of `revocation_list_days`, and after each revocation.
    ///
    /// # Errors
    /// As [`revocation_list`](Self::revocation_list). The lists of the other authorities are signed nevertheless, and
    /// `revocation_list` returns them.
    pub async fn renew_revocation_lists(&self) -> Result<Vec<(CaId, RevocationList)>, CertificateError> {
        Ok(self.renewed_lists().await?.0)
    }

    /// Signs the lists that are due. Also returns the moment at which the next list will be due.
    pub(crate) async fn renewed_lists(
        &self,
    ) -> Result<(Vec<(CaId, RevocationList)>, Option<Timestamp>), CertificateError> {
        let (mut renewed, mut next, mut failed) = (Vec::new(), None::<Timestamp>, None);
        for authority in self.all().await? {
            let renewal = async {
                let ca = authority?.id()?;
                Ok((self.renewed_list(&ca).await?, ca))
            };
            match renewal.await {
                Ok(((list, half), ca)) => {
                    renewed.extend(list.map(|list| (ca, list)));
                    next = next.into_iter().chain([half]).min();
                }
                // The authority was deleted after this call had listed the authorities.
                Err(CertificateError::UnknownCa { .. }) => {}
                // The lists of the other authorities do not expire because of this one.
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok((renewed, next)), Err)
    }

    /// Signs the list of an authority if it is due. Also returns the moment at which the next list will be due.
    async fn renewed_list(&self, ca: &CaId) -> Result<(Option<RevocationList>, Timestamp), CertificateError> {
        let (mut state, _) = self.list(ca.as_str()).await?;
        if !state.is_due(self.clock.now()) {
            return Ok((None, state.half()));
        }
        let list = self.sign_list(ca).await?;
        (state.this_update, state.next_update) = (list.this_update, list.next_update);
        Ok((Some(list), state.half()))
    }

    /// Returns the list that was signed last. Returns `None` if neither this handle nor the storage has it. An older
    /// list does not count.
    async fn last_list(
        &self,
        ca: &CaId,
        state: ListRecord,
    ) -> Result<Option<RevocationList>, CertificateError> {
        if let Some(list) = self.lists.get(ca.as_str(), &state) {
            return Ok(Some(list));
        }
        let key = self.records.key(Kind::SignedList, ca.as_str());
        let Some(record) = self.records.storage.get(&key).await.map_err(from_storage)? else {
            return Ok(None);
        };
        let signed = state.decode_signed(&record.value);
        let signed = signed.map_err(|error| corrupt("a signed revocation list", error.to_string()))?;
        Ok(signed.map(|der| {
            let ListRecord { number, this_update, next_update, .. } = state;
            let list = RevocationList { der, number, this_update, next_update };
            self.lists.set(ca.as_str(), state, list.clone());
            list
        }))
    }

    async fn sign_list(&self, ca: &CaId) -> Result<RevocationList, CertificateError> {
        let list = self.records.key(Kind::List, ca.as_str());
        let mut turn = Turn::new(&self.records.storage);
        turn.yields_at(&list).await;
        for _ in 0..MAX_ATTEMPTS {
            let authority = self.authority(Some(ca)).await?;
            let ca = authority.record.id.as_str();
            // A revocation before this read is in the list. A revocation between this read and the commit makes the
            // commit fail.
            let (state, expectation) = self.list(ca).await?;
            let now = self.clock.now();
            let next = ListRecord {
                number: state.number + 1,
                signed: state.changes,
                this_update: self.backdated(now),
                next_update: now.plus(days(self.configuration.revocation_list_days)),
                ..state
            };
            let der = signed(&authority, &next, self.revocations(ca).await?)
                .map_err(|error| CertificateError::system("sign the revocation list", error))?;
            let mut batch = Batch::new()
                .put(list.clone(), next.encode(), expectation)
                .check(self.records.key(Kind::Authority, ca), authority.revision);
            let stored = next.encode_signed(&der);
            // A list that is too large is not stored. A handle that finds no stored list signs a new one.
            if stored.len() <= self.records.storage.limits().value_bytes {
                batch = batch.put(self.records.key(Kind::SignedList, ca), stored, Expectation::Any);
            }
            match self.records.storage.commit(batch).await.map_err(from_storage)? {
                CommitOutcome::Committed(_) => {
                    let ListRecord { number, this_update, next_update, .. } = next;
                    let list = RevocationList { der, number, this_update, next_update };
                    self.lists.set(ca, next, list.clone());
                    return Ok(list);
                }
                CommitOutcome::Conflict { item: 0 } => turn.lost_at(&list).await,
                // The authority was deleted, or another one was created below it.
                CommitOutcome::Conflict { .. } => self.forget(ca),
            }
        }
        Err(busy())
    }

    /// Reads the entries of all revocations of an authority, in the order of their serial numbers.
    async fn revocations(&self, ca: &str) -> Result<Vec<u8>, CertificateError> {
        let range = KeyRange::prefix(self.records.revocation(ca, &[]));
        let (mut after, mut all) = (None, Vec::new());
        loop {
            let page =
                self.records.storage.scan(&range, after.as_deref(), 4096).await.map_err(from_storage)?;
            for entry in &page.entries {
                let entry = RevocationRecord::entry(&entry.value)
                    .map_err(|error| corrupt("the record of a revocation", error.to_string()))?;
                all.extend_from_slice(entry);
            }
            after = page.entries.last().map(|entry| entry.key.clone());
            if !page.more {
                return Ok(all);
            }
        }
    }
}

/// The signed part of a list (RFC 5280, section 5.1). Its entries are already encoded.
#[derive(Sequence)]
struct Content {
    version: Version,
    signature: AlgorithmIdentifierOwned,
    issuer: Name,
    this_update: Time,
    next_update: Time,
    revoked_certificates: Option<Any>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    extensions: Extensions,
}

/// A list. Its signed part is already encoded.
#[derive(Sequence)]
struct Signed<'a> {
    content: AnyRef<'a>,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
}

/// Encodes and signs a list.
fn signed(
    authority: &Authority,
    state: &ListRecord,
    revoked: Vec<u8>,
) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let number = extensions::extension(false, &CrlNumber::try_from(state.number)?)?;
    let revoked = (!revoked.is_empty()).then(|| Any::new(Tag::Sequence, revoked)).transpose()?;
    let content = Content {
        version: Version::V2,
        signature: authority.key.signature_algorithm(),
        issuer: authority.certificate.tbs_certificate().subject().clone(),
        this_update: to_encoded(state.this_update)?,
        next_update: to_encoded(state.next_update)?,
        revoked_certificates: revoked,
        extensions: vec![extensions::authority_key(&authority.key_identifier)?, number],
    };
    let encoded = content.to_der()?;
    let signature = BitString::from_bytes(&authority.key.sign(&encoded)?)?;
    let list = Signed { content: AnyRef::from_der(&encoded)?, algorithm: content.signature, signature };
    Ok(list.to_der()?)
}
