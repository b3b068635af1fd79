//! Judges an answer of the protocol `locker.sdk` as Locker's official SDKs of the second generation do.
//!
//! The same functions judge the golden vectors, which recorded the SDK's own verdicts, and every test that runs
//! `locker-sdk`.

use std::time::Duration;

use keyway_core::json::Reader;
use serde_json::Value;

/// The largest answer that the SDKs read, in bytes.
const MAX_BYTES: usize = 20 << 20;
/// The deepest nesting that the SDKs read.
const MAX_DEPTH: usize = 256;
/// The minimum limits that a program must report, so that a request with credentials fits: the size of a request in
/// bytes, and its nesting depth.
const LEAST_REQUEST: u64 = 256;
const LEAST_DEPTH: u64 = 4;
const MAX_CURSOR_BYTES: usize = 4096;
const MAX_PAGE: usize = 1000;

/// The methods that a program has to offer.
const MANDATORY: [&str; 8] = [
    "secret.get",
    "secret.create",
    "secret.update",
    "secret.list",
    "environment.get",
    "environment.create",
    "environment.update",
    "environment.list",
];

/// An answer that an SDK accepts.
#[derive(Clone, Debug, PartialEq)]
pub enum Accepted {
    /// A result.
    Result {
        /// The data of the result. [`judge_data`] judges them, because that needs the method.
        data: Value,
        /// The version of the program that the answer names.
        cli_version: String,
    },
    /// An error.
    Error {
        /// The code.
        code: i64,
        /// The kind.
        kind: String,
        /// Whether the request may be tried again.
        retryable: bool,
        /// The time to wait before the next attempt.
        retry_after: Option<Duration>,
    },
}

/// The reason why an SDK refuses an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The program failed, so its output does not count.
    Program(i32),
    /// The output breaks the protocol.
    Protocol(&'static str),
}

type Judged<T> = Result<T, Refused>;

fn hold(condition: bool, what: &'static str) -> Judged<()> {
    if condition { Ok(()) } else { Err(Refused::Protocol(what)) }
}

fn text<'v>(object: &'v Value, name: &str, what: &'static str) -> Judged<&'v str> {
    object.get(name).and_then(Value::as_str).ok_or(Refused::Protocol(what))
}

fn integer(object: &Value, name: &str) -> Option<i64> {
    object.get(name).and_then(Value::as_i64)
}

/// Judges the output of a program for the request with this id.
///
/// # Errors
/// [`Refused`] says what is wrong.
pub fn judge(exit: i32, output: &[u8], id: &str) -> Judged<Accepted> {
    if exit != 0 {
        return Err(Refused::Program(exit));
    }
    // The SDK counts the nesting of values. The reader counts the arrays and objects around a value.
    let reader =
        Reader { max_bytes: MAX_BYTES, max_depth: MAX_DEPTH, max_collections: usize::MAX, ..Reader::STRICT };
    let answer =
        reader.read(output).map_err(|_| Refused::Protocol("the output is not one JSON value"))?.to_serde();
    hold(answer.is_object(), "the answer is not an object")?;
    hold(answer["jsonrpc"] == "2.0", "`jsonrpc` is not \"2.0\"")?;
    hold(answer["id"] == id, "`id` is not that of the request")?;
    match (answer.get("result"), answer.get("error")) {
        (Some(result), None) => {
            hold(integer(result, "protocol_version") == Some(1), "`protocol_version` is not 1")?;
            let data = result.get("data").ok_or(Refused::Protocol("`data` is missing"))?;
            let meta = result.get("meta").ok_or(Refused::Protocol("`meta` is missing"))?;
            let version = text(meta, "cli_version", "`cli_version` is not a text")?;
            hold(!version.is_empty(), "`cli_version` is empty")?;
            Ok(Accepted::Result { data: data.clone(), cli_version: version.to_owned() })
        }
        (None, Some(error)) => judge_error(error),
        _ => Err(Refused::Protocol("not exactly one of `result` and `error`")),
    }
}

