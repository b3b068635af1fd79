//! Tests that no secret of the call, and nothing of a refused answer, reaches an error or a log, whatever an
//! executable writes to its error output.
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "it looks at no process")]
mod support;

use std::time::Duration;

use keyway_core::PluginError as _;
use keyway_issuers::{
    Configuration, ConfigurationValue, Context, CredentialRequest, Issuer as _, RequestOutcome, Requester,
    UserInfo,
};
use keyway_process::{Environment, Input, Limits, Program, RunError, Runner};
use pollster::block_on;
use support::Executable;

/// A credential that an executable made.
const MADE: &str = "s3cr3t-made-by-the-plugin-0123456789";

fn asking(context: Context) -> CredentialRequest {
    CredentialRequest::new(context)
}

fn joe() -> Requester {
    Requester::new(UserInfo::new("https://issuer.example.com", "joe"))
}

#[test]
fn a_refused_answer_is_not_quoted() {
    let part = format!(r#"{{"name":"k","type":"text","value":"{MADE}"}}"#);
    for answer in [
        // A surplus comma.
        format!(r#"printf '{{"result":"ok","state":"s1","credential":[{part}],}}'"#),
        // A repeated name.
        format!(r#"printf '{{"result":"ok","state":"s1","credential":[{part}],"result":"ok"}}'"#),
        // A part without a value.
        format!(r#"printf '{{"result":"ok","state":"s1","credential":[{part},{{"name":"x"}}]}}'"#),
        // The exit status contradicts the result.
        format!(r#"printf '{{"result":"ok","state":"s1","credential":[{part}]}}'; exit 1"#),
        // An error with an unknown field, which holds the secret.
        format!(r#"printf '{{"result":"error","user_msg":"no","x":[{part}]}}'"#),
        // No JSON object.
        format!("printf '%s' {MADE}"),
    ] {
        let executable = Executable::with(&format!("echo 'made the key {MADE} for joe' >&2; {answer}"));
        let error = executable.request().unwrap_err();
        let detail = error.detail();
        assert!(detail.ends_with("made the key [REDACTED] for joe"), "{answer}: {detail}");
        assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?}");
    }
    // In the answer, the line breaks of this key are escaped.
    let executable = Executable::with(
        r#"printf -- '-----BEGIN-----\nAAAABBBBCCCCDDDD\nEE==\n-----END-----\n' >&2
           printf '{"result":"ok","state":"s","credential":[{"name":"k","type":"text",'
           printf '"value":"-----BEGIN-----\\nAAAABBBBCCCCDDDD\\nEE==\\n-----END-----\\n"}],}'"#,
    );
    let detail = executable.request().unwrap_err().detail();
    assert!(detail.ends_with("it wrote: [REDACTED]"), "{detail}");
}

#[test]
fn the_output_of_a_killed_executable_is_not_quoted() {
    for (end, output_bytes) in [("sleep 1000", 1 << 20), ("head -c 100000 /dev/zero; sleep 1000", 1000)] {
        let script = format!("echo '+ key={MADE}' | tee /dev/stderr; sleep 0.1; {end}");
        let program = Program::new("/bin/sh").unwrap().argument("-c").argument(script);
        let limits =
            Limits { deadline: Duration::from_millis(400), grace: Duration::from_millis(50), output_bytes };
        let runner = Runner::new(program, Environment::of_the_host(), limits, 1.try_into().unwrap());
        let error = block_on(runner.run(Input::Standard(Vec::new().into()))).unwrap_err();
        assert!(matches!(error, RunError::Deadline { .. } | RunError::OutputTooLarge { .. }), "{error:?}");
        assert_eq!(*error.errors().unwrap().for_log([]), "[REDACTED]", "{end}");
    }
}

#[test]
fn an_accepted_answer_hides_only_secrets() {
    let script = "echo 'greeting joe' >&2; printf 'greeting joe'";
    let program = Program::new("/bin/sh").unwrap().argument("-c").argument(script);
    let runner = Runner::new(program, Environment::of_the_host(), Limits::DEFAULT, 1.try_into().unwrap());
    let finished = block_on(runner.run(Input::Standard(Vec::new().into()))).unwrap();
    assert_eq!(*finished.errors.for_log(["of the call"]), "greeting joe");
}

#[test]
fn a_token_across_the_cut_is_not_quoted() {
    let token = "tok-0123456789-abcdefghij";
    for after in [8182, 8191, 8192 - 25] {
        let script = format!(
            "cat > /dev/null; printf '{token}' >&2; head -c {after} /dev/zero | tr '\\0' . >&2; exit 3"
        );
        let executable = Executable::reading_stdin(&script);
        let request = asking(Context::new(joe().with_access_token(token)));
        let detail = block_on(executable.issuer().request(&request)).unwrap_err().detail();
        let (_, wrote) = detail.split_once("; it wrote: ").unwrap();
        assert_eq!(wrote.trim_end_matches('.'), "[REDACTED]", "{after}");
    }
}

#[test]
fn no_piece_of_the_input_decodes_to_a_secret() {
    let token = (1000..2200).map(|number: u32| number.to_string()).collect::<Vec<_>>().join(".");
    assert!(token.len() == 5999, "its base64 is longer than what is kept of the error output");
    let request = asking(Context::new(joe().with_access_token(&*token)).with_configuration(
        Configuration::new().with("password", ConfigurationValue::text("door/password-of-the-operator")),
    ));
    for complaint in [
        r#"echo "cannot parse: $(cat)" >&2"#,
        "cat | tr -- '-_' '+/' | fold -w 76 >&2",
        "cat | head -c 3000 >&2",
        // Prints the input as JSON, in which the slash is escaped.
        "cat | tr -- '-_' '+/' | base64 -d 2>/dev/null | tail -c 400 >&2",
    ] {
        let executable = Executable::reading_stdin(&format!("{complaint}; exit 1"));
        let error = block_on(executable.issuer().request(&request)).unwrap_err();
        let detail = error.detail();
        assert!(detail.contains("[REDACTED]"), "{complaint}: {detail}");
        assert!(!detail.contains("password-of"), "{complaint}: {detail}");
        if complaint.contains("base64") {
            continue;
        }
        // A secret could be decoded from a long piece of the base64 input, so every word of the error must be short.
        for word in detail.split(|c: char| !(c.is_ascii_alphanumeric() || "-_+/".contains(c))) {
            assert!(word.len() < 20, "{complaint}: {word}");
        }
        assert!(!format!("{error:?}").contains("password-of"));
    }
}

#[test]
fn an_issued_credential_is_unchanged() {
    let executable = Executable::with(&format!(
        r#"echo '{MADE}' >&2; echo '{{"result":"ok","state":"s","credential":[{{"name":"k","type":"text","value":"{MADE}"}}]}}'"#
    ));
    let RequestOutcome::Issued(issued) = executable.request().unwrap() else { panic!("no credential") };
    assert_eq!(issued.credential[0].expose_value(), MADE);
}
