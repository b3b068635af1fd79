//! Reads the service's answers. Fields that the readers do not name are ignored (decision L9).

use keyway_core::json::Reader;
use keyway_core::{Json, Timestamp};

/// The maximum size of an answer in bytes. The longest answer is a page of a list.
pub(crate) const MAX_BYTES: usize = 32 << 20;
/// The maximum number of values in an answer. In memory, a number of two bytes takes more than thirty times as much.
const MAX_VALUES: usize = 1 << 20;

const ANSWERS: Reader = Reader { max_bytes: MAX_BYTES, max_depth: 32, ..Reader::STRICT };

/// The error for an answer that does not have the expected form. It holds nothing of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the service's answer has no valid {0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

/// An item in an answer.
pub(crate) trait Record: Sized {
    fn read(json: &Json) -> Result<Self, Malformed>;
    fn id(&self) -> &str;
    /// Returns the approximate size of the item in memory, in bytes.
    fn bytes(&self) -> usize;
}

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page<R> {
    /// The number of items in all pages.
    pub(crate) count: u64,
    /// The date of the last change in the project, in seconds since the epoch.
    pub(crate) revised: Option<f64>,
    /// Whether there is another page.
    pub(crate) more: bool,
    pub(crate) records: Vec<R>,
}

/// Reads any answer.
pub(crate) fn json(body: &[u8]) -> Result<Json, Malformed> {
    // Commas stand between values. Encrypted texts have none.
    if body.split(|byte| *byte == b',').count() > MAX_VALUES {
        return Err(Malformed("number of values"));
    }
    ANSWERS.read(body).map_err(|_| Malformed("JSON"))
}

/// Reads a single item.
pub(crate) fn record<R: Record>(body: &[u8]) -> Result<R, Malformed> {
    R::read(&json(body)?)
}

/// Reads a page of items.
pub(crate) fn page<R: Record>(body: &[u8]) -> Result<Page<R>, Malformed> {
    let json = json(body)?;
    let Some(Json::Array(results)) = json.get("results") else { return Err(Malformed("`results`")) };
    let more = text(&json, "next").is_some();
    // Only the last page may be empty. Otherwise a list might not end.
    if more && results.is_empty() {
        return Err(Malformed("`next`"));
    }
    Ok(Page {
        count: json.get("count").and_then(number).ok_or(Malformed("`count`"))?,
        revised: json.get("revision_date").and_then(seconds),
        more,
        records: results.iter().map(R::read).collect::<Result<_, _>>()?,
    })
}

/// Reads a number that is not negative.
pub(crate) fn number(json: &Json) -> Option<u64> {
    match json {
        Json::Integer(integer) => integer.decimal().parse().ok(),
        _ => None,
    }
}

/// Returns a text field. Returns `None` if it is missing or empty, because the service does not distinguish the two.
pub(crate) fn text<'a>(json: &'a Json, name: &str) -> Option<&'a str> {
    json.get(name).and_then(Json::as_text).filter(|text| !text.is_empty())
}

/// Returns an id. Its characters are checked, because it becomes part of a path.
pub(crate) fn id(json: &Json) -> Result<String, Malformed> {
    const LONGEST: usize = 128;
    let id = match json.get("id") {
        Some(Json::Text(id)) => id.expose().to_owned(),
        Some(Json::Integer(id)) => id.decimal().to_owned(),
        _ => return Err(Malformed("`id`")),
    };
    let is_safe = (1..=LONGEST).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if is_safe { Ok(id) } else { Err(Malformed("`id`")) }
}

/// Returns a date, which the service gives in seconds with a fraction.
pub(crate) fn date(json: &Json, name: &str) -> Option<Timestamp> {
    let seconds = json.get(name).and_then(seconds)?;
    // `seconds` has checked that the number is neither negative nor too large.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Some(Timestamp::from_milliseconds((seconds * 1000.0).round() as u64))
}

/// Returns the seconds of a date. Returns `None` if `json` is not a number from 0 up to the end of the year 9999.
pub(crate) fn seconds(json: &Json) -> Option<f64> {
    /// The end of the year 9999.
    const LATEST: f64 = 253_402_300_800.0;
    let seconds = match json {
        Json::Float(seconds) => seconds.get(),
        Json::Integer(seconds) => seconds.decimal().parse().ok()?,
        _ => return None,
    };
    (0.0..LATEST).contains(&seconds).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[derive(Debug)]
    struct Id(String);

    impl Record for Id {
        fn read(json: &Json) -> Result<Self, Malformed> {
            id(json).map(Self)
        }

        fn id(&self) -> &str {
            &self.0
        }

        fn bytes(&self) -> usize {
            self.0.len()
        }
    }

    #[test]
    fn a_page_is_read_and_what_is_not_known_is_ignored() {
        let body = json!({"count": 3, "next": "/v1/x?page=2", "new": {"a": []}, "results": [{"id": "a"}, {"id": 17}]});
        let read: Page<Id> = page(body.to_string().as_bytes()).unwrap();
        assert_eq!((read.count, read.more), (3, true));
        assert_eq!(read.records.iter().map(Record::id).collect::<Vec<_>>(), ["a", "17"]);
        for last in [json!(null), json!("")] {
            let body = json!({"count": 0, "next": last, "results": []});
            assert!(!page::<Id>(body.to_string().as_bytes()).unwrap().more);
        }
    }

    #[test]
    fn an_answer_of_another_form_names_the_field() {
        for (body, field) in [
            ("nonsense", "JSON"),
            (r#"{"count": 1, "count": 1, "results": []}"#, "JSON"),
            (r#"{"count": 1}"#, "`results`"),
            (r#"{"count": 1, "next": "/v1/x?page=2", "results": []}"#, "`next`"),
            (r#"{"count": -1, "results": []}"#, "`count`"),
            (r#"{"count": 1, "results": [{}]}"#, "`id`"),
            (r#"{"count": 1, "results": [{"id": "../profile"}]}"#, "`id`"),
            (r#"{"count": 1, "results": [{"id": ""}]}"#, "`id`"),
        ] {
            assert_eq!(page::<Id>(body.as_bytes()).unwrap_err(), Malformed(field), "{body}");
        }
        let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
        assert!(json(deep.as_bytes()).is_err());
    }

    #[test]
    fn dates_are_seconds_with_a_fraction() {
        let json: Json =
            json!({"a": 1_700_000_000.123_4, "b": 5, "c": -1, "d": 1e300, "e": null, "f": "5"}).into();
        let read = |name| date(&json, name).map(Timestamp::as_milliseconds);
        assert_eq!((read("a"), read("b")), (Some(1_700_000_000_123), Some(5000)));
        for none in ["c", "d", "e", "f", "g"] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn an_answer_of_very_many_values_is_refused_before_it_fills_the_memory() {
        let numbers = format!("[{}0]", "0,".repeat(MAX_VALUES));
        assert_eq!(json(numbers.as_bytes()).unwrap_err(), Malformed("number of values"));
    }

    proptest! {
        #[test]
        fn no_answer_causes_a_panic(body: Vec<u8>, text in "\\{\"count\":[0-9]{0,3},\"results\":\\[.*\\]\\}") {
            let _ = page::<Id>(&body);
            let _ = page::<Id>(text.as_bytes());
        }
    }
}
