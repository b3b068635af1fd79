//! The clients of a host: users whose sessions check credentials out.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use keyway_core::{Effect, PluginError as _};
use keyway_credentials::{Holder, Passwords, PrivateKeys};
use keyway_host::sessions::{
    CheckOutId, CredentialType, FetchRequest, Fetched, LeaseQuery, Session, SessionsError, TransitionError,
};
use tokio::time::timeout;

use super::host::{Host, storage};
use super::name::{SessionName, USER};
use super::plan::Plan;
use super::vaults::VAULTS;
use crate::torture::draw::Draw;
use crate::torture::hosting::{is_passing, reported};
use crate::torture::line::{Line, State, say};

/// The number of clients.
const CLIENTS: u32 = 4;
/// The maximum number of sessions that a client keeps besides the one that it works with.
const KEPT: usize = 4;
/// The content of every cell.
pub(super) const THERE: &str = "there";

/// Works until the process is killed.
pub(super) async fn run(plan: Plan) {
    reported(work(plan)).await;
}

async fn work(plan: Plan) -> Result<(), String> {
    let storage = storage(&plan).await?;
    let host = Arc::new(Host::start(&plan, plan.slot, &storage).await?);
    let clients = (0..CLIENTS).map(|number| {
        let draw = Draw::new(plan.seed).fork(100 + u64::from(number));
        let mut client = Client { host: Arc::clone(&host), plan: plan.clone(), number, draw, sessions: 0 };
        tokio::spawn(async move { reported(Box::pin(client.run())).await })
    });
    let clients: Vec<_> = clients.collect();
    host.engines.run(pending()).await.map_err(|error| error.detail())?;
    drop(clients);
    Ok(())
}

struct Client {
    host: Arc<Host>,
    plan: Plan,
    number: u32,
    draw: Draw,
    sessions: u32,
}

/// A session of a client.
struct Open {
    name: SessionName,
    session: Session,
    /// The vaults of which the client does not know whether they gave the session a lease. For these vaults, the client
    /// no longer reports that a fetch was refused.
    doubts: BTreeSet<usize>,
    given: BTreeSet<usize>,
    calls: u32,
}

impl Client {
    async fn run(&mut self) -> Result<(), String> {
        for name in self.plan.detached.clone() {
            let name: SessionName = name.parse()?;
            if name.author.3 == self.number && self.draw.chance(60) {
                self.take_up(name).await?;
            }
        }
        let mut kept: Vec<Open> = Vec::new();
        loop {
            let mut open = self.begin()?;
            for _ in 0..=self.draw.below(4) {
                self.go_on(&mut open).await?;
            }
            match self.draw.below(10) {
                // The host ends a dropped session, unless the session outlives its host.
                0 | 1 => drop(open),
                2..6 if kept.len() < KEPT => kept.push(open),
                _ => self.end(open).await?,
            }
            if kept.len() == KEPT || (!kept.is_empty() && self.draw.chance(20)) {
                let mut open = kept.remove(0);
                self.go_on(&mut open).await?;
                self.end(open).await?;
            }
            if self.draw.chance(10) {
                self.force().await?;
            }
        }
    }

    fn begin(&mut self) -> Result<Open, String> {
        self.sessions += 1;
        let author = (self.plan.slot, self.plan.round, self.plan.generation, self.number);
        let mut vaults = vec![self.any_vault()];
        if self.draw.chance(20) {
            let other = self.any_vault();
            vaults.extend((other != vaults[0]).then_some(other));
        }
        let is_detached = self.draw.chance(15);
        let name = SessionName { is_detached, author, number: self.sessions, vaults };
        for vault in &name.vaults {
            self.say_begun(name.authenticated(*vault));
            self.say_begun(name.ended(*vault));
        }
        let session = self.host.sessions.begin(name.session()).map_err(|error| error.detail())?;
        Ok(Open { name, session, doubts: BTreeSet::new(), given: BTreeSet::new(), calls: 0 })
    }

    fn any_vault(&mut self) -> usize {
        usize::try_from(self.draw.below(VAULTS.len() as u64)).unwrap_or_default()
    }

    fn say_begun(&self, cell: String) {
        say(&Line::Begun { task: self.number, cell, state: State::of(THERE) });
    }

    fn say_done(&self, cell: String) {
        self.say_begun(cell);
        say(&Line::Acknowledged { task: self.number });
    }

    /// Makes one random call in a session.
    async fn go_on(&mut self, open: &mut Open) -> Result<(), String> {
        match self.draw.below(10) {
            0..6 if self.draw.chance(50) => self.fetch::<Passwords>(open).await,
            0..6 => self.fetch::<PrivateKeys>(open).await,
            6 | 7 => self.authenticate(open).await,
            8 => passing(open.session.authentication_failed().await.map(drop)),
            _ if open.name.is_detached => self.resume(open).await,
            _ => {
                tokio::time::sleep(Duration::from_millis(self.draw.below(60))).await;
                Ok(())
            }
        }
    }

