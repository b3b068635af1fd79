//! The process that requests and revokes until it is killed.

use std::sync::Arc;
use std::time::Duration;

use keyway_core::{Clock as _, PluginError as _, SystemClock};
use keyway_host::RecordError;
use keyway_host::grants::{
    Disposal, GrantId, GrantOutcome, GrantsError, IssuedCredential, Phase, Revoked, TransitionError,
};
use tokio::task::JoinSet;

use super::cell::{Author, Cell};
use super::host::{Host, HostResources};
use super::issuer::Then;
use super::offer::{OFFERS, SHARED, USERS, offer, user_info};
use super::plan::Plan;
use crate::torture::draw::Draw;
use crate::torture::hosting::reported;
use crate::torture::line::{Line, State, say};

/// The content of a cell whose grant exists.
pub(super) const THERE: &str = "there";
/// The content of a cell that stands for delivered values.
pub(super) const HANDED: &str = "handed";

/// Carries out a plan until the process is killed, or all operations are done.
pub(super) async fn run(plan: Plan) {
    reported(work(plan)).await;
}

async fn work(plan: Plan) -> Result<(), String> {
    let resources = HostResources::open(&plan).await?;
    let host = Arc::new(resources.host(plan.slot).await?);
    let mut draw = Draw::new(plan.seed);
    // A host should recover first. But recovering while requests arrive must do no harm.
    if draw.chance(70) {
        recover(&host).await?;
    }
    let mut tasks = JoinSet::new();
    let is_endless = plan.tasks.operations == 0;
    if is_endless {
        tasks.spawn(run_due(Arc::clone(&host), draw.fork(1), draw.chance(50)));
    }
    for task in 0..plan.tasks.own {
        let task = Task::new(&host, &plan, task, draw.fork(10 + u64::from(task))).await?;
        tasks.spawn(task.run());
    }
    for task in plan.tasks.own..plan.tasks.own + plan.tasks.sharing {
        let task = Task::new(&host, &plan, task, draw.fork(10 + u64::from(task))).await?;
        tasks.spawn(task.share());
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| format!("a task of the torture failed: {error}"))??;
    }
    if !is_endless {
        recover(&host).await?;
    }
    Ok(())
}

/// Resumes interrupted work.
pub(super) async fn recover(host: &Host) -> Result<(), String> {
    host.engines
        .recover()
        .await
        .map(|_| ())
        .map_err(|error| format!("it does not recover: {}", error.detail()))
}

async fn run_due(host: Arc<Host>, mut draw: Draw, recovers: bool) -> Result<(), String> {
    loop {
        tokio::time::sleep(Duration::from_micros(1000 + draw.below(8000))).await;
        if recovers && draw.chance(10) {
            recover(&host).await?;
        }
        let due = host.engines.run_due(SystemClock.now()).await;
        due.map_err(|error| format!("due work failed: {}", error.detail()))?;
    }
}

/// A grant that this task got.
struct Held {
    cell: Cell,
    grant: GrantId,
    /// True if the revocation of the grant was requested, and its outcome is unknown.
    is_going: bool,
}

/// A task, which does one operation after the other.
struct Task {
    host: Arc<Host>,
    plan: Plan,
    number: u32,
    draw: Draw,
    held: Vec<Held>,
    /// The requests whose outcome is unknown.
    unresolved: Vec<Cell>,
    next: u64,
}

impl Task {
    async fn new(host: &Arc<Host>, plan: &Plan, number: u32, draw: Draw) -> Result<Self, String> {
        let mine = Author::Task { slot: plan.slot, task: number };
        let mut unresolved = Vec::new();
        for cell in &plan.unresolved {
            let cell: Cell = cell.parse()?;
            if cell.author == mine && cell.has_id {
                unresolved.push(cell);
            }
        }
        let (host, plan) = (Arc::clone(host), plan.clone());
        let mut task = Self { host, plan, number, draw, held: Vec::new(), unresolved, next: 0 };
        task.look().await?;
        Ok(task)
    }

    /// Finds the grants of earlier runs of the task.
    async fn look(&mut self) -> Result<(), String> {
        let mine = Author::Task { slot: self.plan.slot, task: self.number };
        for user in Host::users() {
            let listed = self.host.grants.list(&user).await.map_err(|error| error.detail())?;
            for grant in listed.into_iter().filter(|grant| grant.state.phase == Phase::Granted) {
                let cell =
                    self.host.accounts.cell_of(&grant.id.to_string()).map_err(|error| error.to_string())?;
                let cell: Cell = cell.ok_or("a grant has no credential in the accounts")?.parse()?;
                if cell.author == mine && self.plan.revoked.contains(&cell.to_string()) {
                    say(&Line::Lost(format!("{cell} was revoked, and is granted again")));
                    continue;
                }
                // A request with an unknown outcome is left out here. It is repeated, which shows the outcome.
                if cell.author == mine && !self.unresolved.contains(&cell) {
                    self.report_begun(cell.to_string(), State::of(THERE));
                    self.say_acknowledged();
                    self.held.push(Held { cell, grant: grant.id, is_going: false });
                }
            }
        }
        Ok(())
    }

