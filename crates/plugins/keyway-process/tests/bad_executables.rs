//! Tests that each misbehaving executable gives a typed error in time, and leaves no process behind.
#![cfg(target_os = "linux")]

mod support;

use std::time::{Duration, Instant};

use keyway_core::json::JsonFault;
use keyway_core::{CallError, Effect, ErrorKind, PluginError as _};
use keyway_issuers::{
    CredentialRef, CredentialRequest, Issuer as _, IssuerError, Parameters, RequestOutcome, Revocation, Rule,
};
use keyway_process::{ProfileChoice, RunError};
use support::{Executable, ISSUED, joe};

/// A Python function that makes a daemon: an orphan in a session of its own, without streams.
const DAEMON: &str = r#"
import os, sys, time
def daemon(clean):
    if os.fork() == 0:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        os.chdir("/")
        null = os.open("/dev/null", os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        if clean:
            os.execve("/bin/sleep", ["sleep", "1000"], {"CHILD_OF": os.environ["MARK"]})
        time.sleep(1000)
    else:
        os.wait()
"#;

#[track_caller]
fn json_fault(result: Result<RequestOutcome, IssuerError>) -> JsonFault {
    let error = result.unwrap_err();
    match error.violations() {
        [violation] => match violation.rule {
            Rule::Json { fault, .. } => fault,
            ref other => panic!("{other:?}"),
        },
        _ => panic!("{error:?}"),
    }
}

/// Returns the [`RunError`] that is the cause of an issuer's error.
#[track_caller]
fn run_error(error: &IssuerError) -> &RunError {
    let source = std::error::Error::source(error).unwrap_or_else(|| panic!("{error:?}"));
    source.downcast_ref().unwrap_or_else(|| panic!("{error:?}"))
}

#[test]
fn output_that_is_not_one_object_is_a_violation() {
    for (body, fault) in [
        ("exit 0", JsonFault::Empty),
        (r#"printf '{"result":"ok","credential":[],"sta'"#, JsonFault::Truncated),
        (r#"printf '{"result":"ok","credential":[],"state":"s"}{"result":"ok"}'"#, JsonFault::Trailing),
        (r#"printf '{"result":"ok","credential":[],"state":"\377"}'"#, JsonFault::NotUtf8),
    ] {
        let executable = Executable::with(body);
        assert_eq!(json_fault(executable.request()), fault, "{body}");
        assert!(executable.request().unwrap_err().effect() == Effect::Unknown);
        executable.assert_nothing_left();
    }
}

#[test]
fn text_after_the_object_passes_in_the_lenient_profile_only() {
    let body = format!("echo '{ISSUED} and more'; exit 3");
    let mut executable = Executable::with(&body);
    assert_eq!(json_fault(executable.request()), JsonFault::Trailing);
    executable.configuration.profile = ProfileChoice::Lenient;
    assert!(matches!(executable.request().unwrap(), RequestOutcome::Issued(_)));
}

#[test]
fn too_much_output_is_cut_off() {
    let executable = Executable::with("exec head -c 100000000 /dev/zero");
    let begun = Instant::now();
    let error = executable.request().unwrap_err();
    assert!(matches!(run_error(&error), RunError::OutputTooLarge { limit: 1_048_576, .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    executable.assert_nothing_left();
}

#[test]
fn endless_output_is_cut_off_even_if_signals_are_ignored() {
    let executable = Executable::with("trap '' TERM PIPE; yes & yes & while :; do echo y; done");
    let error = executable.request().unwrap_err();
    assert!(matches!(run_error(&error), RunError::OutputTooLarge { .. }), "{error:?}");
    executable.assert_nothing_left();
}

#[test]
fn an_answer_may_have_exactly_the_limit() {
    let mut executable = Executable::with(&format!("printf '%s' '{ISSUED}'"));
    executable.configuration.output_limit_bytes = 300.try_into().unwrap();
    executable.request().unwrap();
    executable.configuration.output_limit_bytes = (ISSUED.len() - 1).try_into().unwrap();
    // Even the description exceeds this limit, because it is longer than the answer.
    assert!(matches!(executable.request(), Err(IssuerError::Unavailable { .. })));
}

#[test]
fn a_larger_limit_lets_a_larger_answer_pass() {
    let value = "value=$(head -c 3000000 /dev/zero | tr '\\0' x)";
    let answer = r#"{"result":"ok","credential":[{"name":"n","type":"text","value":"%s"}],"state":"s"}"#;
    for end in ["", " and more"] {
        let mut executable = Executable::with(&format!("{value}; printf '{answer}{end}' \"$value\""));
        executable.configuration.output_limit_bytes = (4 << 20).try_into().unwrap();
        match executable.request() {
            Ok(RequestOutcome::Issued(issued)) => {
                assert_eq!((issued.credential[0].expose_value().len(), end), (3_000_000, ""));
            }
            // A credential exists, so the host must know its state.
            Err(error) => assert_eq!((error.orphan(), end), (Some(&CredentialRef::new("s")), " and more")),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_nonzero_status_is_a_failure() {
    let silent = Executable::with("echo trouble >&2; exit 1").request().unwrap_err();
    assert!(matches!(silent, IssuerError::Program { .. }), "{silent:?}");
    assert!(silent.detail().ends_with("trouble"), "{}", silent.detail());

    let issued =
        Executable::with(&format!("echo '{ISSUED}'; echo trouble >&2; exit 1")).request().unwrap_err();
    assert!(matches!(issued.violations()[0].rule, Rule::Ended { .. }), "{issued:?}");
    assert!(issued.effect() == Effect::Unknown);
    assert!(issued.detail().ends_with("trouble"), "{}", issued.detail());

    let refused = Executable::with(r#"echo '{"result":"error","user_msg":"no","log_msg":"why"}'; exit 1"#);
    let refused = refused.request().unwrap_err();
    assert_eq!((refused.kind(), &*refused.user_message()), (ErrorKind::Denied, "no"));
}

#[test]
fn a_signal_is_a_failure() {
    let silent = Executable::with("kill -9 $$").request().unwrap_err();
    assert!(
        matches!(&silent, IssuerError::Program { reason, .. } if reason.contains("signal 9")),
        "{silent:?}"
    );
    let issued = Executable::with(&format!("echo '{ISSUED}'; kill -15 $$")).request().unwrap_err();
    assert!(matches!(issued.violations()[0].rule, Rule::Ended { .. }), "{issued:?}");
}

#[test]
fn a_hanging_program_is_killed_at_the_deadline() {
    for body in [
        "sleep 1000",
        "exec sleep 1000",
        "trap '' TERM; while :; do sleep 1000; done",
        // A complete answer does not count while the program still runs.
        &format!("echo '{ISSUED}'; exec >&-; sleep 1000"),
        "kill -STOP $$",
    ] {
        let executable = Executable::with(body).deadline(400);
        let issuer = executable.issuer();
        pollster::block_on(issuer.describe()).unwrap();
        let begun = Instant::now();
        let error = pollster::block_on(issuer.request(&joe())).unwrap_err();
        assert!(matches!(error, IssuerError::Call(CallError::DeadlineExceeded { .. })), "{body}: {error:?}");
        assert!((400..4000).contains(&begun.elapsed().as_millis()), "{body}: {:?}", begun.elapsed());
        executable.assert_nothing_left();
        let revocation = Revocation::new(joe().context, CredentialRef::new("state"));
        assert!(pollster::block_on(issuer.revoke(&revocation)).is_err());
        executable.assert_nothing_left();
    }
}

#[test]
fn hanging_children_do_not_delay_an_answer() {
    // The children hold the streams, but the program itself has ended.
    for children in ["sleep 1000 & sleep 1000 &", "(trap '' TERM HUP; sleep 1000; sleep 1000) &"] {
        let executable = Executable::with(&format!("{children} echo '{ISSUED}'"));
        let begun = Instant::now();
        assert!(matches!(executable.request().unwrap(), RequestOutcome::Issued(_)), "{children}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{children}");
        executable.assert_nothing_left();
    }
}

#[test]
fn hanging_children_without_an_answer_are_an_error() {
    let executable = Executable::with("sleep 1000 & exit 0");
    assert_eq!(json_fault(executable.request()), JsonFault::Empty);
    executable.assert_nothing_left();

    let executable = Executable::with("sleep 1000 & sleep 1000 & wait").deadline(300);
    assert!(matches!(
        executable.request().unwrap_err(),
        IssuerError::Call(CallError::DeadlineExceeded { .. })
    ));
    executable.assert_nothing_left();
}

#[test]
fn children_that_left_the_group_are_killed_too() {
    for (body, answers) in [
        (format!("setsid sleep 1000 & echo '{ISSUED}'"), true),
        (format!("setsid -f sleep 1000; echo '{ISSUED}'"), true),
        (
            format!("setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' & sleep 0.1; echo '{ISSUED}'"),
            true,
        ),
        ("setsid -f sleep 1000 >/dev/null 2>&1 </dev/null; sleep 1000".to_owned(), false),
        ("setsid sh -c 'sleep 1000' & exec sleep 1000".to_owned(), false),
        // A process that cleared its environment is still recognized by its parents.
        ("env -i /usr/bin/setsid /bin/sh -c 'sleep 1000; :' \"$MARK\" & wait".to_owned(), false),
    ] {
        let executable = Executable::with(&body).deadline(if answers { 20_000 } else { 400 });
        let result = executable.request();
        assert_eq!(result.is_ok(), answers, "{body}: {result:?}");
        executable.assert_nothing_left();
    }
}

#[test]
fn daemons_are_killed_too() {
    for (end, answers) in [("print(ANSWER)", true), ("time.sleep(1000)", false), ("sys.exit(1)", false)] {
        let script = format!("{DAEMON}\nANSWER = '{ISSUED}'\nfor _ in range(3): daemon(False)\n{end}\n");
        let executable = Executable::with("exec python3 \"$FOLDER/daemons.py\"").deadline(1500);
        std::fs::write(executable.file("daemons.py"), script).unwrap();
        assert_eq!(executable.request().is_ok(), answers, "{end}");
        executable.assert_nothing_left();
    }
}

#[test]
fn a_daemon_that_cleared_its_environment_escapes_as_documented() {
    let executable = Executable::with("exec python3 \"$FOLDER/daemons.py\"");
    std::fs::write(executable.file("daemons.py"), format!("{DAEMON}\ndaemon(True)\nprint('{ISSUED}')\n"))
        .unwrap();
    executable.request().unwrap();
    executable.wait("it is there", |executable| executable.left().len() == 1);
    let left = executable.left();
    let id = left[0].split(':').next().unwrap();
    assert!(std::process::Command::new("kill").args(["-9", id]).status().unwrap().success());
    executable.wait("it is gone", |executable| executable.left().is_empty());
}

#[test]
fn processes_that_restart_as_fast_as_they_are_killed_are_killed() {
    let script = format!(
        "{DAEMON}\nif os.fork() == 0:\n    os.setsid()\n    until = time.time() + 60\n    \
         while time.time() < until:\n        if os.fork() != 0:\n            time.sleep(0.002)\n            os._exit(0)\n\
         time.sleep(0.05)\nprint('{ISSUED}')\n"
    );
    let executable = Executable::with("exec python3 \"$FOLDER/daemons.py\"");
    std::fs::write(executable.file("daemons.py"), script).unwrap();
    executable.request().unwrap();
    executable.assert_nothing_left();
}

#[test]
fn a_program_need_not_read_its_input() {
    let large = CredentialRequest::new(joe().context)
        .with_parameters(Parameters::new().with("key", "x".repeat(600_000)));
    for body in ["exec <&-; sleep 0.1;", "", "head -c 10 >/dev/null;"] {
        let executable = Executable::reading_stdin(&format!("{body} echo '{ISSUED}'"));
        let outcome = pollster::block_on(executable.issuer().request(&large));
        assert!(matches!(outcome.unwrap(), RequestOutcome::Issued(_)), "{body}");
        executable.assert_nothing_left();
    }
}

#[test]
fn endless_error_output_is_cut_at_the_deadline_and_its_end_is_kept() {
    let executable = Executable::with("yes 'no end' >&2").deadline(300);
    assert!(matches!(
        executable.request().unwrap_err(),
        IssuerError::Call(CallError::DeadlineExceeded { .. })
    ));
    executable.assert_nothing_left();

    let executable = Executable::with("yes 'no end' | head -c 3000000 >&2; echo last words >&2; exit 1");
    let error = executable.request().unwrap_err();
    assert!(error.detail().ends_with("last words"), "{}", error.detail());
    assert!(error.detail().len() < 10_000);

    let executable = Executable::with(&format!("yes >&2 & echo '{ISSUED}'"));
    executable.request().unwrap();
    executable.assert_nothing_left();
}

#[test]
fn a_program_that_cannot_be_started_has_no_effect() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "not a program").unwrap();
    for command in ["/nowhere/at/all", "no-such-command-anywhere", plain.to_str().unwrap(), "/"] {
        let configuration = keyway_process::ProcessConfiguration::new(command);
        let issuer = keyway_process::ProcessIssuer::new(&configuration).unwrap();
        let error = pollster::block_on(issuer.request(&joe())).unwrap_err();
        assert!(matches!(error, IssuerError::NotStarted { .. }), "{command}: {error:?}");
        assert!(error.effect() == Effect::None);
    }
}

#[test]
fn a_program_that_cannot_describe_itself_is_not_asked_further() {
    for body in ["echo why >&2; exit 1", "sleep 1000", "echo '{}'", "kill -9 $$", "head -c 3000000 /dev/zero"]
    {
        let script = format!("if [ $# -gt 0 ]; then {body}; else touch \"$FOLDER/asked\"; fi");
        let executable = Executable::new("sh", &script).deadline(300);
        let described = pollster::block_on(executable.issuer().describe()).unwrap_err();
        assert!(!matches!(described, IssuerError::Unavailable { .. }), "{body}: {described:?}");
        let error = executable.request().unwrap_err();
        assert!(error.effect() == Effect::None, "{body}: {error:?}");
        // The error of the request ends with the error of the description, which is its cause.
        assert!(error.detail().ends_with(&described.detail()), "{body}: {}", error.detail());
        assert!(!executable.file("asked").exists());
    }
}

#[test]
fn input_too_long_for_an_argument_is_refused_before_a_start() {
    let executable = Executable::with("touch \"$FOLDER/ran\"");
    let request = |length| {
        CredentialRequest::new(joe().context)
            .with_parameters(Parameters::new().with("key", "x".repeat(length)))
    };
    let error = pollster::block_on(executable.issuer().request(&request(200_000))).unwrap_err();
    assert!(matches!(error, IssuerError::Invalid { .. }) && error.effect() == Effect::None, "{error:?}");
    assert!(!executable.file("ran").exists());
    // Input that just fits is passed on.
    let longest = (keyway_process::Input::LONGEST_ARGUMENT / 4 * 3) - 400;
    assert!(pollster::block_on(executable.issuer().request(&request(longest))).is_err());
    assert!(executable.file("ran").exists());
}
