use serde_json::{Value, json};

use super::*;

fn object(status: Option<i64>, word: Option<&str>) -> RemoteError {
    ErrorObject { status, word }.to_error()
}

/// Tests the errors of Locker's first generation. The first line of the table that fits decides.
#[test]
fn the_table_of_error_objects() {
    use RemoteClass as C;
    for (status, words, class) in [
        (None, &["rate_limit"][..], C::RateLimit),
        (None, &["unauthorized", "invalid_secret_access_key"], C::Authentication),
        (None, &["permission_denied"], C::PermissionDenied),
        (None, &["not_found", "not_found_error"], C::NotFound),
        (None, &["server_error"], C::Server),
        (None, &["http_error"], C::Connection),
        (None, &["database_error", "command_error"], C::Program),
        (None, &["input_error", "flag_error", "RATE_LIMIT", "", "data_error"], C::Other),
        (Some(200), &["not_found"], C::NotFound),
        (Some(200), &["http_error"], C::Connection),
        (Some(429), &["not_found", "server_error"], C::RateLimit),
        (Some(401), &["not_found", "http_error"], C::Authentication),
        (Some(401), &["rate_limit"], C::RateLimit),
        (Some(403), &["http_error", "not_found"], C::PermissionDenied),
        (Some(404), &["http_error", "server_error"], C::NotFound),
        (Some(503), &["not_found"], C::NotFound),
        (Some(503), &["http_error", "x"], C::Server),
        (Some(600), &["http_error"], C::Server),
        (Some(400), &["http_error"], C::Connection),
        (Some(400), &["x"], C::Other),
        (Some(409), &["http_error", "x"], C::Conflict),
        (Some(422), &["http_error", "x"], C::Validation),
        (Some(422), &["not_found"], C::NotFound),
    ] {
        for word in words {
            assert_eq!(object(status, Some(word)).class(), class, "{status:?} {word}");
        }
    }
    assert_eq!(object(None, None).class(), C::Other);
    assert_eq!(object(Some(502), None).row(), Row::ServerError);
    assert_eq!(object(Some(502), None).reported_status(), Some(502));
}

/// Tests the errors of Locker's second generation.
#[test]
fn the_table_of_rpc_errors() {
    use RemoteClass as C;
    let error = |code, kind, retryable| RpcError { code, kind, retryable, retry_after: None }.to_error();
    for (code, kind, class, status, believed) in [
        (-32700, "parse_error", C::Protocol, None, false),
        (-32600, "invalid_request", C::Protocol, None, false),
        (-32000, "operation_error", C::Operation, None, false),
        (-32000, "cancelled", C::Cancelled, None, false),
        (-32000, "request_rejected", C::RequestRejected, Some(400), false),
        (-32000, "response_too_large", C::ResponseTooLarge, Some(413), false),
        (-32000, "conflict", C::Conflict, Some(409), false),
        (-32000, "duplicate_hash", C::AlreadyExists, Some(409), false),
        (-32000, "validation_error", C::Validation, None, false),
        (-32000, "data_error", C::Integrity, None, false),
        (-32000, "not_found", C::Operation, None, false),
        (-32001, "unauthorized", C::Authentication, Some(401), false),
        (-32003, "forbidden", C::PermissionDenied, Some(403), false),
        (-32004, "future_kind", C::NotFound, Some(404), false),
        (-32009, "conflict", C::Conflict, Some(409), false),
        (-32009, "environment_already_exists", C::AlreadyExists, Some(409), false),
        (-32022, "already_exists", C::Validation, Some(422), false),
        (-32029, "conflict", C::RateLimit, Some(429), true),
        (-32050, "network_timeout", C::Connection, Some(503), true),
        (-32051, "server_error", C::Server, Some(500), true),
        (-32051, "internal_error", C::Server, Some(500), false),
        (-32060, "database_error", C::LocalStorage, None, false),
        (-32070, "integrity_error", C::Integrity, None, false),
        (-32010, "not_found", C::Operation, None, true),
        (-32099, "future", C::Operation, None, true),
        (-32100, "x", C::Protocol, None, false),
        (-31999, "x", C::Protocol, None, false),
        (i64::MIN, "x", C::Protocol, None, false),
        (-404, "not_found", C::Protocol, None, false),
    ] {
        let willing = error(code, kind, true);
        assert_eq!((willing.class(), willing.reported_status()), (class, status), "{code} {kind}");
        assert_eq!(willing.is_retryable(), believed, "{code} {kind}");
        assert!(!error(code, kind, false).is_retryable());
        assert_eq!(willing.word(), Some(kind));
    }
    let wait = Some(Duration::from_secs(9));
    let waiting =
        |code| RpcError { code, kind: "x", retryable: true, retry_after: wait }.to_error().retry_after();
    assert_eq!((waiting(-32029), waiting(-32050)), (wait, None));
}

#[test]
fn only_a_missing_secret_is_one() {
    let missing = |kind| RpcError { code: -32004, kind, retryable: false, retry_after: None }.to_error();
    assert!(missing("secret_not_found").is_secret_not_found());
    assert!(missing("not_found_error").is_secret_not_found());
    assert!(object(Some(404), Some("not_found")).is_secret_not_found());
    for other in ["environment_not_found", "project_not_found", "future_kind", "route_not_found", "A B"] {
        assert!(!missing(other).is_secret_not_found(), "{other}");
    }
    assert!(!object(Some(404), None).is_secret_not_found());
    assert!(!object(Some(403), Some("permission_denied")).is_secret_not_found());
}

