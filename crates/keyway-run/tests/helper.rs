//! Tests that the helper ends every process of a run, in a cgroup and without.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a test is skipped in part; a host speaks")]

use std::fs;
use std::io::{BufRead as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use keyway_issuers::Issuer as _;
use keyway_process::{
    Environment, Finished, Helper, Input, Limits, ProcessConfiguration, ProcessIssuer, Program, RunError,
    Runner,
};
use pollster::block_on;
use rustix::process::{Pid, Signal, kill_process_group};

/// A Python program that starts a daemon which is hard to recognize: an orphan in a session of its own, with an empty
/// environment that no other process may read, and with a name that is not UTF-8.
const DAEMON: &str = r#"
import ctypes, os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        null = os.open("/dev/null", os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        if len(sys.argv) == 2:
            os.execve(sys.executable, ["python3", "-c", sys.argv[1], "x", "hidden"], {})
    os._exit(0)
os.wait()
"#;
const HIDDEN: &str = "import ctypes, time; call = ctypes.CDLL(None).prctl; \
                      call(15, b'\\xff', 0, 0, 0); call(4, 0, 0, 0, 0); time.sleep(1000)";

/// Finds a cgroup v2 in which this process may create cgroups.
fn cgroup() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let mount = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2"))?;
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let folder = PathBuf::from(mount.split(' ').nth(1)?).join(own);
    let made = folder.join(format!("keyway-test-{}", std::process::id()));
    match fs::create_dir(&made) {
        Ok(()) => fs::remove_dir(made).is_ok(),
        Err(error) => error.kind() == std::io::ErrorKind::AlreadyExists,
    }
    .then_some(folder)
}

/// Returns the modes of the helper that this machine supports.
fn ways() -> Vec<(&'static str, Helper)> {
    let helper = Helper::new(env!("CARGO_BIN_EXE_keyway-run")).unwrap();
    let mut ways = vec![("subreaper", helper.clone())];
    match cgroup() {
        Some(folder) => ways.push(("cgroup", helper.in_cgroup(folder).unwrap())),
        None => report_skip(),
    }
    ways
}

/// Reports the skipped tests to `cargo xtask test`.
fn report_skip() {
    eprintln!("skipped: no cgroup v2 here that can be written");
    if let Some(report) = std::env::var_os("KEYWAY_SKIP_REPORT") {
        let mut report = fs::OpenOptions::new().create(true).append(true).open(report).unwrap();
        report.write_all(b"cgroup v2\tkeyway-run in a cgroup\tthere is none that can be written\n").unwrap();
    }
}

struct Fixture {
    runner: Runner,
    /// A text that the processes of this test, and no other processes, have among their arguments.
    mark: String,
}

fn fixture(helper: Helper, script: &str, deadline: u64) -> Fixture {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let mark = format!("1000.{}{:04}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let daemon = "python3 -c \"$DAEMON\" \"$HIDDEN # $MARK\"";
    let script = script.replace("DAEMON!", daemon);
    let program = Program::new("/bin/sh").unwrap().argument("-c").argument(script).argument("sh");
    let environment = [("DAEMON", DAEMON), ("HIDDEN", HIDDEN), ("MARK", &mark)]
        .into_iter()
        .fold(Environment::of_the_host(), |all, (name, value)| all.with(name, value).unwrap());
    let limits = Limits {
        deadline: Duration::from_millis(deadline),
        grace: Duration::from_millis(200),
        ..Limits::DEFAULT
    };
    Fixture {
        runner: Runner::new(program, environment, limits, 1.try_into().unwrap()).with_helper(helper),
        mark,
    }
}

impl Fixture {
    fn run(&self) -> Result<Finished, RunError> {
        block_on(self.runner.run(Input::Standard(b"input".to_vec().into())))
    }

    #[track_caller]
    fn assert_nothing_left(&self) {
        assert_eq!(left(&self.mark), Vec::<String>::new());
    }
}

/// Lists the processes that have `mark` among their arguments.
fn left(mark: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok()))
        .map(|entry| fs::read(entry.path().join("cmdline")).unwrap_or_default())
        .map(|command| String::from_utf8_lossy(&command).replace('\0', " "))
        .filter(|command| command.contains(mark))
        .collect()
}

