//! Tests of the reader, and of round trips.

use proptest::prelude::*;

use super::*;

fn fault(text: &[u8]) -> (usize, JsonFault) {
    let error = Reader::STRICT.read(text).unwrap_err();
    (error.at, error.fault)
}

#[test]
fn faults_are_told_apart_and_placed() {
    use JsonFault as F;
    for (text, at, expected) in [
        (&b""[..], 0, F::Empty),
        (b" \n\t", 3, F::Empty),
        (b"{\"a\":", 5, F::Truncated),
        (b"{\"a", 3, F::Truncated),
        (b"\"a\\", 3, F::Truncated),
        (b"nul", 3, F::Truncated),
        (b"nulL", 3, F::Syntax),
        (b"True", 0, F::Syntax),
        (b"{'a':1}", 1, F::Syntax),
        (b"{\"a\":1,}", 7, F::Syntax),
        (b"[1,]", 3, F::Syntax),
        (b"[1 2]", 3, F::Syntax),
        (b"{\"a\" 1}", 5, F::Syntax),
        (b"{\"a\":/*c*/1}", 5, F::Syntax),
        (b"NaN", 0, F::Syntax),
        (b"012", 1, F::Syntax),
        (b"-", 1, F::Truncated),
        (b"1.", 2, F::Truncated),
        (b"1e+", 3, F::Truncated),
        (b".5", 0, F::Syntax),
        (b"+1", 0, F::Syntax),
        (b"1e999", 0, F::NumberTooLarge),
        (b"\xef\xbb\xbf{}", 0, F::ByteOrderMark),
        (b"\xff\xfe{}", 0, F::ByteOrderMark),
        (b"\"a\xc3(\"", 2, F::NotUtf8),
        (b"\"\xed\xa0\x80\"", 1, F::NotUtf8),
        (b"\"a\nb\"", 2, F::Control),
        (b"\"\\x\"", 1, F::Syntax),
        (b"\"\\u12g4\"", 1, F::Syntax),
        (b"\"\\u12\"", 1, F::Syntax),
        (b"\"a\\ud800b\"", 2, F::LoneSurrogate),
        (b"\"\\udc00\"", 1, F::LoneSurrogate),
        (b"\"\\ud800\\ud800\"", 1, F::LoneSurrogate),
        (b"\"\\ud800\\n\"", 1, F::LoneSurrogate),
        (b"{\"a\":1,\"\\u0061\":2}", 7, F::Duplicate),
        (b"{\"a\":{\"b\":1,\"b\":1}}", 12, F::Duplicate),
        (b"{} x", 3, F::Trailing),
        (b"{}{}", 2, F::Trailing),
        (b"{}}", 2, F::Trailing),
        (b"{}\0", 2, F::Trailing),
    ] {
        assert_eq!(fault(text), (at, expected), "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |depth: usize| [b"[".repeat(depth), b"]".repeat(depth)].concat();
    assert!(Reader::STRICT.read(&nested(Reader::MAX_DEPTH)).is_ok());
    let limit = Reader::MAX_DEPTH;
    assert_eq!(fault(&nested(limit + 1)), (limit, JsonFault::TooDeep { limit }));
    assert_eq!(fault(&b"[".repeat(100_000)).1, JsonFault::TooDeep { limit });
    let limit = Reader::MAX_COLLECTIONS;
    let lists = |number: usize| ["[", &vec!["[]"; number - 1].join(","), "]"].concat().into_bytes();
    assert!(Reader::STRICT.read(&lists(limit)).is_ok());
    assert_eq!(fault(&lists(limit + 1)).1, JsonFault::TooManyCollections { limit });
    // Neighbours in an array do not add to the depth.
    let wide = format!("[{}[]]", "[],{},".repeat(200));
    assert!(Reader::STRICT.read(wide.as_bytes()).is_ok());
    let limit = Reader::MAX_BYTES;
    assert_eq!(fault(&b" ".repeat(limit + 1)).1, JsonFault::TooLarge { limit });
}

#[test]
fn leniently_the_first_duplicate_counts_and_the_rest_is_not_looked_at() {
    let Json::Object(entries) = Reader::LENIENT.read(b" {\"a\":\"1\",\"a\":\"2\"} \xff{").unwrap() else {
        panic!("an object")
    };
    assert_eq!(entries.get("a").and_then(Json::as_text), Some("1"));
    // Even the lenient reader checks everything before the end of the value.
    assert!(Reader::LENIENT.read(b"{\"a\":1,\"a\":tru}").is_err());
    assert!(Reader::LENIENT.read(b"\"a\\ud800b\"").is_err());
}

#[test]
fn numbers_keep_any_size_and_have_one_spelling() {
    let read = |text: &str| Reader::STRICT.read(text.as_bytes()).unwrap();
    let large = "9".repeat(400);
    assert_eq!(*read(&large).to_ascii(), large);
    assert_eq!(*read("-0").to_ascii(), *"0");
    assert_eq!(read("1e3"), Json::Float(Float::new(1000.0).unwrap()));
    assert!(Float::new(f64::NAN).is_none() && Float::new(f64::INFINITY).is_none());
}

#[test]
fn errors_and_debug_show_no_value() {
    let error = Reader::STRICT.read(b"{\"needle\":\"needle\",\"needle\":1}").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("needle"), "{error:?}");
    let shown = format!("{:?}", Reader::STRICT.read(b"[\"needle\", 4242, {\"needle\": 1.5}]").unwrap());
    assert!(!shown.contains("needle") && !shown.contains("4242"), "{shown}");
}

/// Generates any JSON value.
fn json() -> impl Strategy<Value = Json> {
    let text = || prop_oneof![any::<String>(), "[a-z/\"\\\\\u{0}-\u{1f}\u{7f}\u{e9}\u{1f511}]{0,12}"];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        "-?[1-9][0-9]{0,40}|0".prop_map(|digits| Json::Integer(Integer::parse(&digits).unwrap())),
        any::<f64>().prop_filter_map("finite", Float::new).prop_map(Json::Float),
        text().prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::Array),
            prop::collection::btree_map(text(), inner, 0..5).prop_map(Json::Object),
        ]
    })
}

