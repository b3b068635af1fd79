use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;

fn version(text: &str) -> Version {
    Version::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Generates any version that the grammar allows. Small numbers are more frequent than large ones.
pub(crate) fn any_version() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[0-3](\\.[0-3]){0,2}",
        2 => "[0-2]\\.[0-2]\\.[0-2]-(0|1|10|a|rc|a-b|-)(\\.(0|2|11|a|Z)){0,2}(\\+[0-9A-Za-z-]{1,4}(\\.[0-9A-Za-z-]{1,4})?)?",
        1 => "(0|[1-9][0-9]{0,18})\\.(0|[1-9][0-9]{0,18})\\.(0|[1-9][0-9]{0,18})(\\+[0-9a-z]{1,5})?",
    ]
}

/// A slow second implementation of the precedence of versions. It works on lists of texts, follows only the
/// specification of Semantic Versioning, and does not use the parser.
pub(crate) fn slow_order(a: &str, b: &str) -> Ordering {
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum Identifier {
        Number(usize, String),
        Name(String),
    }
    fn key(text: &str) -> (Vec<u64>, bool, Vec<Identifier>) {
        let text = text.split('+').next().unwrap();
        let (numbers, pre) = match text.split_once('-') {
            Some((numbers, pre)) => (numbers, Some(pre)),
            None => (text, None),
        };
        let mut numbers: Vec<u64> = numbers.split('.').map(|number| number.parse().unwrap()).collect();
        numbers.resize(3, 0);
        let identifiers = pre.map_or_else(Vec::new, |pre| {
            pre.split('.')
                .map(|identifier| {
                    if identifier.chars().all(|character| character.is_ascii_digit()) {
                        Identifier::Number(identifier.len(), identifier.to_owned())
                    } else {
                        Identifier::Name(identifier.to_owned())
                    }
                })
                .collect()
        });
        (numbers, pre.is_none(), identifiers)
    }
    key(a).cmp(&key(b))
}

/// Tests the example of precedence in section 11 of the specification of Semantic Versioning.
#[test]
fn the_order_of_semantic_versioning() {
    let ordered = [
        "0",
        "0.0.1-0",
        "0.0.1",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-beta.99999999999999999999999",
        "1.0.0-rc.1",
        "1",
        "1.0.1",
        "1.9",
        "1.10",
        "2.0.0-0",
        "10.0",
    ];
    for (index, a) in ordered.iter().enumerate() {
        for (other, b) in ordered.iter().enumerate() {
            assert_eq!(version(a).cmp(&version(b)), index.cmp(&other), "{a} {b}");
        }
    }
}

#[test]
fn missing_numbers_are_zero_and_build_parts_do_not_count() {
    use std::hash::BuildHasher;
    let hasher = std::hash::RandomState::new();
    for (a, b) in [("1", "1.0.0"), ("1.2", "1.2.0"), ("1.0.0+a", "1.0.0+b.2"), ("1.0.0-rc+a", "1.0.0-rc")] {
        assert_eq!(version(a), version(b));
        assert_eq!(hasher.hash_one(version(a)), hasher.hash_one(version(b)), "{a} {b}");
    }
    assert_ne!(version("1.0.0-rc"), version("1.0.0"));
}

#[test]
fn parts() {
    let full = version("1.2.3-rc.1-x+b-5.0");
    assert_eq!((full.major(), full.minor(), full.patch()), (1, 2, 3));
    assert_eq!((full.pre_release(), full.build()), (Some("rc.1-x"), Some("b-5.0")));
    let build = version("1.2.3+b-5");
    assert_eq!((build.pre_release(), build.build()), (None, Some("b-5")));
    let short = version("7");
    assert_eq!((short.major(), short.minor(), short.patch()), (7, 0, 0));
    assert_eq!((short.pre_release(), short.build()), (None, None));
    assert_eq!(version("18446744073709551615").major(), u64::MAX);
    assert_eq!(Version::from_static("1.2.3-rc.1").pre_release(), Some("rc.1"));
    assert_eq!(Version::from_static("1.2").to_string(), "1.2");
    assert_eq!(Version::new(1, 2, 0), version("1.2"));
}

/// Tests every way in which a version can break the grammar of decision C1, and checks that the error names the right
/// byte.
#[test]
fn malformed_versions() {
    use Expected::{End, Identifier, NoLeadingZero, Number, ShorterText, SmallerNumber, ThirdNumber};
    let long = "1".repeat(1025);
    let cases = [
        ("", 0, Number),
        (" 1", 0, Number),
        ("1 ", 1, End),
        ("v1", 0, Number),
        ("-1", 0, Number),
        ("+1.0", 0, Number),
        ("1_0.2", 1, End),
        ("1e5", 1, End),
        ("1.", 2, Number),
        ("1..0", 2, Number),
        ("1.0.", 4, Number),
        ("1.0.0.0", 5, End),
        ("1.x", 2, Number),
        ("01.02", 0, NoLeadingZero),
        ("1.00", 2, NoLeadingZero),
        ("1.0.00", 4, NoLeadingZero),
        ("\u{661}.0", 0, Number),
        ("1\u{661}", 1, End),
        ("18446744073709551616", 0, SmallerNumber),
        ("1.99999999999999999999", 2, SmallerNumber),
        ("1-rc1", 1, ThirdNumber),
        ("1.0-rc1", 3, ThirdNumber),
        ("1.0+b", 3, ThirdNumber),
        ("1.0.0-", 6, Identifier),
        ("1.0.0+", 6, Identifier),
        ("1.0.0-a.", 8, Identifier),
        ("1.0.0-a..b", 8, Identifier),
        ("1.0.0-+b", 6, Identifier),
        ("1.0.0-a+", 8, Identifier),
        ("1.0.0-a+b+c", 9, End),
        ("1.0.0-a_b", 7, End),
        ("1.0.0-01", 6, NoLeadingZero),
        ("1.0.0-a.00", 8, NoLeadingZero),
        (&long, 1024, ShorterText),
    ];
    for (text, at, expected) in cases {
        assert_eq!(Version::parse(text).map(|_| ()), Err(ParseError { at, expected }), "{text}");
    }
    // An identifier that is not a number may begin with a zero.
    for text in ["1.0.0-0a", "1.0.0-00-", "1.0.0+00"] {
        assert_eq!(version(text).to_string(), text);
    }
}

#[test]
fn as_json_a_version_is_its_text() {
    let version: Version = serde_json::from_str("\"1.0\"").unwrap();
    assert_eq!(serde_json::to_string(&version).unwrap(), "\"1.0\"");
    let error = serde_json::from_str::<Version>("\"1.\"").unwrap_err().to_string();
    assert!(error.contains("not a version: at byte 2 expected a decimal number"), "{error}");
    assert!(serde_json::from_str::<Version>("1").is_err());
}

proptest! {
    #[test]
    fn printing_gives_back_what_was_read(text in any_version()) {
        let read = version(&text);
        prop_assert_eq!(read.to_string(), &*text);
        prop_assert_eq!(&version(&read.to_string()), &read);
    }

    #[test]
    fn the_order_agrees_with_a_slow_one(a in any_version(), b in any_version()) {
        prop_assert_eq!(version(&a).cmp(&version(&b)), slow_order(&a, &b));
    }

    #[test]
    fn any_text_is_read_or_refused_inside_its_bounds(text in "[-0-9a.+ ,<>=:\u{661}]{0,12}") {
        match Version::parse(&text) {
            Ok(version) => prop_assert_eq!(version.to_string(), text),
            Err(error) => prop_assert!(usize::from(error.at) <= text.len() && text.is_char_boundary(error.at.into())),
        }
    }
}