fn judge_error(error: &Value) -> Judged<Accepted> {
    let code = integer(error, "code").ok_or(Refused::Protocol("`code` is not an integer"))?;
    let message = text(error, "message", "`message` is not a text")?;
    let length = message.chars().count();
    hold(
        (1..=512).contains(&length) && !message.chars().any(char::is_control),
        "`message` is not a short line",
    )?;
    let data = error.get("data").ok_or(Refused::Protocol("`data` is missing"))?;
    hold(integer(data, "protocol_version") == Some(1), "`protocol_version` is not 1")?;
    let kind = text(data, "kind", "`kind` is not a text")?;
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let is_word = kind.len() <= 64 && kind.starts_with(|first: char| first.is_ascii_lowercase());
    hold(is_word && kind.bytes().all(word), "`kind` is not a word")?;
    let retryable = data.get("retryable").and_then(Value::as_bool);
    let retryable = retryable.ok_or(Refused::Protocol("`retryable` is not a truth value"))?;
    let retry_after = match data.get("retry_after_seconds") {
        None => None,
        Some(seconds) => {
            let seconds = seconds.as_u64().filter(|seconds| *seconds <= 86400);
            let seconds = seconds.ok_or(Refused::Protocol("`retry_after_seconds` is not up to a day"))?;
            Some(Duration::from_secs(seconds))
        }
    };
    if let Some(request) = data.get("server_request_id") {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = |text: &str| (16..=128).contains(&text.len()) && text.bytes().all(plain);
        hold(request.as_str().is_some_and(fits), "`server_request_id` has a wrong form")?;
    }
    Ok(Accepted::Error { code, kind: kind.to_owned(), retryable, retry_after })
}

/// Judges the output of a program that ended with success, for a request with the id "1". Returns the data, or the kind
/// of the error.
///
/// # Errors
/// [`Refused`] says what is wrong.
pub fn outcome(method: &str, output: &[u8]) -> Judged<Result<Value, String>> {
    match judge(0, output, "1")? {
        Accepted::Result { data, .. } => judge_data(method, &data).map(|()| Ok(data)),
        Accepted::Error { kind, .. } => Ok(Err(kind)),
    }
}

/// Judges the data of a result by the method that was called.
///
/// # Errors
/// [`Refused`] says what is wrong.
pub fn judge_data(method: &str, data: &Value) -> Judged<()> {
    match method {
        "secret.get" | "secret.create" | "secret.update" => judge_secret(data),
        "environment.get" | "environment.create" | "environment.update" => judge_environment(data),
        "secret.list" => judge_list(data, judge_secret),
        "environment.list" => judge_list(data, judge_environment),
        "secret.list_page" => judge_page(data, "secret_page", judge_secret),
        "environment.list_page" => judge_page(data, "environment_page", judge_environment),
        "system.capabilities" => judge_capabilities(data, None).map(|_| ()),
        _ => Err(Refused::Protocol("the method is unknown")),
    }
}

fn judge_list(data: &Value, one: fn(&Value) -> Judged<()>) -> Judged<()> {
    data.as_array().ok_or(Refused::Protocol("the data is not a list"))?.iter().try_for_each(one)
}

fn judge_page(data: &Value, object: &str, one: fn(&Value) -> Judged<()>) -> Judged<()> {
    hold(data["object"] == object, "the page is of another kind")?;
    let items = data.get("items").ok_or(Refused::Protocol("`items` is missing"))?;
    judge_list(items, one)?;
    hold(items.as_array().is_some_and(|items| items.len() <= MAX_PAGE), "the page is too long")?;
    match data.get("next_cursor") {
        Some(Value::Null) => Ok(()),
        Some(Value::String(cursor)) if (1..=MAX_CURSOR_BYTES).contains(&cursor.len()) => Ok(()),
        _ => Err(Refused::Protocol("`next_cursor` is neither a short text nor null")),
    }
}

