//! Properties and tables of the wire, both sides together.

use std::fmt::Write as _;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::table::{Accepts, Presence, TABLE};
use super::{Alphabet, Base64Error, Ended, Profile, WireOptions, base64, host, plugin};
use crate::{
    Action, Configuration, ConfigurationDescriptor, ConfigurationValue, Context, CredentialPart,
    CredentialRequest, Description, Features, FieldSize, Float, IntentId, Issued, IssuerError, Json,
    JsonObject, Login, LoginRequired, Outcome, ParameterDescriptor, PartKind, Revocation, Rule, State,
    UserId, UserInfo,
};
use keyway_core::{Integer, PluginError as _};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-z/\"\\\\\u{0}-\u{1f}\u{7f}\u{e9}\u{1f511}]{0,12}"]
}

/// Any JSON value.
pub(crate) fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        "-?[1-9][0-9]{0,40}|0".prop_map(|digits| Json::Integer(Integer::parse(&digits).unwrap())),
        any::<f64>().prop_filter_map("finite", Float::new).prop_map(Json::Float),
        text().prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Json::Array),
            btree_map(text(), inner, 0..5).prop_map(Json::Object),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    "[a-z0-9_]{1,12}"
}

fn user_info() -> impl Strategy<Value = UserInfo> {
    (text(), text(), btree_map(text(), json(), 0..4)).prop_map(|(issuer, subject, claims)| {
        claims
            .into_iter()
            .fold(UserInfo::new(issuer, subject), |user_info, (name, claim)| user_info.with(name, claim))
    })
}

fn configuration_value() -> impl Strategy<Value = ConfigurationValue> {
    prop_oneof![
        text().prop_map(ConfigurationValue::text),
        any::<bool>().prop_map(ConfigurationValue::Boolean)
    ]
}

fn login() -> impl Strategy<Value = Login> {
    (user_info(), option::of(text()))
        .prop_map(|(user_info, token)| Login { user_info, access_token: token.map(Into::into) })
}

prop_compose! {
    fn context()(
        user_info in user_info(),
        user in option::of(text()),
        intent in option::of("[A-Za-z0-9._-]{1,40}"),
        configuration in btree_map(name(), configuration_value(), 0..4),
        additional_logins in vec(login(), 0..3),
        token in option::of(text()),
    ) -> Context {
        Context {
            intent: intent.and_then(IntentId::new),
            user: user.map_or_else(|| user_info.user_id(), UserId::received),
            user_info,
            configuration: configuration
                .into_iter()
                .fold(Configuration::new(), |all, (name, value)| all.with(name, value)),
            additional_logins,
            access_token: token.map(Into::into),
        }
    }
}

fn options() -> impl Strategy<Value = WireOptions> {
    (any::<bool>(), text()).prop_map(|(standard, version)| {
        let alphabet = if standard { Alphabet::Standard } else { Alphabet::UrlSafe };
        WireOptions::new(version).with_alphabet(alphabet).with_intent_id(true)
    })
}

fn part() -> impl Strategy<Value = CredentialPart> {
    let size = (option::of(any::<u32>()), option::of(any::<u32>()))
        .prop_map(|(rows, columns)| FieldSize { rows, columns });
    let kind = prop_oneof![
        Just(PartKind::Text),
        size.clone().prop_map(|size| PartKind::Textarea { size }),
        (size, option::of(text())).prop_map(|(size, save_as)| PartKind::Textfile { size, save_as }),
    ];
    (text(), kind, text()).prop_map(|(name, kind, value)| CredentialPart::new(name, kind, value))
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        (text(), vec(part(), 0..4))
            .prop_map(|(state, credential)| Outcome::Issued(Issued { credential, state: State::new(state) })),
        (text(), text())
            .prop_map(|(provider, message)| Outcome::LoginRequired(LoginRequired { provider, message })),
    ]
}

