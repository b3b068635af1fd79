//! Private keys of credential stores.

use keyway_credentials::{KeyError, KeyFacts, KeyForm, KeyType, PrivateKey};

/// Checks a private key of a credential store.
///
/// A key that is read is read as the same with other line ends and white space around it, says what its form can
/// say, and needs a passphrase exactly if it is encrypted. The error for another text is one line.
pub fn credential_key(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let facts = match KeyFacts::read(text) {
        Ok(facts) => facts,
        Err(error) => {
            assert!(!error.to_string().contains(char::is_control), "{error}");
            assert_eq!(PrivateKey::new(text, Some("n33dle".into())), Err(error));
            return;
        }
    };
    assert_eq!(KeyFacts::read(text.trim_ascii()), Ok(facts), "without white space around it");
    let lines = text.replace("\r\n", "\n").replace('\n', "\r\n");
    assert!(
        lines.len() > PrivateKey::MAX_BYTES || KeyFacts::read(&lines) == Ok(facts),
        "with other line ends"
    );

    let is_hidden = facts.encrypted && facts.form == KeyForm::Pkcs8;
    assert_eq!(facts.key_type.is_none(), is_hidden);
    let is_ecdsa = facts.key_type == Some(KeyType::Ecdsa);
    let has_curve = is_ecdsa && !(facts.encrypted && facts.form == KeyForm::Sec1);
    assert_eq!(facts.curve.is_some(), has_curve);
    assert_eq!(facts.ssh_name().is_some(), facts.key_type.is_some() && (has_curve || !is_ecdsa));

    let without = PrivateKey::new(text, None);
    if facts.encrypted {
        assert_eq!(without, Err(KeyError::PassphraseMissing));
    } else {
        assert_eq!(without.expect("it was read").expose_pem(), text);
    }
    let with = PrivateKey::new(text, Some("n33dle".into())).expect("it was read");
    assert_eq!(with.expose_passphrase().is_some(), facts.encrypted);
    assert!(!format!("{with:?}").contains("n33dle"));
}
