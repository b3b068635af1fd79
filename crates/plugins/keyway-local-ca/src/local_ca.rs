//! The handle to a local authority. It holds the records, and the authorities that were loaded.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use keyway_certificates::{CaId, CertificateError, OpenContext};
use keyway_core::Clock;
use keyway_seal::KeyRing;
use keyway_storage::{Batch, CommitOutcome, Expectation, Revision, Storage, let_others_run};

use crate::authority::{Authority, WHAT};
use crate::authority_record::AuthorityRecord;
use crate::configuration::LocalCaConfiguration;
use crate::records::{Kind, Records};
use crate::revocation_list::SignedLists;
use crate::storage_error::{busy, corrupt, from_storage};

/// The id of the base authority, which always exists: the root, or the imported authority.
pub(crate) const BASE: &str = "base";

/// The maximum number of attempts of an operation. An attempt fails when another writer was faster.
pub(crate) const MAX_ATTEMPTS: u32 = 64;

/// The maximum number of authorities of a connection.
pub(crate) const MOST_AUTHORITIES: usize = 1000;

/// A certificate authority of the host: a root or an imported authority, and the subordinate authorities.
///
/// It is the [`CertificateAuthority`](keyway_certificates::CertificateAuthority) that the plugin opens. A host that
/// [imports](Self::import) an authority or publishes [revocation lists](Self::revocation_list) opens this type
/// directly, with the same context.
///
/// Handles share nothing but the storage, so there may be several handles, in several processes.
pub struct LocalCa {
    pub(crate) configuration: LocalCaConfiguration,
    pub(crate) records: Records,
    pub(crate) clock: Arc<dyn Clock>,
    loaded: RwLock<HashMap<String, Arc<Authority>>>,
    pub(crate) lists: SignedLists,
}

impl LocalCa {
    /// Opens the authority of a connection. It does no I/O and does not block.
    ///
    /// The resources of the host must include the storage engine as an `Arc<dyn Storage>`, and the keys that seal the
    /// plugin's records as a [`KeyRing`].
    ///
    /// # Errors
    /// [`Invalid`](CertificateError::Invalid) names the unacceptable entry of the configuration;
    /// [`MissingResource`](CertificateError::MissingResource) names the missing resource.
    pub fn new(context: &OpenContext) -> Result<Self, CertificateError> {
        let configuration = LocalCaConfiguration::read(&context.configuration)?;
        let storage = Arc::clone(context.resources.require::<Arc<dyn Storage>>()?);
        let keys = context.resources.require::<KeyRing>()?.clone();
        let records = Records::new(&context.name, storage, keys);
        let (loaded, lists) = (RwLock::default(), SignedLists::default());
        Ok(Self { configuration, records, clock: Arc::clone(&context.clock), loaded, lists })
    }

    /// Returns an authority that this handle has loaded, or loads it from the storage. If the base authority is
    /// missing, it is made.
    ///
    /// A loaded authority may be out of date, so a writer checks the revision of the authority in its commit. If that
    /// check fails, the writer [forgets](Self::forget) the authority.
    pub(crate) async fn authority(&self, ca: Option<&CaId>) -> Result<Arc<Authority>, CertificateError> {
        let id = ca.map_or(BASE, CaId::as_str);
        if let Some(known) = self.loaded.read().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Ok(Arc::clone(known));
        }
        self.load(id).await
    }

    /// Loads an authority from the storage.
    pub(crate) async fn load(&self, id: &str) -> Result<Arc<Authority>, CertificateError> {
        self.forget(id);
        let found = self.find(id).await?;
        let found = if found.is_none() && id == BASE { self.make_root().await? } else { found };
        let unknown = || Ok(CertificateError::UnknownCa { ca: CaId::new(id)? });
        let Some(authority) = found else {
            return Err(unknown().unwrap_or_else(|error: CertificateError| error));
        };
        let authority = Arc::new(authority);
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        loaded.insert(id.to_owned(), Arc::clone(&authority));
        Ok(authority)
    }

    /// Forgets an authority, because its record changed.
    pub(crate) fn forget(&self, id: &str) {
        self.loaded.write().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Reads an authority. Returns `None` if it does not exist or is deleted.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<Authority>, CertificateError> {
        let key = self.records.key(Kind::Authority, id);
        let Some((content, revision)) = self.records.get(WHAT, &key).await? else { return Ok(None) };
        loaded(&content, revision)
    }

    /// Reads all authorities, the base authority first. A record that cannot be read stands as its error at the end, so
    /// that it stops no work on the other authorities (decision B14).
    pub(crate) async fn all(&self) -> Result<Vec<Result<Authority, CertificateError>>, CertificateError> {
        self.authority(None).await?;
        let (range, mut after, mut all) = (self.records.all(Kind::Authority), None, Vec::new());
        loop {
            let page =
                self.records.storage.scan(&range, after.as_deref(), 128).await.map_err(from_storage)?;
            for entry in &page.entries {
                let_others_run().await;
                let content = self.records.open(WHAT, &entry.key, &entry.value);
                all.extend(content.and_then(|content| loaded(&content, entry.revision)).transpose());
            }
            after = page.entries.last().map(|entry| entry.key.clone());
            if !page.more {
                break;
            }
        }
        all.sort_by_key(|authority| match authority {
            Ok(authority) => (u8::from(authority.record.id != BASE), authority.record.name.clone()),
            Err(_) => (2, String::new()),
        });
        Ok(all)
    }

    /// Stores the base authority, unless another writer was faster. Returns the stored base authority, and whether this
    /// call stored it.
    pub(crate) async fn store_base(
        &self,
        record: AuthorityRecord,
    ) -> Result<(Authority, bool), CertificateError> {
        for _ in 0..MAX_ATTEMPTS {
            let key = self.records.key(Kind::Authority, BASE);
            let mut batch = Batch::new()
                .put(key.clone(), self.records.seal(&key, &record.encode())?, Expectation::Absent)
                .put(self.records.key(Kind::Name, &record.name), Vec::new(), Expectation::Absent);
            for subject in self.subject_keys(&record)? {
                batch = batch.put(subject, Vec::new(), Expectation::Absent);
            }
            if let CommitOutcome::Committed(revision) =
                self.records.storage.commit(batch).await.map_err(from_storage)?
            {
                return Ok((Authority::new(record, revision)?, true));
            }
            if let Some(authority) = self.find(BASE).await? {
                return Ok((authority, false));
            }
        }
        Err(busy())
    }
}

/// Reads the authority in the content of a record. Returns `None` if the authority is deleted.
fn loaded(content: &[u8], revision: Revision) -> Result<Option<Authority>, CertificateError> {
    let record = AuthorityRecord::decode(content).map_err(|error| corrupt(WHAT, error.to_string()))?;
    Authority::load(record, revision)
}

impl fmt::Debug for LocalCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCa").field("configuration", &self.configuration).finish_non_exhaustive()
    }
}