fn description() -> impl Strategy<Value = Description> {
    let parameter = (text(), text(), any::<bool>());
    let set = btree_map(name(), parameter, 0..4).prop_map(|parameters| {
        parameters.into_iter().map(|(key, (name, description, mandatory))| ParameterDescriptor {
            mandatory,
            ..ParameterDescriptor::optional(key, name, description)
        })
    });
    let configuration = btree_map(name(), configuration_value(), 0..4);
    (text(), option::of(text()), configuration, vec(set, 0..4), any::<bool>(), any::<bool>()).prop_map(
        |(version, email, configuration, sets, stdin, idempotent)| {
            let mut builder =
                Description::builder(version).features(Features::NONE.stdin(stdin).idempotent(idempotent));
            if let Some(email) = email {
                builder = builder.developer_email(email);
            }
            for (name, default) in configuration {
                builder = builder.configuration(ConfigurationDescriptor::new(name, default));
            }
            sets.into_iter()
                .fold(builder, super::super::description::DescriptionBuilder::set)
                .build()
                .unwrap()
        },
    )
}

proptest! {
    #[test]
    fn a_request_survives_the_wire(
        context in context(),
        parameters in btree_map(name(), json(), 0..4),
        options in options(),
    ) {
        let request = CredentialRequest::new(context).with_parameters(parameters.into());
        let sent = host::encode_request(&request, &options);
        let received = plugin::decode_input(sent.expose().as_bytes());
        prop_assert_eq!(received, Ok(plugin::Input::Request(Box::new(request))));
    }

    #[test]
    fn a_revocation_survives_the_wire(context in context(), state in text(), options in options()) {
        let revocation = Revocation::new(context, State::new(state));
        let sent = host::encode_revoke(&revocation, &options);
        let received = plugin::decode_input(sent.expose().as_bytes());
        prop_assert_eq!(received, Ok(plugin::Input::Revoke(Box::new(revocation))));
    }

    #[test]
    fn the_question_for_parameters_survives_the_wire(options in options()) {
        let sent = host::encode_parameter(&options);
        prop_assert_eq!(plugin::decode_input(sent.expose().as_bytes()), Ok(plugin::Input::Parameter));
    }

    #[test]
    fn outcomes_survive_the_wire(outcome in outcome()) {
        let printed = plugin::encode_outcome(&outcome);
        prop_assert!(printed.expose().is_ascii());
        for profile in Profile::ALL {
            let read = host::decode_outcome(printed.expose().as_bytes(), Ended::SUCCESS, profile);
            prop_assert_eq!(&read.unwrap(), &outcome);
        }
    }

    #[test]
    fn descriptions_survive_the_wire(description in description()) {
        let printed = plugin::encode_description(&description);
        for profile in Profile::ALL {
            let read = host::decode_description(printed.expose().as_bytes(), Ended::SUCCESS, profile);
            prop_assert_eq!(&read.unwrap(), &description);
        }
    }

    #[test]
    fn refusals_survive_the_wire(user in text(), log in text(), status in any::<i32>()) {
        let printed = plugin::encode_error(&IssuerError::refused(user.as_str(), log.as_str()));
        for profile in Profile::ALL {
            let printed = printed.expose().as_bytes();
            for error in [
                host::decode_outcome(printed, Ended::Status(status), profile).unwrap_err(),
                host::decode_revoked(printed, Ended::Status(status), profile).unwrap_err(),
                host::decode_description(printed, Ended::Status(status), profile).unwrap_err(),
            ] {
                prop_assert!(matches!(&error, IssuerError::Refused { .. }), "{error:?}");
                prop_assert_eq!((&*error.user_message(), error.detail()), (user.as_str(), log.clone()));
            }
        }
    }

    /// What strictly is read, leniently is read the same.
    #[test]
    fn the_lenient_profile_accepts_all_that_the_strict_one_does(answer in json(), outcome in outcome()) {
        for printed in [answer.to_ascii().as_bytes(), plugin::encode_outcome(&outcome).expose().as_bytes()] {
            if let Ok(strict) = host::decode_outcome(printed, Ended::SUCCESS, Profile::Strict) {
                let lenient = host::decode_outcome(printed, Ended::SUCCESS, Profile::Lenient);
                prop_assert_eq!(lenient.unwrap(), strict);
            }
        }
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes: Vec<u8>, status: i32) {
        let _ = plugin::decode_input(&bytes);
        let _ = plugin::decode_json(&bytes);
        for profile in Profile::ALL {
            let _ = host::decode_outcome(&bytes, Ended::Status(status), profile);
            let _ = host::decode_revoked(&bytes, Ended::Signal(status), profile);
            let _ = host::decode_description(&bytes, Ended::Status(status), profile);
        }
    }

    #[test]
    fn base64_of_either_alphabet_is_read(bytes: Vec<u8>) {
        for alphabet in [Alphabet::UrlSafe, Alphabet::Standard] {
            let text = base64::encode(&bytes, alphabet);
            prop_assert_eq!(&**base64::decode(text.expose().as_bytes()).unwrap(), bytes.as_slice());
            let bare = text.expose().trim_end_matches('=');
            prop_assert_eq!(&**base64::decode(bare.as_bytes()).unwrap(), bytes.as_slice());
            let padded = format!("{bare}{}", "=".repeat((4 - bare.len() % 4) % 4));
            prop_assert_eq!(&**base64::decode(padded.as_bytes()).unwrap(), bytes.as_slice());
        }
    }
}

