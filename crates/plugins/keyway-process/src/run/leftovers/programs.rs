//! Lists the running programs of all runs of this host.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use rustix::process::Pid;

/// The ids of the running programs. Searches skip them, because no run left them behind.
static PROGRAMS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Filters out the ids of the running programs.
pub(super) fn without_programs(ids: impl Iterator<Item = i32>) -> Vec<i32> {
    let programs = PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner);
    ids.filter(|id| !programs.contains(id)).collect()
}

/// The entry of a running program. It must be dropped before the program's id can be reused.
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
