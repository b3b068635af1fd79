//! Checks private keys of credential stores, and the configuration of SPS plugins.

use keyway_credentials::{KeyError, KeyFacts, KeyForm, KeyType, PrivateKey, SecretText, SpsConfiguration};

/// Checks a private key of a credential store.
///
/// A text that is a key is still read as the same key with other line ends, and without the white space around it. The
/// key reports the facts that its form can hold, and needs a passphrase exactly if it is encrypted. The error for a
/// text that is not a key is one line.
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

/// Checks the configuration text of an SPS plugin.
///
/// A text that can be read has the same meaning with other line ends, and also after everything that was read from it
/// is written again. The error for a text or a value that cannot be read is one line.
pub fn sps_configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let is_one_line = |error: &dyn std::error::Error| !error.to_string().contains(['\n', '\r']);
    let read = match SpsConfiguration::read(text) {
        Ok(read) => read,
        Err(error) => return assert!(is_one_line(&error), "{error}"),
    };
    let lines = text.replace("\r\n", "\n").replace('\n', "\r\n");
    assert!(
        lines.len() > SpsConfiguration::MAX_BYTES || SpsConfiguration::read(&lines).as_ref() == Ok(&read),
        "with other line ends"
    );
    assert_eq!(read.clone().over(read.clone()), read, "over itself");
    assert_eq!(read.clone().over(SpsConfiguration::default()), read, "over nothing");
    for section in ["DEFAULT", "account", "assets", "check-in-trigger", "domain_asset_mapping", "vault"] {
        let mut written = format!("[{section}]\n");
        let mut values = Vec::new();
        for option in read.options(section) {
            match read.get(section, option) {
                Ok(value) => {
                    let value = value.expect("the option is listed");
                    let escaped = if value.expose() == "$" { "$$" } else { value.expose() };
                    // After its first line, a value has no line that begins like a comment. Such a line would be lost
                    // when the value is written and read again.
                    let lines: Vec<&str> = escaped.split('\n').collect();
                    assert!(!lines.iter().skip(1).any(|line| line.starts_with(['#', ';'])), "{section}");
                    let line = [option, " = ", &lines.join("\n  ").replace('%', "%%"), "\n"].concat();
                    written.push_str(&line);
                    values.push((option, value));
                }
                Err(error) => assert!(is_one_line(&error), "{error}"),
            }
        }
        let again = SpsConfiguration::read(&written).expect("it was written from what was read");
        for (option, value) in values {
            let value: Option<SecretText> = Some(value);
            assert_eq!(again.get(section, option), Ok(value), "{section}");
        }
    }
    for error in [read.account_rule().err(), read.asset_rules().err(), read.check_in_triggers().err()] {
        assert!(error.is_none_or(|error| is_one_line(&error)));
    }
    assert!(read.vault_login("vault").err().is_none_or(|error| is_one_line(&error)));
}
