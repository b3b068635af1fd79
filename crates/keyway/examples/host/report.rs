//! Prints the output of the example, and checks its results.

use std::error::Error;
use std::time::Instant;

/// An error that ends a step.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Prints steps and checks, and counts the checks. It remembers its output, so that the last step can search the output
/// for secrets.
pub(crate) struct Report {
    begun: Instant,
    printed: String,
    passed: u32,
    failed: u32,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), printed: String::new(), passed: 0, failed: 0 }
    }

    /// Begins a step.
    pub(crate) fn step(&mut self, title: &str) {
        self.line(&format!("\n{title}"));
    }

    /// Prints a line.
    pub(crate) fn line(&mut self, text: &str) {
        println!("{text}");
        self.printed.push_str(text);
        self.printed.push('\n');
    }

    /// Prints a check, and counts it as passed or failed.
    pub(crate) fn check(&mut self, holds: bool, what: &str) {
        let mark = if holds { "ok  " } else { "FAIL" };
        if holds {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
        self.line(&format!("  {mark} {what}"));
    }

    /// Checks that an operation was refused with the expected error, and prints the message of the error.
    pub(crate) fn refused<T, E: Error>(
        &mut self,
        outcome: Result<T, E>,
        expected: fn(&E) -> bool,
        what: &str,
    ) {
        match outcome {
            Ok(_) => self.check(false, &format!("{what}: it was not refused")),
            Err(error) => {
                self.check(expected(&error), what);
                self.line(&format!("       \"{error}\""));
            }
        }
    }

    /// Searches the output for secrets.
    pub(crate) fn check_no_secret_was_printed(&mut self, secrets: &[String]) {
        // Short secrets occur by chance, such as "3" in a date.
        let telling: Vec<_> = secrets.iter().filter(|secret| secret.len() >= 6).collect();
        let leaked = telling.iter().filter(|secret| self.printed.contains(secret.as_str())).count();
        self.check(leaked == 0, &format!("none of {} secret texts was printed", telling.len()));
    }

    /// Prints the summary, and returns `true` if every check passed.
    pub(crate) fn summary(&mut self) -> bool {
        let text = format!(
            "\n{} checks passed, {} failed, in {:.1} s",
            self.passed,
            self.failed,
            self.begun.elapsed().as_secs_f64()
        );
        self.line(&text);
        self.failed == 0
    }
}