    async fn fetch<C: CredentialType>(&mut self, open: &mut Open) -> Result<(), String> {
        let vault = self.draw.one_of(&open.name.vaults);
        open.calls += 1;
        let call = format!("call-{}-{}", self.plan.generation, open.calls);
        let Some(first) = self.ask::<C>(open, vault, &call).await? else { return Ok(()) };
        if !self.draw.chance(20) {
            return Ok(());
        }
        // A repeated call makes no second check-out (decision S8).
        match self.ask::<C>(open, vault, &call).await? {
            Some(again) if again != first || !VAULTS[vault].capabilities.idempotent => {
                say(&Line::Doubled(format!("{} got {first}, and then {again}", open.name.given(vault))));
            }
            _ => {}
        }
        Ok(())
    }

    /// Fetches, and returns the check-out if there is one.
    async fn ask<C: CredentialType>(
        &mut self,
        open: &mut Open,
        vault: usize,
        call: &str,
    ) -> Result<Option<CheckOutId>, String> {
        let wait = Duration::from_millis(self.draw.below(300));
        let request = FetchRequest::new().with_call(call).with_busy_wait(wait);
        let store = VAULTS[vault].store_name();
        let patience = if self.draw.chance(10) { self.draw.below(20) } else { 60_000 };
        let fetch = open.session.fetch::<C>(&store, request);
        let place = open.name.given(vault);
        self.say_begun(place.clone());
        // A dropped call counts as a call without an answer.
        let answer = timeout(Duration::from_millis(patience), fetch).await;
        let error = match answer {
            Ok(Ok(Fetched::Found(found))) => {
                self.say_done(place);
                open.given.insert(vault);
                return Ok(Some(found.check_out));
            }
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => {
                open.doubts.insert(vault);
                return Ok(None);
            }
        };
        let is_unknown = error.as_ref().is_some_and(|error| match error {
            SessionsError::Store { error, .. } => error.effect() == Effect::Unknown,
            SessionsError::Refused(_) => false,
            _ => true,
        });
        if is_unknown {
            open.doubts.insert(vault);
        } else if !open.doubts.contains(&vault) && !open.given.contains(&vault) {
            say(&Line::Refused { task: self.number });
        }
        match error {
            None
            | Some(
                SessionsError::Store { .. }
                | SessionsError::Overtaken
                | SessionsError::Refused(
                    TransitionError::InFlight | TransitionError::Repeated | TransitionError::TooMany,
                ),
            ) => Ok(None),
            Some(error) => passing(Err(error)).map(|()| None),
        }
    }

    async fn authenticate(&self, open: &Open) -> Result<(), String> {
        if let Err(error) = open.session.authentication_completed().await {
            return passing(Err(error));
        }
        // The host tells each vault that gave the session a lease. The rotating vault keeps no book of these notices.
        for vault in open.given.iter().filter(|vault| VAULTS[**vault].is_scripted()) {
            self.say_done(open.name.authenticated(*vault));
        }
        Ok(())
    }

    async fn end(&self, open: Open) -> Result<(), String> {
        match open.session.end().await {
            Ok(_) => {
                // The end of a session is reported to the vaults from which the session may have fetched.
                let used = open.given.iter().chain(&open.doubts);
                let used: BTreeSet<_> = used.collect();
                for vault in used {
                    self.say_done(open.name.ended(*vault));
                }
                Ok(())
            }
            Err(error) => passing(Err(error)),
        }
    }

    /// Resumes a session that is still open.
    async fn resume(&self, open: &mut Open) -> Result<(), String> {
        match self.host.sessions.resume(open.name.session()).await {
            Ok(Some(session)) => open.session = session,
            Ok(None) if open.given.is_empty() => {}
            Ok(None) => say(&Line::Lost(format!("{} has leases and no record", open.name))),
            Err(error) => passing(Err(error))?,
        }
        Ok(())
    }

    /// Resumes a session that an earlier run of the host has left.
    async fn take_up(&mut self, name: SessionName) -> Result<(), String> {
        let session = match self.host.sessions.resume(name.session()).await {
            Ok(Some(session)) => session,
            Ok(None) => return Ok(()),
            Err(error) => return passing(Err(error)),
        };
        let doubts = name.vaults.iter().copied().collect();
        let mut open = Open { name, session, doubts, given: BTreeSet::new(), calls: 0 };
        for _ in 0..self.draw.below(3) {
            self.go_on(&mut open).await?;
        }
        if self.draw.chance(70) {
            return passing(open.session.end().await.map(drop));
        }
        Ok(())
    }

    /// Takes a lease back, as an operator.
    async fn force(&mut self) -> Result<(), String> {
        let query = LeaseQuery::Holder(Holder::new(USER).expect("a short name"));
        let page = match self.host.sessions.leases(&query, None, 30).await {
            Ok(page) => page,
            Err(error) => return passing(Err(error)),
        };
        let by_session: BTreeMap<_, _> =
            page.leases.into_iter().map(|lease| (lease.session.to_string(), lease)).collect();
        let chosen = self.draw.below(by_session.len() as u64);
        let chosen = by_session.into_values().nth(usize::try_from(chosen).unwrap_or_default());
        let Some(lease) = chosen else { return Ok(()) };
        let by = Holder::new("ada").expect("a short name");
        passing(self.host.sessions.check_in(&lease, by).await.map(drop))
    }
}

/// Ignores errors that are not faults.
fn passing(result: Result<(), SessionsError>) -> Result<(), String> {
    match result {
        // A session whose first call was dropped may have no record.
        Err(error) if !is_passing(error.kind()) => Err(format!("a session failed: {}", error.detail())),
        _ => Ok(()),
    }
}
