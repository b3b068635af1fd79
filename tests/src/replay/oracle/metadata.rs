//! The rules for a metadata document (decision C3), and the decision that an invalid document breaks.

use serde_json::{Map, Value};

use super::version::{Compatibility, Version};

const TYPES: [&str; 4] = ["Secret", "Certificate", "Credential", "Issuer"];

/// Returns the decision that the document breaks, or `None` for a valid one.
pub fn broken_decision(document: &Value) -> Option<&'static str> {
    let Some(document) = object_of(document, &["version", "author", "updated", "compatibility", "plugin"])
    else {
        return Some("C3");
    };
    let Some(plugin) = object_of(&document["plugin"], &["name", "type", "description"]) else {
        return Some("C3");
    };
    let texts = [
        &document["version"],
        &document["author"],
        &document["compatibility"],
        &plugin["name"],
        &plugin["type"],
        &plugin["description"],
    ];
    let [Some(version), Some(author), Some(range), Some(name), Some(kind), Some(_)] =
        texts.map(Value::as_str)
    else {
        return Some("C3");
    };
    let good = is_author(author)
        && document["updated"].as_u64().is_some_and(is_date)
        && is_text_for_people(name)
        && TYPES.contains(&kind);
    if !good {
        return Some("C3");
    }
    let (Some(version), Some(range)) = (Version::read(version), Compatibility::read(range)) else {
        return Some("C1");
    };
    // The document's version is outside the document's own range. A range that cannot be satisfied admits no version
    // (decision C2).
    (!range.admits(&version)).then_some("C4")
}

/// Returns the object if it has exactly these keys.
fn object_of<'a>(value: &'a Value, keys: &[&str]) -> Option<&'a Map<String, Value>> {
    let object = value.as_object()?;
    (object.len() == keys.len() && keys.iter().all(|key| object.contains_key(*key))).then_some(object)
}

/// Tells whether a text is `Name <address>`.
fn is_author(author: &str) -> bool {
    let Some((name, address)) = author.strip_suffix('>').and_then(|rest| rest.split_once(" <")) else {
        return false;
    };
    let Some((user, host)) = address.rsplit_once('@') else { return false };
    let clean = |text: &str| !text.contains(['<', '>']);
    is_text_for_people(author)
        && !name.is_empty()
        && name.trim_matches(' ') == name
        && clean(name)
        && clean(address)
        && !address.contains(' ')
        && !user.is_empty()
        && !host.is_empty()
}

fn is_text_for_people(text: &str) -> bool {
    (1..=256).contains(&text.len()) && !text.bytes().any(|byte| byte.is_ascii_control())
}

/// Tells whether the number YYYYMMDD is a day of the Gregorian calendar.
fn is_date(number: u64) -> bool {
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let february = if leap { 29 } else { 28 };
    let days = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let in_month = usize::try_from(month).ok().and_then(|month| days.get(month.checked_sub(1)?));
    (1000..=9999).contains(&year) && in_month.is_some_and(|days| (1..=*days).contains(&day))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn good_ones_break_nothing_and_each_bad_field_something() {
        let good = json!({"version": "1.0", "author": "A B <a@b>", "updated": 20240229, "compatibility": ">=:1.0,<:2.0",
            "plugin": {"name": "N", "type": "Issuer", "description": ""}});
        assert_eq!(broken_decision(&good), None);
        let with = |pointer: &str, value: Value| {
            let mut document = good.clone();
            *document.pointer_mut(pointer).unwrap() = value;
            broken_decision(&document)
        };
        assert_eq!(with("/updated", json!(20230229)), Some("C3"));
        assert_eq!(with("/updated", json!(20240101.0)), Some("C3"));
        assert_eq!(with("/author", json!("A<a@b>")), Some("C3"));
        assert_eq!(with("/plugin/type", json!("Access")), Some("C3"));
        assert_eq!(with("/version", json!("01.0")), Some("C1"));
        assert_eq!(with("/compatibility", json!("")), Some("C1"));
        assert_eq!(with("/version", json!("2.0")), Some("C4"));
        assert_eq!(with("/plugin", json!({})), Some("C3"));
        assert_eq!(broken_decision(&json!(null)), Some("C3"));
    }
}
