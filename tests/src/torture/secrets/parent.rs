//! The process that starts the writers, kills them, and keeps the ledger.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::defect::Defect;
use super::host::{FILES, RECORDS};
use super::plan::{HOSTS, Plan, Tasks};
use crate::torture::draw::Draw;
use crate::torture::fixture::{self, Area, Fixture, Role};
use crate::torture::kill::{Moment, Victim};
use crate::torture::line::State;
use crate::torture::{Options, Report, TortureError};

/// The number of rounds before the torture begins again in an empty folder.
const ROUNDS_IN_A_FOLDER: u64 = 8;

/// Kills writers until the options are met. `tell` receives the progress after each round.
///
/// # Errors
/// When processes cannot be started or killed. Faults of the stores are in the report.
pub fn run(options: &Options<Defect>, tell: &mut dyn FnMut(&Report)) -> Result<Report, TortureError> {
    fixture::run(options, ROUNDS_IN_A_FOLDER, || Writers { options, newest_key: 0 }, tell)
}

/// The processes that write to the stores in one folder.
struct Writers<'a> {
    options: &'a Options<Defect>,
    newest_key: u64,
}

impl Area for Writers<'_> {
    fn work(&mut self, fixture: &mut Fixture, round: u64, report: &mut Report) -> Result<(), TortureError> {
        let plans = self.plans(fixture, round).into_iter();
        let victims = plans.map(|(plan, moment)| Ok((self.command(&plan)?, moment)));
        fixture.kill_all(victims.collect::<Result<_, TortureError>>()?, report)
    }

    fn start(&self, fixture: &Fixture, round: u64, role: Role) -> Result<Victim, TortureError> {
        Victim::start(&mut self.command(&self.plan(fixture, round, role))?)
    }
}

impl Writers<'_> {
    /// Returns the plans of a round's writers, and the moments of their kills.
    fn plans(&mut self, fixture: &mut Fixture, round: u64) -> Vec<(Plan, Moment)> {
        let is_alone = self.options.defect.is_some();
        let count = if is_alone { 1 } else { HOSTS - u32::from(fixture.draw.chance(50)) };
        let rotates: Vec<String> = match fixture.draw.below(4) {
            0 => vec![RECORDS.to_owned()],
            1 => vec![FILES.to_owned()],
            2 => vec![FILES.to_owned(), RECORDS.to_owned()],
            _ => Vec::new(),
        };
        if !rotates.is_empty() {
            self.newest_key = round + 1;
        }
        let rotator = u32::try_from(fixture.draw.below(u64::from(count))).unwrap_or_default();
        (0..count)
            .map(|slot| {
                let mut plan =
                    Plan { slot, seed: fixture.draw.bits(), ..self.plan(fixture, round, Role::Write) };
                if slot == rotator {
                    plan.rotates.clone_from(&rotates);
                }
                let moment = moment(&mut fixture.draw, !plan.rotates.is_empty());
                (plan, moment)
            })
            .collect()
    }

    fn plan(&self, fixture: &Fixture, round: u64, role: Role) -> Plan {
        let key_of = |store: &str| match fixture.ledger.settled(&format!("{store}/#keys")) {
            Some(State::Present { token, .. }) => token.parse().ok(),
            _ => None,
        };
        let oldest_key = [RECORDS, FILES].into_iter().map(|store| key_of(store).unwrap_or(0)).min();
        Plan {
            role,
            folder: Path::to_owned(fixture.folder.path()),
            seed: 0,
            slot: 0,
            round,
            oldest_key: oldest_key.unwrap_or(0),
            newest_key: self.newest_key,
            rotates: Vec::new(),
            tasks: Tasks::ALL,
            // A checking process has no defect.
            defect: if role == Role::Write { self.options.defect } else { None },
        }
    }

    fn command(&self, plan: &Plan) -> Result<Command, TortureError> {
        let mut command = Command::new(&self.options.program);
        command.arg("child").arg(serde_json::to_string(plan)?);
        Ok(command)
    }
}

/// Chooses the moment of a kill.
fn moment(draw: &mut Draw, rotates: bool) -> Moment {
    let up_to = |draw: &mut Draw, milliseconds: u64| Duration::from_micros(draw.below(milliseconds * 1000));
    match draw.below(10) {
        0 | 1 => Moment::AfterStart(up_to(draw, 60)),
        2..=5 if rotates => Moment::AfterBegun("s/#keys", up_to(draw, 15)),
        2 => Moment::AfterBegun("life", up_to(draw, 10)),
        3 => Moment::AfterBegun("/#keys", up_to(draw, 10)),
        _ => Moment::AfterFirstAcknowledgement(up_to(draw, 120)),
    }
}
