//! The credentials that the scripted store gives out.

use keyway_core::Timestamp;
use keyway_credentials::{
    CertificateCredential, Certificates, LaunchInformation, Password, Passwords, PrivateKey, PrivateKeys,
    RemoteAppCredentials, TotpCode, TotpCodes,
};

use super::vault::CheckedOut;

/// Makes the password of an account. Every check-in that rotates the password changes it.
pub(super) fn passwords(account: &str, given: &CheckedOut) -> Passwords {
    Passwords::new(Password::new(format!("password {} of {account}", given.version)))
}

fn key(pem: &str, passphrase: Option<&str>) -> PrivateKey {
    let passphrase = passphrase.map(Into::into);
    PrivateKey::new(pem, passphrase).expect("the kit's own keys can be read")
}

fn plain_key() -> PrivateKey {
    key(include_str!("keys/ed25519.pem"), None)
}

/// Makes two keys; the second is encrypted with a passphrase.
pub(super) fn private_keys(_: &str, _: &CheckedOut) -> PrivateKeys {
    let encrypted = include_str!("keys/ed25519_encrypted.pem");
    PrivateKeys::new(plain_key()).or(key(encrypted, Some("correct horse")))
}

pub(super) fn certificates(_: &str, _: &CheckedOut) -> Certificates {
    Certificates::new(CertificateCredential::new(include_str!("keys/certificate.pub"), plain_key()))
}

/// Makes the one-time code of the fetch's period. No target accepts it.
pub(super) fn totp_codes(_: &str, given: &CheckedOut) -> TotpCodes {
    let period = given.period.unwrap_or_default();
    let begin = TotpCode::USUAL_PERIOD * u32::try_from(period).unwrap_or(u32::MAX);
    let code = format!("{:06}", period.wrapping_mul(7_919) % 1_000_000);
    TotpCodes::new(TotpCode::new(code, Timestamp::from_milliseconds(0).plus(begin)))
}

pub(super) fn remote_app(account: &str, given: &CheckedOut) -> RemoteAppCredentials {
    let launch = LaunchInformation::new("--cmd prog").with_host_app("launcher");
    RemoteAppCredentials::new(passwords(account, given)).with_launch(launch)
}
