//! Import and export of a whole layer.

use std::collections::{HashMap, VecDeque};

use keyway_secrets::{NewSecret, SecretChange, SecretName, SecretWrite, StoreError};

use super::Secrets;
use super::reading::unless_missing;
use crate::audit::Call;
use crate::{Bundle, BundleError, Error, Operation, Resolution, ResolvedSecret, SecretValue};

/// The effects of an import, planned or done.
///
/// Each key of the bundle is in exactly one of the lists, in the bundle's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportPlan {
    /// The keys that do not exist yet.
    pub created: Vec<String>,
    /// The keys that exist with another value. If the store is not
    /// [`immediate`](keyway_secrets::Capabilities::immediate), all keys that exist.
    pub changed: Vec<String>,
    /// The keys that have the same value already. They are not written.
    pub unchanged: Vec<String>,
}

impl Secrets {
    /// Exports all secrets that [`list`](Self::list) returns, to be written as dotenv or JSON.
    ///
    /// Descriptions, versions and dates are omitted.
    ///
    /// # Errors
    /// [`Bundle`](Error::Bundle) when a value is not a text, because neither format can hold it;
    /// else as [`list`](Self::list).
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn export(&self) -> Result<Bundle, Error> {
        let call = Call::new(self, Operation::Export, None, self.environment());
        let bundle = self.secrets_here().await.and_then(|secrets| {
            let mut bundle = Bundle::new();
            for secret in secrets {
                let kind = secret.value.kind();
                let SecretValue::Text(text) = secret.value else {
                    let key = secret.header.address.name.to_string();
                    return Err(BundleError::NotText { key, kind }.into());
                };
                bundle.push(secret.header.address.name.as_str(), text)?;
            }
            Ok(bundle)
        });
        call.end(bundle)
    }

    /// Returns the effects that [`import`](Self::import) would have now, without importing.
    ///
    /// # Errors
    /// [`Bundle`](Error::Bundle) names a key that the store must not have; else as
    /// [`list`](Self::list).
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn plan_import(&self, bundle: &Bundle) -> Result<ImportPlan, Error> {
        Ok(self.prepare(bundle).await?.0)
    }

    /// Writes the secrets of a bundle into the client's layer, and returns what it did.
    ///
    /// It creates missing secrets, changes secrets that have another value, leaves equal secrets alone, and deletes
    /// nothing. A store that is not [`immediate`](keyway_secrets::Capabilities::immediate) may return a value that
    /// another writer has replaced since, so the import also writes the secrets that seem equal there.
    ///
    /// It checks all keys of the bundle and compares them with the store before it writes anything.
    /// The store may still refuse a value, for its size for example, when it is written. A secret
    /// that another client changes between the comparison and the write is a conflict, in stores
    /// that keep versions.
    ///
    /// # Batches, and continuing after a failure
    /// The writes are done in the order of the keys, in as few batches as the store permits
    /// ([`SecretStore::write_all`](keyway_secrets::SecretStore::write_all)). A store without bulk writes gets them one
    /// by one. Each batch is atomic and durable; the whole import is not. A reader during the import, or after a
    /// failure or a crash in it, may find new values beside old ones. Values that must change together belong in one
    /// structured secret, or in an environment that is not used yet.
    ///
    /// A failure is [`ImportInterrupted`](Error::ImportInterrupted), which names the progress. Nothing of the failed
    /// batch was written, unless the error leaves that open. After a crash [`plan_import`](Self::plan_import) of the
    /// same bundle returns the remaining work. An import is complete when it returns
    /// without an error, or when the plan creates and changes nothing. A second import writes only what is missing, and
    /// nothing twice, if the store is immediate. Like every import, it also overwrites changes that others made after
    /// the first import.
    ///
    /// # Errors
    /// As [`plan_import`](Self::plan_import), and
    /// [`ImportInterrupted`](Error::ImportInterrupted).
    ///
    /// # Cancel safety
    /// A dropped import wrote some of the secrets; import again to continue.
    pub async fn import(&self, bundle: &Bundle) -> Result<ImportPlan, Error> {
        let (plan, writes) = self.prepare(bundle).await?;
        let (total, mut written) = (writes.len(), 0);
        let mut batches: VecDeque<_> = SecretWrite::batches(writes, self.store().capabilities().bulk).into();
        while let Some(batch) = batches.pop_front() {
            let names: Vec<_> = batch.iter().map(|write| write.address().name.clone()).collect();
            match self.write(&batch, &names).await {
                Ok(()) => written += batch.len(),
                // The limits of a batch count only the data of the writes. Secrets that are changed keep their
                // descriptions, so a batch may still not fit into one commit. Its writes are then made one by one.
                Err((_, Error::Store(StoreError::TooLarge { .. }))) if batch.len() > 1 => {
                    for write in batch.into_iter().rev() {
                        batches.push_front(vec![write]);
                    }
                }
                Err((at, source)) => {
                    let (key, source) = (names[at].clone(), Box::new(source));
                    return Err(Error::ImportInterrupted { key, written, total, source });
                }
            }
        }
        Ok(plan)
    }

