//! Reads secrets, and applies the one rule that chooses a layer.

use keyway_core::CallError;
use std::collections::HashSet;

use keyway_core::SecretText;
use keyway_secrets::{
    EnvironmentFilter, ListQuery, ListedSecret, Secret, SecretAddress, SecretName, StoreError,
};

use super::Secrets;
use crate::audit::Call;
use crate::secret::{layer_of, text_of};
use crate::{Error, Layer, ListedName, Operation, ResolvedSecret};

/// The number of secrets per page. A store may give fewer.
const PAGE: usize = 1000;

impl Secrets {
    /// Returns the text of a secret, or `None` if it does not exist (Locker seed, "Get a secret
    /// value").
    ///
    /// ```
    /// # use keyway_client::{Error, Secrets};
    /// # async fn get(secrets: Secrets) -> Result<(), Error> {
    ///
    /// if let Some(password) = secrets.in_environment("staging").get("DATABASE_PASSWORD").await? {
    ///     log_in(password.expose());
    /// }
    /// # fn log_in(_: &str) {}
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NotText`](Error::NotText) for a value that is not a text; [`retrieve`](Self::retrieve) reads values of any
    /// kind. [`EnvironmentNotFound`](Error::EnvironmentNotFound), and the store's errors: every failure but a missing
    /// secret is an error (decisions L2, L5).
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn get(&self, key: &str) -> Result<Option<SecretText>, Error> {
        unless_missing(self.get_required(key).await)
    }

    /// Returns the text of a secret, or `default` if it does not exist.
    ///
    /// An empty text is a text (decision L5).
    ///
    /// # Errors
    /// As [`get`](Self::get): the default replaces a missing secret only, never a missing
    /// environment or a store that cannot be read.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn get_or(
        &self,
        key: &str,
        default: impl Into<SecretText> + Send,
    ) -> Result<SecretText, Error> {
        let found = self.get(key).await?;
        Ok(found.unwrap_or_else(|| default.into()))
    }

    /// Returns the text of a required secret.
    ///
    /// # Errors
    /// [`SecretNotFound`](Error::SecretNotFound) if the secret does not exist, and the errors of [`get`](Self::get).
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn get_required(&self, key: &str) -> Result<SecretText, Error> {
        self.resolve(Operation::Get, key, text_of).await
    }

    /// Returns a secret with its header and the layer in which it was found, or `None` if it does not exist.
    ///
    /// # Errors
    /// As [`retrieve`](Self::retrieve), except for a missing secret.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn find(&self, key: &str) -> Result<Option<ResolvedSecret>, Error> {
        unless_missing(self.retrieve(key).await)
    }

    /// Returns a secret with its header and the layer in which it was found (Locker seed, "Retrieve a secret"). The
    /// value may be of any kind.
    ///
    /// # Errors
    /// [`SecretNotFound`](Error::SecretNotFound),
    /// [`EnvironmentNotFound`](Error::EnvironmentNotFound), and the store's errors.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn retrieve(&self, key: &str) -> Result<ResolvedSecret, Error> {
        self.resolve(Operation::Retrieve, key, |secret| Ok(ResolvedSecret::new(secret))).await
    }

    /// Returns all secrets of the client's layer with their values, in bulk reads (Locker seed, "List secrets").
    ///
    /// The list agrees with [`retrieve`](Self::retrieve) under the same policy: with
    /// [`SharedFallback`](crate::Resolution::SharedFallback) it includes the shared secrets that the environment does
    /// not have. The environment's secrets come first, and each layer is in the order of the store. Concurrent writes
    /// may or may not be seen (decision L3).
    ///
    /// # Errors
    /// [`EnvironmentNotFound`](Error::EnvironmentNotFound), and the store's errors.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn list(&self) -> Result<Vec<ResolvedSecret>, Error> {
        let call = Call::new(self, Operation::List, None, self.environment());
        call.end(self.secrets_here().await)
    }

    /// Returns all secrets of the store with their values: those of every environment and the shared ones.
    ///
    /// Each secret names its environment. The client's layer does not matter. The method corresponds to Locker's
    /// `list()`.
    ///
    /// # Errors
    /// The store's errors.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn list_all(&self) -> Result<Vec<ResolvedSecret>, Error> {
        let call = Call::new(self, Operation::List, None, None);
        let mut all = Vec::new();
        let read = self.read(EnvironmentFilter::All, true, |listed| {
            all.push(with_value(listed)?);
            Ok(())
        });
        let read = read.await;
        call.end(read.map(|()| all))
    }

    /// Returns the keys of the client's layer.
    ///
    /// It reads no value, and agrees with [`list`](Self::list).
    ///
    /// # Errors
    /// As [`list`](Self::list).
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn list_names(&self) -> Result<Vec<ListedName>, Error> {
        let call = Call::new(self, Operation::ListNames, None, self.environment());
        call.end(self.names_here().await)
    }

    /// Reads a secret from the client's layer, then from the shared layer if the policy allows it. It makes at most two
    /// reads.
    ///
    /// `take` is applied here, because a whole secret is large and slow to move. The rare cases have futures of their
    /// own, so that this future stays small.
    async fn resolve<T>(
        &self,
        operation: Operation,
        key: &str,
        take: fn(Secret) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let call = Call::new(self, operation, Some(key), self.environment());
        // A read also accepts names under which no secret may be created, because a list may have returned them.
        let address = match self.address(SecretName::of_existing(key)) {
            Ok(address) => address,
            Err(error) => return call.end(Err(error)),
        };
        match self.store().get(&address).await {
            Ok(secret) => {
                let layer = layer_of(&secret.header);
                return call.end_in(layer, take(secret));
            }
            Err(error) => {
                let error = Error::from(error);
                if !(self.falls_back() && error.is_secret_not_found()) {
                    return call.end(Err(error));
                }
            }
        }
        match Box::pin(self.shared_secret(address)).await {
            Ok(secret) => call.end_in(Layer::Shared, take(secret)),
            Err(error) => call.end(Err(error)),
        }
    }

    /// Reads the shared secret with the key that was missing at `address`.
    async fn shared_secret(&self, address: SecretAddress) -> Result<Secret, Error> {
        let SecretAddress { environment, name } = address;
        let shared = SecretAddress::shared(name);
        let found = self.store().get(&shared).await.map_err(Error::from);
        unless_missing(found)?.ok_or(Error::SecretNotFound {
            key: shared.name,
            environment,
            shared_too: true,
        })
    }

    pub(super) async fn secrets_here(&self) -> Result<Vec<ResolvedSecret>, Error> {
        self.listed_here(true, with_value, |secret| &secret.header.address.name).await
    }

    async fn names_here(&self) -> Result<Vec<ListedName>, Error> {
        let name = |listed: ListedSecret| {
            Ok(ListedName { layer: layer_of(&listed.header), name: listed.header.address.name })
        };
        self.listed_here(false, name, |listed| &listed.name).await
    }

    /// Applies the rule of [`resolve`](Self::resolve) to all secrets at once. It returns the secrets of the client's
    /// layer and, if the policy allows it, the shared secrets whose keys this layer does not have.
    async fn listed_here<T: Send>(
        &self,
        with_values: bool,
        take: fn(ListedSecret) -> Result<T, Error>,
        name_of: fn(&T) -> &SecretName,
    ) -> Result<Vec<T>, Error> {
        let mut found = Vec::new();
        self.read(self.layer()?, with_values, |listed| {
            found.push(take(listed)?);
            Ok(())
        })
        .await?;
        if self.falls_back() {
            let hidden: HashSet<_> = found.iter().map(|own| name_of(own).clone()).collect();
            self.read(EnvironmentFilter::Shared, with_values, |listed| {
                if !hidden.contains(&listed.header.address.name) {
                    found.push(take(listed)?);
                }
                Ok(())
            })
            .await?;
        }
        Ok(found)
    }

    /// Reads a layer page by page.
    async fn read(
        &self,
        layer: EnvironmentFilter,
        with_values: bool,
        mut take: impl FnMut(ListedSecret) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        let mut query = ListQuery::all().of(layer).limit(PAGE);
        query.with_values = with_values;
        loop {
            let page = self.store().list(&query).await?;
            page.secrets.into_iter().try_for_each(&mut take)?;
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(()),
            }
        }
    }
}

/// Converts a listed secret that must have its value.
fn with_value(listed: ListedSecret) -> Result<ResolvedSecret, Error> {
    let ListedSecret { header, value } = listed;
    match value {
        Some(value) => Ok(ResolvedSecret::new(Secret { header, value })),
        None => Err(Error::Store(StoreError::from(CallError::violation(
            "list",
            "it was asked for values, and left one out",
        )))),
    }
}

/// Turns the error of a missing secret, and no other, into `None`.
pub(super) fn unless_missing<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_secret_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
