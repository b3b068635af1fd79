//! What a host sends, and what a plugin makes of it.

use crate::wire::{Alphabet, base64, plugin};
use crate::{
    Action, Configuration, ConfigurationValue, Context, CredentialPart, CredentialRequest, Issued, Json,
    JsonObject, Revocation, State, UserId, UserInfo,
};

fn input(json: &serde_json::Value) -> Result<plugin::Input, plugin::InputError> {
    plugin::decode_input(base64::encode(json.to_string().as_bytes(), Alphabet::UrlSafe).expose().as_bytes())
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
    // A line break behind the base64, a text for params on revocation.
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
    let context = Context::new(UserInfo::new("i", "needle").with("mail", "needle"))
        .with_user(UserId::received("u"))
        .with_access_token("needle")
        .with_configuration(Configuration::new().with("a", ConfigurationValue::text("needle")));
    let mut parameters = JsonObject::new();
    parameters.insert("a".to_owned(), Json::text("needle"));
    let request = CredentialRequest::new(context.clone()).with_parameters(parameters.into());
    let issued = Issued::new("needle").with(CredentialPart::text("n", "needle"));
    let revocation = Revocation::new(context, State::new("needle"));
    let shown = format!("{request:?} {issued:?} {revocation:?}");
    assert!(!shown.contains("needle"), "{shown}");
}
