//! The programs that run at the moment, each in a run of its own.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use rustix::process::Pid;

/// No run left these behind, so no search looks at them.
static PROGRAMS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Leaves out the ids of those programs.
pub(super) fn without_programs(ids: impl Iterator<Item = i32>) -> Vec<i32> {
    let programs = PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner);
    ids.filter(|id| !programs.contains(id)).collect()
}

/// A program among those that run, until it is dropped, which is to be before the program's
/// id can become another's.
#[derive(Debug)]
pub(in crate::run) struct Listed(i32);

impl Listed {
    pub(in crate::run) fn new(program: Pid) -> Self {
        let id = program.as_raw_pid();
        PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        Self(id)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}
