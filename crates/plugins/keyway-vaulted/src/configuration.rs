//! The configuration of a credential store.

use std::time::Duration;

use keyway_core::Json;
use keyway_credentials::CredentialError;
use keyway_issuers::ServiceName;
use keyway_passwords::{Alphabet, PasswordRule};
use keyway_secrets::StoreName;
use serde::Deserialize;

use crate::machine::Terms;
use crate::new_credential::KeyKind;

/// The configuration of the plugin. Only `store` is required.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schemars", derive(keyway_core::configuration::schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(crate = "keyway_core::configuration::schemars"))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct VaultedConfiguration {
    /// The name of the secret store, which the host opens. Its environments are the assets, and its names the accounts.
    /// The store may be made after the host has started.
    pub store: String,
    /// Whether an account is leased to one session at a time. If not, sessions only read, and the secret store is never
    /// written to. True by default.
    #[serde(default = "yes")]
    pub exclusive: bool,
    /// The duration of a lease, in minutes. 60 by default.
    #[serde(default = "hour")]
    pub lease_minutes: u32,
    /// The longest duration of a lease with all its renewals, in minutes. 1440, a day, by default.
    #[serde(default = "day")]
    pub most_lease_minutes: u32,
    /// The rules for changing credentials at their target when they are checked in. Without this entry, credentials
    /// stay the same.
    pub rotation: Option<RotationConfiguration>,
    /// The service that makes short-lived certificates. Without this entry there are no certificates.
    pub certificates: Option<CertificateConfiguration>,
}

/// The credentials that a rotation makes. Every entry has a default, so `"rotation": {}` is enough.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schemars", derive(keyway_core::configuration::schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(crate = "keyway_core::configuration::schemars"))]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RotationConfiguration {
    /// The length of a password, from 8 to 1024. 32 by default.
    pub password_length: u32,
    /// The alphabet of a password, by its name in keyway-passwords. `printable` by default.
    pub password_alphabet: String,
    /// The type of a new private key. A key with a passphrase is replaced by a key with a new passphrase.
    pub key: KeyKind,
}

/// The service that makes short-lived certificates.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schemars", derive(keyway_core::configuration::schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(crate = "keyway_core::configuration::schemars"))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CertificateConfiguration {
    /// The name of the host's service, such as one of the plugin `ssh-ca`.
    pub service: String,
    /// The issuer of the user for whom the certificate is requested. The user's subject is `account@asset`, and its
    /// claim `preferred_username` is the account.
    pub issuer: String,
}

const fn yes() -> bool {
    true
}

const fn hour() -> u32 {
    60
}

const fn day() -> u32 {
    24 * 60
}

impl Default for RotationConfiguration {
    fn default() -> Self {
        Self { password_length: 32, password_alphabet: "printable".to_owned(), key: KeyKind::default() }
    }
}

/// A configuration that was checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) store: StoreName,
    pub(crate) exclusive: bool,
    pub(crate) terms: Terms,
    pub(crate) rotation: Option<NewCredentials>,
    pub(crate) certificates: Option<CertificateService>,
}

/// The rules for credentials that a rotation makes.
#[derive(Clone, Debug)]
pub(crate) struct NewCredentials {
    pub(crate) password: PasswordRule,
    pub(crate) key: KeyKind,
}

/// The service that makes certificates.
#[derive(Clone, Debug)]
pub(crate) struct CertificateService {
    pub(crate) service: ServiceName,
    pub(crate) issuer: String,
}

impl Settings {
    /// Reads and checks a configuration.
    pub(crate) fn read(configuration: &Json) -> Result<Self, CredentialError> {
        let read: VaultedConfiguration =
            keyway_core::read_configuration(configuration).map_err(|error| invalid(error.to_string()))?;
        let minutes = |minutes: u32| Duration::from_secs(u64::from(minutes) * 60);
        let (lease, longest) = (minutes(read.lease_minutes), minutes(read.most_lease_minutes));
        if lease.is_zero() || longest < lease {
            return Err(invalid("`lease_minutes` must be 1 or more, and at most `most_lease_minutes`"));
        }
        if !read.exclusive && (read.rotation.is_some() || read.certificates.is_some()) {
            return Err(invalid("`rotation` and `certificates` need `exclusive`: only a lease has an end"));
        }
        Ok(Self {
            store: StoreName::new(read.store).map_err(|error| invalid(format!("`store`: {error}")))?,
            exclusive: read.exclusive,
            terms: Terms { lease, longest, rotates: read.rotation.is_some() },
            rotation: read.rotation.as_ref().map(NewCredentials::read).transpose()?,
            certificates: read.certificates.map(CertificateService::read).transpose()?,
        })
    }
}

impl NewCredentials {
    fn read(read: &RotationConfiguration) -> Result<Self, CredentialError> {
        let alphabet: Alphabet = read
            .password_alphabet
            .parse()
            .map_err(|error| invalid(format!("`rotation.password_alphabet`: {error}")))?;
        let password = PasswordRule::new(read.password_length, alphabet)
            .map_err(|error| invalid(format!("`rotation.password_length`: {error}")))?;
        Ok(Self { password, key: read.key })
    }
}

impl CertificateService {
    fn read(read: CertificateConfiguration) -> Result<Self, CredentialError> {
        let service = ServiceName::new(read.service)
            .map_err(|error| invalid(format!("`certificates.service`: {error}")))?;
        if read.issuer.is_empty() {
            return Err(invalid("`certificates.issuer` must not be empty"));
        }
        Ok(Self { service, issuer: read.issuer })
    }
}

fn invalid(reason: impl Into<String>) -> CredentialError {
    CredentialError::invalid("the configuration of the plugin", reason)
}
