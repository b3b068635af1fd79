//! Tests that the suite finds executables that pass foreign text to a shell, and finds no fault in careful executables.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::path::Path;

use keyway_conformance::issuers::{IssuerExample, IssuerSubject};
use keyway_conformance::{Candidate, Format, RunOptions};
use keyway_process::ProcessConfiguration;

/// A plugin in shell. `REQUEST` and `REVOKE` stand for commands that these actions run before they answer.
const PLUGIN: &str = r#"
    text() {
        rest=${input#*"\"$1\":\""}
        [ "$rest" = "$input" ] || printf '%s' "${rest%%\"*}" | sed 's,\\/,/,g; s,\\n,\n,g'
    }
    encoded=$(printf '%s' "${1-$(cat)}" | tr -d '=\n')
    while [ $((${#encoded} % 4)) -ne 0 ]; do encoded="$encoded="; done
    input=$(printf '%s' "$encoded" | tr -- '-_' '+/' | base64 -d 2> /dev/null)
    case $(text action) in
    parameter)
        echo '{"result":"ok","version":"1","conf_params":[],"features":{"stdin":true},"request_params":
              [[{"key":"say","name":"say","description":"a word","type":"textarea","mandatory":true}]]}' ;;
    request)
        REQUEST
        echo '{"result":"ok","state":"a-state","credential":[]}' ;;
    revoke)
        REVOKE
        echo '{"result":"ok"}' ;;
    *)
        echo '{"result":"error","user_msg":"Sorry.","log_msg":"no such action"}' ;;
    esac
"#;

/// Returns the broken rules about texts that are neither commands nor paths.
fn broken(folder: &Path, request: &str, revoke: &str) -> BTreeSet<&'static str> {
    let file = folder.join("plugin.sh");
    std::fs::write(&file, PLUGIN.replace("REQUEST", request).replace("REVOKE", revoke)).unwrap();
    let mut configuration = ProcessConfiguration::new("/bin/sh");
    configuration.arguments.push(file.to_str().unwrap().to_owned());
    let subject = IssuerSubject::process("plugin.sh", &configuration).unwrap();
    let subject = subject.example(IssuerExample::new().parameter("say", "a word"));
    let report = Candidate::from(subject).run(&RunOptions::default().only("ISS-03"));
    assert_eq!(report.outcomes().len(), 6, "{}", report.format(Format::Table));
    report.outcomes().iter().filter(|outcome| outcome.is_fault()).map(|outcome| outcome.rule).collect()
}

#[test]
fn a_value_that_a_shell_receives_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = ":";
    for (request, revoke, rule) in [
        (r#"sh -c "echo $(text sub)" > /dev/null 2>&1"#, nothing, "ISS-030"),
        (r#"eval "echo \"$(text email)\"" > /dev/null 2>&1"#, nothing, "ISS-030"),
        (nothing, r#"sh -c "echo '$(text name)'" > /dev/null 2>&1"#, "ISS-030"),
        (r#"sh -c "echo '$(text say)'" > /dev/null 2>&1"#, nothing, "ISS-031"),
        // The plugin refuses an unknown subject, but only after it has run the claims as a command.
        (
            r#"sh -c "echo $(text given_name)" > /dev/null 2>&1
               [ "$(text sub)" = kit-12345678 ] || { echo '{"result":"error","user_msg":"No.","log_msg":"who?"}'; exit 1; }"#,
            nothing,
            "ISS-030",
        ),
        // This plugin checks the subject before anything else, so it runs only the claims of known users.
        (
            r#"[ "$(text sub)" = kit-12345678 ] || { echo '{"result":"error","user_msg":"No.","log_msg":"who?"}'; exit 1; }
               sh -c "echo $(text given_name)" > /dev/null 2>&1"#,
            nothing,
            "ISS-030",
        ),
        (nothing, r#"sh -c "echo $(text cred_state)" > /dev/null 2>&1"#, "ISS-032"),
    ] {
        assert_eq!(broken(folder.path(), request, revoke), BTreeSet::from([rule]), "{request} {revoke}");
    }
}

#[test]
fn a_quoted_value_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let request = r#"printf '%s' "$(text sub) $(text name) $(text say)" > /dev/null"#;
    let revoke = r#"sh -c 'printf %s "$1"' sh "$(text cred_state)" > /dev/null"#;
    assert_eq!(broken(folder.path(), request, revoke), BTreeSet::new());
}
