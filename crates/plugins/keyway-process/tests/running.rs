//! Tests what an executable gets from the host (environment, group, streams, input), and how many run at once.
#![cfg(target_os = "linux")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyway_core::json::Reader;
use keyway_core::{Effect, ErrorKind, PluginError as _};
use keyway_issuers::wire::MAX_INPUT;
use keyway_issuers::{
    Configuration, ConfigurationValue, Context, CredentialRequest, IntentId, Issuer as _, IssuerError,
    Issuers, Login, OpenContext, Parameters, RequestOutcome, Requester, ServiceName, UserInfo,
};
use keyway_process::{Environment, Input, Limits, ProcessIssuer, Program, RunError, Runner};
use pollster::block_on;
use support::{Executable, ISSUED, joe};

/// Runs a shell script with an input and returns what it printed.
fn shell(script: &str, input: Input, environment: Environment) -> String {
    let program = Program::new("/bin/sh").unwrap().argument("-c").argument(script).argument("sh");
    let runner = Runner::new(program, environment, Limits::DEFAULT, 1.try_into().unwrap());
    let finished = block_on(runner.run(input)).unwrap();
    String::from_utf8(finished.output.to_vec()).unwrap()
}

fn nothing() -> Input {
    Input::Standard(Vec::new().into())
}

#[test]
fn the_environment_has_only_the_listed_variables() {
    // Cargo has set many more variables in this process.
    assert!(std::env::vars_os().count() > 6);
    let environment = Environment::of_the_host().with("ADDED", "by the host").unwrap();
    let printed = shell("exec /usr/bin/env -0", nothing(), environment);
    let mut names: Vec<&str> =
        printed.split_terminator('\0').map(|variable| variable.split_once('=').unwrap().0).collect();
    // A shell adds these variables by itself.
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    names.retain(|name| !Environment::PASSED_ON.contains(name));
    names.sort_unstable();
    assert_eq!(names, ["ADDED", Environment::RUN_MARK]);
    assert!(printed.contains("ADDED=by the host\0"));
}

#[test]
fn no_shell_expands_arguments() {
    let input = Input::Argument(b"$(echo x) `echo y` ; * \"'".to_vec().into());
    assert_eq!(shell("printf %s \"$1\"", input, Environment::of_the_host()), "$(echo x) `echo y` ; * \"'");
}

#[test]
fn a_program_leads_its_group_and_has_three_streams_only() {
    let own = shell("ps -o pgid= -p $$ | tr -d ' '; echo $$", nothing(), Environment::of_the_host());
    let (group, id) = own.trim().split_once('\n').unwrap();
    assert_eq!(group, id);
    let open = shell("exec ls /proc/self/fd", nothing(), Environment::of_the_host());
    // The fourth descriptor is the folder that `ls` reads. Descriptors that this process itself inherited do not count.
    let inherited = descriptors_that_stay_open();
    let open: Vec<_> =
        open.split_whitespace().filter(|fd| !inherited.iter().any(|other| other == fd)).collect();
    assert_eq!(open, ["0", "1", "2", "3"]);
    let argument = Input::Argument(b"x".to_vec().into());
    assert_eq!(
        shell("cat; echo end", argument, Environment::of_the_host()),
        "end\n",
        "its input is at its end"
    );
}

#[test]
fn an_input_in_memory_is_a_file_that_can_be_read_again() {
    let input = Input::MemoryFile(b"sesame".to_vec().into());
    let script = "cat; cat /proc/self/fd/0 /proc/self/fd/0; stat -Lc ' %a %h' /proc/self/fd/0";
    assert_eq!(shell(script, input, Environment::of_the_host()), "sesamesesamesesame 600 0\n");
}

/// Lists the descriptors of this process, beyond the three streams, that a program inherits.
fn descriptors_that_stay_open() -> Vec<String> {
    std::fs::read_dir("/proc/self/fdinfo")
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let text = std::fs::read_to_string(entry.path()).ok()?;
            let flags = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
            let closed_on_start = i64::from_str_radix(flags.trim(), 8).ok()? & 0o2_000_000 != 0;
            let name = entry.file_name().into_string().ok()?;
            (!closed_on_start && name.parse::<u32>().is_ok_and(|fd| fd > 2)).then_some(name)
        })
        .collect()
}

