//! Creation and deletion of subordinate authorities.

use keyway_certificates::{CaId, CertificateError, CreateCa, DeleteCa, IntentId, RevocationReason};
use keyway_core::Timestamp;
use keyway_storage::{Batch, CommitOutcome, Expectation, Turn};
use keyway_x509::DistinguishedName;
use keyway_x509::issuing::CertificateContent;
use keyway_x509::issuing::extensions::of_authority;

use crate::authority::{Authority, signed};
use crate::authority_record::AuthorityRecord;
use crate::base::{NewKey, days};
use crate::chain_limits::ChainLimits;
use crate::configuration::is_name;
use crate::local_ca::{BASE, LocalCa, MAX_ATTEMPTS, MOST_AUTHORITIES};
use crate::records::{Kind, mark};
use crate::storage_error::{busy, from_storage};

/// Returns the id of the authority that an intent creates.
pub(crate) fn id_of(intent: &IntentId) -> String {
    let mark = mark(&[b"subordinate authority", intent.as_str().as_bytes()]);
    mark.iter().fold("sub-".to_owned(), |id, byte| id + &format!("{byte:02x}"))
}

fn invalid(what: &'static str, reason: impl Into<String>) -> CertificateError {
    CertificateError::invalid(what, reason)
}

impl LocalCa {
    /// Creates the authority that `request` describes. If an earlier call with the same intent created it, returns that
    /// authority.
    pub(crate) async fn created(&self, request: &CreateCa) -> Result<Authority, CertificateError> {
        let id = id_of(&request.intent);
        if !is_name(&request.name) || request.description.as_ref().is_some_and(|text| text.len() > 1000) {
            return Err(invalid(
                "the name of the authority",
                "use up to 200 bytes without control characters, and a description of up to 1000",
            ));
        }
        let subject: DistinguishedName = request.subject_dn.parse().map_err(|_| {
            invalid("the subject of the authority", "use a name of RFC 4514, such as CN=Name,O=Organization")
        })?;
        let above = self.records.key(Kind::Authority, request.parent.as_str());
        let mut turn = Turn::new(&self.records.storage);
        turn.yields_at(&above).await;
        for _ in 0..MAX_ATTEMPTS {
            if let Some(known) = self.find(&id).await? {
                return Ok(known);
            }
            let parent = self.load(request.parent.as_str()).await?;
            if self.all().await?.len() >= MOST_AUTHORITIES {
                return Err(invalid(
                    "another authority",
                    format!("there are {MOST_AUTHORITIES} already: delete one"),
                ));
            }
            let record = self.below(&parent, &id, request, &subject)?;
            let key = self.records.key(Kind::Authority, &id);
            // The commit also rewrites the parent, so that the parent cannot be deleted at the same time.
            let batch = Batch::new()
                .put(key.clone(), self.records.seal(&key, &record.encode())?, Expectation::Absent)
                .put(self.records.key(Kind::Name, &record.name), Vec::new(), Expectation::Absent)
                .put(self.subject_key(&subject), Vec::new(), Expectation::Absent)
                .put(
                    above.clone(),
                    self.records.seal(&above, &parent.record.encode())?,
                    Expectation::Revision(parent.revision),
                );
            match self.records.storage.commit(batch).await.map_err(from_storage)? {
                // The stored authority is not read again: an error of that read would say that nothing happened.
                CommitOutcome::Committed(revision) => {
                    self.forget(&parent.record.id);
                    return Authority::new(record, revision);
                }
                CommitOutcome::Conflict { item: item @ (1 | 2) } => {
                    if self.find(&id).await?.is_none() {
                        let what = if item == 1 {
                            "the name of the authority"
                        } else {
                            "the subject of the authority"
                        };
                        return Err(invalid(what, "another authority has it"));
                    }
                }
                CommitOutcome::Conflict { .. } => {
                    if self.is_deleted(&id).await? {
                        return Err(invalid("the intent", "the authority that it created is deleted"));
                    }
                    turn.lost_at(&above).await;
                }
            }
        }
        Err(busy())
    }

    /// Tells whether an authority was created and deleted.
    async fn is_deleted(&self, id: &str) -> Result<bool, CertificateError> {
        let key = self.records.key(Kind::Authority, id);
        let is_there = self.records.storage.get(&key).await.map_err(from_storage)?.is_some();
        Ok(is_there && self.find(id).await?.is_none())
    }

