//! Tests the program behind `cargo xtask conformance`.

use std::process::{Command, Output};

fn conformance(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_conformance")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn rows_of_json_say_what_was_run() {
    let run =
        conformance(&["--kind", "storage", "--plugin", "memory", "--rule", "STO-00", "--format", "json"]);
    assert!(run.status.success(), "{}", said(&run));
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(rows.len(), 9);
    for row in rows {
        let keys: Vec<_> = row.as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["detail", "kind", "level", "plugin", "rule", "verdict"]);
        assert_eq!(
            (&row["plugin"], &row["kind"], &row["verdict"]),
            (&"memory".into(), &"storage".into(), &"passed".into())
        );
    }
}

#[test]
fn everything_that_is_linked_is_there() {
    let run = conformance(&["--rule", "MET-001", "--format", "json"]);
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&run.stdout).unwrap();
    let plugins: Vec<_> = rows.iter().map(|row| row["plugin"].as_str().unwrap()).collect();
    assert_eq!(
        plugins,
        [
            "acme",
            "convection-generic",
            "convection-passdb",
            "echo",
            "generic",
            "info",
            "local-ca",
            "locker",
            "passdb",
            "process",
            "ssh-authorized-keys",
            "ssh-ca",
            "vaulted",
        ]
    );
}

#[test]
fn an_executable_is_run_through_its_suite() {
    let folder = tempfile::tempdir().unwrap();
    let request = folder.path().join("request.json");
    std::fs::write(
        &request,
        r#"{"params": {"say": "a word to say"}, "conf_params": {"prefix": "{scratch}"}}"#,
    )
    .unwrap();
    let request = request.to_str().unwrap();
    let echo = env!("CARGO_BIN_EXE_echo-issuer");
    let run = conformance(&["--exec", echo, "--idempotent", "--request", request, "--format", "json"]);
    assert!(run.status.success(), "{}", said(&run));
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&run.stdout).unwrap();
    let of = |rule: &str| rows.iter().find(|row| row["rule"] == rule).unwrap();
    assert!(rows.iter().all(|row| row["plugin"] == "echo-issuer" && row["kind"] == "issuer"));
    for passed in ["ISS-001", "ISS-060", "ISS-101", "ISS-106"] {
        assert_eq!(of(passed)["verdict"], "passed");
    }
    assert_eq!(of("ISS-019")["verdict"], "skipped", "no refused example was named");
}

#[test]
fn an_executable_that_is_none_is_caught() {
    // A single message must replace the failures of all rules.
    let run = conformance(&["--exec", "/bin/true", "--allow-argv"]);
    let told = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(!run.status.success() && said(&run).is_empty(), "{}", said(&run));
    assert!(told.contains("does not describe itself") && told.contains("--profile seed"), "{told}");
    for rule in ["ISS-001", "ISS-101"] {
        let run = conformance(&["--exec", "/bin/true", "--allow-argv", "--rule", rule]);
        assert_eq!(run.status.code(), Some(1));
        assert!(said(&run).contains(&format!("failed   {rule}")), "{}", said(&run));
    }
}

#[test]
fn an_old_executable_passes_only_leniently() {
    // The plugin prints text after its object, and does not exit with status 0.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("old.sh");
    std::fs::write(
        &file,
        r#"
        input=$(printf '%s' "$1" | tr -- '-_' '+/' | sed 's/=*$//')
        while [ $((${#input} % 4)) -ne 0 ]; do input="$input="; done
        case $(printf '%s' "$input" | base64 -d 2>/dev/null) in
        *'"action":"parameter"'*)
            echo '{"result":"ok","version":"1","conf_params":[],"request_params":[[]]} more' ;;
        *'"action":"request"'*)
            echo '{"result":"ok","state":"old","credential":[{"name":"n","type":"text","value":1}]} more' ;;
        *'"action":"revoke"'*)
            echo '{"result":"ok"} more' ;;
        *) echo '{"result":"error","user_msg":"Sorry.","log_msg":"no such action"} more' ;;
        esac
        exit 3
        "#,
    )
    .unwrap();
    let exec =
        ["--exec", "/bin/sh", "--argument", file.to_str().unwrap(), "--allow-argv", "--rule", "ISS-10"];
    let strict = conformance(&exec);
    assert_eq!(strict.status.code(), Some(1), "{}", said(&strict));
    let lenient = conformance(&[&exec[..], &["--profile", "lenient"]].concat());
    assert!(lenient.status.success(), "{}", said(&lenient));
}