#[test]
fn runs_at_once_are_limited_and_waiting_does_not_count() {
    let body = format!(
        "mkdir \"$FOLDER/run-$$\"; ls -d \"$FOLDER\"/run-* | wc -l >> \"$FOLDER/seen\"; sleep 0.3; \
         rmdir \"$FOLDER/run-$$\"; echo '{ISSUED}'"
    );
    for parallel in [1, 3] {
        // Six runs of 0.3 seconds, one after the other, take longer than the deadline of each.
        let mut executable = Executable::with(&body).deadline(1500);
        executable.configuration.parallel = parallel.try_into().unwrap();
        let issuer = Arc::new(executable.issuer());
        block_on(issuer.describe()).unwrap();
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..6 {
                let issuer = Arc::clone(&issuer);
                scope.spawn(move || block_on(issuer.request(&joe())).unwrap());
            }
        });
        let seen = std::fs::read_to_string(executable.file("seen")).unwrap();
        let most = seen.lines().map(|line| line.trim().parse::<usize>().unwrap()).max().unwrap();
        assert_eq!(most, parallel, "{seen}");
        if parallel == 1 {
            assert!(begun.elapsed() >= Duration::from_millis(1800));
        }
        executable.assert_nothing_left();
    }
}

#[test]
fn dropping_the_future_kills_the_run() {
    let executable = Executable::with("touch \"$FOLDER/running\"; setsid -f sleep 1000; sleep 1000");
    let issuer = executable.issuer();
    block_on(issuer.describe()).unwrap();
    let request = joe();
    {
        let mut future = issuer.request(&request);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        executable.wait("it runs", |executable| {
            assert!(future.as_mut().poll(&mut context).is_pending());
            executable.file("running").exists() && executable.left().len() >= 2
        });
        // Another call waits for the permit. Dropping it starts and ends nothing.
        let mut second = issuer.request(&request);
        assert!(second.as_mut().poll(&mut context).is_pending());
        drop(second);
        assert!(!executable.left().is_empty());
    }
    executable.wait("it is gone", |executable| executable.left().is_empty());
    // The permit is free again.
    block_on(issuer.describe()).unwrap();
}

#[test]
fn a_dropped_issuer_leaves_no_process() {
    let executable = Executable::with("sleep 1000");
    let issuer = executable.issuer();
    block_on(issuer.describe()).unwrap();
    let request = joe();
    let mut future = issuer.request(&request);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    executable.wait("it runs", |executable| {
        assert!(future.as_mut().poll(&mut context).is_pending());
        !executable.left().is_empty()
    });
    drop(future);
    drop(issuer);
    executable.wait("it is gone", |executable| executable.left().is_empty());
}

#[test]
fn an_input_that_no_executable_would_read_is_not_sent() {
    let executable = Executable::reading_stdin(&format!("cat > \"$FOLDER/input\"; echo '{ISSUED}'"));
    let issuer = executable.issuer();
    let with_token = |bytes: usize| {
        let mut request = joe();
        request.context.requester.access_token = Some("t".repeat(bytes).into());
        block_on(issuer.request(&request))
    };
    // The rest of the input has some hundred bytes.
    let error = with_token(Reader::MAX_BYTES).unwrap_err();
    assert!(matches!(error, IssuerError::Invalid { .. }) && error.effect() == Effect::None, "{error:?}");
    assert!(!executable.file("input").exists());
    with_token(Reader::MAX_BYTES - 1000).unwrap();
    let read = std::fs::read(executable.file("input")).unwrap().len();
    assert!((MAX_INPUT - 1000..=MAX_INPUT).contains(&read), "{read}");
}

#[test]
fn only_the_description_goes_by_argument() {
    let body = format!(
        "printf '%s' \"${{1-none}}\" > \"$FOLDER/argument\"; cat > \"$FOLDER/input\"; echo '{ISSUED}'"
    );
    let read = |executable: &Executable, name: &str| std::fs::read_to_string(executable.file(name)).unwrap();

    let stdin = Executable::reading_stdin(&body);
    stdin.request().unwrap();
    assert_eq!(read(&stdin, "argument"), "none");
    assert!(!read(&stdin, "input").is_empty());

    let argument = Executable::with(&body);
    argument.request().unwrap();
    assert_eq!(read(&argument, "input"), "");
    assert!(!read(&argument, "argument").contains('='), "base64url without padding");

    let mut refused = Executable::with(&body);
    refused.configuration.allow_argv = false;
    for error in [refused.request().unwrap_err(), block_on(refused.issuer().describe()).unwrap_err()] {
        assert!(matches!(error, IssuerError::Invalid { .. }) && error.effect() == Effect::None, "{error:?}");
        assert!(error.to_string().contains("allow_argv"), "{error}");
    }
    assert!(!refused.file("argument").exists());
}