    /// Makes the record of an authority below `parent`.
    fn below(
        &self,
        parent: &Authority,
        id: &str,
        request: &CreateCa,
        subject: &DistinguishedName,
    ) -> Result<AuthorityRecord, CertificateError> {
        let refused = |client: &str, log: &str| Err(CertificateError::refused(client, log));
        if parent.limits.path_length == Some(0) {
            return refused(
                "The parent may have no authorities below it.",
                "the path length of the parent is 0",
            );
        }
        let now = self.clock.now();
        parent.check_validity("the parent", now)?;
        let NewKey { key, stored, identifier } = self.new_key()?;
        let path_length = parent.limits.path_length.map(|length| length - 1);
        let content = || {
            let mut extensions = of_authority(&identifier, path_length)?;
            extensions.extend(parent.pointers(&self.configuration)?);
            let last = now.plus(days(self.configuration.authority_days)).min(parent.not_after());
            Ok(CertificateContent {
                subject: subject.clone(),
                issuer: parent.subject(),
                public_key: key.public_key().clone(),
                not_before: self.backdated(now).max(parent.not_before()),
                not_after: last,
                extensions,
            })
        };
        let content =
            content().map_err(|error: der::Error| CertificateError::system("make the authority", error))?;
        if content.subject == content.issuer {
            return Err(invalid("the subject of the authority", "it is that of its parent"));
        }
        let record = AuthorityRecord {
            id: id.to_owned(),
            name: request.name.clone(),
            description: request.description.clone(),
            parent: Some(parent.record.id.clone()),
            key: Some(stored),
            certificate: signed(&content, &parent.key)?,
            issuers: parent.chain(),
            limits: ChainLimits::default(),
        };
        record.check_chain().map_err(|reason| invalid("the authority", reason))?;
        Ok(record)
    }

    /// Deletes a subordinate authority: its key is destroyed, and its parent revokes its certificate.
    pub(crate) async fn deleted(&self, request: &DeleteCa) -> Result<(), CertificateError> {
        let id = request.ca.as_str();
        if id == BASE {
            let client = "The base authority cannot be deleted.";
            return Err(CertificateError::refused(client, "the base authority was to be deleted"));
        }
        let mut turn = Turn::new(&self.records.storage);
        for _ in 0..MAX_ATTEMPTS {
            let Some(authority) = self.find(id).await? else { return Ok(()) };
            if self.has_below(&authority).await? {
                let client = "The authority has others below it: delete those first.";
                return Err(CertificateError::refused(
                    client,
                    "an authority with subordinate ones was to be deleted",
                ));
            }
            let list = self.records.key(Kind::List, authority.record.parent.as_deref().unwrap_or(BASE));
            if turn.yields_at(&list).await {
                continue;
            }
            let batch = self.deletion(&authority, self.clock.now()).await?;
            let outcome = self.records.storage.commit(batch).await.map_err(from_storage)?;
            self.forget(id);
            if let CommitOutcome::Committed(_) = outcome {
                return Ok(());
            }
            turn.lost_at(&list).await;
        }
        Err(busy())
    }

    /// Tells whether there are authorities below this one. An authority that cannot be read may be below it, unless its
    /// path length forbids that.
    async fn has_below(&self, authority: &Authority) -> Result<bool, CertificateError> {
        if authority.limits.path_length == Some(0) {
            return Ok(false);
        }
        let all = self.all().await?.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(all.iter().any(|other| other.record.parent.as_ref() == Some(&authority.record.id)))
    }

    async fn deletion(&self, authority: &Authority, now: Timestamp) -> Result<Batch, CertificateError> {
        // Only the id stays, so that deleted authorities do not make the reading of all others long.
        let (description, certificate, issuers) = (None, Vec::new(), Vec::new());
        let record =
            AuthorityRecord { key: None, description, certificate, issuers, ..authority.record.clone() };
        let key = self.records.key(Kind::Authority, &record.id);
        let batch = Batch::new()
            .put(
                key.clone(),
                self.records.seal(&key, &record.encode())?,
                Expectation::Revision(authority.revision),
            )
            .delete(self.records.key(Kind::Name, &record.name), Expectation::Any)
            .delete(self.subject_key(&authority.subject()), Expectation::Any)
            .delete(self.records.key(Kind::SignedList, &record.id), Expectation::Any);
        let Some(parent) = &record.parent else { return Ok(batch) };
        let serial = authority.certificate.tbs_certificate().serial_number().as_bytes().to_vec();
        let reason = RevocationReason::CessationOfOperation;
        Ok(self.with_revocation(batch, parent, &serial, reason, now).await?.unwrap_or_else(|batch| batch))
    }

    /// Tells whether an authority exists.
    pub(crate) async fn exists(&self, ca: &CaId) -> Result<bool, CertificateError> {
        Ok(self.find(ca.as_str()).await?.is_some())
    }
}
