//! The process that starts the others, kills them and keeps the ledger.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::defect::Defect;
use super::host::{FILES, RECORDS};
use super::plan::{Plan, Role, Tasks};
use crate::torture::draw::Draw;
use crate::torture::kill::{Ended, Moment, Victim};
use crate::torture::ledger::{Finding, Ledger};
use crate::torture::line::{Line, State};
use crate::torture::{Report, TortureError};

/// After so many rounds everything begins anew in an empty folder, so that the making of all of it
/// is interrupted too.
const ROUNDS_IN_A_FOLDER: u64 = 8;
/// At most so many things are told.
const MOST_FINDINGS: usize = 20;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program that runs [`child`](super::child) when its first argument is `child`.
    pub program: PathBuf,
    /// How many processes are to be killed at least.
    pub kills: u64,
    /// The seed of all choices. Which instruction a kill meets is the machine's choice.
    pub seed: u64,
    /// What the writers do wrong on purpose.
    pub defect: Option<Defect>,
}

/// Kills until it is enough, or until too much is wrong; `tell` hears after each round how far it is.
///
/// # Errors
/// When processes cannot be started or killed. What is wrong with the stores is in the report.
pub fn run(options: &Options, tell: &mut dyn FnMut(&Report)) -> Result<Report, TortureError> {
    let draw = Draw::new(options.seed);
    let mut report = Report::default();
    let mut folders = 0;
    while report.kills < options.kills && report.findings.len() < MOST_FINDINGS {
        folders += 1;
        let folder =
            tempfile::tempdir().map_err(|source| TortureError::System { action: "make a folder", source })?;
        let found = report.findings.len();
        let mut house =
            House { options, folder, ledger: Ledger::default(), draw: draw.fork(folders), newest_key: 0 };
        for round in 0..ROUNDS_IN_A_FOLDER {
            if report.kills >= options.kills || report.findings.len() > found {
                break;
            }
            house.round(round, &mut report)?;
            tell(&report);
        }
        report.acknowledged += house.ledger.acknowledged();
        if report.findings.len() > found {
            report.kept.push(house.folder.keep());
        }
    }
    Ok(report)
}

/// One folder, and what must be in it.
struct House<'a> {
    options: &'a Options,
    folder: TempDir,
    ledger: Ledger,
    draw: Draw,
    newest_key: u64,
}

impl House<'_> {
    fn round(&mut self, round: u64, report: &mut Report) -> Result<(), TortureError> {
        let mut plans = self.writers(round);
        let mut endings = Vec::new();
        std::thread::scope(|scope| {
            let running: Vec<_> = plans
                .drain(..)
                .map(|(plan, moment)| {
                    let command = self.command(&plan);
                    (plan.slot, scope.spawn(move || Victim::start(&mut command?)?.kill_at(moment)))
                })
                .collect();
            for (slot, thread) in running {
                let ended =
                    thread.join().unwrap_or(Err(TortureError::NoOutput { program: "a thread".into() }));
                endings.push((slot, ended));
            }
        });
        for (slot, ended) in endings {
            let ended = ended?;
            report.kills += 1;
            report.findings.extend(self.ledger.hear(slot, &ended.lines));
            if !ended.was_killed() && !ended.lines.iter().any(Line::is_fault) {
                let text = format!("a writer ended by itself, with {}", ended.status);
                report.findings.push(Finding::Corrupt(text));
            }
        }
        while self.draw.chance(35) {
            let pause = Duration::from_micros(self.draw.below(25_000));
            let ended = self.start(&self.plan(round, Role::Recover))?.kill_at(Moment::AfterStart(pause))?;
            report.kills += u64::from(ended.was_killed());
            report.findings.extend(self.ledger.hear(99, &ended.lines));
        }
        self.check(round, report)
    }

    /// What the writers of a round do, and when each is killed.
    fn writers(&mut self, round: u64) -> Vec<(Plan, Moment)> {
        let is_alone = self.options.defect.is_some();
        let count = if is_alone { 1 } else { 2 + u32::from(self.draw.chance(50)) };
        let rotates: Vec<String> = match self.draw.below(4) {
            0 => vec![RECORDS.to_owned()],
            1 => vec![FILES.to_owned()],
            2 => vec![FILES.to_owned(), RECORDS.to_owned()],
            _ => Vec::new(),
        };
        if !rotates.is_empty() {
            self.newest_key = round + 1;
        }
        let rotator = u32::try_from(self.draw.below(u64::from(count))).unwrap_or_default();
        (0..count)
            .map(|slot| {
                let mut plan = Plan { slot, seed: self.draw.bits(), ..self.plan(round, Role::Write) };
                if slot == rotator {
                    plan.rotates.clone_from(&rotates);
                }
                let moment = self.moment(!plan.rotates.is_empty());
                (plan, moment)
            })
            .collect()
    }

    fn moment(&mut self, rotates: bool) -> Moment {
        let up_to =
            |draw: &mut Draw, milliseconds: u64| Duration::from_micros(draw.below(milliseconds * 1000));
        match self.draw.below(10) {
            0 | 1 => Moment::AfterStart(up_to(&mut self.draw, 60)),
            2..=5 if rotates => Moment::AfterBegun("s/#keys", up_to(&mut self.draw, 15)),
            2 => Moment::AfterBegun("life", up_to(&mut self.draw, 10)),
            3 => Moment::AfterBegun("/#keys", up_to(&mut self.draw, 10)),
            _ => Moment::AfterFirstAcknowledgement(up_to(&mut self.draw, 120)),
        }
    }

    fn check(&mut self, round: u64, report: &mut Report) -> Result<(), TortureError> {
        let Ended { lines, status } = self.start(&self.plan(round, Role::Check))?.end()?;
        report.checks += 1;
        report.findings.extend(self.ledger.hear_check(99, &lines, &format!(", with {status}")));
        Ok(())
    }

    fn plan(&self, round: u64, role: Role) -> Plan {
        let key_of = |store: &str| match self.ledger.settled(&format!("{store}/#keys")) {
            Some(State::Present { token, .. }) => token.parse().ok(),
            _ => None,
        };
        let oldest_key = [RECORDS, FILES].into_iter().map(|store| key_of(store).unwrap_or(0)).min();
        Plan {
            role,
            folder: Path::to_owned(self.folder.path()),
            seed: 0,
            slot: 0,
            round,
            oldest_key: oldest_key.unwrap_or(0),
            newest_key: self.newest_key,
            rotates: Vec::new(),
            tasks: Tasks::ALL,
            // Who checks does it right.
            defect: if role == Role::Write { self.options.defect } else { None },
        }
    }

    fn command(&self, plan: &Plan) -> Result<Command, TortureError> {
        let mut command = Command::new(&self.options.program);
        command.arg("child").arg(serde_json::to_string(plan)?);
        Ok(command)
    }

    fn start(&self, plan: &Plan) -> Result<Victim, TortureError> {
        Victim::start(&mut self.command(plan)?)
    }
}
