//! The process that starts the hosts, kills them and keeps the ledger.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use keyway_acme::AcmeDouble;

use super::Defect;
use super::check::ARRIVED;
use super::plan::{HOSTS, Kind, Plan};
use crate::torture::draw::Draw;
use crate::torture::fixture::{self, Area, Fixture, Role};
use crate::torture::kill::{Moment, Victim};
use crate::torture::ledger::Finding;
use crate::torture::line::Line;
use crate::torture::{Options, Report, TortureError};

/// The number of rounds before the torture begins again in an empty folder, with another kind of authority.
const ROUNDS_IN_A_FOLDER: u64 = 5;

/// Kills hosts until the options are met. `tell` receives the progress after each round.
///
/// # Errors
/// When processes cannot be started or killed. Faults of the orders are in the report.
pub fn run(options: &Options<Defect>, tell: &mut dyn FnMut(&Report)) -> Result<Report, TortureError> {
    let folders = Cell::new(0);
    let next = || {
        let number = folders.replace(folders.get() + 1);
        let kind = Kind::ALL[number % Kind::ALL.len()];
        Hosts { options, kind, server: (kind == Kind::Acme).then(server) }
    };
    fixture::run(options, ROUNDS_IN_A_FOLDER, next, tell)
}

/// The hosts in one folder.
struct Hosts<'a> {
    options: &'a Options<Defect>,
    kind: Kind,
    server: Option<AcmeDouble>,
}

/// Starts a server that refuses some nonces. The proofs are in the folder of the hosts.
fn server() -> AcmeDouble {
    let server = AcmeDouble::start();
    server.set(|settings| (settings.bad_nonce_every, settings.sees_every_proof) = (7, true));
    server
}

impl Area for Hosts<'_> {
    fn work(&mut self, fixture: &mut Fixture, round: u64, report: &mut Report) -> Result<(), TortureError> {
        // A host that acknowledges before it writes runs alone. Beside other hosts, it would cause faults even without
        // a kill.
        let is_alone = self.options.defect == Some(Defect::AcknowledgesBeforeWriting);
        let hosts = if is_alone { 1 } else { HOSTS };
        let mut victims = Vec::new();
        for slot in 0..hosts {
            let plan = Plan { slot, seed: fixture.draw.bits(), ..self.plan(fixture, round, Role::Write) };
            victims.push((self.command(&plan)?, moment(&mut fixture.draw)));
        }
        if let Some(server) = &self.server {
            let operation = match fixture.draw.below(4) {
                0 => "newOrder",
                1 => "finalize",
                2 => "challenge",
                _ => "order",
            };
            let (operation, is_heard) = (Some(operation.to_owned()), fixture.draw.chance(50));
            server.set(
                |settings| if is_heard { settings.lost = operation } else { settings.unheard = operation },
            );
        }
        fixture.kill_all(victims, report)
    }

    fn judge(&self, checked: &[Line]) -> Vec<Finding> {
        let Some(server) = &self.server else { return Vec::new() };
        let (mut names, mut findings) = (BTreeSet::new(), Vec::new());
        for name in server.issued() {
            if !names.insert(name.clone()) {
                findings.push(Finding::Doubled(format!("the ACME server finalized two orders for {name}")));
            }
        }
        // A check that ended early has not reported every certificate.
        if checked.last() == Some(&Line::Complete) {
            let revoked: BTreeSet<String> = server.revoked().into_iter().collect();
            let arrived = checked.iter().filter_map(|line| match line {
                Line::Note(what) => what.strip_prefix(ARRIVED),
                _ => None,
            });
            let arrived: BTreeSet<&str> = arrived.collect();
            let left =
                names.iter().filter(|name| !revoked.contains(*name) && !arrived.contains(name.as_str()));
            findings.extend(left.map(|name| {
                Finding::Lost(format!("the certificate for {name} is neither stored nor revoked"))
            }));
        }
        findings
    }

    fn start(&self, fixture: &Fixture, round: u64, role: Role) -> Result<Victim, TortureError> {
        Victim::start(&mut self.command(&self.plan(fixture, round, role))?)
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
            kind: self.kind,
            directory: self.server.as_ref().map(AcmeDouble::directory),
            // A checking process has no defect.
            defect: if role == Role::Check { None } else { self.options.defect },
        }
    }

    fn command(&self, plan: &Plan) -> Result<Command, TortureError> {
        let mut command = Command::new(&self.options.program);
        command.arg("orders").arg(serde_json::to_string(plan)?);
        Ok(command)
    }
}

/// Chooses the moment of a kill.
fn moment(draw: &mut Draw) -> Moment {
    let mut up_to = |milliseconds: u64| Duration::from_micros(draw.below(milliseconds * 1000));
    let (short, long) = (up_to(60), up_to(600));
    match draw.below(8) {
        0 => Moment::AfterStart(short),
        1 => Moment::AfterBegun("o", short),
        _ => Moment::AfterFirstAcknowledgement(long),
    }
}
