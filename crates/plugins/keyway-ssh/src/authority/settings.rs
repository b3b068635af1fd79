//! Reads and checks the settings of a service of `ssh-ca`.

use std::net::IpAddr;

use keyway_issuers::{Configuration, Description, IssuerError, ParameterDescriptor, UserInfo, Violations};

use super::key::CertificateAuthorityKey;
use super::list_file::ListFile;
use super::principals::Principals;
use crate::key::{KeyTypes, PUBLIC_KEY};
use crate::setting;
use crate::state::StatePrefix;

const KEY_FILE: &str = "ca_key_file";
const KRL_FILE: &str = "krl_file";
const TRUSTED_ISSUER: &str = "trusted_issuer";
const VALID_MINUTES: &str = "valid_minutes";
const EXTENSIONS: &str = "extensions";
const FORCE_COMMAND: &str = "force_command";
const SOURCE_ADDRESS: &str = "source_address";
const HOST: &str = "host";

/// The longest validity of a certificate, in minutes.
pub(super) const LONGEST_MINUTES: u64 = 366 * 24 * 60;

/// The longest restriction, in bytes. An answer under WaTTS has at most 65,500 bytes, which is enough for a certificate
/// with two such restrictions.
const LONGEST_OPTION: usize = 16 * 1024;

/// The extensions that `sshd` knows. It would silently ignore others.
const KNOWN_EXTENSIONS: &[&str] = &[
    "no-touch-required",
    "permit-X11-forwarding",
    "permit-agent-forwarding",
    "permit-port-forwarding",
    "permit-pty",
    "permit-user-rc",
];

pub(super) fn describe(version: &str) -> Result<Description, Violations> {
    Description::builder(version)
        .text(KEY_FILE, "")
        .text(KRL_FILE, "")
        .text(StatePrefix::SETTING, StatePrefix::DEFAULT)
        .text(Principals::SETTING, "")
        .text(TRUSTED_ISSUER, "")
        .text(VALID_MINUTES, "60")
        .text(EXTENSIONS, "permit-pty")
        .text(FORCE_COMMAND, "")
        .text(SOURCE_ADDRESS, "")
        .text(KeyTypes::SETTING, KeyTypes::DEFAULT)
        .text(HOST, "")
        .set([ParameterDescriptor::mandatory(
            PUBLIC_KEY,
            "public key",
            "The public key to certify, one line in OpenSSH's format",
        )])
        .set([])
        .build()
}

/// The settings that a revocation needs: the revocation list, and the prefix by which the service recognizes its states
/// (references to certificates).
#[derive(Debug)]
pub(super) struct RevocationSettings {
    pub(super) list: ListFile,
    pub(super) prefix: StatePrefix,
}

impl RevocationSettings {
    pub(super) fn read(configuration: &Configuration) -> Result<Self, IssuerError> {
        let list = ListFile::new(setting::file(configuration, KRL_FILE)?);
        Ok(Self { list, prefix: StatePrefix::read(configuration)? })
    }
}

/// The settings that only a request needs.
#[derive(Debug)]
pub(super) struct Settings<'a> {
    principals: Principals,
    trusted_issuer: &'a str,
    pub(super) valid_seconds: u64,
    pub(super) extensions: Vec<&'a str>,
    /// The critical options: pairs of name and value, with the names of `sshd`.
    pub(super) critical_options: Vec<(&'static str, &'a str)>,
    pub(super) key_types: KeyTypes,
    pub(super) host: &'a str,
}

impl<'a> Settings<'a> {
    pub(super) fn read(configuration: &'a Configuration) -> Result<Self, IssuerError> {
        let principals = Principals::read(setting::text(configuration, Principals::SETTING))?;
        let trusted_issuer = setting::text(configuration, TRUSTED_ISSUER);
        if principals.name_claims() && trusted_issuer.is_empty() {
            return Err(setting::invalid(
                TRUSTED_ISSUER,
                "name the issuer (`iss`) of the logins whose claims `principals` uses: another one gives the \
                 same names to other people",
            ));
        }
        let options = [("force-command", FORCE_COMMAND), ("source-address", SOURCE_ADDRESS)];
        let mut critical_options = Vec::new();
        for (name, setting) in options {
            let value = setting::line(configuration, setting, LONGEST_OPTION)?;
            if setting == SOURCE_ADDRESS && !value.split(',').all(is_network) && !value.is_empty() {
                return Err(setting::invalid(
                    setting,
                    "use addresses or networks such as `10.0.0.0/8,2001:db8::/32`, separated by commas; behind \
                     the bits of a network all are zero",
                ));
            }
            if !value.is_empty() {
                critical_options.push((name, value));
            }
        }
        Ok(Self {
            principals,
            trusted_issuer,
            valid_seconds: valid_seconds(setting::text(configuration, VALID_MINUTES))?,
            extensions: extensions(setting::text(configuration, EXTENSIONS))?,
            critical_options,
            key_types: KeyTypes::read(configuration)?,
            host: setting::shown(configuration, HOST)?,
        })
    }