#[test]
fn an_intent_is_told_to_idempotent_executables_only() {
    let describing = |features: &str| {
        format!(
            r#"case "$(printf %s "${{1-}}" | tr -- '-_' '+/' | base64 -d 2>/dev/null)" in
*'"action":"parameter"'*)
    echo '{{"result":"ok","conf_params":[],"request_params":[[]],"version":"1","features":{features}}}';;
*) tr -- '-_' '+/' | base64 -d > "$FOLDER/input" 2>/dev/null; echo '{ISSUED}';;
esac"#
        )
    };
    let request = CredentialRequest::new(joe().context.with_intent(IntentId::new("intent-7").unwrap()));
    for (features, told) in [(r#"{"stdin":true}"#, false), (r#"{"stdin":true,"idempotent":true}"#, true)] {
        let executable = Executable::new("sh", &describing(features));
        block_on(executable.issuer().request(&request)).unwrap();
        let input = std::fs::read_to_string(executable.file("input")).unwrap();
        assert_eq!(input.contains("\"intent_id\":\"intent-7\""), told, "{input}");
        assert!(!executable.issuer().capabilities().idempotent, "it is not configured");

        let mut configured = Executable::new("sh", &describing(features));
        configured.configuration.idempotent = true;
        assert!(configured.issuer().capabilities().idempotent);
        assert_eq!(configured.request().is_ok(), told);
    }
}

#[test]
fn no_secret_of_a_call_is_in_an_error() {
    // The program prints its input to its error output twice: unchanged, and decoded.
    let body = "cat > \"$FOLDER/input\"; cat \"$FOLDER/input\" >&2; echo >&2; \
                tr -- '-_' '+/' < \"$FOLDER/input\" | base64 -d 2>/dev/null | tr -d '\\\\' >&2; exit 1";
    let executable = Executable::reading_stdin(body);
    let login = Login { user_info: UserInfo::new("i", "s"), access_token: Some("second-token".into()) };
    let requester = Requester::new(UserInfo::new("https://issuer.example.com", "joe"))
        .with_access_token("first-token")
        .with_login(login);
    let context = Context::new(requester)
        .with_configuration(Configuration::new().with("password", ConfigurationValue::text("door-password")));
    let request =
        CredentialRequest::new(context).with_parameters(Parameters::new().with("pin", "entered-secret"));
    let error = block_on(executable.issuer().request(&request)).unwrap_err();
    let detail = error.detail();
    assert!(detail.contains("[REDACTED]") && detail.contains("\"action\":\"request\""), "{detail}");
    for secret in ["first-token", "second-token", "door-password", "entered-secret"] {
        assert!(!detail.contains(secret), "{detail}");
        assert!(!format!("{error:?}").contains(secret));
    }
    let input = std::fs::read_to_string(executable.file("input")).unwrap();
    assert!(!detail.contains(&input));
}

