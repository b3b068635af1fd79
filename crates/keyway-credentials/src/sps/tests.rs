use proptest::prelude::*;

use super::*;
use crate::{AssetSource, Connection, SessionId, VaultLoginError};

fn value(text: &str, section: &str, option: &str) -> Option<String> {
    let value = SpsConfiguration::read(text).unwrap().get(section, option).unwrap();
    value.map(SecretText::into_open)
}

#[test]
fn it_reads_as_upstream_does() {
    for (text, expected) in [
        ("[s]\nx = 1", Some("1")),
        ("[s]\r\nx: a = b\r\n", Some("a = b")),
        ("# c\n[s]\n  X=1\n", Some("1")),
        ("[s]\nx=1 ; not a comment\n", Some("1 ; not a comment")),
        ("[s]\nx=a\n  b\n\n\tc\n\ny=1", Some("a\nb\n\nc")),
        ("[s]\nx=a\n  # a comment\n  b", Some("a\nb")),
        ("[s]\nx=a\n [t]\n", Some("a\n[t]")),
        ("[s]\n  x=a\n  y=b\n", Some("a")),
        ("[s]\nx=", Some("")),
        ("[s]\nx=50%%", Some("50%")),
        ("[s]\nx=$$", Some("$")),
        ("[s]\nx=$$$", Some("$$$")),
        ("[DEFAULT]\nx=1\n[s]\n[DEFAULT]\ny=2", Some("1")),
        ("[DEFAULT]\nx=1\n[t]", None),
        ("[S]\nx=1", None),
        ("[ s ]\nx=1", None),
        ("", None),
    ] {
        assert_eq!(value(text, "s", "x").as_deref(), expected, "{text:?}");
    }
}

#[test]
fn a_broken_line_is_named() {
    for (text, line) in [
        ("x=1", 1),
        ("\u{feff}[s]", 1),
        ("[s]\nx", 2),
        ("[s]\n=1", 2),
        ("[s]\nx=1\nX=2", 3),
        ("[s]\n[s]", 2),
        ("[s] x", 1),
        ("[s", 1),
        ("[]", 1),
        ("[s]\nx=\u{1f}", 2),
    ] {
        let error = SpsConfiguration::read(text).unwrap_err();
        assert!(
            matches!(error, SpsConfigurationError::Line { line: at, .. } if at == line),
            "{text:?}: {error}"
        );
    }
    for text in ["[s]\nx=50%", "[s]\nx=%(y)s\ny=1", "[s]\nx=%%%"] {
        let error = SpsConfiguration::read(text).unwrap_err();
        assert!(matches!(error, SpsConfigurationError::Percent { .. }), "{text:?}: {error}");
    }
    let long = " ".repeat(SpsConfiguration::MAX_BYTES + 1);
    assert!(matches!(SpsConfiguration::read(&long), Err(SpsConfigurationError::TooLong { .. })));
}

#[test]
fn an_empty_option_is_not_replaced_by_a_default() {
    let read = |text| SpsConfiguration::read(text).unwrap();
    let configuration = read("[s]\nx=\n").over(read("[s]\nx=1\ny=2\n[t]\nz=3\n"));
    let get = |section, option| configuration.get(section, option).unwrap().map(SecretText::into_open);
    assert_eq!(
        [get("s", "x"), get("s", "y"), get("t", "z")],
        [Some(String::new()), Some("2".into()), Some("3".into())]
    );
}

#[test]
fn a_reference_to_the_store_of_upstream_is_refused_when_it_is_read() {
    let configuration =
        SpsConfiguration::read("[vault]\npassword=$\nuse_credential=explicit\nusername=u").unwrap();
    let refused =
        SpsConfigurationError::StoreReference { section: "vault".into(), option: "password".into() };
    assert_eq!(configuration.vault_login("vault"), Err(refused));
    assert_eq!(configuration.account_rule(), Ok(AccountRule::default()));
}

#[test]
fn a_wrong_word_names_its_option() {
    for (text, option) in [("default=", "default"), ("rdp=later\ndefault=session-ended", "rdp")] {
        let text = format!("[check-in-trigger]\n{text}");
        let error = SpsConfiguration::read(&text).unwrap().check_in_triggers().unwrap_err();
        assert_eq!(
            error,
            SpsConfigurationError::Trigger { option: option.into(), source: crate::UnknownTrigger }
        );
    }
    let configuration = SpsConfiguration::read("[v]\nuse_credential=token").unwrap();
    let error = configuration.vault_login("v").unwrap_err();
    let expected =
        SpsConfigurationError::Login { section: "v".into(), source: VaultLoginError::UnknownSource };
    assert_eq!(error, expected);
}

#[test]
fn the_mapping_is_from_domains_to_assets() {
    let text = "[assets]\ngenerator = domain_asset_mapping, my_gen\n[domain_asset_mapping]\nCorp = dc1\n";
    let rules = SpsConfiguration::read(text).unwrap().asset_rules().unwrap();
    let mut connection = Connection::new(SessionId::new("s").unwrap());
    connection.server_domain = Some("CORP".into());
    let sources: Vec<_> = rules.assets(&connection).collect();
    let asset = crate::Asset::new("dc1").unwrap();
    assert_eq!(sources, [AssetSource::Asset(asset), AssetSource::Own("my_gen")]);
}

#[test]
fn no_value_is_shown() {
    let configuration = SpsConfiguration::read("[vault]\npassword=n33dle\nuse_credential=n33dle").unwrap();
    let error = configuration.vault_login("vault").unwrap_err();
    assert!(!format!("{configuration:?} {error:?} {error}").contains("n33dle"));
}

proptest! {
    #[test]
    fn a_written_text_is_read(
        options in prop::collection::btree_map("[a-z][a-z0-9_. -]{0,8}[a-z0-9]", "([!-~]([ -~]{0,10}[!-~])?)?", 1..6),
        delimiter in prop::sample::select(vec!["=", ":", " = ", "\t:  "]),
    ) {
        let mut text = "[a section]\n".to_owned();
        for (name, value) in &options {
            text.push_str(&[name, delimiter, &value.replace('%', "%%"), "\n"].concat());
        }
        let configuration = SpsConfiguration::read(&text).unwrap();
        prop_assert_eq!(configuration.options("a section"), options.keys().map(String::as_str).collect::<Vec<_>>());
        for (name, value) in options.iter().filter(|(_, value)| !["$", "$$"].contains(&value.as_str())) {
            let read = configuration.get("a section", name).unwrap().unwrap();
            prop_assert_eq!(read.expose(), value);
        }
    }
}