    fn report_begun(&self, cell: String, state: State) {
        say(&Line::Begun { task: self.number, cell, state });
    }

    fn say_acknowledged(&self) {
        say(&Line::Acknowledged { task: self.number });
    }

    fn say_refused(&self) {
        say(&Line::Refused { task: self.number });
    }

    fn may_go_on(&self, done: u32) -> bool {
        self.plan.tasks.operations == 0 || done < self.plan.tasks.operations
    }

    async fn run(mut self) -> Result<(), String> {
        for done in 0.. {
            if !self.may_go_on(done) {
                break;
            }
            if !self.unresolved.is_empty() && self.draw.chance(40) {
                let at = self.at(self.unresolved.len());
                let cell = self.unresolved.swap_remove(at);
                self.request(cell, true).await?;
            } else if !self.held.is_empty() && self.draw.chance(45) {
                let at = self.at(self.held.len());
                let held = self.held.swap_remove(at);
                if held.cell.has_id && !held.is_going && self.draw.chance(15) {
                    self.repeat(held).await?;
                } else {
                    self.revoke(held).await?;
                }
            } else {
                let cell = self.new_cell();
                self.request(cell, false).await?;
            }
            // This lets the hosts alternate.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn at(&mut self, count: usize) -> usize {
        usize::try_from(self.draw.below(count as u64)).unwrap_or_default()
    }

    fn new_cell(&mut self) -> Cell {
        let own: Vec<_> = OFFERS
            .iter()
            .filter(|offer| {
                !SHARED.contains(&offer.name) && (self.plan.tasks.executable || !offer.executable)
            })
            .map(|offer| offer.name)
            .collect();
        self.next += 1;
        Cell {
            service: self.draw.one_of(&own).to_owned(),
            user: u32::try_from(self.draw.below(u64::from(USERS))).unwrap_or_default(),
            author: Author::Task { slot: self.plan.slot, task: self.number },
            has_id: self.draw.chance(70),
            number: format!("{}.{}.{}", self.plan.round, self.plan.generation, self.next),
        }
    }

    fn then(&mut self) -> Then {
        match self.draw.below(10) {
            0..6 => Then::Works,
            6 | 7 => Then::FailsAfter,
            _ => self.draw.one_of(&Then::FAULTS),
        }
    }

    async fn request(&mut self, cell: Cell, again: bool) -> Result<(), String> {
        let then = self.then();
        let there = || State::of(THERE);
        self.report_begun(cell.values(), State::of(HANDED));
        self.report_begun(cell.to_string(), there());
        match self.host.request(&cell, then).await {
            Ok(GrantOutcome::Granted(IssuedCredential { grant, credential, reused, .. })) => {
                if reused || credential.is_empty() {
                    return Err(format!("{cell} was granted without a credential of its own"));
                }
                self.say_acknowledged();
                self.report_begun(cell.values(), State::of(HANDED));
                self.say_acknowledged();
                self.held.push(Held { cell, grant, is_going: false });
            }
            Ok(GrantOutcome::Repeated(grant)) if again => {
                self.say_acknowledged();
                self.held.push(Held { cell, grant, is_going: false });
            }
            Ok(other) => return Err(format!("{cell} was answered with {other:?}")),
            Err(error) => self.not_granted(cell, again, &error)?,
        }
        Ok(())
    }

    /// Reports what is known about the outcome after an error.
    fn not_granted(&mut self, cell: Cell, again: bool, error: &GrantsError) -> Result<(), String> {
        let is_doubt = match error {
            // If a repeated request is refused before the issuer is called, the outcome of the first attempt stays
            // unknown.
            GrantsError::Refused(refusal) => match refusal {
                TransitionError::InFlight
                | TransitionError::BeingRevoked
                | TransitionError::Undecided
                | TransitionError::LimitReached { .. } => {
                    again || !matches!(refusal, TransitionError::LimitReached { .. })
                }
                other => return Err(format!("{cell} was refused: {other}")),
            },
            GrantsError::Issuer(_)
            | GrantsError::StateTaken { .. }
            | GrantsError::Discarded { disposal: Disposal::Revoked | Disposal::ToBeRevoked, .. } => false,
            GrantsError::Uncertain { .. }
            | GrantsError::Discarded { .. }
            | GrantsError::Overtaken { .. }
            | GrantsError::Record(RecordError::Contended) => true,
            // Any other error is a fault of the host, because the disk of the torture never fails.
            other => return Err(format!("{cell} failed: {}", other.detail())),
        };
        if !is_doubt {
            self.say_refused();
        }
        // This attempt delivered no values. An earlier attempt has reported the values that it delivered.
        self.report_begun(cell.values(), State::of(HANDED));
        self.say_refused();
        let may_repeat = offer(&cell.service).is_some_and(|offer| offer.capabilities.idempotent);
        if is_doubt && cell.has_id && (may_repeat || self.draw.chance(30)) {
            self.unresolved.push(cell);
        }
        Ok(())
    }

    /// Repeats a granted request. The answer must be the same grant.
    async fn repeat(&mut self, held: Held) -> Result<(), String> {
        let then = self.then();
        match self.host.request(&held.cell, then).await {
            Ok(GrantOutcome::Repeated(grant)) if grant == held.grant => self.held.push(held),
            Ok(GrantOutcome::Repeated(_) | GrantOutcome::Granted(_)) => {
                say(&Line::Doubled(format!("{} was granted twice", held.cell)));
            }
            other => say(&Line::Lost(format!("{} was granted, and is {other:?} now", held.cell))),
        }
        Ok(())
    }

    async fn revoke(&mut self, mut held: Held) -> Result<(), String> {
        self.report_begun(held.cell.to_string(), State::Absent);
        match self.host.grants.revoke(held.grant, user_info(held.cell.user)).await {
            Ok(Revoked::Destroyed) => self.say_acknowledged(),
            Ok(Revoked::NotThere) if held.is_going => self.say_acknowledged(),
            Ok(other) => {
                say(&Line::Lost(format!("{} was granted, and its revocation said {other:?}", held.cell)));
            }
            // The grant stays listed, and the host revokes it later.
            Err(GrantsError::NotRevoked { .. } | GrantsError::Refused(TransitionError::BeingRevoked)) => {
                held.is_going = true;
                self.held.push(held);
            }
            Err(error) => return Err(format!("{} was not revoked: {}", held.cell, error.detail())),
        }
        Ok(())
    }

    /// Makes the same requests as all other hosts, at about the same time.
    async fn share(mut self) -> Result<(), String> {
        for number in 0..60 {
            if !self.may_go_on(number) {
                break;
            }
            let cell = Cell {
                service: SHARED[usize::from(number % 2 == 1)].to_owned(),
                user: number % USERS,
                author: Author::All,
                has_id: true,
                number: format!("{}.{number}", self.plan.round),
            };
            // Sometimes the task repeats the request until another host's lease has expired.
            let attempts = if self.draw.chance(30) { 25 } else { 1 };
            for _ in 0..attempts {
                if self.share_one(&cell).await? {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            tokio::time::sleep(Duration::from_micros(self.draw.below(2000))).await;
        }
        Ok(())
    }

    /// Makes one of the shared requests, and returns true if it was granted.
    async fn share_one(&mut self, cell: &Cell) -> Result<bool, String> {
        let then = match self.draw.below(10) {
            0..6 => Then::Works,
            6 | 7 => Then::FailsAfter,
            8 => Then::Away,
            _ => Then::Refused,
        };
        self.report_begun(cell.values(), State::of(HANDED));
        self.report_begun(cell.to_string(), State::of(THERE));
        match self.host.request(cell, then).await {
            Ok(GrantOutcome::Granted(_)) => {
                self.say_acknowledged();
                self.report_begun(cell.values(), State::of(HANDED));
                self.say_acknowledged();
                Ok(true)
            }
            Ok(GrantOutcome::Repeated(_)) => {
                self.say_acknowledged();
                Ok(true)
            }
            Ok(other) => Err(format!("{cell} was answered with {other:?}")),
            // Another host has claimed the request, or its outcome is unknown.
            Err(
                GrantsError::Refused(TransitionError::InFlight | TransitionError::Undecided)
                | GrantsError::Uncertain { .. }
                | GrantsError::Overtaken { .. }
                | GrantsError::Record(RecordError::Contended)
                // This attempt had no effect.
                | GrantsError::Issuer(_),
            ) => Ok(false),
            Err(error) => Err(format!("{cell} failed: {}", error.detail())),
        }
    }
}
