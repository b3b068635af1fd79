//! Tests code that must not compile, and the messages that a plugin's author then sees. The compiler's own messages
//! change with its version, so only Keyway's messages are compared.

mod cargo_project;

use std::path::Path;

use cargo_project::Project;

/// The files of `tests/ui`, each with the messages that the compiler must print about it.
const CASES: [(&str, &[&str]); 12] = [
    (
        "malformed_compatibility",
        &[r#"compatibility ">=:1.0,<2.0": at byte 8 expected `:` between comparator and version"#],
    ),
    ("malformed_version", &[r#"version "1.0.": at byte 4 expected a decimal number"#]),
    ("short_version", &[r#"version "1.0" must have three numbers: Major.Minor.Patch"#]),
    ("impossible_date", &["updated 20230229 must be a real date as the number YYYYMMDD"]),
    (
        "version_outside_own_range",
        &[r#"version "2.0.0" is outside the plugin's own compatibility ">=:1.0,<:2.0""#],
    ),
    (
        "unsatisfiable_compatibility",
        &[r#"version "1.0.0" is outside the plugin's own compatibility ">=:2.0,<:1.0""#],
    ),
    ("bad_id", &[r#"id "Bad_Id" must be kebab case, such as `convection-generic`"#]),
    ("bad_author", &[r#"author "Ada" must be "Name <address>""#]),
    ("no_description", &[r#"plugin "good-id" has no description: give one here, or set `description`"#]),
    ("wrong_contract", &["Greeter", "is not satisfied"]),
    ("no_register", &["cannot find", "register"]),
    ("malformed_constant", &[r#"compatibility ">=:1.0,": at byte 7 expected a comparator"#]),
];

#[test]
fn bad_metadata_does_not_compile_and_the_message_says_why() {
    let project = Project::new("compile-errors", &["cases"]);
    project.package("cases", "cases", "0.1.0", &Project::core());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    for (name, _) in CASES {
        let source = std::fs::read_to_string(folder.join(format!("{name}.rs"))).unwrap();
        project.write(&format!("cases/src/bin/{name}.rs"), &source);
    }
    // One file compiles after its fault is corrected. This shows that the files fail only because of their faults.
    let good = std::fs::read_to_string(folder.join("bad_id.rs")).unwrap().replace("Bad_Id", "good-id");
    project.write("cases/src/bin/good.rs", &good);

    let output = project.cargo(&["check", "--keep-going", "--message-format=json"]);
    let messages: Vec<serde_json::Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    let errors_of = |name: &str| {
        messages
            .iter()
            .filter(|message| message["target"]["name"] == name && message["message"]["level"] == "error")
            .map(|message| message["message"]["rendered"].as_str().unwrap_or_default())
            .collect::<String>()
    };
    let built = messages
        .iter()
        .any(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == "good");
    assert!(built, "{}{}", errors_of("good"), String::from_utf8_lossy(&output.stderr));
    for (name, expected) in CASES {
        let errors = errors_of(name);
        for part in expected {
            assert!(errors.contains(part), "{name} must say {part:?}, but says:\n{errors}");
        }
        assert!(errors.contains(&format!("{name}.rs:")), "{name} must point into its own file:\n{errors}");
    }
}

/// Checks that every file belongs to a case, since a file without a check would prove nothing.
#[test]
fn every_file_is_a_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let mut cases: Vec<_> = CASES.iter().map(|(name, _)| (*name).to_owned()).collect();
    cases.sort();
    assert_eq!(files, cases);
}
