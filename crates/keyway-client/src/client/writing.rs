//! Writes of secrets. None falls through to another layer (decision L4).

use keyway_secrets::{NewSecret, NewValue, SecretHeader, SecretName, SecretRevision};

use super::Secrets;
use crate::audit::Call;
use crate::{Change, Draft, Error, Operation};

impl Secrets {
    /// Adds a secret where the client stands; answers its header (Locker seed, "Create new
    /// secret").
    ///
    /// ```
    /// # use keyway_client::{Error, Secrets};
    /// # async fn create(secrets: Secrets) -> Result<(), Error> {
    /// secrets.in_environment("staging").create("API_KEY", "my key").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A conflict when it exists already, [`EnvironmentNotFound`](Error::EnvironmentNotFound),
    /// [`InvalidName`](Error::InvalidName), and what the store answers.
    ///
    /// # Cancel safety
    /// Once polled, whether a dropped call took effect is not known.
    pub async fn create(&self, key: &str, draft: impl Into<Draft> + Send) -> Result<SecretHeader, Error> {
        let Draft { value, description } = draft.into();
        let call = Call::new(self, Operation::Create, Some(key), self.environment());
        let header = async {
            let address = self.address(SecretName::new(key)?)?;
            let mut secret = match value {
                NewValue::Given(value) => NewSecret::new(address, value),
                NewValue::Generated(recipe) => NewSecret::generated(address, recipe),
            };
            secret.description = description;
            Ok(self.store().create(secret).await?)
        };
        let header = header.await;
        call.end(header)
    }

    /// Changes a secret of the layer that the client stands in, and no other: under either
    /// policy, a secret that only the shared layer has is
    /// [`SecretNotFound`](Error::SecretNotFound) in an environment (Locker seed, "Update a
    /// secret"; decision L4). Answers the new header.
    ///
    /// # Errors
    /// [`SecretNotFound`](Error::SecretNotFound),
    /// [`EnvironmentNotFound`](Error::EnvironmentNotFound), a conflict when the secret is not
    /// the one that was read any more, and what the store answers.
    ///
    /// # Cancel safety
    /// Once polled, whether a dropped call took effect is not known.
    pub async fn modify(&self, key: &str, change: impl Into<Change> + Send) -> Result<SecretHeader, Error> {
        let Change(change) = change.into();
        let call = Call::new(self, Operation::Modify, Some(key), self.environment());
        let header = async {
            let address = self.address(SecretName::of_existing(key))?;
            Ok(self.store().modify(&address, change).await?)
        };
        let header = header.await;
        call.end(header)
    }

    /// Deletes a secret of the layer that the client stands in, and no other (decision L4).
    ///
    /// # Errors
    /// [`SecretNotFound`](Error::SecretNotFound),
    /// [`EnvironmentNotFound`](Error::EnvironmentNotFound), and what the store answers.
    ///
    /// # Cancel safety
    /// Once polled, whether a dropped call took effect is not known.
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        self.delete_expecting(key, None).await
    }

    /// Deletes a secret if it still is the one that was read, in the version that was read.
    ///
    /// # Errors
    /// As [`delete`](Self::delete), and a conflict when it was changed, or deleted and created
    /// anew. [`Unsupported`](keyway_secrets::StoreError::Unsupported) from a store that keeps no
    /// versions.
    ///
    /// # Cancel safety
    /// Once polled, whether a dropped call took effect is not known.
    pub async fn delete_if_unchanged(&self, key: &str, read: &SecretHeader) -> Result<(), Error> {
        self.delete_expecting(key, Some(read.revision())).await
    }

    async fn delete_expecting(&self, key: &str, expected: Option<SecretRevision>) -> Result<(), Error> {
        let call = Call::new(self, Operation::Delete, Some(key), self.environment());
        let deleted = async {
            let address = self.address(SecretName::of_existing(key))?;
            Ok(self.store().destroy(&address, expected).await?)
        };
        let deleted = deleted.await;
        call.end(deleted)
    }
}
