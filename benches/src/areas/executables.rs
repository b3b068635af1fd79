//! Measures what it costs to run an executable as an issuer, against a run of the executable alone.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use keyway_issuers::{
    CredentialRequest, Issuer as _, RequestOutcome,
    wire::{Ended, Profile, WireOptions, host},
};
use keyway_process::{ProcessConfiguration, ProcessIssuer};
use pollster::block_on;
use tempfile::TempDir;

use super::BenchError;
use crate::{
    measure::{Clock, Plan, compare},
    programs::build,
    row::{Row, Target},
};

/// A run takes about a millisecond. A round has only a few runs, so that Keyway and its peer run at about the same
/// time.
const ALONE: Plan = Plan { clock: Clock::Wall, rounds: 301, batch: Duration::from_millis(5) };
const TOGETHER: Plan = Plan { clock: Clock::Wall, rounds: 41, batch: Duration::from_millis(50) };

/// The number of concurrent requests.
const AT_ONCE: usize = 8;
/// The number of each task's requests in a measured batch.
const EACH: usize = 6;

/// The compiled program in a temporary folder. The folder is removed when this value is dropped.
struct Program {
    _folder: TempDir,
    path: PathBuf,
}

impl Program {
    /// Compiles the program, linked statically.
    fn new() -> Result<Self, BenchError> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("answering");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs/answering.rs");
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = Command::new(rustc)
            .args(["--edition", "2024", "-O", "-C", "target-feature=+crt-static", "-o"])
            .args([&path, &source])
            .output()?;
        if output.status.success() {
            Ok(Self { _folder: folder, path })
        } else {
            Err(format!("rustc: {}", String::from_utf8_lossy(&output.stderr).trim()).into())
        }
    }

    fn issuer(&self, parallel: usize) -> Result<ProcessIssuer, BenchError> {
        self.issuer_with(parallel, None, None)
    }

    fn issuer_with(
        &self,
        parallel: usize,
        helper: Option<&Path>,
        cgroup: Option<&Path>,
    ) -> Result<ProcessIssuer, BenchError> {
        let text = |path: &Path| path.to_str().map(str::to_owned);
        let mut configuration = ProcessConfiguration::new(text(&self.path).ok_or("no path")?);
        configuration.parallel = parallel.try_into()?;
        configuration.helper = helper.and_then(text);
        configuration.cgroup = cgroup.and_then(text);
        let issuer = ProcessIssuer::new(&configuration)?;
        block_on(issuer.describe())?;
        Ok(issuer)
    }

    /// Spawns the program and reads its output, without a host.
    fn run_bare(&self, input: &[u8]) -> Result<Vec<u8>, BenchError> {
        let mut child = Command::new(&self.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        child.stdin.take().ok_or("no standard input")?.write_all(input)?;
        Ok(child.wait_with_output()?.stdout)
    }
}

/// Builds the helper as a host would install it.
fn helper() -> Result<PathBuf, BenchError> {
    build("keyway-run", "keyway-run", "release")
}

/// Returns the cgroup v2 of this process, if the process may create further cgroups in it.
fn cgroup() -> Result<PathBuf, BenchError> {
    let none = "there is no cgroup v2 here that can be written";
    let mounts = fs::read_to_string("/proc/mounts")?;
    let mount = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2")).ok_or(none)?;
    let own = fs::read_to_string("/proc/self/cgroup")?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/")).ok_or(none)?;
    let folder = Path::new(mount.split(' ').nth(1).ok_or(none)?).join(own);
    let made = folder.join(format!("keyway-bench-{}", std::process::id()));
    fs::create_dir(&made).map_err(|_| none)?;
    fs::remove_dir(made)?;
    Ok(folder)
}

pub(super) fn rows(area: &'static str, request: &CredentialRequest) -> Result<Vec<Row>, BenchError> {
    let bare = "request through an executable, peer spawning it with nothing around";
    let at_once = "request through an executable, eight at once, peer one at a time";
    let (ratio, throughput) = (Target::RatioAtMost(1.15), Target::TimesFaster(1.4));
    let program = match Program::new() {
        Ok(program) => program,
        Err(trouble) => {
            let reason = trouble.to_string();
            return Ok(vec![
                Row::unmeasured(area, bare, ratio, reason.as_str()),
                Row::unmeasured(area, at_once, throughput, reason),
            ]);
        }
    };
    let input = host::encode_request(request, &WireOptions::new("1.6.1"));
    let printed = program.run_bare(input.expose().as_bytes())?;
    let answer = host::decode_outcome(&printed, Ended::SUCCESS, Profile::Strict)?;

    let one = program.issuer(1)?;
    let ask = |issuer: &ProcessIssuer| -> RequestOutcome {
        let outcome = block_on(issuer.request(request)).expect("it answered before");
        assert_eq!(outcome, answer);
        outcome
    };
    let alone = compare(ALONE, || ask(&one), || program.run_bare(input.expose().as_bytes()));

    let many = program.issuer(AT_ONCE)?;
    let together = || {
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| (0..EACH).for_each(|_| drop(ask(&many))));
            }
        });
    };
    let in_turn = || (0..AT_ONCE * EACH).for_each(|_| drop(ask(&one)));
    let parallel = compare(TOGETHER, together, in_turn);
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let calls = (AT_ONCE * EACH) as f64;
    let parallel = parallel.of_one_in(calls);

    let held = |name, helper: Result<PathBuf, BenchError>, cgroup: Result<Option<PathBuf>, BenchError>| {
        let target = Target::RatioAtMost(2.0);
        let issuer = helper.and_then(|helper| program.issuer_with(1, Some(&helper), cgroup?.as_deref()));
        match issuer {
            Ok(issuer) => {
                let held = compare(ALONE, || ask(&issuer), || program.run_bare(input.expose().as_bytes()));
                Row::compared(area, name, held).must(target)
            }
            Err(trouble) => Row::unmeasured(area, name, target, format!("skipped: {trouble}")),
        }
    };
    let by_helper = "request through an executable and its helper, peer spawning it with nothing around";
    let in_cgroup = "request through an executable in a cgroup, peer spawning it with nothing around";

    let cores = thread::available_parallelism().map_or(1, usize::from);
    Ok(vec![
        held(by_helper, helper(), Ok(None)),
        held(in_cgroup, helper(), cgroup().map(Some)),
        Row::compared(area, bare, alone)
            .must(ratio)
            .noting(format!("{} bytes on standard input", input.expose().len())),
        Row::compared(area, at_once, parallel).must(throughput).noting(format!("on {cores} cores")),
    ])
}
