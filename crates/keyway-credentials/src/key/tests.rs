//! Tests of reading private keys, with keys that `openssl` and `ssh-keygen` made.

use proptest::prelude::*;

use super::*;

macro_rules! keys {
    ($($name:literal)+) => {
        [$(($name, include_str!(concat!("keys/", $name, ".pem")))),+]
    };
}

const KEYS: [(&str, &str); 19] = keys! {
    "dsa_pkcs8" "dsa_traditional" "dsa_traditional_encrypted" "ec_k1_sec1" "ec_p256_sec1"
    "ec_p256_sec1_encrypted" "ec_p384_openssh" "ec_p384_sec1" "ec_p521_pkcs8" "ed25519_openssh"
    "ed25519_openssh_encrypted" "ed25519_pkcs8" "ed448_pkcs8" "rsa_openssh" "rsa_openssh_gcm" "rsa_pkcs1"
    "rsa_pkcs1_encrypted" "rsa_pkcs8" "rsa_pkcs8_encrypted"
};

fn key(name: &str) -> &'static str {
    KEYS.iter().find(|(key, _)| *key == name).unwrap().1
}

#[test]
fn the_type_is_read_from_each_form() {
    for (name, form, key_type, ssh_name, encrypted) in [
        ("dsa_pkcs8", KeyForm::Pkcs8, Some(KeyType::Dsa), Some("ssh-dss"), false),
        ("dsa_traditional", KeyForm::TraditionalDsa, Some(KeyType::Dsa), Some("ssh-dss"), false),
        ("dsa_traditional_encrypted", KeyForm::TraditionalDsa, Some(KeyType::Dsa), Some("ssh-dss"), true),
        ("ec_p256_sec1", KeyForm::Sec1, Some(KeyType::Ecdsa), Some("ecdsa-sha2-nistp256"), false),
        ("ec_p256_sec1_encrypted", KeyForm::Sec1, Some(KeyType::Ecdsa), None, true),
        ("ec_p384_openssh", KeyForm::OpenSsh, Some(KeyType::Ecdsa), Some("ecdsa-sha2-nistp384"), false),
        ("ec_p384_sec1", KeyForm::Sec1, Some(KeyType::Ecdsa), Some("ecdsa-sha2-nistp384"), false),
        ("ec_p521_pkcs8", KeyForm::Pkcs8, Some(KeyType::Ecdsa), Some("ecdsa-sha2-nistp521"), false),
        ("ed25519_openssh", KeyForm::OpenSsh, Some(KeyType::Ed25519), Some("ssh-ed25519"), false),
        ("ed25519_openssh_encrypted", KeyForm::OpenSsh, Some(KeyType::Ed25519), Some("ssh-ed25519"), true),
        ("ed25519_pkcs8", KeyForm::Pkcs8, Some(KeyType::Ed25519), Some("ssh-ed25519"), false),
        ("rsa_openssh", KeyForm::OpenSsh, Some(KeyType::Rsa), Some("ssh-rsa"), false),
        ("rsa_openssh_gcm", KeyForm::OpenSsh, Some(KeyType::Rsa), Some("ssh-rsa"), true),
        ("rsa_pkcs1", KeyForm::Pkcs1, Some(KeyType::Rsa), Some("ssh-rsa"), false),
        ("rsa_pkcs1_encrypted", KeyForm::Pkcs1, Some(KeyType::Rsa), Some("ssh-rsa"), true),
        ("rsa_pkcs8", KeyForm::Pkcs8, Some(KeyType::Rsa), Some("ssh-rsa"), false),
        ("rsa_pkcs8_encrypted", KeyForm::Pkcs8, None, None, true),
    ] {
        let facts = KeyFacts::read(key(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = (facts.form, facts.key_type, facts.ssh_name(), facts.encrypted);
        assert_eq!(found, (form, key_type, ssh_name, encrypted), "{name}");
    }
    assert!(KeyType::Dsa.is_deprecated() && !KeyType::Rsa.is_deprecated());
}

#[test]
fn other_types_are_named_as_such() {
    for name in ["ec_k1_sec1", "ed448_pkcs8"] {
        assert_eq!(KeyFacts::read(key(name)), Err(KeyError::UnsupportedType), "{name}");
    }
}

#[test]
fn an_encrypted_key_needs_its_passphrase_and_another_drops_it() {
    let encrypted = key("ed25519_openssh_encrypted");
    assert_eq!(PrivateKey::new(encrypted, None), Err(KeyError::PassphraseMissing));
    let key_with = PrivateKey::new(encrypted, Some("n33dle".into())).unwrap();
    assert_eq!((key_with.expose_passphrase(), key_with.expose_pem()), (Some("n33dle"), encrypted));
    let debug = format!("{key_with:?}");
    assert!(!debug.contains("n33dle") && !debug.contains("BEGIN"), "{debug}");
    let plain = PrivateKey::new(key("ed25519_pkcs8"), Some("n33dle".into())).unwrap();
    assert_eq!(plain.expose_passphrase(), None);
}

#[test]
fn white_space_and_line_ends_do_not_matter() {
    for (name, text) in KEYS {
        let read = KeyFacts::read(text);
        assert_eq!(KeyFacts::read(&text.replace('\n', "\r\n")), read, "{name}");
        assert_eq!(KeyFacts::read(&format!("\n  {}", text.trim_end())), read, "{name}");
    }
}

#[test]
fn a_label_does_not_make_a_key() {
    let pem = |rule| Err(KeyError::Pem { rule });
    assert_eq!(KeyFacts::read(""), pem("it does not begin with -----BEGIN"));
    assert_eq!(KeyFacts::read("-----BEGIN RSA PRIVATE KEY-----"), pem("it has one line only"));
    let ed25519 = key("ed25519_pkcs8");
    let relabelled = ed25519.replace("PRIVATE KEY", "RSA PRIVATE KEY");
    assert_eq!(KeyFacts::read(&relabelled), Err(KeyError::Content { form: "PKCS#1" }));
    assert_eq!(KeyFacts::read(&ed25519.replace("PRIVATE", "PUBLIC")), Err(KeyError::Label));
    for broken in [
        ed25519.repeat(2),
        format!("hello\n{ed25519}"),
        format!("{ed25519}hello"),
        ed25519.replacen("PRIVATE", "EC PRIVATE", 1),
        ed25519.replace("\nM", "\n*"),
        ed25519.replace("-----END PRIVATE KEY-----", ""),
    ] {
        assert!(matches!(KeyFacts::read(&broken), Err(KeyError::Pem { .. })), "{broken}");
    }
    let long = " ".repeat(PrivateKey::MAX_BYTES) + ed25519;
    assert_eq!(KeyFacts::read(&long), Err(KeyError::TooLong { most: PrivateKey::MAX_BYTES }));
}

#[test]
fn only_traditional_forms_have_headers_and_only_the_known_ones() {
    let encrypted = key("rsa_pkcs1_encrypted");
    for broken in [
        encrypted.replace("4,ENCRYPTED", "4,MIC-ONLY"),
        encrypted.replace("DEK-Info: ", "DEK-Info:"),
        encrypted.replacen("\n\n", "\n", 1),
        encrypted.replacen("\n\n", "\nX: y\n\n", 1),
        encrypted.replace("RSA PRIVATE", "OPENSSH PRIVATE"),
    ] {
        assert!(matches!(KeyFacts::read(&broken), Err(KeyError::Pem { .. })), "{broken}");
    }
}

#[test]
fn a_key_that_is_cut_or_goes_on_is_damaged() {
    for (name, text) in KEYS {
        let Ok(facts) = KeyFacts::read(text) else { continue };
        if facts.encrypted && facts.form.is_traditional() {
            continue;
        }
        let block = pem::read(text).unwrap();
        let write =
            |bytes: &[u8]| der::pem::encode_string(block.label, der::pem::LineEnding::LF, bytes).unwrap();
        assert_eq!(KeyFacts::read(&write(&block.bytes)), Ok(facts), "{name}");
        for length in 0..block.bytes.len() {
            let read = KeyFacts::read(&write(&block.bytes[..length]));
            // In an OpenSSH key, the tag of the cipher follows the private part. The tag is not checked, so a key
            // without its whole tag is read.
            let tag_is_cut = name == "rsa_openssh_gcm" && length + 16 >= block.bytes.len();
            assert!(read.is_err() || tag_is_cut, "{name} to {length}");
        }
        let longer = [&block.bytes[..], b"\0"].concat();
        assert_eq!(KeyFacts::read(&write(&longer)).is_ok(), name.contains("openssh_"), "{name}");
    }
}

proptest! {
    #[test]
    fn a_changed_byte_is_an_error_or_a_key(
        index in 0..KEYS.len(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let (_, text) = KEYS[index];
        let mut bytes = text.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let text = String::from_utf8_lossy(&bytes);
        match KeyFacts::read(&text) {
            Ok(facts) => prop_assert!(PrivateKey::new(&*text, Some("p".into())).unwrap().facts() == facts),
            Err(error) => prop_assert!(!error.to_string().contains('\n')),
        }
    }
}
