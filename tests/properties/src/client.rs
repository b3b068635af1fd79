//! Checks the inputs of a client: files for import, the file of its credentials, and answers of services.

use std::str;

use keyway_client::{Answer, Bundle, BundleError, Credentials, CredentialsError, RemoteClass, interpret};
use serde_json::Value;

use super::scratch::Scratch;
use super::shell;
use super::silence::{shows_nothing, shows_nothing_but};

/// Checks a file in the form of dotenv.
///
/// A shell reads the same values; they survive a round trip in this form and as JSON; and an error
/// shows no value.
pub fn dotenv(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let bundle = match Bundle::from_dotenv(text) {
        Ok(bundle) => bundle,
        Err(error) => return shows_no_value(&error, data),
    };
    let written = match bundle.to_dotenv() {
        Ok(written) => written,
        // The name is not a valid name of a shell variable, or the shell changes the variable by itself.
        Err(BundleError::NotDotenv { key, .. }) => return assert!(bundle.get(&key).is_some()),
        Err(other) => panic!("a file that was read can be written: {other}"),
    };
    for text in [text, written.expose()] {
        let read = Bundle::from_dotenv(text).expect("a written file can be read");
        assert!(read.same_as(&bundle), "a round trip keeps the bundle");
        let sourced = shell::assigned(text).expect("a shell can read it too");
        assert_eq!(sourced.len(), bundle.len());
        for (key, value) in bundle.iter() {
            assert!(sourced[key] == value.expose(), "a shell reads another value");
        }
    }
    let json = bundle.to_json();
    assert!(
        Bundle::from_json(json.expose()).expect("JSON").same_as(&bundle),
        "a round trip as JSON keeps the bundle"
    );
}

/// Checks a file of secrets as JSON.
///
/// Only an object of texts is read, and another reader agrees; the values survive a round trip; and an error shows no
/// value.
pub fn bundle_json(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let other = serde_json::from_str::<Value>(text);
    let bundle = match Bundle::from_json(text) {
        Ok(bundle) => bundle,
        Err(error) => {
            if let (Ok(Value::Object(fields)), false) =
                (&other, matches!(error, BundleError::Duplicate { .. }))
            {
                // The other reader keeps only the last of two fields with one name.
                let is_double = fields.len() < count_of_keys(text);
                assert!(is_double || !fields.values().all(Value::is_string), "texts are refused: {error}");
            }
            return shows_no_value(&error, data);
        }
    };
    match other.expect("the other reader reads it too") {
        Value::Object(fields) => {
            assert_eq!(fields.len(), bundle.len());
            for (key, value) in bundle.iter() {
                assert!(fields[key].as_str() == Some(value.expose()), "the other reader differs");
            }
        }
        Value::Array(items) => assert_eq!(items.len(), bundle.len()),
        _ => panic!("neither an object nor a list"),
    }
    let written = bundle.to_json();
    let again = Bundle::from_json(written.expose()).expect("a written file can be read");
    assert!(again.same_as(&bundle), "a round trip keeps the bundle");
    if let Ok(dotenv) = bundle.to_dotenv() {
        let again = Bundle::from_dotenv(dotenv.expose()).expect("dotenv");
        assert!(again.same_as(&bundle), "a round trip as dotenv keeps the bundle");
    }
}

/// Returns an upper bound of the number of fields.
fn count_of_keys(text: &str) -> usize {
    text.matches(':').count()
}

/// Checks that an error shows no value. It may show names.
fn shows_no_value(error: &BundleError, data: &[u8]) {
    match error {
        BundleError::Duplicate { key, .. } | BundleError::NotTextInJson { key } => {
            shows_nothing_but(error, data, &[key.escape_debug().to_string(), key.clone()]);
        }
        _ => shows_nothing(error, data),
    }
}

/// Checks the file of a client's credentials.
///
/// The fields that are read occur in the file, and a file with only these fields is read as the same fields; a comment
/// changes nothing; an error shows nothing of the file, and names one of its lines.
pub fn credentials_file(data: &[u8]) {
    let folder = Scratch::new();
    let resolve = |content: &[u8]| {
        let path = folder.file("credentials", content);
        Credentials::source().file(path).resolve()
    };
    let credentials = match resolve(data) {
        Ok(credentials) => credentials,
        Err(error) => {
            if let CredentialsError::Syntax { line, .. } = error {
                let lines = data.split(|byte| *byte == b'\n').count();
                assert!((1..=lines).contains(&line), "line {line} of {lines}");
            }
            return shows_nothing(&error, data);
        }
    };
    let text = str::from_utf8(data).expect("a file that was read is text");
    let (id, key) = (credentials.access_key_id(), credentials.secret_access_key());
    for value in [id.expose(), key.expose()] {
        assert!(
            !value.is_empty() && value.trim() == value && text.contains(value),
            "the field occurs in the file"
        );
    }
    let others = format!("access_key_id=1\nsecret_access_key=2\napi_base={}\n", credentials.api_base());
    let others = resolve(others.as_bytes()).expect("the keys are valid");
    if others.api_base() == credentials.api_base() {
        assert_eq!(format!("{others:?}"), format!("{credentials:?}"), "Debug shows no key");
    }
    let plain = format!(
        "access_key_id={}\nsecret_access_key={}\napi_base={}\n",
        id.expose(),
        key.expose(),
        credentials.api_base()
    );
    for same in [plain.as_bytes(), &[b"# a comment\n", data].concat()] {
        let again = resolve(same).expect("a written file can be read");
        assert!(again.access_key_id().expose() == id.expose(), "the same ID");
        assert!(again.secret_access_key().expose() == key.expose(), "the same key");
        if same == plain.as_bytes() {
            // A trailing slash is removed once.
            assert_eq!(
                again.api_base(),
                credentials.api_base().strip_suffix('/').unwrap_or(again.api_base())
            );
        } else {
            assert_eq!(again.api_base(), credentials.api_base());
        }
    }
}

/// Checks the output of a service's program.
///
/// A readable output is one JSON object, and becomes an answer or an error. No error shows texts of the output, and the
/// body of an error is a redacted JSON object.
pub fn service_answer(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    for lines_to_skip in [0, 1] {
        match interpret::<Value>(text, lines_to_skip) {
            Ok(Answer::Value(value)) => assert!(value.is_object(), "one object"),
            Ok(Answer::Error(error)) => {
                shows_nothing(&error, data);
                let kept = error.body().expect("an error keeps its redacted body").to_string();
                assert!(serde_json::from_str::<Value>(&kept).is_ok_and(|kept| kept.is_object()));
            }
            Err(error) => {
                assert_eq!(error.class(), RemoteClass::Protocol);
                shows_nothing(&error, data);
            }
        }
    }
}
