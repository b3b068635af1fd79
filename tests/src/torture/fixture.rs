//! The loop of the parent process in all areas: in each folder it runs several rounds, which kill processes and check
//! the state.

use std::process::Command;
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::draw::Draw;
use super::kill::{Ended, Fate, Moment, Victim};
use super::ledger::{Finding, Ledger};
use super::line::Line;
use super::{Options, Report, TortureError};

/// The role of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Works until the process is killed.
    Write,
    /// Recovers, and ends.
    Recover,
    /// Recovers, settles open work, reports the state, and ends.
    Check,
}

/// The number of the checking process in the ledger.
const CHECK: u32 = 99;

/// A tortured area.
pub(super) trait Area {
    /// Starts the working processes of a round, kills them, and passes their lines to
    /// [`record`](Fixture::record).
    ///
    /// # Errors
    /// When processes cannot be started or killed.
    fn work(&mut self, fixture: &mut Fixture, round: u64, report: &mut Report) -> Result<(), TortureError>;

    /// Returns the faults that the parent itself finds after a check, whose lines are `checked`.
    fn judge(&self, checked: &[Line]) -> Vec<Finding> {
        let _ = checked;
        Vec::new()
    }

    /// Starts a process that recovers or checks.
    ///
    /// # Errors
    /// When it cannot be started.
    fn start(&self, fixture: &Fixture, round: u64, role: Role) -> Result<Victim, TortureError>;
}

/// A folder, and the ledger of its content.
pub(super) struct Fixture {
    pub(super) folder: TempDir,
    pub(super) ledger: Ledger,
    pub(super) draw: Draw,
}

/// Kills processes until the options are met. `tell` receives the progress after each round. After `rounds_in_a_folder`
/// rounds, the torture begins again in an empty folder, so that the creation of everything is interrupted too. It also
/// does so after a finding, and then keeps the folder of the finding.
pub(super) fn run<A: Area, D>(
    options: &Options<D>,
    rounds_in_a_folder: u64,
    area: impl Fn() -> A,
    tell: &mut dyn FnMut(&Report),
) -> Result<Report, TortureError> {
    let draw = Draw::new(options.seed);
    let mut report = Report::default();
    let mut folders = 0;
    while report.kills < options.kills && report.findings.len() < options.most_findings {
        folders += 1;
        let folder =
            tempfile::tempdir().map_err(|source| TortureError::System { action: "make a folder", source })?;
        let found = report.findings.len();
        let mut fixture = Fixture { folder, ledger: Ledger::default(), draw: draw.fork(folders) };
        let mut area = area();
        for round in 0..rounds_in_a_folder {
            if report.kills >= options.kills || report.findings.len() > found {
                break;
            }
            area.work(&mut fixture, round, &mut report)?;
            fixture.check(&area, round, &mut report)?;
            tell(&report);
        }
        report.acknowledged += fixture.ledger.acknowledged();
        if report.findings.len() > found {
            report.kept.push(fixture.folder.keep());
        }
    }
    Ok(report)
}

/// Waits for a thread of this process.
pub(super) fn joined<T>(thread: ScopedJoinHandle<'_, Result<T, TortureError>>) -> Result<T, TortureError> {
    thread.join().unwrap_or(Err(TortureError::NoOutput { program: "a thread".into() }))
}

/// Starts a host up to `most` times in a row. Each run is killed before the next one starts, while other hosts
/// continue. `start` gets the number of the start, and the earlier runs.
pub(super) fn lives(
    draw: &mut Draw,
    most: u64,
    mut start: impl FnMut(&mut Draw, u64, &[Ended]) -> Result<(Victim, Fate), TortureError>,
) -> Result<Vec<Ended>, TortureError> {
    let mut lives: Vec<Ended> = Vec::new();
    for generation in 0..=draw.below(most) {
        let (victim, fate) = start(draw, generation, &lives)?;
        lives.push(victim.meet(fate)?);
        if lives.iter().any(|ended| ended.lines.iter().any(Line::is_fault)) {
            break;
        }
    }
    Ok(lives)
}

/// Makes the runtime of a process that works or checks.
pub(super) fn runtime() -> Result<Runtime, TortureError> {
    let builder = &mut tokio::runtime::Builder::new_multi_thread();
    let made = builder.worker_threads(2).enable_time().build();
    made.map_err(|source| TortureError::System { action: "start a runtime", source })
}

/// Runs a process that works or checks, by its plan.
pub(super) fn child<P: DeserializeOwned>(plan: &str, run: impl AsyncFnOnce(P)) -> Result<(), TortureError> {
    let plan = serde_json::from_str(plan)?;
    runtime()?.block_on(run(plan));
    Ok(())
}