#[test]
fn a_programs_output_is_interpreted() {
    let secret = "{\"object\": \"secret\", \"value\": \"V\", \"success\": true}";
    let value: Value = serde_json::from_str(secret).unwrap();
    assert_eq!(interpret(secret, 0), Ok(Answer::Value(value.clone())));
    assert_eq!(interpret(&format!("hello\n{secret}"), 1), Ok(Answer::Value(value.clone())));
    let marked = "log\n----------- LOG BREAK -----------\n{\"a\": 1}\n----------- LOG BREAK -----------\nlog";
    assert_eq!(interpret(marked, 0), Ok(Answer::Value(json!({"a": 1}))));
    assert_eq!(program_output("A=1\n", 0), Ok("A=1\n"), "output without JSON is returned to the caller");
    for (text, skip) in
        [("hello\n{}", 2), ("hello", 0), ("", 0), ("[1]", 0), ("\"x\"", 0), ("{} {}", 0), ("null", 0)]
    {
        let error = interpret::<Value>(text, skip).unwrap_err();
        assert_eq!(error.class(), RemoteClass::Protocol, "{text:?}");
    }
}

#[test]
fn an_error_object_is_known_by_any_of_its_signs() {
    for text in [
        r#"{"object": "error", "error": "not_found", "message": "n33dle"}"#,
        r#"{"object":"error","error":"not_found"}"#,
        r#"{"success": false, "error": "not_found", "value": ["n33dle"]}"#,
        r#"{"success": "false", "status_code": 404, "n33dle": 5}"#,
    ] {
        match interpret::<Value>(text, 0) {
            Ok(Answer::Error(error)) => {
                assert_eq!(error.class(), RemoteClass::NotFound, "{text}");
                let shown = format!("{error} {error:?} {}", error.body().unwrap());
                assert!(!shown.contains("n33dle"), "{shown}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    for text in [r#"{"object": "secret"}"#, r#"{"success": true}"#, r#"{"success": null, "object": 5}"#, "{}"]
    {
        assert!(matches!(interpret::<Value>(text, 0), Ok(Answer::Value(_))), "{text}");
    }
}

#[test]
fn a_kept_body_has_no_contents() {
    let body = json!({
        "object": "error", "error": "a sentence with n33dle", "code": "n33DLE", "status_code": 404, "success": false,
        "retryable": true, "message": "n33dle", "data": {"kind": "not_found", "n33dle": {"deep": ["n33dle", 12345, null]}},
        "id": 12345,
    });
    let kept = RedactedBody::of(&body);
    assert_eq!(
        *kept.as_json(),
        json!({
            "object": "error", "error": "[text]", "code": "[text]", "status_code": 404, "success": false,
            "retryable": true, "message": "[text]",
            "data": {"kind": "not_found", "[name]": {"[name]": ["[text]", "[number]", null]}},
            "id": "[number]",
        })
    );
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    assert!(RedactedBody::of(&deep).to_string().len() < 100);
}

#[test]
fn words_are_words() {
    let word = |word| RemoteError::new(RemoteClass::Other).with_word(Some(word)).word().map(str::to_owned);
    assert_eq!(word("file_error").as_deref(), Some("file_error"));
    for other in ["", "A", "1a", "a b", "a\n", "é", &"a".repeat(65)] {
        assert_eq!(word(other), None, "{other}");
    }
}

#[test]
fn every_class_has_a_row_and_a_message() {
    for (class, row) in [
        (RemoteClass::AlreadyExists, Row::Conflict),
        (RemoteClass::RequestRejected, Row::Invalid),
        (RemoteClass::ResponseTooLarge, Row::LockerError),
        (RemoteClass::Integrity, Row::CliError),
        (RemoteClass::LocalStorage, Row::CliError),
        (RemoteClass::Protocol, Row::CliError),
        (RemoteClass::Cancelled, Row::CliError),
        (RemoteClass::Operation, Row::LockerError),
    ] {
        let error = RemoteError::new(class);
        assert_eq!(error.row(), row);
        assert!(!error.to_string().is_empty() && class.name().ends_with("Error"));
    }
    assert!(RemoteError::new(RemoteClass::RateLimit).is_retryable());
    assert!(RemoteError::new(RemoteClass::Connection).is_retryable());
    assert!(!RemoteError::new(RemoteClass::Conflict).is_retryable());
}

/// Checks that a duplicate field is refused, because readers differ about which one counts.
#[test]
fn an_answer_that_names_a_field_twice_is_refused() {
    for text in [
        r#"{"value": "1", "value": "2"}"#,
        r#"{"value": "1", "valu\u0065": "2"}"#,
        r#"{"value": {"a": [{"b": 1, "b": 1}]}}"#,
        r#"{"object": "error", "error": "not_found", "error": "unauthorized", "status_code": 404}"#,
        r#"{"object": "error", "error": "not_found", "status_code": 404, "status_code": 500}"#,
    ] {
        let answer = interpret::<Value>(text, 0);
        assert!(
            matches!(&answer, Err(error) if error.class() == RemoteClass::Protocol),
            "{text}: {answer:?}"
        );
    }
    // This nesting is deeper than the reader permits.
    let deep = format!(r#"{{"a": {}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(interpret::<serde::de::IgnoredAny>(&deep, 0).is_err());
    let once = r#"{"a": {"a": [{"a": 1}, {"a": -1.5}]}, "b": [null, true, 1e300, 18446744073709551615]}"#;
    assert!(matches!(interpret::<Value>(once, 0), Ok(Answer::Value(_))));
}