    /// Returns the accounts that a user may log in to.
    pub(super) fn principals_of(&self, user: &UserInfo) -> Result<Vec<String>, IssuerError> {
        if !self.trusted_issuer.is_empty() && user.issuer() != self.trusted_issuer {
            return Err(IssuerError::refused(
                "Please log in with another provider for this service.",
                "the login of this user is not from the configured `trusted_issuer`",
            ));
        }
        self.principals.of(user)
    }
}

/// Returns the signing key: from the configured file, or the one that the host passed as a resource. Blocks.
pub(super) fn authority_key(
    configuration: &Configuration,
    lent: Option<&CertificateAuthorityKey>,
) -> Result<CertificateAuthorityKey, IssuerError> {
    match (setting::text(configuration, KEY_FILE), lent) {
        ("", Some(lent)) => Ok(lent.clone()),
        ("", None) => Err(setting::invalid(
            KEY_FILE,
            "give the absolute path of the private key, or have the host lend a `CertificateAuthorityKey`",
        )),
        _ => CertificateAuthorityKey::read(&setting::file(configuration, KEY_FILE)?),
    }
}

fn valid_seconds(minutes: &str) -> Result<u64, IssuerError> {
    match minutes.parse::<u64>() {
        Ok(minutes) if (1..=LONGEST_MINUTES).contains(&minutes) => Ok(minutes * 60),
        _ => {
            let reason = format_args!("use a whole number from 1 to {LONGEST_MINUTES}");
            Err(setting::invalid(VALID_MINUTES, reason))
        }
    }
}

fn extensions(text: &str) -> Result<Vec<&str>, IssuerError> {
    let mut names: Vec<&str> = text.split_whitespace().collect();
    names.sort_unstable();
    names.dedup();
    if names.iter().any(|name| !KNOWN_EXTENSIONS.contains(name)) {
        return Err(setting::invalid(
            EXTENSIONS,
            format_args!("use some of `{}`", KNOWN_EXTENSIONS.join(" ")),
        ));
    }
    Ok(names)
}

/// Tells whether a text is an address, or a network in CIDR form with zeros in the host part. If `sshd` cannot read the
/// list of addresses in a certificate, it refuses every login with the certificate.
fn is_network(text: &str) -> bool {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let Some(bits) = bits else { return true };
    // `parse` would accept a sign.
    if !bits.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let Ok(bits) = bits.parse::<u32>() else { return false };
    match address {
        IpAddr::V4(address) => bits <= 32 && address.to_bits().checked_shl(bits).unwrap_or(0) == 0,
        IpAddr::V6(address) => bits <= 128 && address.to_bits().checked_shl(bits).unwrap_or(0) == 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_addresses_with_a_prefix_length() {
        for text in [
            "10.0.0.0/8",
            "127.0.0.1",
            "2001:db8::/32",
            "::1/128",
            "10.0.0.1/32",
            "0.0.0.0/0",
            "::/0",
            "10.4.0.0/14",
        ] {
            assert!(is_network(text), "{text:?}");
        }
        // The host part must be zero, and the prefix length must be digits.
        for text in ["10.0.0.1/8", "10.6.0.0/14", "2001:db8::1/32", "1.0.0.0/0", "10.0.0.0/+8"] {
            assert!(!is_network(text), "{text:?}");
        }
        for text in
            ["", "10.0.0.0/33", "10.0.0/8", "::/129", "host", "10.0.0.0/", "10.0.0.0/8/8", " 10.0.0.1", "*"]
        {
            assert!(!is_network(text), "{text:?}");
        }
    }

    #[test]
    fn times_are_minutes_of_at_most_a_year() {
        assert_eq!(valid_seconds("60").unwrap(), 3600);
        assert_eq!(valid_seconds("527040").unwrap(), 527_040 * 60);
        for text in ["", "0", "-1", "1.5", "527041", "1h", "18446744073709551616"] {
            assert!(valid_seconds(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn extensions_are_known_ones() {
        assert_eq!(
            extensions("permit-pty  no-touch-required permit-pty").unwrap(),
            ["no-touch-required", "permit-pty"]
        );
        assert!(extensions("").unwrap().is_empty());
        assert!(extensions("permit-everything").is_err());
    }
}
