//! Compares an operation with the bare commits that it makes.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::recording::Recording;
use super::sqlite::BareTable;
use crate::measure::{Clock, Rounds, interleave};

const ROUNDS: usize = 41;
/// The number of pages after which SQLite overwrites its log from the start. A sync takes twice as long while the log
/// still grows. So the logs of both sides are filled before the measurement.
const LOG_PAGES: usize = 1000;

/// Compares an operation on a recording engine with bare transactions that write the same rows. Returns the times of
/// the operation and of the transactions, and the number of commits of one operation.
///
/// # Errors
/// Those of SQLite.
///
/// # Panics
/// When a bare commit that is measured fails, or the operation makes none.
pub fn compare_commits(
    recording: &Recording,
    mut table: BareTable,
    calls: u32,
    operation: impl Fn(),
) -> Result<(Rounds, u32), rusqlite::Error> {
    // The peer has the same rows, so that its commits touch the same number of pages.
    for changes in recording.take() {
        table.change(&changes)?;
    }
    // The peer repeats the recorded commits in the same order, but some operations behind Keyway.
    let waiting = RefCell::new(VecDeque::new());
    let mut ours = || {
        operation();
        waiting.borrow_mut().extend(recording.take());
    };
    ours();
    let commits = waiting.borrow().len();
    (0..calls).for_each(|_| ours());
    let mut bare = || {
        for changes in waiting.borrow_mut().drain(..commits) {
            table.change(&changes).expect("a bare commit succeeds");
        }
    };
    for _ in 0..LOG_PAGES.div_ceil(commits) {
        ours();
        bare();
    }
    let times = interleave(Clock::Wall, ROUNDS, calls, &mut [&mut ours, &mut bare]);
    Ok((times, u32::try_from(commits).unwrap_or(u32::MAX)))
}
