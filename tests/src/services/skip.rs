//! Reports tests that could not run.

use std::{env, ffi::OsStr, fs::OpenOptions, io::Write as _, path::Path};

/// The variable that names the file to which skips are appended. `cargo xtask test` sets it.
pub const REPORT_VARIABLE: &str = "KEYWAY_SKIP_REPORT";
/// The variable that, set to `1`, makes a missing program a failure.
pub const REQUIRE_VARIABLE: &str = "KEYWAY_REQUIRE_SERVICES";

/// The variable that, set to `1`, permits tests to change the system, for example to add an account. `cargo xtask test
/// --install-services` sets the variable.
pub const CHANGE_VARIABLE: &str = "KEYWAY_CHANGE_SYSTEM";

/// Tells whether tests may change the system: `KEYWAY_CHANGE_SYSTEM` permits it, and the tests run as root. Otherwise,
/// reports that `what` was skipped. This skip is not a failure, even if real programs are required. Blocks.
///
/// # Panics
/// If the report cannot be written.
pub fn may_change_system(what: &str) -> bool {
    let is_allowed = env::var_os(CHANGE_VARIABLE).is_some_and(|value| value == *"1");
    let is_root = || {
        let asked = std::process::Command::new("id").arg("-u").output();
        asked.is_ok_and(|answer| answer.stdout.trim_ascii() == b"0")
    };
    if is_allowed && is_root() {
        return true;
    }
    let skip = Skip::new(
        "permission to change the system",
        "run `cargo xtask test --install-services` as root, on a machine that tests may change",
    );
    skip.report_to(env::var_os(REPORT_VARIABLE).as_deref(), false, what);
    false
}

/// A real program is missing or cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{program} is missing: {reason}")]
pub struct Skip {
    /// The missing program, by the name under which it is installed.
    pub program: String,
    /// The reason, in one line.
    pub reason: String,
}

impl Skip {
    /// Makes the report of a missing program; line breaks and tabs in the reason become spaces.
    pub fn new(program: impl Into<String>, reason: impl AsRef<str>) -> Self {
        Self { program: one_line(&program.into()), reason: one_line(reason.as_ref()) }
    }

    /// Reports that `what` was skipped.
    ///
    /// # Panics
    /// If real programs are required (`KEYWAY_REQUIRE_SERVICES=1`), or if the report cannot be
    /// written, because an unreported skip would look like a passed test.
    pub fn report(&self, what: &str) {
        let required = env::var_os(REQUIRE_VARIABLE).is_some_and(|value| value == *"1");
        self.report_to(env::var_os(REPORT_VARIABLE).as_deref(), required, what);
    }

    fn report_to(&self, file: Option<&OsStr>, required: bool, what: &str) {
        assert!(!required, "{self}; it is required for: {what}");
        let Some(file) = file else {
            return;
        };
        // Test processes share the file. Each line is written by one write in append mode, so lines are not mixed.
        let line = format!("{}\t{}\t{}\n", self.program, one_line(what), self.reason);
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .unwrap_or_else(|error| panic!("{} cannot be written: {error}", Path::new(file).display()));
    }
}

/// Turns a missing program into a reported skip.
pub trait OrSkip {
    /// The result if nothing is missing.
    type Found;

    /// Returns the result, or `None` after reporting that `what` is skipped.
    ///
    /// # Panics
    /// As [`Skip::report`].
    fn or_skip(self, what: &str) -> Option<Self::Found>;
}

impl<T> OrSkip for Result<T, Skip> {
    type Found = T;

    fn or_skip(self, what: &str) -> Option<T> {
        self.inspect_err(|skip| skip.report(what)).ok()
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::Skip;
    use std::{fs, panic::catch_unwind};

    #[test]
    fn a_skip_is_one_line_with_three_fields() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("report");
        let skip = Skip::new("python3", "no module\tnamed\n venv");
        skip.report_to(Some(file.as_os_str()), false, "store files");
        skip.report_to(Some(file.as_os_str()), false, "more\nfiles");
        assert_eq!(
            fs::read_to_string(file).expect("a report"),
            "python3\tstore files\tno module named venv\npython3\tmore files\tno module named venv\n"
        );
    }

    #[test]
    fn without_a_report_a_skip_is_silent() {
        Skip::new("python3", "").report_to(None, false, "store files");
    }

    #[test]
    fn a_required_program_that_is_missing_fails_the_test() {
        let outcome = catch_unwind(|| Skip::new("python3", "gone").report_to(None, true, "store files"));
        let message = outcome.expect_err("a panic").downcast::<String>().expect("a text");
        assert_eq!(*message, "python3 is missing: gone; it is required for: store files");
    }

    #[test]
    fn a_report_that_cannot_be_written_fails_the_test() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().as_os_str().to_owned();
        assert!(catch_unwind(|| Skip::new("python3", "").report_to(Some(&path), false, "x")).is_err());
    }
}
