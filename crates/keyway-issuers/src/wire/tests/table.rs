//! Tests that the decoder and the documentation follow the table.

use std::fmt::Write as _;

use keyway_core::PluginError as _;

use crate::wire::table::{Accepts, Presence, TABLE};
use crate::wire::{Ended, Profile, host};
use crate::{IssuerError, Json, Rule};

/// Returns the text of the table in the documentation.
fn page() -> String {
    let mut page = String::from(
        "| answer | key | strict | lenient | seed | real host | tester |\n| --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in TABLE {
        let words = |profile| {
            let treatment = row.treatment(profile);
            let presence = match treatment.presence {
                Presence::Required => "required",
                Presence::Optional => "optional",
                Presence::Forbidden => return "must not be there".to_owned(),
            };
            match treatment.accepts {
                Accepts::Word(words) => format!("{presence}: `{}`", words.replace(", ", "`, `")),
                other => format!("{presence}: {}", other.words()),
            }
        };
        let strict = words(Profile::Strict);
        let lenient = words(Profile::Lenient);
        let lenient = if lenient == strict { "the same" } else { &lenient };
        let (answer, key) = (row.answer, row.key);
        let _ = writeln!(
            page,
            "| `{answer}` | `{key}` | {strict} | {lenient} | {} | {} | {} |",
            row.seed, row.host, row.tester
        );
    }
    page
}

#[test]
fn the_documentation_shows_the_table() {
    assert!(include_str!("../table.md") == page(), "src/wire/table.md must be:\n{}", page());
}

/// Returns a valid answer of the kind `answer`, with every key that the table has for this kind.
fn valid_answer(answer: &str) -> Json {
    let json = match answer {
        "all" | "request ok" => serde_json::json!({"result": "ok", "state": "s", "credential": [
            {"name": "a", "type": "text", "value": "x"},
            {"name": "b", "type": "textfile", "value": "y", "rows": 3, "cols": 4, "save_as": "f"},
        ]}),
        "error" => {
            serde_json::json!({"result": "error", "user_msg": "u", "log_msg": "l", "effect_unknown": false})
        }
        // One of the two profiles accepts the key `error`, so the answer contains it.
        "revoke" => serde_json::json!({"result": "error", "user_msg": "u", "error": "e"}),
        "request oidc_login" => serde_json::json!({"result": "oidc_login", "provider": "p", "msg": "m"}),
        "parameter ok" => serde_json::json!({
            "result": "ok", "version": "1", "developer_email": "a@example.org",
            "features": {"stdin": true, "idempotent": false},
            "conf_params": [
                {"name": "a", "type": "boolean", "default": true},
                {"name": "b", "type": "string", "default": "x"},
            ],
            "request_params": [[], [
                {"key": "a", "name": "n", "description": "d", "type": "textarea", "mandatory": true},
                {"key": "b", "name": "n", "description": "d", "type": "textarea", "mandatory": false},
            ]],
        }),
        other => panic!("no answer {other}"),
    };
    json.into()
}

/// Changes the value at `path`, where `[]` stands for the last element of a list. Returns the path with indexes.
fn change(json: &mut Json, path: &str, value: Option<Json>) -> String {
    if path.is_empty() {
        *json = value.expect("an element is never removed");
        return String::new();
    }
    if let Some(rest) = path.strip_prefix("[]") {
        let Json::Array(items) = json else { panic!("no list before {path}") };
        let last = items.len() - 1;
        let dot = if rest.starts_with('.') { "." } else { "" };
        return format!("[{last}]{dot}{}", change(&mut items[last], rest, value));
    }
    let path = path.trim_start_matches('.');
    let end = path.find(['[', '.']).unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    let Json::Object(entries) = json else { panic!("no object before {path}") };
    let dot = if rest.starts_with('.') { "." } else { "" };
    match (rest.is_empty(), value) {
        (true, None) => {
            entries.remove(name).expect("the valid answer has the key");
            name.to_owned()
        }
        (_, value) => {
            let inner = entries.get_mut(name).expect("the valid answer has the key");
            format!("{name}{dot}{}", change(inner, rest, value))
        }
    }
}

fn decode(answer: &str, json: &Json, profile: Profile) -> Result<(), IssuerError> {
    let printed = json.to_ascii();
    let decoded = if answer == "parameter ok" {
        host::decode_description(printed.as_bytes(), Ended::SUCCESS, profile).map(|_| ())
    } else if answer == "revoke" {
        host::decode_revoked(printed.as_bytes(), Ended::SUCCESS, profile)
    } else {
        host::decode_outcome(printed.as_bytes(), Ended::SUCCESS, profile).map(|_| ())
    };
    match decoded {
        Err(IssuerError::Refused { .. } | IssuerError::Failed { .. })
            if answer == "error" || answer == "revoke" =>
        {
            Ok(())
        }
        other => other,
    }
}

