use proptest::prelude::*;

use super::*;
use crate::version::tests::{any_version, slow_order};

fn range(text: &str) -> Compatibility {
    Compatibility::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn matches(range_text: &str, version: &str) -> bool {
    range(range_text).matches(&Version::parse(version).unwrap())
}

/// Implements decision C2 a second time, in a simple way on texts, as an oracle.
fn slow_matches(range: &str, version: &str) -> bool {
    range.split(',').all(|clause| {
        let (comparator, bound) = clause.split_once(':').unwrap();
        let order = slow_order(version, bound);
        let pre_of_bound = {
            let numbers = |text: &str| {
                let digits = text.split(['-', '+']).next().unwrap().to_owned();
                let mut numbers: Vec<String> = digits.split('.').map(str::to_owned).collect();
                numbers.resize(3, "0".to_owned());
                numbers
            };
            let has_pre = |text: &str| text.split('+').next().unwrap().contains('-');
            has_pre(version) && !has_pre(bound) && numbers(version) == numbers(bound)
        };
        match comparator {
            ">=" => order.is_ge(),
            "<=" => order.is_le(),
            "==" => order.is_eq(),
            "!=" => order.is_ne(),
            ">" => order.is_gt(),
            "<" => order.is_lt() && !pre_of_bound,
            other => panic!("{other}"),
        }
    })
}

fn any_range() -> impl Strategy<Value = String> {
    let clause = (prop::sample::select(vec![">=", "<=", "==", "!=", ">", "<"]), any_version())
        .prop_map(|(comparator, version)| format!("{comparator}:{version}"));
    prop::collection::vec(clause, 1..5).prop_map(|clauses| clauses.join(","))
}

#[test]
fn the_example_of_the_seed() {
    for version in ["1.0", "1", "1.5", "1.10", "1.99.99", "1.0.0+b", "1.0.1-rc"] {
        assert!(matches(">=:1.0,<:2.0", version), "{version}");
    }
    for version in ["0", "0.9", "2", "2.0.0", "10.0", "1.0.0-rc", "2.0.0-rc.1", "2.0.0-0"] {
        assert!(!matches(">=:1.0,<:2.0", version), "{version}");
    }
}

#[test]
fn below_excludes_the_pre_releases_of_its_version_only_when_it_has_none() {
    assert!(!matches("<:2.0", "2.0.0-0"));
    assert!(matches("<:2.0", "1.9.9-rc"));
    assert!(matches("<:2.0.0-rc.2", "2.0.0-rc.1"));
    assert!(matches("<=:2.0", "2.0.0-rc.1"));
    assert!(!matches("<:2.0.0+b", "2.0.0-rc.1"));
    assert!(!matches(">=:2.0", "2.0.0-rc.1"));
    assert!(matches(">:1.9", "2.0.0-rc.1"));
}

/// Tests every way in which a string can break the grammar of decision C1, and checks that the error names the right
/// byte.
#[test]
fn malformed_strings() {
    use Expected::{
        Colon, CommaOrEnd, Comparator, Identifier, NoLeadingZero, Number, ShorterText, ThirdNumber,
    };
    let long = format!(">=:1.0.0-{}", "a".repeat(1020));
    let cases = [
        ("", 0, Comparator),
        (" ", 0, Comparator),
        (",", 0, Comparator),
        (">=:1.0,", 7, Comparator),
        (",>=:1.0", 0, Comparator),
        (">=:1.0,,<:2.0", 7, Comparator),
        (">=", 2, Colon),
        (">", 1, Colon),
        (">=1.0", 2, Colon),
        (">=:1.0,<2.0", 8, Colon),
        (">=:", 3, Number),
        ("=:1.0", 0, Comparator),
        ("=>:1.0", 0, Comparator),
        ("=<:1.0", 0, Comparator),
        ("~=:1.0", 0, Comparator),
        ("!:1.0", 0, Comparator),
        ("^:1.0", 0, Comparator),
        (">>:1.0", 1, Colon),
        (">==:1.0", 2, Colon),
        ("1.0", 0, Comparator),
        ("*", 0, Comparator),
        (" >=:1.0", 0, Comparator),
        (">=: 1.0", 3, Number),
        (">=:1.0 ", 6, CommaOrEnd),
        (">=:1.0, <:2.0", 7, Comparator),
        (">=:1.0 ,<:2.0", 6, CommaOrEnd),
        (">=:1.0;<:2.0", 6, CommaOrEnd),
        (">=:1.0:junk", 6, CommaOrEnd),
        (">=::1.0", 3, Number),
        (">=:1.0.0.0", 8, CommaOrEnd),
        (">=:01.0", 3, NoLeadingZero),
        (">=:1-rc1", 4, ThirdNumber),
        (">=:v1.0", 3, Number),
        (">=:1.x", 5, Number),
        ("==:1.0.0-,<:2", 9, Identifier),
        ("<:1.0\0", 5, CommaOrEnd),
        (&long, 1024, ShorterText),
    ];
    for (text, at, expected) in cases {
        assert_eq!(Compatibility::parse(text), Err(ParseError { at, expected }), "{text}");
    }
    assert!(Compatibility::parse(&long[..1024]).is_ok());
}

#[test]
fn satisfiable_at_the_edges() {
    const MAX: &str = "18446744073709551615";
    let greatest = format!("{MAX}.{MAX}.{MAX}");
    let cases = [
        (">=:1.0,<:2.0".to_owned(), true),
        (">=:2.0,<:1.0".to_owned(), false),
        ("==:1.0,==:2.0".to_owned(), false),
        ("==:1.0,==:1.0.0+b".to_owned(), true),
        ("==:1.0,!=:1.0".to_owned(), false),
        ("<:1.0,>:1.0".to_owned(), false),
        (">=:1.0,!=:1.0,!=:1.0.1-0,<=:1.0.1-0.0".to_owned(), true),
        (">=:1.0,!=:1.0,!=:1.0.1-0,<=:1.0.1-0".to_owned(), false),
        // No version is below the lowest pre-release of 0.0.0, and `<:0` excludes all pre-releases of 0.0.0.
        ("<:0".to_owned(), false),
        ("<=:0".to_owned(), true),
        ("<:0.0.0-0".to_owned(), false),
        ("<:0.0.0-0.0".to_owned(), true),
        ("<:0.0.0-0.0,!=:0.0.0-0".to_owned(), false),
        // No version lies between a release and the pre-releases of the next one.
        (">:1.0,<:1.0.1".to_owned(), false),
        (">:1.0,<=:1.0.1".to_owned(), true),
        (">:1.0,<:1.0.1-0".to_owned(), false),
        (">:1.0,<:1.0.1-0.0".to_owned(), true),
        (">=:1.0.0-rc,<:1.0".to_owned(), false),
        (">=:1.0.0-rc,<=:1.0".to_owned(), true),
        (">:1.0.0-a,<:1.0.0-a.0".to_owned(), false),
        (">:1.0.0-a,<:1.0.0-a.1".to_owned(), true),
        (">:1.0.0-a,<:1.0.0-a.0.0,!=:1.0.0-a.0".to_owned(), false),
        (format!(">:{greatest}"), false),
        (format!(">=:{greatest}"), true),
        (format!(">=:{greatest},!=:{greatest}"), false),
        (format!(">:1.2.{MAX},<:1.3.0-0.0"), true),
        (format!(">:1.{MAX}.{MAX},<:2.0.0-0"), false),
    ];
    for (text, expected) in cases {
        assert_eq!(range(&text).is_satisfiable(), expected, "{text}");
    }
    // The successor of the longest possible pre-release can still be parsed.
    let longest = format!(">:1.0.0-{}", "a".repeat(1024 - 8));
    assert!(range(&longest).is_satisfiable());
}

#[test]
fn the_constant_form_is_the_same_value() {
    const RANGE: Compatibility = crate::compatibility!(">=:1.0.0-rc.1,<:2.0");
    assert_eq!(RANGE, range(">=:1.0.0-rc.1,<:2.0"));
    assert!(RANGE.matches(&Version::from_static("1.0.0-rc.2")));
    assert!(!RANGE.matches(&Version::from_static("1.0.0-rc.0")));
    assert!(crate::compatibility!("==:1").matches(&Version::new(1, 0, 0)));
}

/// Returns all versions that can be the least version in a satisfiable range of [`small_range`].
fn small_grid() -> Vec<Version> {
    let mut pres = vec![String::new(), "-b".to_owned()];
    for first in ["0", "1", "a"] {
        for depth in 0..6 {
            pres.push(format!("-{first}{}", ".0".repeat(depth)));
        }
    }
    let mut grid = Vec::new();
    for numbers in 0..64 {
        let (major, minor, patch) = (numbers / 16, numbers / 4 % 4, numbers % 4);
        grid.extend(pres.iter().map(|pre| Version::parse(&format!("{major}.{minor}.{patch}{pre}")).unwrap()));
    }
    grid
}

/// Generates ranges that contain few versions or none.
fn small_range() -> impl Strategy<Value = String> {
    let clause = (
        prop::sample::select(vec![">=", "<=", "==", "!=", "!=", ">", "<"]),
        prop_oneof![
            "[01](\\.[01]){0,2}",
            Just("1.0.1".to_owned()),
            "1\\.0\\.[01]-(0|0\\.0|a|a\\.0|a\\.0\\.0|1)",
        ],
    )
        .prop_map(|(comparator, version)| format!("{comparator}:{version}"));
    prop::collection::vec(clause, 1..5).prop_map(|clauses| clauses.join(","))
}

proptest! {
    #[test]
    fn printing_gives_back_what_was_read(text in any_range()) {
        let read = range(&text);
        prop_assert_eq!(read.to_string(), &*text);
        prop_assert_eq!(range(&read.to_string()), read);
    }

    #[test]
    fn matching_agrees_with_a_slow_oracle(text in any_range(), version in any_version()) {
        prop_assert_eq!(matches(&text, &version), slow_matches(&text, &version));
    }

    /// Checks the bounds themselves as versions, since the comparators differ there.
    #[test]
    fn matching_agrees_with_a_slow_oracle_at_the_bounds(text in any_range()) {
        for clause in text.split(',') {
            let bound = clause.split_once(':').unwrap().1;
            prop_assert_eq!(matches(&text, bound), slow_matches(&text, bound));
        }
    }

    #[test]
    fn a_range_that_matches_is_satisfiable(text in any_range(), version in any_version()) {
        prop_assert!(range(&text).is_satisfiable() || !matches(&text, &version));
    }

    #[test]
    fn any_text_is_read_or_refused_inside_its_bounds(text in "[-0-9a.+ ,<>=:!]{0,16}") {
        match Compatibility::parse(&text) {
            Ok(range) => prop_assert_eq!(range.to_string(), text),
            Err(error) => prop_assert!(usize::from(error.at) <= text.len()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn satisfiable_agrees_with_brute_force(text in small_range()) {
        thread_local!(static GRID: Vec<Version> = small_grid());
        let range = range(&text);
        let found = GRID.with(|grid| grid.iter().any(|version| range.matches(version)));
        prop_assert_eq!(range.is_satisfiable(), found, "{}", text);
    }
}
