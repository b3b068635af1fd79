//! Import and export of a whole layer.

use keyway_core::SecretText;
use std::collections::HashMap;

use keyway_secrets::{SecretName, SecretRevision};

use super::Secrets;
use crate::audit::Call;
use crate::{Bundle, BundleError, Change, Draft, Error, Operation, Resolution, SecretValue};

/// The effects of an import, planned or done.
///
/// Each key of the bundle is in exactly one of the lists, in the bundle's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportPlan {
    /// The keys that do not exist yet.
    pub created: Vec<String>,
    /// The keys that have another value.
    pub changed: Vec<String>,
    /// The keys that have the same value already: nothing is written.
    pub unchanged: Vec<String>,
}

/// A step of an import.
enum Step {
    Create,
    /// Changes the secret if it still is the one that was compared.
    ///
    /// The check needs a store that keeps versions.
    Change(Option<SecretRevision>),
}

impl Secrets {
    /// Exports all secrets of the client's layer, as they resolve, to be written as dotenv or JSON.
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
    /// It creates missing secrets, changes those with another value, leaves equal ones alone, and
    /// deletes nothing.
    ///
    /// It checks all keys of the bundle and compares them with the store before it writes anything.
    /// The store may still refuse a value, for its size for example, when it is written. A secret
    /// that another client changes between the comparison and the write is a conflict, in stores
    /// that keep versions.
    ///
    /// # Not atomic, but resumable
    /// The writes are done one by one, in the order of the keys, because the largest step of a
    /// [`SecretStore`](keyway_secrets::SecretStore) is one secret. Each of them is atomic and
    /// durable. A reader during the import, or after a failure or a crash in it, may find new
    /// values beside old ones. Values that must change together belong in one structured secret, or
    /// in an environment that is not used yet.
    ///
    /// A failure is [`ImportInterrupted`](Error::ImportInterrupted), which names the progress.
    /// After a crash [`plan_import`](Self::plan_import) of the same bundle returns the rest: an
    /// import is complete when the plan creates and changes nothing. Importing again writes just
    /// the rest, and nothing twice. Like every import, it also overwrites changes made by others
    /// since.
    ///
    /// # Errors
    /// As [`plan_import`](Self::plan_import), and
    /// [`ImportInterrupted`](Error::ImportInterrupted).
    ///
    /// # Cancel safety
    /// A dropped import wrote some of the secrets; import again to continue.
    pub async fn import(&self, bundle: &Bundle) -> Result<ImportPlan, Error> {
        let (plan, steps) = self.prepare(bundle).await?;
        let total = steps.len();
        for (written, (key, value, step)) in steps.into_iter().enumerate() {
            let value = SecretValue::Text(value.clone());
            let done = match step {
                Step::Create => self.create(key, Draft::new(value)).await,
                Step::Change(compared) => {
                    let mut change = Change::value(value);
                    change.0.expected = compared;
                    self.modify(key, change).await
                }
            };
            if let Err(error) = done {
                let (key, source) = (SecretName::of_existing(key), Box::new(error));
                return Err(Error::ImportInterrupted { key, written, total, source });
            }
        }
        Ok(plan)
    }

    async fn prepare<'a>(
        &self,
        bundle: &'a Bundle,
    ) -> Result<(ImportPlan, Vec<(&'a str, &'a SecretText, Step)>), Error> {
        let call = Call::new(self, Operation::PlanImport, None, self.environment());
        call.end(self.compare(bundle).await)
    }

    async fn compare<'a>(
        &self,
        bundle: &'a Bundle,
    ) -> Result<(ImportPlan, Vec<(&'a str, &'a SecretText, Step)>), Error> {
        for (key, _) in bundle.iter() {
            SecretName::new(key)
                .map_err(|reason| BundleError::Key { key: key.escape_debug().to_string(), reason })?;
        }
        // The import writes to the client's own layer, so it compares with that.
        let there: HashMap<_, _> = self
            .with_resolution(Resolution::Exact)
            .secrets_here()
            .await?
            .into_iter()
            .map(|secret| (secret.key().to_owned(), secret))
            .collect();
        let (mut plan, mut steps) = (ImportPlan::default(), Vec::new());
        for (key, value) in bundle.iter() {
            match there.get(key) {
                None => {
                    plan.created.push(key.to_owned());
                    steps.push((key, value, Step::Create));
                }
                Some(old) if old.expose_text() == Some(value.expose()) => {
                    plan.unchanged.push(key.to_owned());
                }
                Some(old) => {
                    plan.changed.push(key.to_owned());
                    let compared = old.header.version.map(|_| old.header.revision());
                    steps.push((key, value, Step::Change(compared)));
                }
            }
        }
        Ok((plan, steps))
    }
}