#[test]
fn base64_says_where_it_is_wrong() {
    use Base64Error as E;
    for (text, error) in [
        ("YW Jj", E::Foreign { at: 2 }),
        ("YW\nJj", E::Foreign { at: 2 }),
        ("YWJj%3D", E::Foreign { at: 4 }),
        ("YWJj\u{e9}", E::Foreign { at: 4 }),
        ("-_+/", E::Mixed { at: 2 }),
        ("+/a_", E::Mixed { at: 3 }),
        ("YQ=", E::Padding { at: 2 }),
        ("YQ===", E::Padding { at: 2 }),
        ("YWJj====", E::Padding { at: 4 }),
        ("YQ==YQ==", E::Padding { at: 2 }),
        ("====", E::Padding { at: 0 }),
        ("Y===", E::Padding { at: 1 }),
        ("Y", E::Length { length: 1 }),
        ("YWJjZ", E::Length { length: 5 }),
    ] {
        assert_eq!(base64::decode(text.as_bytes()).unwrap_err(), error, "{text:?}");
    }
    // Bits that are left over are nobody's.
    assert_eq!(**base64::decode(b"YR").unwrap(), *b"a");
}

/// The text of the table in the documentation.
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
    assert!(include_str!("table.md") == page(), "src/wire/table.md must be:\n{}", page());
}

