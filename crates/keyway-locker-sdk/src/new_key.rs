//! Makes access keys.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_core::{SecretText, Wiped};
use keyway_secrets::StoreName;

use crate::access::secret_sha256;

/// Makes a random access key, and writes it with the lines for the configuration.
///
/// # Errors
/// The system has no random bytes, or `out` cannot be written.
pub(crate) fn write_new_key(store: &StoreName, out: &mut impl Write) -> io::Result<()> {
    let id = uuid(keyway_seal::random_bytes()?);
    let secret = Wiped::new(keyway_seal::random_bytes::<32>()?.to_vec());
    let secret = SecretText::from(Wiped::new(STANDARD.encode(&*secret)));
    writeln!(out, "For the application:\n\nACCESS_KEY_ID={id}\nSECRET_ACCESS_KEY={}\n", secret.expose())?;
    writeln!(out, "For locker-sdk.toml:\n\n[[access]]\nid = \"{id}\"")?;
    writeln!(out, "secret_sha256 = \"{}\"\nstore = \"{store}\"", secret_sha256(&secret))
}

/// Makes a UUID of version 4 from random bytes.
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = format!("{:032x}", u128::from_be_bytes(bytes));
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::Configuration;

    #[test]
    fn the_lines_are_a_configuration_that_the_key_opens() {
        let mut out = Vec::new();
        write_new_key(&StoreName::new("web").unwrap(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let (application, configuration) = text.split_once("For locker-sdk.toml:").unwrap();
        let store = "[stores.web]\nplugin = 'generic'\nkeys = '/k'\n";
        let configuration =
            Configuration::parse(&format!("{store}{configuration}"), Path::new("c.toml")).unwrap();
        let secret = application.split("SECRET_ACCESS_KEY=").nth(1).unwrap().trim();
        assert!(configuration.access[0].opens_with(&secret.into()));
        assert!(application.contains(configuration.access[0].id()));
    }
}
