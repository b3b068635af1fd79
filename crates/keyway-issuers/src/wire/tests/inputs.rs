//! Tests how a host writes inputs, and how a plugin reads them.

use proptest::prelude::*;

use crate::wire::{Alphabet, MAX_INPUT, WireOptions, base64, host, plugin};
use crate::{
    Action, Configuration, ConfigurationValue, Context, CredentialPart, CredentialRef, CredentialRequest,
    Issued, Json, JsonObject, Requester, Revocation, Rule, UserId, UserInfo,
};
use keyway_core::json::Reader;

fn input(json: &serde_json::Value) -> Result<plugin::Input, plugin::InputError> {
    plugin::decode_input(base64::encode(json.to_string().as_bytes(), Alphabet::UrlSafe).expose().as_bytes())
}

#[test]
fn the_longest_input_is_read_and_a_longer_one_is_refused() {
    let joe = || Context::new(UserInfo::new("https://issuer.example.com", "joe"));
    for alphabet in [Alphabet::UrlSafe, Alphabet::Standard] {
        let with_token = |bytes: usize| {
            let mut request = CredentialRequest::new(joe());
            request.context.requester.access_token = Some("t".repeat(bytes).into());
            host::encode_request(&request, &WireOptions::new("1").with_alphabet(alphabet))
        };
        let length = |sent: &str| sent.trim_end_matches('=').len();
        let around = base64::decode(with_token(0).expose().as_bytes()).unwrap().len();
        let longest = with_token(Reader::MAX_BYTES - around);
        assert_eq!(length(longest.expose()), MAX_INPUT);
        plugin::decode_input(longest.expose().as_bytes()).unwrap();
        let longer = with_token(Reader::MAX_BYTES - around + 1);
        assert_eq!(length(longer.expose()), MAX_INPUT + 1);
        plugin::decode_input(longer.expose().as_bytes()).unwrap_err();
    }
}

#[test]
fn inputs_that_are_wrong_are_refused_with_all_that_is_wrong() {
    let right = serde_json::json!({
        "action": "request", "additional_logins": [], "conf_params": {}, "cred_state": "undefined", "params": {},
        "user_info": {"iss": "https://i", "sub": "s"}, "watts_userid": "e30", "watts_version": "1.6.1",
        "unknown": 1, "access_token": null,
    });
    assert!(input(&right).is_ok());
    let wrong = |key: &str, value: serde_json::Value| {
        let mut json = right.clone();
        if value.is_null() {
            json.as_object_mut().unwrap().remove(key);
        } else {
            json[key] = value;
        }
        match input(&json) {
            Err(plugin::InputError::Violations(violations)) => {
                violations.iter().map(|violation| violation.key.clone()).collect::<Vec<_>>()
            }
            other => panic!("{key}: {other:?}"),
        }
    };
    for key in [
        "action",
        "additional_logins",
        "conf_params",
        "cred_state",
        "params",
        "user_info",
        "watts_userid",
        "watts_version",
    ] {
        assert_eq!(wrong(key, serde_json::Value::Null), [key]);
        assert_eq!(wrong(key, serde_json::json!(5)), [key]);
    }
    assert_eq!(wrong("action", "renew".into()), ["action"]);
    assert_eq!(wrong("user_info", serde_json::json!({"iss": 1})), ["user_info.iss", "user_info.sub"]);
    assert_eq!(wrong("conf_params", serde_json::json!({"A": "x", "b": 1})), ["conf_params", "conf_params"]);
    assert_eq!(wrong("params", serde_json::json!({"a-b": "x"})), ["params"]);
    assert_eq!(wrong("access_token", 3.into()), ["access_token"]);
    assert_eq!(wrong("intent_id", "a b".into()), ["intent_id"]);
    assert_eq!(
        wrong(
            "additional_logins",
            serde_json::json!([1, {}, {"user_info": {"iss": "a"}, "access_token": 1}])
        ),
        [
            "additional_logins[0]",
            "additional_logins[1].user_info",
            "additional_logins[2].access_token",
            "additional_logins[2].user_info.sub"
        ]
    );
}

