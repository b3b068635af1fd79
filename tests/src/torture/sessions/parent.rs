//! The process that starts the hosts, kills them and keeps the ledger.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::Defect;
use super::name::SessionName;
use super::plan::{HOSTS, Plan};
use crate::torture::draw::Draw;
use crate::torture::fixture::{self, Area, Fixture, Role};
use crate::torture::kill::{Ended, Fate, Moment, Victim};
use crate::torture::line::Line;
use crate::torture::{Options, Report, TortureError};

/// The maximum number of starts of a host in a round.
const GENERATIONS: u64 = 3;
/// The number of rounds before the torture begins again in an empty folder.
const ROUNDS_IN_A_FOLDER: u64 = 4;

/// Kills hosts until the options are met. `tell` receives the progress after each round.
///
/// # Errors
/// When processes cannot be started or killed. Faults of the sessions are in the report.
pub fn run(options: &Options<Defect>, tell: &mut dyn FnMut(&Report)) -> Result<Report, TortureError> {
    // A host that acknowledges before it writes runs alone. Beside other hosts, it would cause faults even without a
    // kill.
    let running = if options.defect == Some(Defect::AcknowledgesBeforeWriting) { 1 } else { HOSTS };
    let next = || Hosts { options, running, detached: BTreeSet::new() };
    fixture::run(options, ROUNDS_IN_A_FOLDER, next, tell)
}

/// The hosts in one folder.
struct Hosts<'a> {
    options: &'a Options<Defect>,
    /// The maximum number of hosts.
    running: u32,
    /// The sessions of the round that outlive their hosts.
    detached: BTreeSet<String>,
}

impl Area for Hosts<'_> {
    fn work(&mut self, fixture: &mut Fixture, round: u64, report: &mut Report) -> Result<(), TortureError> {
        self.detached.clear();
        let this = &*self;
        let running = (0..self.running).map(|slot| {
            let draw = fixture.draw.fork(round * 100 + u64::from(slot));
            let plan = Plan { slot, ..this.plan(fixture, round, Role::Write) };
            move || this.live(plan, draw)
        });
        let running = running.collect();
        let ended = fixture.live_all(running, report)?;
        self.detached = detached(&ended);
        Ok(())
    }

    fn start(&self, fixture: &Fixture, round: u64, role: Role) -> Result<Victim, TortureError> {
        self.run(&self.plan(fixture, round, role))
    }
}

impl Hosts<'_> {
    fn plan(&self, fixture: &Fixture, round: u64, role: Role) -> Plan {
        Plan {
            role,
            folder: Path::to_owned(fixture.folder.path()),
            seed: fixture.draw.fork(round).bits(),
            slot: 0,
            round,
            generation: 0,
            detached: self.detached.iter().cloned().collect(),
            // A checking process has no defect.
            defect: if role == Role::Check { None } else { self.options.defect },
        }
    }

    /// Runs one host in a round, again and again, and returns its runs.
    fn live(&self, mut plan: Plan, mut draw: Draw) -> Result<Vec<Ended>, TortureError> {
        fixture::lives(&mut draw, GENERATIONS, |draw, generation, earlier| {
            plan.generation = generation;
            plan.seed = draw.bits();
            plan.detached = detached(earlier).into_iter().collect();
            let victim = self.run(&plan)?;
            if !draw.chance(20) {
                return Ok((victim, Fate::killed_at(moment(draw))));
            }
            // The pause is longer than a claim lasts, so that another host takes over.
            let pause = Duration::from_millis(600 + draw.below(350));
            let rest = Duration::from_micros(draw.below(150_000));
            Ok((victim, Fate::stopped_at(moment(draw), pause, rest)))
        })
    }

    fn run(&self, plan: &Plan) -> Result<Victim, TortureError> {
        let mut command = Command::new(&self.options.program);
        command.arg("sessions").arg(serde_json::to_string(plan)?);
        Victim::start(&mut command)
    }
}

/// Chooses the moment at which a process is stopped or killed: some time after its start, after its first acknowledged
/// write, or after one of its notes. A process prints notes just before or after its calls of the vault and the target,
/// so that a kill can fall between an effect and the record of it.
fn moment(draw: &mut Draw) -> Moment {
    let up_to = |draw: &mut Draw, milliseconds: u64| Duration::from_micros(draw.below(milliseconds * 1000));
    match draw.below(22) {
        0 | 1 => Moment::AfterStart(up_to(draw, 60)),
        2..=5 => Moment::AfterNote("given", 1 + draw.below(30), up_to(draw, 4)),
        6..=8 => Moment::AfterNote("returned", 1 + draw.below(20), up_to(draw, 4)),
        16 | 17 => Moment::AfterNote("changing", 1 + draw.below(4), up_to(draw, 4)),
        18..=20 => Moment::AfterNote("changed", 1 + draw.below(4), up_to(draw, 8)),
        21 => Moment::AfterNote("probed", 1 + draw.below(4), up_to(draw, 6)),
        9 => Moment::AfterNote("ended", 1 + draw.below(10), up_to(draw, 4)),
        // The time is long enough to see another host's claim expire.
        10 | 11 => Moment::AfterFirstAcknowledgement(up_to(draw, 900)),
        _ => Moment::AfterFirstAcknowledgement(up_to(draw, 300)),
    }
}

/// Returns the sessions that outlive their hosts, according to the lines of the hosts.
fn detached(runs: &[Ended]) -> BTreeSet<String> {
    let lines = runs.iter().flat_map(|ended| &ended.lines);
    let names = lines.filter_map(|line| match line {
        Line::Begun { cell, .. } => SessionName::of_given(cell),
        _ => None,
    });
    names.filter(|name| name.is_detached).map(|name| name.to_string()).collect()
}