#[test]
fn a_program_runs_as_without_a_helper() {
    for (way, helper) in ways() {
        let fixture =
            fixture(helper, "cat; printf ' %s' \"$MARK\" \"$KEYWAY_RUN\"; echo oops >&2; exit 7", 10_000);
        let finished = fixture.run().unwrap();
        let printed = String::from_utf8(finished.output.to_vec()).unwrap();
        assert!(printed.starts_with(&format!("input {} ", fixture.mark)), "{way}: {printed}");
        assert_eq!((format!("{:?}", finished.ended), finished.left_behind), ("Status(7)".into(), 0), "{way}");
        assert_eq!(*finished.errors.for_log([]), "oops");
    }
    for (way, helper) in ways() {
        let fixture = fixture(helper, "cat - /proc/self/fd/0", 10_000);
        let finished = block_on(fixture.runner.run(Input::MemoryFile(b"input".to_vec().into()))).unwrap();
        assert_eq!(finished.output.as_slice(), b"inputinput", "{way}");
    }
    for (way, helper) in ways() {
        let killed = fixture(helper, "kill -9 $$", 10_000).run().unwrap();
        assert_eq!(format!("{:?}", killed.ended), "Signal(9)", "{way}");
    }
}

#[test]
fn a_helper_serves_one_run_after_the_other() {
    for (way, helper) in ways() {
        let fixture = fixture(helper, "printf %s $PPID", 10_000);
        let first = fixture.run().unwrap().output;
        assert_eq!(fixture.run().unwrap().output, first, "{way}");
        let id = String::from_utf8(first.to_vec()).unwrap();
        assert_ne!(id, std::process::id().to_string());
        drop(fixture);
        // A helper that is still cleaning up after a run first finishes that, and then ends.
        let begun = std::time::Instant::now();
        while PathBuf::from(format!("/proc/{id}")).exists() {
            assert!(begun.elapsed() < Duration::from_secs(5), "{way}: the helper ends with the runner");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_failed_start_is_reported() {
    for (_, helper) in ways() {
        let program = Program::new("/nowhere/at/all").unwrap();
        let runner = Runner::new(program, Environment::empty(), Limits::DEFAULT, 1.try_into().unwrap());
        let runner = runner.with_helper(helper);
        let error = block_on(runner.run(Input::Argument(b"x".to_vec().into()))).unwrap_err();
        assert!(
            matches!(&error, RunError::Start { source } if source.kind() == std::io::ErrorKind::NotFound)
        );
    }
    let missing = fixture(Helper::new("/nowhere/keyway-run").unwrap(), "true", 1000).run().unwrap_err();
    assert!(missing.nothing_started(), "{missing:?}");
}

#[test]
fn a_daemon_without_a_mark_does_not_escape() {
    for (way, helper) in ways() {
        let fixture = fixture(helper, "DAEMON!; DAEMON!; sleep 0.3; sleep $MARK & echo done", 20_000);
        for _ in 0..2 {
            let finished = fixture.run().unwrap();
            assert_eq!(finished.output.as_slice(), b"done\n", "{way}");
            assert_eq!(finished.left_behind, 3, "{way}");
            fixture.assert_nothing_left();
        }
    }
}

#[test]
fn a_process_that_moves_to_another_cgroup_is_killed() {
    for (_, helper) in ways() {
        let Some(folder) = helper.cgroup() else { continue };
        let procs = folder.join("cgroup.procs");
        let moves = format!("(echo 0 > {}; exec env -i setsid sleep $MARK) &", procs.display());
        for (end, deadline, answers) in [("sleep 0.2", 10_000, true), ("sleep $MARK", 600, false)] {
            let fixture = fixture(helper.clone(), &format!("{moves} {end}"), deadline);
            let finished = fixture.run();
            assert_eq!(finished.map(|finished| finished.left_behind).ok(), answers.then_some(1));
            fixture.assert_nothing_left();
        }
    }
}

#[test]
fn all_processes_are_killed_at_the_deadline() {
    for (way, helper) in ways() {
        let fixture =
            fixture(helper, "trap '' TERM; DAEMON!; setsid sleep $MARK & sleep $MARK; sleep $MARK", 700);
        for _ in 0..2 {
            let begun = Instant::now();
            assert!(matches!(fixture.run().unwrap_err(), RunError::Deadline { .. }), "{way}");
            assert!(begun.elapsed() < Duration::from_secs(3), "{way}: {:?}", begun.elapsed());
            fixture.assert_nothing_left();
        }
    }
}

#[test]
fn processes_with_the_mark_are_found_after_the_program_kills_or_stops_its_helper() {
    for (way, helper) in ways() {
        for signal in ["KILL", "STOP"] {
            let script = format!("kill -{signal} $PPID; setsid sleep $MARK & sleep $MARK");
            let fixture = fixture(helper.clone(), &script, 700);
            // The second run uses a new helper.
            for _ in 0..2 {
                let error = fixture.run().unwrap_err();
                assert_eq!(left(&fixture.mark), Vec::<String>::new(), "{way} {signal} {error:?}");
            }
        }
    }
}

#[test]
fn no_program_inherits_a_descriptor_of_the_host() {
    // Simulates a mistake of the host: a descriptor without close-on-exec.
    let file = tempfile::tempfile().unwrap();
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
    let number = file.as_raw_fd().to_string();
    let script = "ls /proc/self/fd; ls /proc/$PPID/fd >&2";
    for (way, helper) in ways() {
        let finished = fixture(helper, script, 10_000).run().unwrap();
        let printed = String::from_utf8(finished.output.to_vec()).unwrap();
        assert_eq!(printed.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"], "{way}");
    }
    let program = Program::new("/bin/sh").unwrap().argument("-c").argument(script);
    let runner = Runner::new(program, Environment::of_the_host(), Limits::DEFAULT, 1.try_into().unwrap());
    let finished = block_on(runner.run(Input::Standard(Vec::new().into()))).unwrap();
    let printed = String::from_utf8(finished.output.to_vec()).unwrap();
    assert!(
        printed.split_whitespace().any(|open| open == number),
        "it is inherited without a helper: {printed}"
    );
}

#[test]
fn the_configuration_of_an_issuer_names_the_helper() {
    for (way, helper) in ways() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plugin");
        let answer =
            r#"{"result":"ok","version":"'$(cat /proc/$PPID/comm)'","conf_params":[],"request_params":[]}"#;
        fs::write(&file, format!("echo '{answer}'")).unwrap();
        let mut configuration = ProcessConfiguration::new("/bin/sh");
        configuration.arguments = vec![file.to_str().unwrap().to_owned()];
        configuration.allow_argv = true;
        configuration.helper = Some(helper.path().to_str().unwrap().to_owned());
        configuration.cgroup = helper.cgroup().map(|folder| folder.to_str().unwrap().to_owned());
        let description = block_on(ProcessIssuer::new(&configuration).unwrap().describe()).unwrap();
        assert_eq!(description.version(), "keyway-run", "{way}");
    }
}

const HOST: &str = "KEYWAY_TEST_IS_THE_HOST";

/// Runs the host that the next test kills.
#[test]
fn is_a_host() {
    let Ok(way) = std::env::var(HOST) else { return };
    let (_, helper) = ways().into_iter().find(|(name, _)| *name == way).unwrap();
    let fixture = fixture(helper, "DAEMON!; sleep $MARK & echo started >&2; sleep $MARK", 60_000);
    println!("mark {}", fixture.mark);
    let _ = fixture.run();
}

#[test]
fn the_run_ends_with_its_host() {
    for (way, _) in ways() {
        let mut host = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "is_a_host", "--nocapture"])
            .env(HOST, way)
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let printed = std::io::BufReader::new(host.stdout.take().unwrap());
        let mark =
            printed.lines().find_map(|line| Some(line.unwrap().split_once("mark ")?.1.to_owned())).unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while left(&mark).len() < 3 {
            assert!(Instant::now() < until, "{way}: the run does not start: {:?}", left(&mark));
            std::thread::sleep(Duration::from_millis(5));
        }
        // A signal from a terminal also reaches every process of the host's group.
        kill_process_group(Pid::from_child(&host), Signal::KILL).unwrap();
        host.wait().unwrap();
        while !left(&mark).is_empty() {
            assert!(Instant::now() < until, "{way}: left: {:?}", left(&mark));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
