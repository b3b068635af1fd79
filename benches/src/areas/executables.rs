//! What it costs to run an executable as an issuer, beside running it with nothing around.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use futures_executor::block_on;
use keyway_issuers::{
    CredentialRequest, Issuer as _, Outcome,
    wire::{Ended, Profile, WireOptions, host},
};
use keyway_process::{ProcessConfiguration, ProcessIssuer};
use tempfile::TempDir;

use super::Trouble;
use crate::{
    measure::{Clock, Plan, compare},
    row::{Row, Target},
};

/// A run takes about a millisecond; a few make a round, so that both sides of it run at about the same time.
const ALONE: Plan = Plan { clock: Clock::Wall, rounds: 301, batch: Duration::from_millis(5) };
const TOGETHER: Plan = Plan { clock: Clock::Wall, rounds: 41, batch: Duration::from_millis(50) };

/// How many are asked for at once.
const AT_ONCE: usize = 8;
/// How many in a measured batch, each.
const EACH: usize = 6;

/// The program, which is removed with the folder.
struct Program {
    _folder: TempDir,
    path: PathBuf,
}

impl Program {
    /// Compiles it, linked statically.
    fn new() -> Result<Self, Trouble> {
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

    fn issuer(&self, parallel: usize) -> Result<ProcessIssuer, Trouble> {
        let mut configuration = ProcessConfiguration::new(self.path.to_str().ok_or("no path")?);
        configuration.parallel = parallel.try_into()?;
        let issuer = ProcessIssuer::new(&configuration)?;
        block_on(issuer.describe())?;
        Ok(issuer)
    }

    /// Spawns it and reads its output, with nothing around.
    fn run_bare(&self, input: &[u8]) -> Result<Vec<u8>, Trouble> {
        let mut child = Command::new(&self.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        child.stdin.take().ok_or("no standard input")?.write_all(input)?;
        Ok(child.wait_with_output()?.stdout)
    }
}

pub(super) fn rows(area: &'static str, request: &CredentialRequest) -> Result<Vec<Row>, Trouble> {
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
    let ask = |issuer: &ProcessIssuer| -> Outcome {
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

    let cores = thread::available_parallelism().map_or(1, usize::from);
    Ok(vec![
        Row::compared(area, bare, alone)
            .must(ratio)
            .noting(format!("{} bytes on standard input", input.expose().len())),
        Row::compared(area, at_once, parallel).must(throughput).noting(format!("on {cores} cores")),
    ])
}
