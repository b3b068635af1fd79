//! Counts the passed tests in the output of nextest and `cargo test`.

const NEXTEST: &str = "Summary [";

/// The numbers of tests that ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// A printed summary line, and its counts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) line: String,
    pub(crate) count: Count,
}

/// Finds the summary lines. If nextest printed any, returns only the last of them, because nextest also shows the
/// output of failed tests, which may hold other summaries.
///
/// nextest prints one per run, in the form `Summary [   0.1s] 5 tests run: 4 passed (1 slow), 1 failed, 0 skipped`;
/// `cargo test` prints one per test binary, in the form `test result: ok. 4 passed; 1 failed; 0 ignored; ...`.
pub(crate) fn find<'a>(lines: impl IntoIterator<Item = &'a String>) -> Vec<Summary> {
    let mut summaries: Vec<_> = lines.into_iter().filter_map(|line| parse(line)).collect();
    if let Some(nextest) = summaries.iter().rposition(|summary| summary.line.starts_with(NEXTEST)) {
        return vec![summaries.swap_remove(nextest)];
    }
    summaries
}

fn parse(line: &str) -> Option<Summary> {
    let line = line.trim();
    let counts = if let Some(rest) = line.strip_prefix(NEXTEST) {
        rest.split_once(" run: ")?.1
    } else {
        line.strip_prefix("test result: ")?.split_once(". ")?.1
    };
    let mut count = Count::default();
    for part in counts.split([',', ';']) {
        let mut words = part.split_whitespace();
        let (Some(number), Some(what)) = (words.next(), words.next()) else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        match what {
            "passed" => count.passed += number,
            // A test that exceeded nextest's time limit, or could not be started, failed.
            "failed" | "timed" | "exec" => count.failed += number,
            _ => {}
        }
    }
    Some(Summary { line: line.to_owned(), count })
}

#[cfg(test)]
mod tests {
    use super::{Count, find, parse};

    #[test]
    fn nextest() {
        let line =
            "     Summary [   0.123s] 25 tests run: 22 passed (1 slow), 2 failed, 1 timed out, 3 skipped";
        let summary = parse(line).expect("a summary");
        assert_eq!(summary.count, Count { passed: 22, failed: 3 });
        assert!(summary.line.starts_with("Summary ["));
    }

    #[test]
    fn nextest_stopped_early() {
        let line = "     Summary [   0.1s] 3/25 tests run: 2 passed, 1 failed, 0 skipped";
        assert_eq!(parse(line).map(|summary| summary.count), Some(Count { passed: 2, failed: 1 }));
    }

    #[test]
    fn cargo_test_prints_one_for_each_binary() {
        let lines = [
            "running 2 tests".to_owned(),
            "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s"
                .to_owned(),
            "test result: FAILED. 1 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s"
                .to_owned(),
        ];
        let mut sum = Count::default();
        for summary in find(&lines) {
            sum += summary.count;
        }
        assert_eq!(sum, Count { passed: 3, failed: 4 });
    }

    #[test]
    fn the_output_of_a_failed_test_is_not_counted() {
        let lines = [
            "    test result: FAILED. 0 passed; 1 failed; 0 ignored".to_owned(),
            "     Summary [  90.9s] 317 tests run: 316 passed, 1 failed, 1 skipped".to_owned(),
        ];
        let summaries = find(&lines);
        assert_eq!(summaries.len(), 1);
        assert_eq!(summaries[0].count, Count { passed: 316, failed: 1 });
    }

    #[test]
    fn other_lines_are_not_summaries() {
        for line in ["", "Summary", "test foo ... ok", "test result: ok", "Summary [ 0.1s]"] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
