//! The hash by which the service finds secrets and environments, because it cannot read their names.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// Returns the hash of a name: SHA-256 of the decimal number of the project and the name, in Base64 for URLs.
///
/// It depends on nothing secret, so the service can confirm a guessed name.
pub(crate) fn lookup_hash(project: u64, name: &str) -> String {
    let digest = Sha256::new().chain_update(project.to_string()).chain_update(name).finalize();
    URL_SAFE_NO_PAD.encode(digest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vectors;

    #[test]
    fn hashes_are_those_of_the_go_client() {
        let vector = vectors::parameters();
        let hashes = vector["expected"]["hash"].as_object().unwrap();
        assert!(hashes.len() >= 4);
        for (name, hash) in hashes {
            assert_eq!(lookup_hash(4711, name), hash.as_str().unwrap(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_hash_fits_into_a_query(project: u64, name: String) {
            let hash = lookup_hash(project, &name);
            prop_assert_eq!(hash.len(), 43);
            prop_assert!(hash.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        }
    }
}
