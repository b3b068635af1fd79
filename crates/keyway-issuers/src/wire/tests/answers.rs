//! Tests how a plugin writes answers, and how the host reads them.

use keyway_core::Effect;
use keyway_core::PluginError as _;

use crate::RequestOutcome;
use crate::wire::{Ended, Profile, host};

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
        assert!(error.effect() == Effect::Unknown);
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
fn a_failure_without_output_is_a_program_that_failed() {
    for profile in Profile::ALL {
        let error = host::decode_revoked(b" \n", Ended::Status(127), profile).unwrap_err();
        assert_eq!(error.kind(), keyway_core::ErrorKind::Program);
        assert!(error.to_string().contains("status 127"), "{error}");
        let error = host::decode_revoked(b"", Ended::SUCCESS, profile).unwrap_err();
        assert_eq!(error.kind(), keyway_core::ErrorKind::ContractViolation);
    }
}

/// Checks the texts that the real host shows for values that are not texts.
#[test]
fn leniently_values_are_printed_as_the_real_host_prints_them() {
    let value = |kind: &str, value: &str| {
        let printed = format!(
            "{{\"result\":\"ok\",\"state\":\"s\",\"credential\":[{{\"type\":\"{kind}\",\"value\":{value}}}]}}"
        );
        let outcome = host::decode_outcome(printed.as_bytes(), Ended::SUCCESS, Profile::Lenient).unwrap();
        let RequestOutcome::Issued(issued) = outcome else { panic!("{value}") };
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
fn a_missing_log_message_is_made_of_the_other() {
    let error =
        host::decode_revoked(br#"{"result":"error","user_msg":"sorry"}"#, Ended::SUCCESS, Profile::Strict);
    assert_eq!(error.unwrap_err().detail(), "error response: <<\"sorry\">>");
}

/// Checks that neither profile takes an answer with a key `error` for a completed revocation (decision W10).
#[test]
fn an_error_key_keeps_the_credential_whatever_the_result_says() {
    let revoked = |printed: &str, profile| host::decode_revoked(printed.as_bytes(), Ended::SUCCESS, profile);
    for error in ["\"still there\"", "null", "false", "{}", "[]", "0", "\"\""] {
        for printed in [
            format!("{{\"result\":\"ok\",\"error\":{error}}}"),
            format!("{{\"error\":{error},\"user_msg\":\"sorry\",\"result\":\"error\"}}"),
        ] {
            let strict = revoked(&printed, Profile::Strict).expect_err(&printed);
            assert!(
                strict
                    .violations()
                    .iter()
                    .any(|one| one.key == "error" && one.rule == crate::Rule::Forbidden),
                "{printed}: {strict}"
            );
            let lenient = revoked(&printed, Profile::Lenient).expect_err(&printed);
            assert!(matches!(lenient, crate::IssuerError::Refused { .. }), "{printed}: {lenient:?}");
        }
        for printed in
            [format!("{{\"error\":{error}}}"), format!("{{\"error\":{error},\"result\":\"gone\"}}")]
        {
            for profile in Profile::ALL {
                revoked(&printed, profile).expect_err(&printed);
            }
        }
    }
    let said = revoked(r#"{"result":"ok","error":"no such file"}"#, Profile::Lenient).unwrap_err();
    assert_eq!(said.detail(), "the result is \"ok\" beside an error: <<\"no such file\">>");
    let said = revoked(r#"{"result":"ok","error":1,"user_msg":"u","log_msg":"l"}"#, Profile::Lenient);
    assert_eq!(said.as_ref().unwrap_err().user_message(), "u");
    assert_eq!(said.unwrap_err().detail(), "l");
    let within = r#"{"result":"ok","errors":1,"more":{"error":1}}"#;
    for profile in Profile::ALL {
        revoked(within, profile).unwrap();
    }
}