    /// Writes a batch, and reports each write to the audit hook. An error includes the position of the write that
    /// failed.
    async fn write(&self, batch: &[SecretWrite], names: &[SecretName]) -> Result<(), (usize, Error)> {
        let calls: Vec<_> = batch
            .iter()
            .zip(names)
            .map(|(write, name)| {
                let creates = matches!(write, SecretWrite::Create(_));
                let operation = if creates { Operation::Create } else { Operation::Modify };
                Call::new(self, operation, Some(name.as_str()), self.environment())
            })
            .collect();
        let (at, error) = match SecretWrite::write_batch(&**self.store(), batch.to_vec()).await {
            Ok(_) => {
                for call in calls {
                    call.done();
                }
                return Ok(());
            }
            Err(StoreError::InBatch { at, source }) if at < batch.len() => (at, Error::from(*source)),
            Err(error) => (0, Error::from(error)),
        };
        for call in calls {
            call.failed(&error);
        }
        Err((at, error))
    }

    async fn prepare(&self, bundle: &Bundle) -> Result<(ImportPlan, Vec<SecretWrite>), Error> {
        let call = Call::new(self, Operation::PlanImport, None, self.environment());
        call.end(self.compare(bundle).await)
    }

    async fn compare(&self, bundle: &Bundle) -> Result<(ImportPlan, Vec<SecretWrite>), Error> {
        for (key, _) in bundle.iter() {
            SecretName::new(key)
                .map_err(|reason| BundleError::Key { key: key.escape_debug().to_string(), reason })?;
        }
        let there = self.those_there(bundle).await?;
        let is_certain = self.store().capabilities().immediate();
        let (mut plan, mut writes) = (ImportPlan::default(), Vec::new());
        for (key, text) in bundle.iter() {
            let address = self.address(SecretName::new(key)?)?;
            let value = SecretValue::Text(text.clone());
            match there.get(key) {
                None => {
                    plan.created.push(key.to_owned());
                    writes.push(SecretWrite::Create(NewSecret::new(address, value)));
                }
                Some(old) if is_certain && old.expose_text() == Some(text.expose()) => {
                    plan.unchanged.push(key.to_owned());
                }
                Some(old) => {
                    plan.changed.push(key.to_owned());
                    let mut change = SecretChange::value(value);
                    // If the store keeps versions, the secret must still have the revision that was compared.
                    change.expected = old.header.version.map(|_| old.header.revision());
                    writes.push(SecretWrite::Modify(address, change));
                }
            }
        }
        Ok((plan, writes))
    }

    /// Reads the secrets in the client's own layer, because the import writes only this layer. If the bundle is small
    /// compared with the store, reads only the keys of the bundle, one by one.
    async fn those_there(&self, bundle: &Bundle) -> Result<HashMap<String, ResolvedSecret>, Error> {
        const KEYS_A_LIST: u64 = 8;

        let here = self.with_resolution(Resolution::Exact);
        let few = (bundle.len() as u64).saturating_mul(KEYS_A_LIST);
        if bundle.is_empty() || self.store().info().await?.secrets.number <= few {
            let all = here.secrets_here().await?;
            return Ok(all.into_iter().map(|secret| (secret.key().to_owned(), secret)).collect());
        }
        let mut there = HashMap::new();
        for (key, _) in bundle.iter() {
            let found = self.store().get(&self.address(SecretName::new(key)?)?).await.map_err(Error::from);
            if let Some(secret) = unless_missing(found)? {
                there.insert(key.to_owned(), ResolvedSecret::new(secret));
            }
        }
        Ok(there)
    }
}