/// Answers that are right, and to each row of the table the way to its key.
fn right(answer: &str) -> Json {
    let json = match answer {
        "all" | "request ok" => serde_json::json!({"result": "ok", "state": "s", "credential": [
            {"name": "a", "type": "text", "value": "x"},
            {"name": "b", "type": "textfile", "value": "y", "rows": 3, "cols": 4, "save_as": "f"},
        ]}),
        "error" => {
            serde_json::json!({"result": "error", "user_msg": "u", "log_msg": "l", "uncertain": false})
        }
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

/// Changes the value at `path`: each `[]` is the last element. Gives back the path with
/// indexes.
fn change(json: &mut Json, path: &str, value: Option<Json>) -> String {
    if path.is_empty() {
        *json = value.expect("an element is not removed");
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
            entries.remove(name).expect("it is in the right answer");
            name.to_owned()
        }
        (_, value) => {
            let inner = entries.get_mut(name).expect("it is in the right answer");
            format!("{name}{dot}{}", change(inner, rest, value))
        }
    }
}

fn decode(answer: &str, json: &Json, profile: Profile) -> Result<(), IssuerError> {
    let printed = json.to_ascii();
    let decoded = if answer == "parameter ok" {
        host::decode_description(printed.as_bytes(), Ended::SUCCESS, profile).map(|_| ())
    } else {
        host::decode_outcome(printed.as_bytes(), Ended::SUCCESS, profile).map(|_| ())
    };
    match decoded {
        Err(IssuerError::Refused { .. } | IssuerError::Program { .. }) if answer == "error" => Ok(()),
        other => other,
    }
}

/// Whether a value fits, said once more and in another way than the decoder does.
fn fits(accepts: Accepts, value: &Json) -> bool {
    let serde = value.to_serde();
    match accepts {
        // The default that is changed is of the type string.
        Accepts::Text | Accepts::OfItsType => serde.is_string(),
        Accepts::Word(allowed) => {
            serde.as_str().is_some_and(|word| allowed.split(", ").any(|one| one == word))
        }
        Accepts::Printed | Accepts::PrintedValue | Accepts::TrueOrElse | Accepts::ObjectOrElse => true,
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
                decode(answer, &right(answer), profile).expect("it is right");
                if !row.key.ends_with("[]") {
                    let mut changed = right(answer);
                    let key = change(&mut changed, row.key, None);
                    let decoded = decode(answer, &changed, profile);
                    match treatment.presence {
                        Presence::Optional => assert!(decoded.is_ok(), "{} {profile:?}", row.key),
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
                    // These change what the rest of the answer means; they have tests of their own.
                    if matches!(row.key, "result") && fits(treatment.accepts, &value) {
                        continue;
                    }
                    let mut changed = right(answer);
                    let key = change(&mut changed, row.key, Some(value.clone()));
                    let decoded = decode(answer, &changed, profile);
                    // Lists and objects that fit have rows of their own for what is within.
                    let within =
                        matches!(treatment.accepts, Accepts::Array | Accepts::Object | Accepts::ObjectOrElse);
                    // Names are narrower than texts: `[a-z0-9_]+`.
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

#[test]
fn all_violations_are_listed_with_their_places() {
    let printed = br#"{"result":"ok","version":1,"conf_params":[
        {"name":"A","type":"string","default":5},{"type":"int","default":""},
        {"name":"b","type":"string","default":""},7,{"name":"b","type":"boolean","default":"yes"}],
        "request_params":[[],[{"key":"a b","name":1,"description":"","type":"text"},
        {"key":"c","name":"","description":"","type":"textarea","mandatory":true},
        {"key":"c","name":"","description":"","type":"textarea","mandatory":true}],"x"]}"#;
    let error = host::decode_description(printed, Ended::SUCCESS, Profile::Strict).unwrap_err();
    let mut keys: Vec<_> = error.violations().iter().map(|violation| violation.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "conf_params[0].default",
            "conf_params[0].name",
            "conf_params[1].name",
            "conf_params[1].type",
            "conf_params[3]",
            "conf_params[4].default",
            "conf_params[4].name",
            "request_params[1][0].key",
            "request_params[1][0].mandatory",
            "request_params[1][0].name",
            "request_params[1][0].type",
            "request_params[1][2].key",
            "request_params[2]",
            "version",
        ]
    );
}

#[test]
fn an_ok_that_is_discarded_names_the_credential_to_revoke() {
    let ok = br#"{"result":"ok","credential":[],"state":"st1"}"#;
    let orphan = |printed: &[u8], ended| {
        let error = host::decode_outcome(printed, ended, Profile::Strict).unwrap_err();
        assert!(!error.leaves_no_effect());
        error.orphan().map(|state| state.as_str().to_owned())
    };
    let st1 = Some("st1".to_owned());
    assert_eq!(orphan(ok, Ended::Status(1)), st1);
    assert_eq!(orphan(ok, Ended::Signal(9)), st1);
    assert_eq!(orphan(&[&ok[..], b" bye"].concat(), Ended::SUCCESS), st1);
    let bad_part =
        br#"{"result":"ok","credential":[{"name":"n","type":"password","value":"v"}],"state":"st1"}"#;
    assert_eq!(orphan(bad_part, Ended::SUCCESS), st1);
    let twice = br#"{"result":"ok","credential":[],"state":"st1","state":"st2"}"#;
    assert_eq!(orphan(twice, Ended::SUCCESS), st1);
    let error = br#"{"result":"error","state":"st1","user_msg":5}"#;
    assert_eq!(orphan(error, Ended::SUCCESS), None);
    assert!(host::decode_outcome(ok, Ended::Status(1), Profile::Lenient).is_ok());
}

#[test]
fn results_are_for_their_action() {
    let login = br#"{"result":"oidc_login","provider":"p","msg":"m"}"#;
    for profile in Profile::ALL {
        for error in [
            host::decode_revoked(login, Ended::SUCCESS, profile).unwrap_err(),
            host::decode_description(login, Ended::SUCCESS, profile).unwrap_err(),
        ] {
            assert!(matches!(error.violations(), [one] if one.key == "result"), "{error}");
        }
        for word in ["OK", "Ok", "ok ", "fail", "", "undefined", "plugin_error", "oidc-login"] {
            let printed = format!("{{\"result\":\"{word}\",\"credential\":[],\"state\":\"s\"}}");
            let error = host::decode_outcome(printed.as_bytes(), Ended::SUCCESS, profile).unwrap_err();
            assert!(matches!(error.violations(), [one] if one.key == "result"), "{error}");
        }
    }
}

#[test]
fn who_prints_nothing_and_fails_is_a_program_that_failed() {
    for profile in Profile::ALL {
        let error = host::decode_revoked(b" \n", Ended::Status(127), profile).unwrap_err();
        assert_eq!(error.kind(), keyway_core::ErrorKind::Program);
        assert!(error.to_string().contains("status 127"), "{error}");
        let error = host::decode_revoked(b"", Ended::SUCCESS, profile).unwrap_err();
        assert_eq!(error.kind(), keyway_core::ErrorKind::ContractViolation);
    }
}

/// What the real host shows for values that are no texts.
#[test]
fn leniently_values_are_printed_as_the_real_host_prints_them() {
    let value = |kind: &str, value: &str| {
        let printed = format!(
            "{{\"result\":\"ok\",\"state\":\"s\",\"credential\":[{{\"type\":\"{kind}\",\"value\":{value}}}]}}"
        );
        let outcome = host::decode_outcome(printed.as_bytes(), Ended::SUCCESS, Profile::Lenient).unwrap();
        let Outcome::Issued(issued) = outcome else { panic!("{value}") };
        issued.credential[0].expose_value().to_owned()
    };
    for (kind, json, text) in [
        ("text", "5", "5"),
        ("textfile", "-3", "-3"),
        ("text", "1.5", "1.5"),
        ("text", "1e3", "1.0e3"),
        ("text", "9007199254740991.0", "9007199254740991.0"),
        ("text", "-9007199254740992.0", "-9.007199254740992e15"),
        ("text", "100.0", "100.0"),
        ("text", "-0.0", "-0.0"),
        ("text", "1.5e-7", "1.5e-7"),
        ("text", "1e300", "1.0e300"),
        ("text", "true", "true"),
        ("textarea", "null", "null"),
        ("text", "[1,2,300]", "[1,2,300]"),
        ("textfile", "[1,2,300]", "12300"),
        ("text", "[72,105]", "\"Hi\""),
        ("text", "[34,10]", "\"\\\"\\n\""),
        ("textfile", "[72,105]", "72105"),
        ("text", "[\"a\",\"b\"]", "[<<\"a\">>,<<\"b\">>]"),
        ("text", "[\"\",\"\\u00e9\",\"\\u0001\"]", "[<<>>,<<\"\u{e9}\">>,<<1>>]"),
        ("textfile", "[\"a\",\"b\"]", "ab"),
        ("text", "[]", "[]"),
        ("textfile", "[]", ""),
        ("text", "12345678901234567890", "12345678901234567890"),
        ("textfile", "[\"a\\n\",1,true,null,\"b\"]", "a\n1truenullb"),
        ("textfile", "[\"a\",[\"b\",\"c\"]]", "a[<<\"b\">>,<<\"c\">>]"),
        ("text", "{\"k\":\"v\"}", "#{<<\"k\">> => <<\"v\">>}"),
    ] {
        assert_eq!(value(kind, json), text, "{json}");
    }
}

#[test]
fn an_error_says_whether_it_is_certain_that_nothing_happened() {
    let decode = |error: &IssuerError| {
        let printed = plugin::encode_error(error);
        host::decode_outcome(printed.expose().as_bytes(), Ended::SUCCESS, Profile::Strict).unwrap_err()
    };
    let certain = decode(&IssuerError::Unavailable { what: "the cluster", retry_after: None, source: None });
    assert!(matches!(certain, IssuerError::Refused { .. }) && certain.leaves_no_effect(), "{certain:?}");
    let uncertain = decode(&IssuerError::system("write the file", "disk full"));
    assert!(!uncertain.leaves_no_effect(), "{uncertain:?}");
    assert!(uncertain.detail().contains("could not write the file: disk full"), "{}", uncertain.detail());
}

#[test]
fn a_missing_log_message_is_made_of_the_other() {
    let error =
        host::decode_revoked(br#"{"result":"error","user_msg":"sorry"}"#, Ended::SUCCESS, Profile::Strict);
    assert_eq!(error.unwrap_err().detail(), "error response: <<\"sorry\">>");
}

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
