use der::Decode as _;
use proptest::prelude::*;
use x509_cert::name::RdnSequence;

use super::*;

fn parse(text: &str) -> Result<DistinguishedName, DistinguishedNameError> {
    text.parse()
}

fn fault(text: &str) -> DistinguishedNameFault {
    parse(text).unwrap_err().fault
}

/// Returns the relative names in the order of DER. Each is `TYPE=value`, with a `+` between several attributes.
fn in_der_order(text: &str) -> Vec<String> {
    let name = parse(text).unwrap();
    let relative_names: Vec<_> = name.0.iter_rdn().cloned().collect();
    relative_names
        .into_iter()
        .map(|relative_name| {
            let der = RdnSequence::from(vec![relative_name]).to_der().unwrap();
            DistinguishedName(Name::from_der(&der).unwrap()).to_string()
        })
        .collect()
}

/// Tests the subjects of the vectors `skcsr-*`: every attribute in the text is kept.
///
/// See decision B12.
#[test]
fn subjects_of_stored_keys_keep_every_attribute() {
    for (text, expected) in [
        (
            "cn=host.example.com,ou=dev,ou=us,o=example.com",
            &["O=example.com", "OU=us", "OU=dev", "CN=host.example.com"][..],
        ),
        ("cn=a", &["CN=a"]),
        ("c=US,o=b,cn=a", &["CN=a", "O=b", "C=US"]),
        ("cn=a,l=Boston,st=MA", &["ST=MA", "L=Boston", "CN=a"]),
        ("cn=a+ou=b,o=c", &["O=c", "CN=a+OU=b"]),
        ("street=1 Main,cn=a", &["CN=a", "STREET=1 Main"]),
        ("dc=example,dc=com", &["DC=com", "DC=example"]),
        ("cn=a\\,b,o=c", &["O=c", "CN=a\\,b"]),
        ("sn=Doe,gn=Jo,cn=a", &["CN=a", "GN=Jo", "SN=Doe"]),
        ("ou=1,ou=2,ou=3,cn=z", &["CN=z", "OU=3", "OU=2", "OU=1"]),
        ("title=Dr,cn=a", &["CN=a", "title=Dr"]),
        ("CN=a, O=b", &["O=b", "CN=a"]),
        ("emailAddress=a@b,serialNumber=1-2,UID=joe", &["UID=joe", "serialNumber=1-2", "emailAddress=a@b"]),
        ("2.5.4.3=a,1.2.3=#0c0178", &["1.2.3=#0c0178", "CN=a"]),
        ("cn=a=b", &["CN=a=b"]),
        ("cn=a\\\\\\,b", &["CN=a\\\\\\,b"]),
        ("cn=\\42\\c3\\bcrger", &["CN=B\u{fc}rger"]),
        ("cn=\\ a\\ ,o=\\#b", &["O=\\#b", "CN=\\ a\\ "]),
        ("cn=\u{1F600}", &["CN=\u{1F600}"]),
    ] {
        assert_eq!(in_der_order(text), expected, "{text}");
    }
}