#[test]
fn old_hosts_are_understood() {
    // The base64 ends with a line break, and the revocation has a text as `params`, as old hosts write them.
    let json =
        br#"{"action":"revoke","additional_logins":[],"conf_params":{},"cred_state":"s","params":"undefined",
        "user_info":{"iss":"i","sub":"s"},"watts_userid":"e30","watts_version":"1.3.0"}"#;
    let text = base64::encode(json, Alphabet::Standard);
    for end in ["\n", "\r\n"] {
        let input = plugin::decode_input(format!("{}{end}", text.expose()).as_bytes()).unwrap();
        assert_eq!(input.action(), Action::Revoke);
    }
    assert!(plugin::decode_input(format!("{}\n\n", text.expose()).as_bytes()).is_err());
}

#[test]
fn debug_of_what_is_received_shows_no_value() {
    let requester = Requester::new(UserInfo::new("i", "needle").with("mail", "needle"))
        .with_user(UserId::received("u"))
        .with_access_token("needle");
    let context = Context::new(requester)
        .with_configuration(Configuration::new().with("a", ConfigurationValue::text("needle")));
    let mut parameters = JsonObject::new();
    parameters.insert("a".to_owned(), Json::text("needle"));
    let request = CredentialRequest::new(context.clone()).with_parameters(parameters.into());
    let issued = Issued::new("needle").with(CredentialPart::text("n", "needle"));
    let revocation = Revocation::new(context, CredentialRef::new("needle"));
    let shown = format!("{request:?} {issued:?} {revocation:?}");
    assert!(!shown.contains("needle"), "{shown}");
}

/// Generates the text of one entry of an input: valid or invalid, with a known or an unknown name, escaped or not.
fn entry() -> impl Strategy<Value = String> {
    let right = prop::sample::select(vec![
        r#""action":"request""#,
        r#""action":"revoke""#,
        r#""\u0061ction":"re\u0071uest""#,
        r#""additional_logins":[]"#,
        r#""conf_params":{"a":"b","c":true}"#,
        r#""cred_state":"s\/t""#,
        r#""intent_id":"i""#,
        r#""params":{}"#,
        r#""user_info":{"sub":"s","iss":"https:\/\/i"}"#,
        r#""watts_userid":"e30""#,
        r#""watts_version":"1.0.0""#,
        r#""access_token":"t""#,
        r#""access_token":null"#,
        r#""unknown":[1]"#,
        r#""\u0075nknown":2"#,
        r#""":{"a":1}"#,
        r#""":{"a":1,"a":1}"#,
        r#""watts_userid":}"#,
    ]);
    let name = prop::sample::select(vec!["action", "params", "user_info", "intent_id", "other"]);
    let any = (name, super::values::json())
        .prop_map(|(name, value)| format!("{:?}:{}", name, value.to_ascii().as_str()));
    prop_oneof![6 => right.prop_map(str::to_owned), 1 => any]
}

/// Generates the text of an input from valid entries in any order. Some of these entries may be missing, and up to two
/// entries from [`entry`] are mixed in, which may be duplicates. The end may be wrong.
fn text() -> impl Strategy<Value = String> {
    let right = [
        r#""action":"request""#,
        r#""additional_logins":[]"#,
        r#""conf_params":{}"#,
        r#""cred_state":"undefined""#,
        r#""params":{"key":"v\n"}"#,
        r#""user_info":{"iss":"i","sub":"s"}"#,
        r#""watts_userid":"e30""#,
        r#""watts_version":"1.0.0""#,
    ];
    let right = prop::sample::subsequence(right.map(str::to_owned).to_vec(), 6..=8);
    let end = prop::sample::select(vec!["}", "}", "}", "} ", "}x", ""]);
    (right, prop::collection::vec(entry(), 0..3), end)
        .prop_flat_map(|(right, more, end)| (Just([right, more].concat()).prop_shuffle(), Just(end)))
        .prop_map(|(entries, end)| format!("{{{}{end}", entries.join(",")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Checks that the reader of inputs, which reads entry by entry, agrees with the general JSON reader: both find the
    /// same fault at the same place, and the order of the entries changes nothing.
    #[test]
    fn an_input_is_read_as_any_json_is(text in text()) {
        let read = plugin::decode_json(text.as_bytes());
        match Reader::STRICT.read(text.as_bytes()) {
            Ok(json) => prop_assert_eq!(read, plugin::decode_json(json.to_ascii().as_bytes())),
            Err(error) => {
                let found = read.unwrap_err();
                prop_assert_eq!(found.as_slice().len(), 1);
                prop_assert_eq!(&found.as_slice()[0].rule, &Rule::Json { fault: error.fault, at: error.at });
            }
        }
    }
}
