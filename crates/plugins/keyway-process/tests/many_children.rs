//! Tests that a program with many more processes than the host may have open files leaves none of them behind, and
//! takes no descriptor from the rest of the host.
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "it uses a part")]
mod support;

use std::fs::File;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyway_process::{Environment, Input, Limits, Program, RunError, Runner};
use pollster::block_on;
use rustix::process::{Resource, getrlimit, setrlimit};
use support::Executable;

const AGAIN: &str = "KEYWAY_TEST_WITH_FEW_DESCRIPTORS";
/// The number of files that the host may have open.
const DESCRIPTORS: u64 = 128;

/// Runs a test again in a process of its own, which may open few files. Returns `true` in that process.
fn has_few_descriptors(test: &str) -> bool {
    if std::env::var_os(AGAIN).is_none() {
        let mut again = Command::new(std::env::current_exe().unwrap());
        let output = again.args(["--exact", test, "--nocapture"]).env(AGAIN, "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return false;
    }
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = Some(DESCRIPTORS);
    setrlimit(Resource::Nofile, limit).unwrap();
    true
}

/// Runs a program with 100 processes in its group and 100 in sessions of their own, which then goes on with `then`.
fn run(then: &str, limits: Limits) -> Result<usize, RunError> {
    let marks = Executable::with("");
    let script = format!(
        "for number in $(seq 100); do sleep 1000 & setsid -f sleep 1000; done >/dev/null 2>&1 </dev/null; \
         echo started; {then}"
    );
    let program = Program::new("/bin/sh").unwrap().argument("-c").argument(script);
    let environment = Environment::of_the_host().with("MARK", marks.mark.as_str()).unwrap();
    let runner = Runner::new(program, environment, limits, 1.try_into().unwrap());
    let is_over = AtomicBool::new(false);
    let outcome = std::thread::scope(|scope| {
        // Stands for the rest of the host.
        let rest = scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                File::open("/proc/self/stat").unwrap();
                std::thread::sleep(Duration::from_micros(100));
            }
        });
        let outcome = block_on(runner.run(Input::Standard(Vec::new().into())));
        is_over.store(true, Ordering::SeqCst);
        rest.join().unwrap();
        outcome
    });
    marks.assert_nothing_left();
    outcome.map(|finished| {
        assert_eq!(finished.output.as_slice(), b"started\n");
        finished.left_behind
    })
}

#[test]
fn many_processes_that_a_program_leaves_are_killed() {
    if has_few_descriptors("many_processes_that_a_program_leaves_are_killed") {
        let limits = Limits { deadline: Duration::from_secs(120), ..Limits::DEFAULT };
        assert_eq!(run("", limits).unwrap(), 200);
    }
}

#[test]
fn many_processes_of_a_program_without_an_end_are_killed() {
    if has_few_descriptors("many_processes_of_a_program_without_an_end_are_killed") {
        let (deadline, grace) = (Duration::from_secs(8), Duration::from_millis(100));
        let error = run("sleep 1000", Limits { deadline, grace, ..Limits::DEFAULT }).unwrap_err();
        assert!(matches!(error, RunError::Deadline { .. }), "{error:?}");
    }
}