/// Tells whether a value fits, by rules written independently of the decoder.
fn fits(accepts: Accepts, value: &Json) -> bool {
    let serde = value.to_serde();
    match accepts {
        // The parameter whose default is changed has the type string.
        Accepts::Text | Accepts::OfItsType => serde.is_string(),
        Accepts::Word(allowed) => {
            serde.as_str().is_some_and(|word| allowed.split(", ").any(|one| one == word))
        }
        Accepts::Printed | Accepts::PrintedValue | Accepts::TrueOrElse | Accepts::ObjectOrElse => true,
        Accepts::Nothing => false,
        Accepts::Count => serde.as_u64().is_some_and(|count| count <= u32::MAX.into()),
        Accepts::CountOrDigits => {
            serde.is_null()
                || serde.as_u64().is_some_and(|count| count <= u32::MAX.into())
                || serde.as_str().is_some_and(|text| text.parse::<u32>().is_ok() && !text.starts_with('+'))
        }
        Accepts::Boolean => serde.is_boolean(),
        Accepts::Truth => {
            let words = ["true", "True", "false", "False"];
            serde.is_boolean()
                || serde.as_str().is_some_and(|word| words.contains(&word))
                || serde.as_u64().is_some_and(|number| number < 2)
        }
        Accepts::Array => serde.is_array(),
        Accepts::Object => serde.is_object(),
    }
}

#[test]
fn the_decoder_keeps_to_the_table() {
    let needle = "needle-5f2c91";
    let values = [
        serde_json::json!(null),
        serde_json::json!(true),
        serde_json::json!(0),
        serde_json::json!(7),
        serde_json::json!(-1),
        serde_json::json!(4_294_967_296_u64),
        serde_json::json!(1.0),
        serde_json::json!(needle),
        serde_json::json!("true"),
        serde_json::json!("12"),
        serde_json::json!(""),
        serde_json::json!([needle]),
        serde_json::json!({ needle: needle }),
    ];
    let mut tried = 0;
    for row in TABLE {
        let answers =
            if row.answer == "all" { &["request ok", "error", "parameter ok"][..] } else { &[row.answer] };
        for answer in answers {
            for profile in Profile::ALL {
                let treatment = row.treatment(profile);
                if treatment.presence != Presence::Forbidden {
                    decode(answer, &valid_answer(answer), profile).expect("the answer is valid");
                }
                if !row.key.ends_with("[]") {
                    let mut changed = valid_answer(answer);
                    let key = change(&mut changed, row.key, None);
                    let decoded = decode(answer, &changed, profile);
                    match treatment.presence {
                        Presence::Optional | Presence::Forbidden => {
                            assert!(decoded.is_ok(), "{} {profile:?}: {decoded:?}", row.key);
                        }
                        Presence::Required => {
                            let error = decoded.expect_err(row.key);
                            assert!(
                                error.violations().iter().any(|v| v.key == key && v.rule == Rule::Missing),
                                "{key}: {error}"
                            );
                        }
                    }
                }
                for value in &values {
                    let value = Json::from(value.clone());
                    // The key `result` changes the meaning of the whole answer; other tests cover it.
                    if matches!(row.key, "result") && fits(treatment.accepts, &value) {
                        continue;
                    }
                    let mut changed = valid_answer(answer);
                    let key = change(&mut changed, row.key, Some(value.clone()));
                    let decoded = decode(answer, &changed, profile);
                    // The contents of accepted lists and objects have rows of their own, so an accepted list or object
                    // can still make the whole answer invalid.
                    let within =
                        matches!(treatment.accepts, Accepts::Array | Accepts::Object | Accepts::ObjectOrElse);
                    // A name must match `[a-z0-9_]+`, so not every text is a name.
                    let named = row.seed == "`[a-z0-9_]`"
                        && value.as_text().is_some_and(|name| !crate::description::is_name(name));
                    if fits(treatment.accepts, &value) && !named {
                        assert!(within || decoded.is_ok(), "{key} {profile:?} {value:?}: {decoded:?}");
                    } else {
                        let error = decoded.expect_err(row.key);
                        let said = format!("{error} {error:?} {} {}", error.detail(), error.user_message());
                        assert!(!said.contains(needle), "{said}");
                        assert!(error.violations().iter().any(|v| v.key == key), "{key}: {said}");
                        assert_eq!(error.kind(), keyway_core::ErrorKind::ContractViolation);
                    }
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 2 * TABLE.len() * values.len() - 10, "{tried}");
}
