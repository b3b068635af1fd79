//! Compares an operation with the bare commits that it makes.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::recording::Recording;
use super::sqlite::BareTable;
use crate::measure::{Clock, Rounds, interleave};

const ROUNDS: usize = 41;
/// The number of pages at which a log of SQLite begins again. A sync of a log that still grows takes twice as long, so
/// without a full log the moment of the measurement would decide which side is faster.
const LOG_PAGES: usize = 1000;

/// Compares an operation on a recording engine with bare transactions of the same rows. Returns the times of both, the
/// operation first, and the commits of one operation.
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
    // The peer repeats the commits in their order, some operations later.
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