impl Fixture {
    /// Runs processes side by side until each is killed at its moment, and enters their lines into the ledger.
    pub(super) fn kill_all(
        &mut self,
        victims: Vec<(Command, Moment)>,
        report: &mut Report,
    ) -> Result<(), TortureError> {
        let all = thread::scope(|scope| {
            let running = victims.into_iter().map(|(mut command, moment)| {
                scope.spawn(move || Victim::start(&mut command)?.kill_at(moment))
            });
            // All processes are started before the first one is waited for.
            let running: Vec<_> = running.collect();
            running.into_iter().map(joined).collect::<Vec<_>>()
        });
        for (ended, slot) in all.into_iter().zip(0..) {
            self.record(slot, &ended?, report);
        }
        Ok(())
    }

    /// Runs hosts side by side, and enters their lines into the ledger. Each element of `hosts` runs one host by
    /// [`lives`].
    pub(super) fn live_all<F>(
        &mut self,
        hosts: Vec<F>,
        report: &mut Report,
    ) -> Result<Vec<Ended>, TortureError>
    where
        F: FnOnce() -> Result<Vec<Ended>, TortureError> + Send,
    {
        let all: Vec<_> = thread::scope(|scope| {
            let running: Vec<_> = hosts.into_iter().map(|host| scope.spawn(host)).collect();
            running.into_iter().map(joined).collect()
        });
        let mut every = Vec::new();
        for (lives, slot) in all.into_iter().zip(0..) {
            for ended in lives? {
                self.record(slot, &ended, report);
                every.push(ended);
            }
        }
        Ok(every)
    }

    /// Enters the lines of a working process into the ledger.
    pub(super) fn record(&mut self, slot: u32, ended: &Ended, report: &mut Report) {
        report.kills += u64::from(ended.was_killed());
        report.findings.extend(self.ledger.record(slot, &ended.lines));
        if !ended.was_killed() && !ended.lines.iter().any(Line::is_fault) {
            let text = format!("one that works ended by itself, with {}", ended.status);
            report.findings.push(Finding::Corrupt(text));
        }
    }

    /// Kills some recovering processes, and then compares the state with the ledger.
    fn check(&mut self, area: &impl Area, round: u64, report: &mut Report) -> Result<(), TortureError> {
        while self.draw.chance(35) {
            let pause = Duration::from_micros(self.draw.below(25_000));
            let ended = area.start(self, round, Role::Recover)?.kill_at(Moment::AfterStart(pause))?;
            report.kills += u64::from(ended.was_killed());
            report.findings.extend(self.ledger.record(CHECK, &ended.lines));
            // A recovery that has nothing more to do ends well before it is killed.
            if !ended.was_killed() && !ended.status.success() {
                let text = format!("a recovery ended by itself, with {}", ended.status);
                report.findings.push(Finding::Corrupt(text));
            }
        }
        let Ended { lines, status } = area.start(self, round, Role::Check)?.end()?;
        report.checks += 1;
        report.findings.extend(area.judge(&lines));
        report.findings.extend(self.ledger.record_check(CHECK, &lines, &format!(", with {status}")));
        if !status.success() && lines.last() == Some(&Line::Complete) {
            report.findings.push(Finding::Corrupt(format!("a complete check ended with {status}")));
        }
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// An area whose recovering and checking processes run these shell commands.
    struct Shell {
        recovers: &'static str,
        checks: &'static str,
    }

    impl Area for Shell {
        fn work(&mut self, _: &mut Fixture, _: u64, _: &mut Report) -> Result<(), TortureError> {
            Ok(())
        }

        fn start(&self, _: &Fixture, _: u64, role: Role) -> Result<Victim, TortureError> {
            let script = if role == Role::Recover { self.recovers } else { self.checks };
            Victim::start(Command::new("sh").args(["-c", script]))
        }
    }

    /// Checks many times, and returns the findings. Some of the recoveries end before they are killed.
    fn findings(recovers: &'static str, checks: &'static str) -> Vec<Finding> {
        let folder = tempfile::tempdir().unwrap();
        let mut fixture = Fixture { folder, ledger: Ledger::default(), draw: Draw::new(1) };
        let mut report = Report::default();
        for round in 0..60 {
            fixture.check(&Shell { recovers, checks }, round, &mut report).unwrap();
        }
        report.findings
    }

    #[test]
    fn a_process_that_fails_by_itself_is_a_finding() {
        assert_eq!(findings("exit 0", "echo complete"), []);
        for (recovers, checks) in [
            ("exit 3", "echo complete"),
            ("kill -6 $$", "echo complete"),
            ("exit 0", "echo complete; exit 3"),
        ] {
            let found = findings(recovers, checks);
            assert!(
                found.iter().any(|finding| matches!(finding, Finding::Corrupt(_))),
                "{recovers}, {checks}"
            );
        }
    }
}