#[test]
fn a_refused_subject_names_the_attribute_and_the_place() {
    use DistinguishedNameFault as Fault;
    let (cn, c) = ("CN".to_owned(), "C".to_owned());
    let long = format!("cn={}", "a".repeat(65));
    let many = "cn=a,".repeat(64) + "cn=a";
    for (text, at, expected) in [
        ("o= spaced ,cn=a", 2, Fault::Blank),
        ("cn=a ,o=b", 4, Fault::Blank),
        ("foo=bar", 0, Fault::UnknownType { name: "foo".into() }),
        (&long, 3, Fault::Length { name: cn.clone(), most: 64 }),
        ("cn=\"quoted, text\",o=c", 3, Fault::Unescaped { character: '"' }),
        ("1.2.3=x", 6, Fault::Hexadecimal { name: "1.2.3".into() }),
        ("", 0, Fault::Empty),
        (" ", 0, Fault::Empty),
        ("CN=", 3, Fault::EmptyValue { name: cn.clone() }),
        ("CN=\\", 3, Fault::Escape),
        ("CN=\\xy", 3, Fault::Escape),
        ("CN=\\4", 3, Fault::Escape),
        ("CN=\\ff", 3, Fault::NotUtf8 { name: cn.clone() }),
        ("CN=a\\00", 3, Fault::Characters { name: cn.clone() }),
        ("CN=a\nb", 3, Fault::Characters { name: cn.clone() }),
        ("C=DEU", 2, Fault::Length { name: c.clone(), most: 2 }),
        ("C=D", 2, Fault::Characters { name: c.clone() }),
        ("C=1a", 2, Fault::Characters { name: c }),
        ("serialNumber=a*", 13, Fault::Characters { name: "serialNumber".into() }),
        ("DC=b\u{fc}", 3, Fault::Characters { name: "DC".into() }),
        ("cn=a;o=b", 4, Fault::Unescaped { character: ';' }),
        ("cn=a,", 5, Fault::NoValue),
        ("cn", 2, Fault::NoValue),
        ("=a", 0, Fault::UnknownType { name: String::new() }),
        ("cn=a+cn=b", 5, Fault::RepeatedType { name: cn.clone() }),
        ("cn=#0c0161x", 3, Fault::Hexadecimal { name: cn.clone() }),
        ("cn=#0c02", 3, Fault::Hexadecimal { name: cn.clone() }),
        ("cn=#16026162", 3, Fault::Hexadecimal { name: cn.clone() }),
        ("cn=#0c00", 3, Fault::EmptyValue { name: cn.clone() }),
        ("cn=#", 3, Fault::Hexadecimal { name: cn }),
        (&many, 320, Fault::TooMany { most: 64 }),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!((error.at, error.fault), (at, expected), "{text:?}");
    }
    let most = DistinguishedName::MAX_BYTES;
    assert_eq!(fault(&"a".repeat(most + 1)), Fault::TooLong { most });
    assert!(!fault("x\u{1b}=").to_string().contains('\u{1b}'));
}

#[test]
fn values_of_other_types_are_shown_in_hexadecimal() {
    // In the first name, the value of `C` is a `UTF8String`, which some programs write by mistake. In the second name,
    // the value of `CN` is a `BMPString`.
    for (der, expected) in [
        (&[0x30, 0x0d, 0x31, 0x0b, 0x30, 0x09, 6, 3, 0x55, 4, 6, 0x0c, 2, b'D', b'E'][..], "C=DE"),
        (&[0x30, 0x0d, 0x31, 0x0b, 0x30, 0x09, 6, 3, 0x55, 4, 3, 0x1e, 2, 0, b'a'], "CN=#1e020061"),
    ] {
        let name = DistinguishedName(Name::from_der(der).unwrap());
        assert_eq!(name.to_string(), expected);
        assert_eq!(name.to_der(), der);
    }
    assert_eq!(DistinguishedName::empty().to_string(), "");
    assert_eq!(DistinguishedName::empty().to_der(), [0x30, 0]);
}

/// Generates texts from pieces of names and random characters, so that many of the texts are names, or nearly names.
fn like_names() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("CN=".to_owned()),
        Just("2.5.4.10=".to_owned()),
        Just("1.2.3=#0c0161".to_owned()),
        Just(",".to_owned()),
        Just("+ou=".to_owned()),
        "\\\\[0-9a-f]{2}",
        "[ -~]{1,3}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Tests that the text of a parsed name is parsed as the same name.
    #[test]
    fn a_written_name_is_parsed_as_the_same(text in like_names()) {
        if let Ok(name) = parse(&text) {
            let written = name.to_string();
            let again = parse(&written);
            prop_assert_eq!(again.as_ref(), Ok(&name), "{}", written);
            prop_assert!(!written.contains(char::is_control));
        }
    }

    #[test]
    fn any_value_is_kept(value in "[^\\p{Cc}]{1,64}") {
        let escaped = value.bytes().fold(String::new(), |text, byte| text + &format!("\\{byte:02x}"));
        let name = parse(&format!("CN={escaped},O=x")).unwrap();
        let read = name.0.common_name().unwrap().unwrap();
        prop_assert_eq!(read.value(), value);
        prop_assert_eq!(parse(&name.to_string()), Ok(name));
    }
}
