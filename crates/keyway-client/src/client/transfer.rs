//! Import and export of a whole place.

use keyway_core::SecretText;
use std::collections::HashMap;

use keyway_secrets::{SecretName, SecretRevision};

use super::Secrets;
use crate::audit::Call;
use crate::{Bundle, BundleError, Change, Draft, Error, Operation, Resolution, SecretValue};

/// What an import does, or did: each key of the bundle is in exactly one of the lists, in
/// the bundle's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportPlan {
    /// Keys that are not there yet.
    pub created: Vec<String>,
    /// Keys whose value is another one.
    pub changed: Vec<String>,
    /// Keys whose value is the same already: nothing is written.
    pub unchanged: Vec<String>,
}

/// A step of an import.
enum Step {
    Create,
    /// Changes the secret if it still is the one that was compared, where the store keeps
    /// versions.
    Change(Option<SecretRevision>),
}

impl Secrets {
    /// All secrets of the place that the client stands in, as they resolve, to be written as
    /// dotenv or JSON. Descriptions, versions and dates are left out.
    ///
    /// # Errors
    /// [`Bundle`](Error::Bundle) when a value is no text, which neither format can hold;
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

    /// What [`import`](Self::import) would do now, without doing it.
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

    /// Writes the secrets of a bundle into the layer that the client stands in: what is not
    /// there is created, what has another value is changed, what has the same is left alone,
    /// and nothing is deleted. Answers what was done.
    ///
    /// All keys of the bundle are checked, and compared with what is there, before anything is
    /// written. Whether the store takes a value (its size, say) shows when it is written.
    /// A secret that somebody changes between the comparison and the write is a conflict,
    /// in stores that keep versions.
    ///
    /// # Not atomic, but resumable
    /// The writes are one by one, in the order of the keys, because the largest step of a
    /// [`SecretStore`](keyway_secrets::SecretStore) is one secret. Each of them is atomic and
    /// durable. Whoever reads meanwhile, or after a failure or a crash in their midst, may find new
    /// values beside old ones; where values must change together, keep them in one structured
    /// secret, or import into an environment that nobody uses yet.
    ///
    /// A failure is [`ImportInterrupted`](Error::ImportInterrupted), which says how far it came. After
    /// a crash [`plan_import`](Self::plan_import) of the same bundle says what is left: an
    /// import is over when that creates and changes nothing. Importing once more writes just that, and
    /// nothing twice. It also takes back what others changed since, as every import does.
    ///
    /// # Errors
    /// As [`plan_import`](Self::plan_import), and
    /// [`ImportInterrupted`](Error::ImportInterrupted).
    ///
    /// # Cancel safety
    /// A dropped import wrote some of the secrets; import again to go on.
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
        // What is written is the layer that the client stands in, so that is compared.
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