fn judge_fields(
    value: &Value,
    object: &str,
    texts: &[&str],
    nullable: &[&str],
    dates: &[&str],
) -> Judged<()> {
    hold(value["object"] == object, "the object is of another kind")?;
    for field in texts {
        hold(value.get(*field).is_some_and(Value::is_string), "a text is missing")?;
    }
    for field in nullable {
        let fits = |found: &Value| found.is_string() || found.is_null();
        hold(value.get(*field).is_some_and(fits), "neither a text nor null")?;
    }
    for field in ["creation_date", "revision_date"] {
        hold(value.get(field).is_some_and(Value::is_number), "a date is missing")?;
    }
    for field in dates {
        let fits = |found: &Value| found.is_number() || found.is_null();
        hold(value.get(*field).is_some_and(fits), "neither a date nor null")?;
    }
    hold(
        value.get("project_id").is_some_and(|id| id.is_i64() || id.is_u64()),
        "`project_id` is not an integer",
    )?;
    let hashes = ["secret_hash", "environment_hash"].map(|field| value.get(field).is_some());
    hold(!hashes.contains(&true), "a hash is shown")
}

fn judge_secret(value: &Value) -> Judged<()> {
    let texts = ["id", "key", "value", "description"];
    let nullable = ["environment_id", "environment_name"];
    judge_fields(value, "secret", &texts, &nullable, &["updated_date", "deleted_date", "last_use_date"])
}

fn judge_environment(value: &Value) -> Judged<()> {
    let texts = ["id", "name", "external_url", "description"];
    judge_fields(value, "environment", &texts, &[], &["updated_date"])
}

/// Judges the capabilities that a program reports, before a call of `method`. Returns whether the program offers the
/// typed errors.
///
/// # Errors
/// [`Refused`] says what is wrong.
pub fn judge_capabilities(data: &Value, method: Option<&str>) -> Judged<bool> {
    let wrong = Refused::Protocol;
    let (protocol, limits) = (&data["protocol"], &data["limits"]);
    let (low, high) = (integer(protocol, "min_version"), integer(protocol, "max_version"));
    hold(
        protocol["name"] == "locker.sdk"
            && protocol["transport"] == "json-rpc-2.0-stdio"
            && low == Some(1)
            && high.is_some_and(|high| high >= 1),
        "it does not speak version 1 of the protocol",
    )?;
    hold(data["cli"]["version"].as_str().is_some_and(|version| !version.is_empty()), "it has no version")?;
    let methods = data["methods"].as_array().ok_or(wrong("it has no methods"))?;
    let mut names = Vec::new();
    for name in methods {
        let name = name.as_str().filter(|name| !name.is_empty()).ok_or(wrong("a method has no name"))?;
        hold(!names.contains(&name), "a method stands there twice")?;
        names.push(name);
    }
    let offered = |name: &str| names.contains(&name);
    hold(MANDATORY.into_iter().all(offered) && offered("system.capabilities"), "a method is missing")?;
    let positive = |limit: &Value| limit.as_u64().is_some_and(|limit| limit >= 1);
    hold(
        positive(&limits["max_request_bytes"]) && positive(&limits["max_response_bytes"]),
        "a limit is missing",
    )?;
    let depth = &limits["max_json_depth"];
    hold(depth.is_null() || positive(depth), "the limit of the depth is wrong")?;
    hold(
        limits["max_request_bytes"].as_u64() >= Some(LEAST_REQUEST)
            && depth.as_u64().is_none_or(|depth| depth >= LEAST_DEPTH),
        "no request fits into the limits",
    )?;
    hold(method.is_none_or(offered), "it does not offer the method")?;
    let contracts = match data.get("error_contracts") {
        None => return Ok(false),
        Some(contracts) => contracts.as_array().ok_or(wrong("the contracts of errors are no list"))?,
    };
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = |name: &str| {
        name.len() <= 32
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(word)
    };
    hold(
        contracts.len() <= 8 && contracts.iter().all(|name| name.as_str().is_some_and(fits)),
        "a contract of errors has a wrong name",
    )?;
    Ok(contracts.iter().any(|name| name == "typed-v1"))
}
