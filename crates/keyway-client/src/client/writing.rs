//! The methods that write secrets.
//!
//! No write falls through to another layer (decision L4).

use keyway_secrets::{NewSecret, NewValue, SecretHeader, SecretName, SecretRevision};

use super::Secrets;
use crate::audit::Call;
use crate::{Change, Draft, Error, Operation};

impl Secrets {
    /// Adds a secret to the client's layer, and returns its header (Locker seed, "Create new
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
    /// A conflict if the secret exists already, [`EnvironmentNotFound`](Error::EnvironmentNotFound),
    /// [`InvalidName`](Error::InvalidName), and the store's errors.
    ///
    /// # Cancel safety
    /// A call that was polled and then dropped may have taken effect.
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

    /// Changes a secret of the client's layer only, and returns the new header (Locker seed,
    /// "Update a secret").
    ///
    /// Under either policy, a secret that exists only in the shared layer is
    /// [`SecretNotFound`](Error::SecretNotFound) in an environment (decision L4).
    ///
    /// # Errors
    /// [`SecretNotFound`](Error::SecretNotFound),
    /// [`EnvironmentNotFound`](Error::EnvironmentNotFound), a conflict when the secret changed
    /// since it was read, and the store's errors.
    ///
    /// # Cancel safety
    /// A call that was polled and then dropped may have taken effect.
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

    /// Deletes a secret of the client's layer only.
    ///
    /// See decision L4.
    ///
    /// # Errors
    /// [`SecretNotFound`](Error::SecretNotFound),
    /// [`EnvironmentNotFound`](Error::EnvironmentNotFound), and the store's errors.
    ///
    /// # Cancel safety
    /// A call that was polled and then dropped may have taken effect.
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        self.delete_expecting(key, None).await
    }

    /// Deletes a secret if it is unchanged since it was read.
    ///
    /// # Errors
    /// As [`delete`](Self::delete), and a conflict if the secret was changed, or deleted and created again.
    /// [`Unsupported`](keyway_secrets::StoreError::Unsupported) from a store that keeps no versions.
    ///
    /// # Cancel safety
    /// A call that was polled and then dropped may have taken effect.
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
