//! Makes the request of an order from a key in a secret store of the host.

use keyway_core::{Effect, ErrorKind, PluginError, SecretValue};
use keyway_secrets::{HostStores, SecretAddress, SecretName, SecretStore, StoreError};
use keyway_x509::{CertificateRequest, NewRequestError, PrivateKey, PrivateKeyError};

use super::validation::StoredKey;

/// The error for a stored key that cannot be used for a request. It contains no part of the key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoredKeyError {
    /// The store or the secret cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The secret is not a text.
    #[error("it is not a text: store the key as PEM")]
    NoText,
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] PrivateKeyError),
    /// The request cannot be made.
    #[error(transparent)]
    Request(#[from] NewRequestError),
    /// The task that decrypts the key ended without a result.
    #[error("the host is stopping: try again after its restart")]
    Ended,
}

impl PluginError for StoredKeyError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(error) => error.kind(),
            Self::NoText => ErrorKind::Invalid,
            Self::Key(error) => error.kind(),
            Self::Request(error) => error.kind(),
            Self::Ended => ErrorKind::Unavailable { retry_after: None },
        }
    }

    fn effect(&self) -> Effect {
        Effect::None
    }

    fn detail(&self) -> String {
        match self {
            Self::Store(error) => error.detail(),
            other => other.to_string(),
        }
    }
}

/// Makes the request of an order. The order keeps this request from then on (decision B12).
///
/// If the container is named `NAME`, its key is the secret `NAME.private_key` or, if that secret does not exist, the
/// secret `NAME`. The passphrase of an encrypted key is the secret `NAME.private_key_passphrase`.
pub(super) async fn make_request(
    stores: &dyn HostStores,
    key: &StoredKey,
) -> Result<CertificateRequest, StoredKeyError> {
    let store = stores.open(key.container.store()).await?;
    let container = key.container.address();
    let of = |part: &str| {
        let name = SecretName::new(format!("{}.{part}", container.name))
            .map_err(|error| StoreError::invalid("the name of a container", error.to_string()))?;
        Ok::<_, StoreError>(SecretAddress { name, environment: container.environment.clone() })
    };
    let private_key = match read(store.as_ref(), &of("private_key")?).await? {
        Some(found) => found,
        None => store.get(container).await?.value,
    };
    let passphrase = read(store.as_ref(), &of("private_key_passphrase")?).await?;
    let (subject, names) = (key.subject.clone(), key.names.clone());
    // Decryption may take a second, so it runs on a blocking thread.
    let made = tokio::task::spawn_blocking(move || {
        let passphrase = passphrase.as_ref().map(text).transpose()?;
        let key = PrivateKey::from_pem(text(&private_key)?, passphrase.map(str::as_bytes))?;
        Ok(CertificateRequest::sign(&key, &subject, &names)?)
    });
    made.await.unwrap_or(Err(StoredKeyError::Ended))
}

async fn read(store: &dyn SecretStore, at: &SecretAddress) -> Result<Option<SecretValue>, StoreError> {
    match store.get(at).await {
        Ok(secret) => Ok(Some(secret.value)),
        Err(StoreError::SecretNotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn text(value: &SecretValue) -> Result<&str, StoredKeyError> {
    value.expose_text().ok_or(StoredKeyError::NoText)
}
