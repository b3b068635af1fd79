//! The process that starts the hosts, kills them and keeps the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

use super::Defect;
use super::cell::Cell;
use super::plan::{Plan, Tasks};
use crate::torture::draw::Draw;
use crate::torture::fixture::{self, Area, Fixture, Role};
use crate::torture::kill::{Ended, Fate, Moment, Victim};
use crate::torture::ledger::{Finding, Ledger};
use crate::torture::line::{Line, State};
use crate::torture::{Options, Report, TortureError};

/// The maximum number of starts of a host in a round.
const GENERATIONS: u64 = 4;
/// The number of rounds before the torture begins again in an empty folder.
const ROUNDS_IN_A_FOLDER: u64 = 6;

/// Kills hosts until the options are met. `tell` receives the progress after each round.
///
/// # Errors
/// When processes cannot be started or killed. Faults of the grants are in the report.
pub fn run(options: &Options<Defect>, tell: &mut dyn FnMut(&Report)) -> Result<Report, TortureError> {
    // A host that acknowledges before it writes runs alone. Beside other hosts, it would cause faults even without a
    // kill.
    let hosts = if options.defect == Some(Defect::AcknowledgesBeforeWriting) { 1 } else { 3 };
    fixture::run(options, ROUNDS_IN_A_FOLDER, || Hosts { options, hosts }, tell)
}

/// The hosts on one storage engine.
struct Hosts<'a> {
    options: &'a Options<Defect>,
    /// The maximum number of hosts.
    hosts: u32,
}

impl Area for Hosts<'_> {
    fn work(&mut self, fixture: &mut Fixture, round: u64, report: &mut Report) -> Result<(), TortureError> {
        let hosts = (0..self.hosts).map(|slot| {
            let draw = fixture.draw.fork(round * 100 + u64::from(slot));
            let plan = Plan { slot, ..self.plan(fixture, round, Role::Write) };
            move || live(plan, draw)
        });
        let hosts = hosts.collect();
        let runs = fixture.live_all(hosts, report)?;
        let lines = runs.iter().flat_map(|ended| &ended.lines);
        report.findings.extend(resurrected(&fixture.ledger, round, lines));
        Ok(())
    }

    fn start(&self, fixture: &Fixture, round: u64, role: Role) -> Result<Victim, TortureError> {
        start(&self.plan(fixture, round, role))
    }
}

impl Hosts<'_> {
    fn plan(&self, fixture: &Fixture, round: u64, role: Role) -> Plan {
        Plan {
            role,
            hosts: self.hosts,
            round,
            // A checking process has no defect.
            defect: if role == Role::Check { None } else { self.options.defect },
            ..Plan::alone(
                fixture.folder.path(),
                &self.options.program,
                fixture.draw.fork(round).bits(),
                Tasks::ALL,
            )
        }
    }
}

/// Runs one host in a round, again and again, and returns its runs.
fn live(mut plan: Plan, mut draw: Draw) -> Result<Vec<Ended>, TortureError> {
    fixture::lives(&mut draw, GENERATIONS, |draw, generation, earlier| {
        plan.generation = generation;
        plan.seed = draw.bits();
        plan.unresolved = unresolved(earlier.iter().flat_map(|ended| &ended.lines));
        plan.revoked = earlier.iter().flat_map(|ended| revoked(&ended.lines)).collect();
        let victim = start(&plan)?;
        if !draw.chance(20) {
            return Ok((victim, Fate::killed_at(moment(draw))));
        }
        // The pause may be longer than a lease, so that another host takes over the claims of the stopped host.
        let pause = Duration::from_millis(500 + draw.below(350));
        let early = Duration::from_micros(draw.below(3000));
        let moment = if draw.chance(50) { Moment::AfterBegun("shared", early) } else { moment(draw) };
        let rest = Duration::from_micros(draw.below(150_000));
        Ok((victim, Fate::stopped_at(moment, pause, rest)))
    })
}

/// Chooses the moment of a kill. A process prints a note between an effect and the record of the effect.
fn moment(draw: &mut Draw) -> Moment {
    let up_to = |draw: &mut Draw, milliseconds: u64| Duration::from_micros(draw.below(milliseconds * 1000));
    match draw.below(20) {
        0 | 1 => Moment::AfterStart(up_to(draw, 60)),
        2..=5 => Moment::AfterNote("made", 1 + draw.below(30), up_to(draw, 4)),
        6 | 7 => Moment::AfterNote("destroyed", 1 + draw.below(10), up_to(draw, 4)),
        8 => Moment::AfterNote("told", 1 + draw.below(3), up_to(draw, 3)),
        9..=11 => Moment::AfterBegun("program", up_to(draw, 40)),
        // The time is long enough to see another host's lease expire.
        12 | 13 => Moment::AfterFirstAcknowledgement(up_to(draw, 700)),
        _ => Moment::AfterFirstAcknowledgement(up_to(draw, 200)),
    }
}

fn start(plan: &Plan) -> Result<Victim, TortureError> {
    let mut command = Command::new(&plan.program);
    command.arg("grants").arg(serde_json::to_string(plan)?);
    Victim::start(&mut command)
}