#[test]
fn a_failure_says_how_to_repeat_it_on_the_same_executable() {
    // The names need quoting. Every option matters: if one is left out, the command judges another subject.
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("it's here");
    std::fs::create_dir(&folder).unwrap();
    let [old, request, refused] =
        ["an old one.sh", "a request.json", "refused.json"].map(|name| folder.join(name));
    std::fs::write(
        &old,
        r#"
        [ "$1" = '--greeting=$HOME "x"' ] || exit 9
        shift
        input=$(printf '%s' "$1" | tr -- '-_' '+/' | sed 's/=*$//')
        while [ $((${#input} % 4)) -ne 0 ]; do input="$input="; done
        case $(printf '%s' "$input" | base64 -d 2>/dev/null) in
        *'"action":"parameter"'*)
            echo '{"result":"ok","version":"1","conf_params":[],"request_params":[[]]} more' ;;
        *)
            echo '{"result":"ok","state":"old","credential":[]} more' ;;
        esac
        "#,
    )
    .unwrap();
    for file in [&request, &refused] {
        std::fs::write(file, "{}").unwrap();
    }
    let first = conformance(&[
        "--exec",
        "/bin/sh",
        "--argument",
        old.to_str().unwrap(),
        "--argument",
        r#"--greeting=$HOME "x""#,
        "--profile",
        "lenient",
        "--parallel",
        "3",
        "--allow-argv",
        "--idempotent",
        "--request",
        request.to_str().unwrap(),
        "--refused",
        refused.to_str().unwrap(),
        "--rule",
        "ISS-019",
        "--seed",
        "7",
    ]);
    assert_eq!(first.status.code(), Some(1), "{}", said(&first));
    let report = said(&first);
    let repeat = report.lines().find_map(|line| line.trim().strip_prefix("repeat ")).unwrap().trim();
    let arguments = repeat.strip_prefix("cargo xtask conformance ").unwrap_or_else(|| panic!("{repeat}"));
    assert!(arguments.ends_with("--rule ISS-019 --seed 7"), "{arguments}");

    // The command must work when it is pasted into a shell in any folder.
    let repeated = Command::new("sh")
        .args(["-c", &format!("\"$0\" {arguments}"), env!("CARGO_BIN_EXE_conformance")])
        .current_dir("/")
        .output()
        .unwrap();
    assert_eq!(said(&repeated), report);
}

#[test]
fn a_lenient_run_is_one_at_a_time_unless_it_is_told_otherwise() {
    // The plugin fails if it gets a request while it still answers another request.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alone.sh");
    let text = format!(
        r#"
        input=$(printf '%s' "$1" | tr -- '-_' '+/' | sed 's/=*$//')
        while [ $((${{#input}} % 4)) -ne 0 ]; do input="$input="; done
        case $(printf '%s' "$input" | base64 -d 2>/dev/null) in
        *'"action":"parameter"'*)
            echo '{{"result":"ok","version":"1","conf_params":[],"request_params":[[]]}}' ;;
        *'"action":"request"'*)
            mkdir '{busy}' || exit 1
            sleep 0.3
            rmdir '{busy}'
            echo '{{"result":"ok","state":"alone","credential":[]}}' ;;
        *)
            echo '{{"result":"ok"}}' ;;
        esac
        "#,
        busy = folder.path().join("busy").display()
    );
    std::fs::write(&file, text).unwrap();
    let run = |more: &[&str]| {
        let path = file.to_str().unwrap();
        let exec = ["--exec", "/bin/sh", "--argument", path, "--allow-argv", "--rule", "ISS-080"];
        let run = conformance(&[&exec[..], more].concat());
        (run.status.success(), said(&run))
    };
    let lenient = run(&["--profile", "lenient"]);
    assert!(lenient.0, "{}", lenient.1);
    let one = run(&["--parallel", "1"]);
    assert!(one.0, "{}", one.1);
    let (passed, report) = run(&["--profile", "lenient", "--parallel", "4"]);
    assert!(!passed && report.contains("--profile lenient --parallel 4"), "{report}");
}

#[test]
fn mutants_of_issuers_are_caught() {
    let run = conformance(&["--mutants", "--kind", "issuer"]);
    let text = said(&run);
    assert!(run.status.success(), "{text}");
    assert!(text.contains("ISS-101 caught PrintsTwice") && !text.contains("MISSED"), "{text}");
}

#[test]
fn mutants_of_authorities_are_caught() {
    let run = conformance(&["--mutants", "--kind", "certificate"]);
    let text = said(&run);
    assert!(run.status.success(), "{text}");
    assert!(text.contains("CER-114 caught PrintsTheData") && !text.contains("MISSED"), "{text}");
}

#[test]
fn the_scripted_authority_passes() {
    let run = conformance(&["--kind", "certificate"]);
    assert!(run.status.success() && said(&run).contains("scripted-ca"), "{}", said(&run));
}

#[test]
fn zero_rules_are_a_failure() {
    for arguments in [["--plugin", "nobody"], ["--rule", "XXX-001"], ["--kind", "cheese"]] {
        let run = conformance(&arguments);
        assert_eq!(run.status.code(), Some(1), "{arguments:?}");
        assert!(said(&run).contains("no rule was run"), "{}", said(&run));
    }
}

#[test]
fn an_unknown_argument_is_reported() {
    for arguments in [
        &["--format", "yaml"][..],
        &["--seed", "x"],
        &["--what"],
        &["--mutants", "--kind", "cheese"],
        &["--exec", "/bin/true", "--profile", "loose"],
        &["--exec", "/bin/true", "--request", "/no/such/file"],
        &["--exec", ""],
        &["--exec", "/bin/true", "--parallel", "0"],
    ] {
        let run = conformance(arguments);
        assert_eq!(run.status.code(), Some(1), "{arguments:?}");
        assert!(!run.stderr.is_empty());
    }
}

#[test]
fn mutants_of_metadata_are_caught() {
    let run = conformance(&["--mutants", "--kind", "metadata"]);
    let text = said(&run);
    assert!(run.status.success(), "{text}");
    assert!(text.contains("MET-001 caught IdWithCapitals") && !text.contains("MISSED"), "{text}");
}
