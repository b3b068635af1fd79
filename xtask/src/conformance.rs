//! `cargo xtask conformance`: runs the suites over all linked plugins.
//!
//! This package links no crate of the workspace, so that it compiles quickly. A program of the tests does the
//! work and gets all arguments.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::{Failure, cargo};

/// The option that names an executable.
const EXECUTABLE: &str = "--exec";
/// The options that name files of the caller.
const FILES: [&str; 3] = [EXECUTABLE, "--request", "--refused"];

/// Runs the task.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let here = env::current_dir().map_err(|error| format!("the working directory is gone: {error}"))?;
    let arguments = arguments.raw_args().map_err(|error| error.to_string())?;
    cargo::hand_over_to(program().args(absolute(&here, arguments)))
}

/// Prepares the program that links everything. The caller adds its arguments.
pub(crate) fn program() -> std::process::Command {
    cargo::program_of_tests("conformance")
}

/// Makes the names of files absolute: the caller's folder may differ from the root of the workspace, where cargo runs.
fn absolute(here: &Path, arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut option = None;
    let arguments = arguments.into_iter().map(|argument| {
        if let Some(option) = option.take() {
            return file(here, option, &argument);
        }
        option = FILES.into_iter().find(|option| argument == *option);
        let (option, name) = argument.to_str().and_then(|text| text.split_once('=')).unwrap_or_default();
        if !FILES.contains(&option) {
            return argument;
        }
        let mut whole = OsString::from(format!("{option}="));
        whole.push(file(here, option, name.as_ref()));
        whole
    });
    arguments.collect()
}

fn file(here: &Path, option: &str, name: &OsStr) -> OsString {
    let file = here.join(name);
    // The program searches such an executable in PATH.
    let is_bare = option == EXECUTABLE && Path::new(name).components().count() == 1 && !file.exists();
    if is_bare { name.to_owned() } else { file.into() }
}

#[cfg(test)]
mod tests {
    use super::{OsString, absolute};
    use std::path::Path;

    #[test]
    fn files_are_those_of_the_caller() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let given = [
            "--exec",
            "src/main.rs",
            "--request=a.json",
            "--refused",
            "../b.json",
            "--plugin",
            "x",
            "--exec",
        ];
        let there = |name: &str| here.join(name).into_os_string();
        let mut expected: Vec<OsString> = given.into_iter().map(OsString::from).collect();
        expected[1] = there("src/main.rs");
        expected[2] = format!("--request={}", here.join("a.json").display()).into();
        expected[4] = there("../b.json");
        assert_eq!(absolute(here, given.map(OsString::from)), expected);
        // A file here is found before a program in PATH.
        for (name, expected) in
            [("Cargo.toml", there("Cargo.toml")), ("python3", "python3".into()), ("/x", "/x".into())]
        {
            assert_eq!(absolute(here, ["--exec", name].map(OsString::from))[1], expected);
        }
    }
}
