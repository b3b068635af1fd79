//! Tests that a thousand programs that move out of their process group leave no process behind, and no thread in the
//! host.
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "it uses a part")]
mod support;

use std::time::{Duration, Instant};

use keyway_process::{Environment, Input, Limits, Program, RunError, Runner};
use pollster::block_on;
use rustix::process::{getpgid, getppid, setpgid};
use support::Executable;

const LEAVES: &str = "KEYWAY_TEST_LEAVES_ITS_GROUP";
const RUNS: usize = 1000;
const AT_ONCE: usize = 8;

/// Does nothing in a usual test run. When the test below starts it as a program, it moves into the process group of its
/// parent, the host.
#[test]
fn leaves_its_group() {
    if std::env::var_os(LEAVES).is_some() {
        setpgid(None, Some(getpgid(getppid()).unwrap())).unwrap();
        std::thread::sleep(Duration::from_secs(30));
    }
}

fn entries(folder: &str) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn a_program_that_leaves_its_group_is_killed_and_nothing_stays_behind() {
    let marks = Executable::with("");
    let (threads, descriptors) = (entries("/proc/self/task"), entries("/proc/self/fd"));
    let own = std::env::current_exe().unwrap();
    let environment =
        Environment::empty().with(LEAVES, "1").unwrap().with("MARK", marks.mark.as_str()).unwrap();
    let limits =
        Limits { deadline: Duration::from_millis(60), grace: Duration::from_millis(20), ..Limits::DEFAULT };
    let runners = [
        Program::new(&own).unwrap(),
        // Starts the same program through a shell, so that it ignores `SIGTERM`.
        Program::new("/bin/sh")
            .unwrap()
            .argument("-c")
            .argument("trap '' TERM; exec \"$0\" \"$@\"")
            .argument(&own),
    ]
    .map(|program| {
        let program = program.argument("--exact").argument("leaves_its_group").argument("--nocapture");
        Runner::new(program, environment.clone(), limits, AT_ONCE.try_into().unwrap())
    });
    std::thread::scope(|scope| {
        for thread in 0..AT_ONCE {
            let runner = &runners[thread % 2];
            scope.spawn(move || {
                for _ in 0..RUNS / AT_ONCE {
                    let error = block_on(runner.run(Input::Standard(Vec::new().into()))).unwrap_err();
                    assert!(matches!(error, RunError::Deadline { .. }), "{error:?}");
                }
            });
        }
    });
    marks.assert_nothing_left();
    drop(runners);
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let now = (entries("/proc/self/task"), entries("/proc/self/fd"));
        if now.0 <= threads && now.1 <= descriptors {
            break;
        }
        assert!(
            Instant::now() < until,
            "threads and descriptors: {now:?}, before {:?}",
            (threads, descriptors)
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}
