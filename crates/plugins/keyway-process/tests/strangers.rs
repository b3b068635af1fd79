//! Tests the search for the processes of a run while some processes are costly to check: unrelated ones, and those that
//! a program started.
#![cfg(target_os = "linux")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use keyway_process::{Environment, Finished, Input, Limits, Program, Runner};
use pollster::block_on;

/// A Python program that claims to have an environment of 512 MiB.
const LARGE_ENVIRONMENT: &str = r#"
import ctypes, os, struct, sys, time
length = 512 << 20
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
start = libc.mmap(None, length, 3, 0x4022, -1, 0)
libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), 15)
libc.sbrk.restype = ctypes.c_void_p
stat = open("/proc/self/stat").read()
field = [0, 0, 0] + stat[stat.rindex(")") + 2:].split()
number = lambda index: int(field[index])
map = struct.pack("11Q", number(26), number(27), number(45), number(46), number(47), libc.sbrk(0),
                  number(28), number(48), number(49), start, start + length) + struct.pack("QIi", 0, 0, -1)
if libc.prctl(35, 14, ctypes.c_char_p(map), ctypes.c_ulong(len(map)), ctypes.c_ulong(0)):
    sys.exit(os.strerror(ctypes.get_errno()))
print("ready", flush=True)
os.close(1)
time.sleep(20)
"#;

/// A process that is killed on drop.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn stranger() -> Ended {
    let mut child =
        Command::new("python3").args(["-c", LARGE_ENVIRONMENT]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    Ended(child)
}

/// Returns the peak memory of this process, in bytes.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn run(script: &str, deadline: Duration) -> Finished {
    let program = Program::new("/bin/sh").unwrap().argument("-c").argument(script).argument("sh");
    let program = program.argument(LARGE_ENVIRONMENT);
    let limits = Limits { deadline, ..Limits::DEFAULT };
    let runner = Runner::new(program, Environment::of_the_host(), limits, 1.try_into().unwrap());
    block_on(runner.run(Input::Standard(Vec::new().into()))).unwrap()
}

#[track_caller]
fn assert_little_memory(before: u64) {
    let grown = most_memory().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes");
}

#[test]
fn older_processes_are_not_read() {
    let (_stranger, before, begun) = (stranger(), most_memory(), Instant::now());
    // The run is so long that all processes are checked.
    run("sleep 1.1", Duration::from_secs(10));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_little_memory(before);
}

#[test]
fn a_younger_process_does_not_delay_the_answer() {
    let before = most_memory();
    let begun = Instant::now();
    // The process has a session of its own, so that it cannot be found by its group.
    let script = r#"mkfifo "$0.$$"; setsid python3 -c "$1" > "$0.$$" & read -r ready < "$0.$$"; rm "$0.$$"; echo "$ready""#;
    let folder = tempfile::tempdir().unwrap();
    let script = script.replace("$0", folder.path().join("pipe").to_str().unwrap());
    let deadline = Duration::from_secs(4);
    let finished = run(&script, deadline);
    assert!(begun.elapsed() < deadline, "{:?}", begun.elapsed());
    assert_eq!(finished.output.as_slice(), b"ready\n");
    assert_little_memory(before);
    // The process escapes, because the environment that it claims does not contain the mark.
    assert_eq!(finished.left_behind, 0);
}
