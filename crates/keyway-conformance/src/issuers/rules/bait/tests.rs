//! Tests baits on shell commands of careless and of careful programs.

use std::process::Command;

use super::*;

/// Runs the shell command of a careless program, in which the bait replaces `{}`. Returns whether the trap noticed the
/// bait.
fn catches(line: &str, removed: &[char], bait: impl Fn(&Trap) -> Bait) -> bool {
    let trap = Trap::new().unwrap();
    let text = bait(&trap).behind("joe").replace(removed, "");
    Command::new("sh").args(["-c", &line.replace("{}", &text)]).output().unwrap();
    trap.is_empty("it", "it").is_err()
}

#[test]
fn every_bait_catches_a_line_that_the_others_may_miss() {
    for (bait, line, removed) in [
        (0, "echo \"/CN={}@example\" >/dev/null", &['"', '`'][..]),
        (1, "echo \"/CN={}@example\" >/dev/null", &['"', '$']),
        (2, "echo {} >/dev/null", &['"', '\'', '$', '`', '\n']),
        (3, "echo '{}' >/dev/null", &[]),
        (4, "echo \"{}\" >/dev/null", &['$', '`']),
        (5, "echo {} >/dev/null", &['"', '\'', '$', '`', ';']),
    ] {
        assert!(catches(line, removed, |trap| trap.baits().remove(bait)), "{}", FORMS[bait].0);
    }
    for bait in 0..FORMS.len() {
        assert!(!catches("echo nothing of it", &[], |trap| trap.baits().remove(bait)));
    }
}

#[test]
fn all_forms_in_one_text_catch_every_careless_line() {
    for line in ["echo {} >/dev/null", "echo '{}' >/dev/null", "echo \"/CN={}@example\" >/dev/null"] {
        let all = |trap: &Trap| trap.few_baits().remove(1);
        assert!(catches(line, &[], all), "{line}");
    }
}

#[test]
fn a_careful_line_runs_nothing() {
    let trap = Trap::new().unwrap();
    for bait in trap.baits().into_iter().chain(trap.few_baits()) {
        let text = bait.behind("joe");
        let said = Command::new("sh").args(["-c", "printf %s \"$1\"", "sh", &text]).output().unwrap();
        assert_eq!(said.stdout, text.as_bytes());
    }
    trap.is_empty("it", "it").unwrap();
}

#[test]
fn a_bait_is_in_every_text_of_a_value() {
    let bait = Bait { form: "it", text: "!".to_owned(), alone: false };
    let value = |json| Json::from(json);
    assert!(bait.within(&value(serde_json::json!("a"))) == value(serde_json::json!("a!")));
    assert!(
        bait.within(&value(serde_json::json!({"a": ["b", 1], "c": []})))
            == value(serde_json::json!({"a": ["b!", "!"], "c": "!"}))
    );
}