/// Returns the cells of requests whose outcome is unknown: according to the host's lines, they were begun, and neither
/// acknowledged nor refused.
fn unresolved<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Vec<String> {
    let mut under_way: BTreeMap<u32, String> = BTreeMap::new();
    let mut unresolved = BTreeSet::new();
    for line in lines {
        match line {
            Line::Begun { task, cell, state } => {
                if *state != State::Absent && !cell.ends_with("/values") {
                    unresolved.insert(cell.clone());
                }
                under_way.insert(*task, cell.clone());
            }
            Line::Acknowledged { task } | Line::Refused { task } => {
                if let Some(cell) = under_way.remove(task) {
                    unresolved.remove(&cell);
                }
            }
            _ => {}
        }
    }
    unresolved.into_iter().collect()
}

/// Returns the cells of grants whose revocation was acknowledged in a run of the host.
fn revoked(lines: &[Line]) -> Vec<String> {
    let mut under_way: BTreeMap<u32, &str> = BTreeMap::new();
    let mut revoked = Vec::new();
    for line in lines {
        match line {
            Line::Begun { task, cell, state: State::Absent } => {
                under_way.insert(*task, cell);
            }
            Line::Acknowledged { task } => revoked.extend(under_way.remove(task).map(str::to_owned)),
            Line::Begun { task, .. } | Line::Refused { task } => {
                under_way.remove(task);
            }
            _ => {}
        }
    }
    revoked
}

/// Returns a finding for each grant of an earlier round that a host found in this round, although the check before this
/// round did not.
///
/// The ledger keeps no cell that a check found absent, so it takes the line of the host for a new grant. Hosts request
/// grants of their own round only.
fn resurrected<'a>(ledger: &Ledger, round: u64, lines: impl IntoIterator<Item = &'a Line>) -> Vec<Finding> {
    let of_an_earlier_round = |cell: &Cell| {
        cell.number.split('.').next().and_then(|of| of.parse().ok()).is_some_and(|of: u64| of < round)
    };
    let found: BTreeSet<&String> = lines
        .into_iter()
        .filter_map(|line| match line {
            Line::Begun { cell, state, .. } if *state != State::Absent => Some(cell),
            _ => None,
        })
        .filter(|cell| cell.parse().is_ok_and(|cell| of_an_earlier_round(&cell)))
        .filter(|cell| ledger.settled(cell) == Some(&State::Absent))
        .collect();
    let told = |cell| Finding::Lost(format!("{cell} was gone after an earlier round, and is granted again"));
    found.into_iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{resurrected, revoked, unresolved};
    use crate::torture::ledger::{Finding, Ledger};
    use crate::torture::line::{Line, State};

    #[test]
    fn a_grant_that_was_revoked_in_an_earlier_round_is_lost_if_a_host_finds_it() {
        let [gone, kept, new] = ["0.0.1", "0.0.2", "2.0.1"].map(|number| format!("tells/0/i.0.1.{number}"));
        let there = |cell: &String| [begun(cell, State::of("there")), Line::Acknowledged { task: 1 }];
        let mut ledger = Ledger::default();
        ledger.record(0, &[there(&gone), there(&kept)].concat());
        ledger.record(0, &[begun(&gone, State::Absent), Line::Acknowledged { task: 1 }]);
        for _round in 0..2 {
            let found = BTreeMap::from([(kept.clone(), State::of("there"))]);
            assert_eq!(ledger.settle(&found), []);
        }
        let lines = [there(&kept), there(&new), there(&gone)].concat();
        // The ledger itself takes the grant for a new one.
        assert_eq!(ledger.record(0, &lines), []);
        let findings = resurrected(&ledger, 2, &lines);
        assert!(matches!(&findings[..], [Finding::Lost(what)] if what.starts_with(&gone)), "{findings:?}");
    }

    fn begun(cell: &str, state: State) -> Line {
        Line::Begun { task: 1, cell: cell.to_owned(), state }
    }

    #[test]
    fn a_request_neither_acknowledged_nor_refused_is_in_doubt() {
        let begun = |task, cell: &str| Line::Begun { task, cell: cell.into(), state: State::of("there") };
        let lines = [
            begun(1, "a/values"),
            begun(1, "a"),
            begun(2, "b"),
            Line::Refused { task: 2 },
            begun(2, "c"),
            Line::Acknowledged { task: 2 },
            begun(1, "a/values"),
            Line::Refused { task: 1 },
            begun(1, "d"),
            Line::Begun { task: 2, cell: "c".into(), state: State::Absent },
        ];
        assert_eq!(unresolved(&lines), ["a", "d"]);
    }

    #[test]
    fn a_revocation_counts_once_it_is_acknowledged() {
        let begun = |task, cell: &str, state| Line::Begun { task, cell: cell.into(), state };
        let lines = [
            begun(1, "a", State::of("there")),
            Line::Acknowledged { task: 1 },
            begun(1, "a", State::Absent),
            begun(2, "b", State::Absent),
            Line::Refused { task: 2 },
            Line::Acknowledged { task: 1 },
            begun(1, "c", State::Absent),
            begun(1, "d", State::of("there")),
            Line::Acknowledged { task: 1 },
            begun(2, "e", State::Absent),
        ];
        assert_eq!(revoked(&lines), ["a"]);
    }
}
