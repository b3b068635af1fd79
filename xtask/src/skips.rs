//! Reads the skipped tests from the report of a run.
//!
//! A test that cannot run because a real program is missing appends one line to the file that
//! `KEYWAY_SKIP_REPORT` names: the program, a tab, the skipped test, a tab, and the reason.
//! `keyway_tests::services` writes these lines. A test of a crate that must not depend on it writes its own, for the
//! program `root` if it needs the rights of root.

use std::{collections::BTreeMap, fs, path::Path};

/// The variable that names the file for skipped tests.
pub(crate) const REPORT_VARIABLE: &str = "KEYWAY_SKIP_REPORT";
/// The variable that, set to `1`, makes a test fail instead of being skipped.
pub(crate) const REQUIRE_VARIABLE: &str = "KEYWAY_REQUIRE_SERVICES";

/// The variable that, set to `1`, lets tests change the system. `--install-services` sets the variable.
pub(crate) const CHANGE_VARIABLE: &str = "KEYWAY_CHANGE_SYSTEM";
/// The name under which reports list the permission to change the system, which some tests need. The permission is not
/// a program, so a run never fails because it is missing.
const PERMISSION: &str = "permission to change the system";

/// A missing program, and the tests that were skipped for it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) program: String,
    pub(crate) reason: String,
    pub(crate) skipped: Vec<String>,
}

impl Missing {
    /// Tells whether a program is missing, and not only a permission.
    pub(crate) fn is_program(&self) -> bool {
        self.program != PERMISSION
    }
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "missing: {}", self.program)?;
        if !self.reason.is_empty() {
            write!(f, " ({})", self.reason)?;
        }
        write!(f, "; skipped: {}", self.skipped.join(", "))
    }
}

/// Reads the report. A missing file means that no test was skipped.
pub(crate) fn read(report: &Path) -> Result<Vec<Missing>, String> {
    match fs::read_to_string(report) {
        Ok(text) => Ok(parse(&text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(format!("{} cannot be read: {error}", report.display())),
    }
}

fn parse(text: &str) -> Vec<Missing> {
    let mut programs = BTreeMap::<&str, Missing>::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut fields = line.split('\t');
        let program = fields.next().unwrap_or_default();
        let skipped = fields.next().unwrap_or("something that it did not name");
        let reason = fields.next().unwrap_or_default();
        let missing = programs.entry(program).or_insert_with(|| Missing {
            program: program.to_owned(),
            reason: reason.to_owned(),
            skipped: Vec::new(),
        });
        if !missing.skipped.iter().any(|known| known == skipped) {
            missing.skipped.push(skipped.to_owned());
        }
    }
    let mut programs: Vec<_> = programs.into_values().collect();
    for missing in &mut programs {
        missing.skipped.sort();
    }
    programs
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn one_line_for_each_program() {
        let report = "python3\tstore files\tno module named venv\nvalgrind\tcounts\t\npython3\tkeys\tx\n\
                      python3\tkeys\tx\n\n";
        let lines: Vec<String> = parse(report).iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "missing: python3 (no module named venv); skipped: keys, store files",
                "missing: valgrind; skipped: counts",
            ]
        );
    }

    #[test]
    fn a_permission_is_no_program() {
        let report = "permission to change the system\tan account\tas root\nsshd\tlogins\t\n";
        assert_eq!(parse(report).iter().map(super::Missing::is_program).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn a_line_without_the_second_field_is_not_lost() {
        assert_eq!(parse("python3")[0].program, "python3");
        assert_eq!(parse("python3")[0].skipped.len(), 1);
        assert!(parse("\n\n").is_empty());
    }
}
