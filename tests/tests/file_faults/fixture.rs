//! Runs an operation on a new folder while strace makes system calls of it fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::act::{DONE, Operation};

pub(crate) struct Fixture {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) path: PathBuf,
}

impl Fixture {
    /// Makes a folder with everything that the operation needs.
    pub(crate) fn of(operation: Operation) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        let fixture = Self { folder, path };
        if !matches!(operation, Operation::Initialize | Operation::Authorize) {
            assert_eq!(Operation::Initialize.run(&fixture.path), DONE);
        }
        fixture
    }

    /// Returns the content of the operation's file.
    pub(crate) fn content(&self, operation: Operation) -> Option<Vec<u8>> {
        let name = if operation == Operation::Authorize { "authorized_keys" } else { "s" };
        fs::read(self.path.join(name)).ok()
    }

    /// Carries the operation out while each of the given system calls fails as `inject` of strace says.
    pub(crate) fn run(&self, strace: &Path, operation: Operation, failures: &[(&str, &str)]) -> String {
        let mut command = Command::new(strace);
        let calls: Vec<&str> = failures.iter().map(|(calls, _)| *calls).collect();
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={}", calls.join(","))]);
        for (calls, failure) in failures {
            command.args(["-e", &format!("inject={calls}:{failure}")]);
        }
        operation.run_in(command, &std::env::current_exe().unwrap(), &self.path)
    }
}