/// Generates two kinds of texts: random sequences of pieces of JSON, most of which are invalid, and valid JSON.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\"",
        "\"",
        "\\",
        "\\u00e9",
        "\\ud83d\\udd11",
        "\\udc00",
        "true",
        "null",
        "0",
        "-1",
        "1.5",
        "2E-3",
        "1e",
        " ",
        "\n",
        "\u{e9}",
        "\t",
        "01",
    ]);
    prop_oneof![
        prop::collection::vec(pieces, 0..20).prop_map(|pieces| pieces.concat().into_bytes()),
        json().prop_map(|json| json.to_ascii().as_bytes().to_vec()),
    ]
}

/// Tells whether two values are equal. Ignores the last digits of floats, which are inexact in `serde_json`.
fn nearly(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Float(a), Json::Float(b)) => (a.get() - b.get()).abs() <= a.get().abs() * 1e-14,
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| nearly(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((n, a), (m, b))| n == m && nearly(a, b))
        }
        _ => one == other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Compares the reader with `serde_json`, which accepts the same texts except for duplicate names and depth.
    #[test]
    fn it_reads_what_serde_json_reads(text in texts()) {
        let ours = Reader { duplicates: Duplicates::FirstCounts, ..Reader::STRICT }.read(&text);
        match (ours, serde_json::from_slice::<serde_json::Value>(&text)) {
            (Ok(ours), Ok(theirs)) => {
                if Reader::STRICT.read(&text).is_ok() {
                    // The two readers differ by design for integers beyond 64 bits.
                    let bounded = Json::from(theirs);
                    if !text.windows(19).any(|digits| digits.iter().all(u8::is_ascii_digit)) {
                        prop_assert!(nearly(&ours, &bounded));
                    }
                }
            }
            (Err(_), Err(_)) => {}
            (ours, theirs) => prop_assert!(false, "ours {ours:?}, theirs {theirs:?}"),
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_and_errors_point_into_them(bytes: Vec<u8>) {
        for reader in [Reader::STRICT, Reader::LENIENT] {
            if let Err(error) = reader.read(&bytes) {
                prop_assert!(error.at <= bytes.len());
            }
        }
    }

    #[test]
    fn a_written_text_is_read(json in json()) {
        let text = json.to_ascii();
        prop_assert!(text.is_ascii());
        prop_assert!(Reader::STRICT.read(text.as_bytes()).unwrap() == json);
    }
}