#[test]
fn the_plugin_is_found_and_checks_its_configuration() {
    const PLUGINS: keyway_core::Plugins = keyway_core::plugins! { keyway_process };
    let registry = PLUGINS.registry().unwrap();
    let plugin = registry.get::<Issuers>("process").unwrap();
    for wrong in [
        serde_json::json!({}),
        serde_json::json!({"command": "bin/tool"}),
        serde_json::json!({"command": "/bin/tool", "argument": []}),
        serde_json::json!({"command": "/bin/tool", "arguments": ["a\0b"]}),
        serde_json::json!({"command": "/bin/tool", "deadline_ms": 0}),
        serde_json::json!({"command": "/bin/tool", "output_limit_bytes": 0}),
        serde_json::json!({"command": "/bin/tool", "parallel": 0}),
        serde_json::json!({"command": "/bin/tool", "helper": "keyway-run"}),
        serde_json::json!({"command": "/bin/tool", "helper": "/bin/keyway-run", "cgroup": "own"}),
        serde_json::json!({"command": "/bin/tool", "cgroup": "/sys/fs/cgroup/own"}),
        serde_json::json!({"command": "/bin/tool", "profile": "loose"}),
        serde_json::json!({"command": "/bin/tool", "alphabet": "base58"}),
        serde_json::json!({"command": "/bin/tool", "environment": {"A=B": "x"}}),
        serde_json::json!({"command": "/bin/tool", "environment": {"KEYWAY_RUN": "x"}}),
    ] {
        let error = plugin.check_configuration(&wrong.clone().into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{wrong}: {error}");
    }

    let executable = Executable::with(&format!("echo '{ISSUED}'"));
    let configuration = serde_json::json!({
        "command": "sh", "arguments": executable.configuration.arguments, "allow_argv": true,
        "environment": {"MARK": "plugin"}, "profile": "lenient", "alphabet": "standard", "parallel": 2,
    });
    plugin.check_configuration(&configuration.clone().into()).unwrap();
    let opening = OpenContext::new(ServiceName::new("door").unwrap(), plugin.metadata().clone());
    let issuer = plugin.open(&opening.with_configuration(configuration)).unwrap();
    assert!(matches!(block_on(issuer.request(&joe())).unwrap(), RequestOutcome::Issued(_)));
}

#[test]
fn debug_shows_no_input_and_no_output() {
    for (input, shown) in [
        (Input::Standard(b"access-token-sesame".to_vec().into()), "Standard(19 bytes)"),
        (Input::Argument(b"sesame".to_vec().into()), "Argument(6 bytes)"),
        (Input::MemoryFile(b"sesame".to_vec().into()), "MemoryFile(6 bytes)"),
    ] {
        assert_eq!(format!("{input:?}"), shown);
    }
    let program =
        Program::new("/bin/sh").unwrap().argument("-c").argument("printf sesame; printf sesame >&2");
    let runner = Runner::new(program, Environment::of_the_host(), Limits::DEFAULT, 1.try_into().unwrap());
    let finished = block_on(runner.run(nothing())).unwrap();
    assert_eq!(
        format!("{finished:?}"),
        "Finished { ended: Status(0), output: 6 bytes, errors: ErrorOutput(6 bytes), left_behind: 0 }"
    );
}

#[test]
fn a_mark_does_not_reveal_that_of_another_run() {
    let marks: Vec<String> =
        (0..2).map(|_| shell("printf %s \"$KEYWAY_RUN\"", nothing(), Environment::of_the_host())).collect();
    let same = marks[0].bytes().zip(marks[1].bytes()).filter(|(one, other)| one == other).count();
    assert!(marks[0].len() >= 32 && same < 20, "{marks:?}");
}

/// Checks that a run fails before its program is started, if the system has no thread left to wait for the program.
/// Otherwise the program might do its work before it can be killed.
#[test]
fn nothing_is_started_without_a_worker_thread() {
    const AGAIN: &str = "KEYWAY_TEST_WITHOUT_THREADS";
    if std::env::var_os(AGAIN).is_none() {
        // The test runs again in a process of its own, because the memory limit below holds for a whole process.
        let name = "nothing_is_started_without_a_worker_thread";
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        let output = again.args(["--exact", name, "--nocapture"]).env(AGAIN, "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    let script = format!("mkdir {}; exec sleep 1000", made.display());
    let program = Program::new("/bin/sh").unwrap().argument("-c").argument(script).argument("sh");
    let runner = Runner::new(program, Environment::of_the_host(), Limits::DEFAULT, 1.try_into().unwrap());
    // The limit leaves memory for a small program, but not for the stack of another thread of this process.
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let kilobytes: u64 = size.trim().trim_end_matches(" kB").parse().unwrap();
    let resource = rustix::process::Resource::As;
    let mut limit = rustix::process::getrlimit(resource);
    limit.current = Some((kilobytes + 1024) * 1024);
    rustix::process::setrlimit(resource, limit).unwrap();
    let error = block_on(runner.run(nothing())).unwrap_err();
    assert!(error.nothing_started(), "{error:?}");
    std::thread::sleep(Duration::from_millis(300));
    assert!(!made.exists(), "it was started nevertheless");
}

#[test]
fn unlimited_times_are_accepted() {
    let limits = Limits { deadline: Duration::from_millis(200), grace: Duration::MAX, ..Limits::DEFAULT };
    let executable = Executable::with("exec sleep 1000");
    let script = format!("MARK={} exec sleep 1000", executable.mark);
    let program = Program::new("/bin/sh").unwrap().argument("-c").argument(script);
    let runner = Runner::new(program, Environment::of_the_host(), limits, 1.try_into().unwrap());
    let error = block_on(runner.run(nothing())).unwrap_err();
    assert!(matches!(error, RunError::Deadline { .. }), "{error:?}");
    executable.assert_nothing_left();
    let limits = Limits { deadline: Duration::MAX, ..limits };
    let program = Program::new("/bin/true").unwrap();
    let runner = Runner::new(program, Environment::of_the_host(), limits, 1.try_into().unwrap());
    block_on(runner.run(nothing())).unwrap();
}

#[test]
fn calls_of_one_issuer_are_separate_runs() {
    let body = "cat > /dev/null; echo \"{\\\"result\\\":\\\"ok\\\",\\\"credential\\\":[],\\\"state\\\":\\\"$$\\\"}\"";
    let mut executable = Executable::reading_stdin(body);
    executable.configuration.parallel = 4.try_into().unwrap();
    let issuer: Arc<ProcessIssuer> = Arc::new(executable.issuer());
    let mut states: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let issuer = Arc::clone(&issuer);
                scope.spawn(move || {
                    (0..10)
                        .map(|_| match block_on(issuer.request(&joe())).unwrap() {
                            RequestOutcome::Issued(made) => made.state.as_str().to_owned(),
                            login @ RequestOutcome::LoginRequired(_) => panic!("{login:?}"),
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    states.sort();
    states.dedup();
    assert_eq!(states.len(), 40);
    executable.assert_nothing_left();
}
