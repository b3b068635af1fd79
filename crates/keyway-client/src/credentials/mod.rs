//! Credentials for a service: the source of each field, and checks that do not need the service.

mod checks;
mod error;
mod ini;
mod source;

use std::fmt;
use std::path::{Path, PathBuf};

use keyway_core::SecretText;

pub use checks::is_access_key_id;
pub use error::CredentialsError;
pub use source::CredentialsSource;

/// The service's address by default (Locker seed, "Configuration access key").
pub const DEFAULT_API_BASE: &str = "https://api.locker.io/locker_secrets";

/// Credentials for a service, and its address.
///
/// See decision L7.
///
/// Both keys are secret: the service accepts the access key ID alone as proof of identity.
///
/// ```
/// use keyway_client::Credentials;
///
/// let environment = |name: &str| match name {
///     "LOCKER_ACCESS_KEY_ID" => Some("0f8fad5b-d9cb-469f-a165-70867728950e".to_owned()),
///     "SECRET_ACCESS_KEY" => Some("QUI=".to_owned()),
///     _ => None,
/// };
/// let credentials = Credentials::source().environment(environment).resolve()?.checked()?;
/// assert_eq!(credentials.api_base(), keyway_client::DEFAULT_API_BASE);
/// # Ok::<(), keyway_client::CredentialsError>(())
/// ```
#[derive(Clone)]
pub struct Credentials {
    access_key_id: SecretText,
    secret_access_key: SecretText,
    api_base: String,
    program: Option<PathBuf>,
}

impl Credentials {
    /// Starts to choose the sources of credentials.
    pub fn source<'a>() -> CredentialsSource<'a> {
        CredentialsSource::new()
    }

    /// Reads and checks credentials from the environment of this process, else from `~/.locker/credentials`, field by
    /// field.
    ///
    /// It blocks to read one small file if a field is missing in the environment.
    ///
    /// # Errors
    /// As [`CredentialsSource::resolve`] and [`checked`](Self::checked).
    pub fn from_process_environment() -> Result<Self, CredentialsError> {
        Self::source().process_environment().home_file().resolve()?.checked()
    }

    /// Returns the access key ID.
    pub fn access_key_id(&self) -> &SecretText {
        &self.access_key_id
    }

    /// Returns the secret access key: canonical base64, if it was [`checked`](Self::checked).
    pub fn secret_access_key(&self) -> &SecretText {
        &self.secret_access_key
    }

    /// Returns the service's address, without a trailing `/`.
    pub fn api_base(&self) -> &str {
        &self.api_base
    }

    /// Returns the program that talks to the service, if one is named.
    pub fn program(&self) -> Option<&Path> {
        self.program.as_deref()
    }

    /// Checks both keys without the service, after trimming white space around them. The ID is
    /// checked first.
    ///
    /// # Errors
    /// [`InvalidAccessKeyId`](CredentialsError::InvalidAccessKeyId) unless it is a UUID of
    /// version 4 with hyphens,
    /// [`MalformedSecretAccessKey`](CredentialsError::MalformedSecretAccessKey) unless it is
    /// canonical base64 and not empty.
    pub fn checked(mut self) -> Result<Self, CredentialsError> {
        self.access_key_id = checks::access_key_id(&self.access_key_id)?;
        self.secret_access_key = checks::secret_access_key(&self.secret_access_key)?;
        Ok(self)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("secret_access_key", &self.secret_access_key)
            .field("api_base", &self.api_base)
            .field("program", &self.program)
            .finish()
    }
}
