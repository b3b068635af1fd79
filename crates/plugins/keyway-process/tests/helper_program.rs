//! Tests that a helper which is slow to start, never answers or never ends, holds no caller up.
#![cfg(target_os = "linux")]

use std::fs;
use std::future::Future as _;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use keyway_process::{Environment, Helper, Input, Limits, Program, Runner};

/// Makes a runner whose helper is this shell script. The standard input of a helper is its socket.
fn runner(folder: &Path, script: &str) -> Runner {
    use std::os::unix::fs::PermissionsExt as _;

    let file = folder.join("helper");
    fs::write(&file, format!("#!/bin/sh\ncd {}\n{script}\n", folder.display())).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o700)).unwrap();
    let program = Program::new("/bin/true").unwrap();
    Runner::new(program, Environment::of_the_host(), Limits::DEFAULT, 1.try_into().unwrap())
        .with_helper(Helper::new(file).unwrap())
}

/// Polls one run once, and returns the time that the poll took. The run is not over then, and its caller leaves.
fn polled_once(runner: &Runner, until: impl FnOnce()) -> Duration {
    let mut run = pin!(runner.run(Input::Standard(b"input".to_vec().into())));
    let begun = Instant::now();
    let polled = run.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let took = begun.elapsed();
    assert!(matches!(polled, Poll::Pending), "{polled:?}");
    until();
    took
}

fn wait_for(file: &Path) {
    wait_until(&file.display().to_string(), || file.exists());
}

fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_helper_that_never_answers_does_not_block_the_thread_of_the_caller() {
    let folder = tempfile::tempdir().unwrap();
    let took = polled_once(&runner(folder.path(), "exec cat"), || {});
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn a_run_whose_caller_left_while_the_helper_started_starts_no_program() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name| folder.path().join(name);
    // It is ready when the caller has left, writes its orders to a file, and ends with its host.
    let script = r"
        touch started
        until [ -e left ]; do sleep 0.01; done
        printf '\011\0\0\0U\0\0\0\0\0\0\0\0' >&0
        cat > orders
        touch over";
    let runner = runner(folder.path(), script);
    polled_once(&runner, || wait_for(&file("started")));
    fs::write(file("left"), "").unwrap();
    // The thread of the run holds the helper until it has decided.
    drop(runner);
    wait_for(&file("over"));
    assert_eq!(fs::read(file("orders")).unwrap(), b"");
}

#[test]
fn dropping_a_runner_does_not_wait_for_a_stopped_helper() {
    let folder = tempfile::tempdir().unwrap();
    // It ends its run when the first byte of the order has come, and stops itself.
    let script = r"
        echo $$ > id
        printf '\011\0\0\0U\0\0\0\0\0\0\0\0' >&0
        head -c 1 > first
        printf '\011\0\0\0E\0\0\0\0\0\0\0\0' >&0
        kill -STOP $$";
    let runner = runner(folder.path(), script);
    pollster::block_on(runner.run(Input::Standard(b"input".to_vec().into()))).unwrap();
    let id = fs::read_to_string(folder.path().join("id")).unwrap();
    let helper = Path::new("/proc").join(id.trim());
    wait_until("the helper is stopped", || fs::read_to_string(helper.join("stat")).unwrap().contains(") T "));
    let begun = Instant::now();
    drop(runner);
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    wait_until("the helper is killed and reaped", || !helper.exists());
}
