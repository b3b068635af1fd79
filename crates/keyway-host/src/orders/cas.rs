//! Keeps the table of certificate authorities up to date.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyway_certificates::{
    AuthorityName, CaId, CaInformation, CertificateAuthority, CertificateError, Owner,
};
use keyway_core::{Clock, PluginError, Timestamp};
use tokio::task::JoinSet;
use tracing::warn;

use super::authority::{Connections, RunningAuthority};
use super::ca_owners::CaRefusal;
use super::ca_table::CaTable;
use super::error::OrdersError;
use super::hosted_ca::{HostedCa, host_id};
use super::preference::{Preference, Preferred, Preferring};
use super::subordinate::{Known, Requested, SubordinateWorkflow};
use crate::host::Lent;
use crate::records::{ATTEMPTS, Address, Applied, Change, Entry, Journal, NameTag, RecordError, random};

/// The host's table of certificate authorities, and the records from which the table is kept up to date: the
/// preferences of owners, and their subordinate authorities.
#[derive(Debug)]
pub(super) struct Cas {
    table: Mutex<CaTable>,
    preferences: Journal<Preference>,
    subordinate: Journal<SubordinateWorkflow>,
    clock: Arc<dyn Clock>,
}

impl Cas {
    pub(super) fn new(table: CaTable, lent: &Lent) -> Self {
        let (preferences, subordinate) = (lent.journal(), lent.journal());
        Self { table: Mutex::new(table), preferences, subordinate, clock: Arc::clone(&lent.plugins.clock) }
    }

    pub(super) const fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(super) fn table(&self) -> MutexGuard<'_, CaTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the authority for an order, if the client named one or a preference exists (decision B10).
    pub(super) async fn chosen(
        &self,
        owner: &Owner,
        named: Option<&CaId>,
    ) -> Result<Option<HostedCa>, OrdersError> {
        if named.is_none() {
            // Another host may have changed the preferences.
            let preferred = self.read_preference(Some(owner)).await?;
            self.read_preference(None).await?;
            if let Some(preferred) = preferred.filter(|preferred| preferred.is_own) {
                // Another host may also have deleted the preferred authority.
                self.learn(owner).await?;
                if self.table().is_left(owner, &preferred) {
                    self.prefer_no_more(owner, &preferred.ca).await?;
                }
            }
        }
        let found = self.table().chosen(owner, named).map(Option::<&_>::cloned);
        if found.is_ok() {
            return Ok(found?);
        }
        self.learn(owner).await?;
        Ok(self.table().chosen(owner, named)?.cloned())
    }

    /// Returns an authority that an owner may use. The records are read first, because another host may have created
    /// it.
    pub(super) async fn usable<E: From<CaRefusal> + From<RecordError>>(
        &self,
        owner: &Owner,
        ca: &CaId,
    ) -> Result<HostedCa, E> {
        self.learn(owner).await?;
        Ok(self.table().usable(owner, ca)?.clone())
    }

    /// Reads a stored preference into the table: that of an owner, or with `None` that of all owners.
    pub(super) async fn read_preference(
        &self,
        owner: Option<&Owner>,
    ) -> Result<Option<Preferred>, RecordError> {
        let stored = self.preferences.load(self.address(owner)).await?;
        let preferred = stored.and_then(|entry| entry.state);
        self.table().set_preferred(owner, preferred.as_ref().map(|preferred| &preferred.ca));
        Ok(preferred)
    }

    /// Removes an owner's preference for an authority that no longer exists.
    async fn prefer_no_more(&self, owner: &Owner, ca: &CaId) -> Result<(), RecordError> {
        let is_it = |preferred: Option<&Preferred>| preferred.is_some_and(|preferred| preferred.ca == *ca);
        self.store_preference(Some(owner), None, is_it).await?;
        drop(self.read_preference(Some(owner)).await?);
        Ok(())
    }

    /// Stores a preference: that of an owner, or with `None` as owner that of all owners. `None` as authority removes
    /// the preference.
    pub(super) async fn prefer(&self, owner: Option<&Owner>, ca: Option<&CaId>) -> Result<(), OrdersError> {
        match (owner, ca) {
            (Some(owner), Some(ca)) => drop(self.usable::<OrdersError>(owner, ca).await?),
            (None, Some(ca)) => self.table().check_prefer_for_all(ca)?,
            (_, None) => {}
        }
        let preferred = ca.cloned().map(|ca| {
            let is_own = owner.is_some() && self.table().owners().owner_of(&ca) == owner;
            Preferred { ca, is_own }
        });
        Ok(self.store_preference(owner, preferred, |_| true).await?)
    }

    /// Stores a preference, but only if `replaces` returns true for the preference that is stored now.
    async fn store_preference(
        &self,
        owner: Option<&Owner>,
        preferred: Option<Preferred>,
        replaces: impl Fn(Option<&Preferred>) -> bool,
    ) -> Result<(), RecordError> {
        let address = self.address(owner);
        let mut turn = self.preferences.turn();
        for _ in 0..ATTEMPTS {
            turn.wait_at(address).await;
            let stored = self.preferences.load(address).await?;
            let mut entry =
                stored.unwrap_or_else(|| Box::new(Entry::new(address, Preferring(owner.cloned()))));
            if !replaces(entry.state.as_ref()) {
                return Ok(());
            }
            if let Applied::Stored = self.preferences.apply(&mut entry, Change::to(preferred.clone())).await?
            {
                return Ok(());
            }
            turn.lost_at(address).await;
        }
        Err(RecordError::Contended)
    }

    fn address(&self, owner: Option<&Owner>) -> Address {
        let names: Vec<&[u8]> = owner.iter().map(|owner| owner.as_str().as_bytes()).collect();
        Address { scope: self.preferences.scope(&[]), id: self.preferences.id_of(&names) }
    }

    /// Returns the scope of an owner's subordinate authorities.
    pub(super) fn scope(&self, owner: &Owner) -> NameTag {
        self.subordinate.scope(&[owner.as_str().as_bytes()])
    }

    /// Reads the subordinate authorities of an owner, and updates the table, because another host may have created or
    /// deleted some.
    pub(super) async fn learn(
        &self,
        owner: &Owner,
    ) -> Result<Vec<Box<Entry<SubordinateWorkflow>>>, RecordError> {
        let entries = self.subordinate.of_scope(&self.scope(owner)).await?;
        let existing: Vec<_> = entries
            .iter()
            .filter_map(|entry| Some((&entry.fixed, entry.state.as_ref()?.ca.as_ref()?)))
            .collect();
        let ids = existing.iter().map(|(requested, ca)| host_id(&requested.authority, ca)).collect();
        self.table().keep_of(owner, &ids);
        for (requested, ca) in existing {
            self.learned(requested, ca);
        }
        Ok(entries)
    }

    /// Adds a subordinate authority from its record to the table, if the table does not have it. The plugin is asked
    /// for the complete description later.
    pub(super) fn learned(&self, requested: &Requested, ca: &CaId) {
        let is_known = self.table().get(&host_id(&requested.authority, ca)).is_some();
        if !is_known {
            self.created(requested, requested.information(ca));
            self.table().look_again(&requested.authority);
        }
    }

    /// Adds a subordinate authority to the table, with this description.
    pub(super) fn created(&self, requested: &Requested, information: CaInformation) {
        let owner = requested.owner.clone();
        if let Err(rejected) = self.table().created(&requested.authority, information, owner) {
            warn!(%rejected, "a subordinate certificate authority is not listed");
        }
    }

    /// Tells whether the authority `ca`, which a plugin's answer names, may be new for this owner: it does not belong
    /// to a different owner, and is not in the table as an authority of all owners.
    pub(super) fn may_be_new(&self, requested: &Requested, ca: &CaId) -> bool {
        let (table, id) = (self.table(), host_id(&requested.authority, ca));
        match table.owners().owner_of(&id) {
            Some(owner) => *owner == requested.owner,
            None => table.get(&id).is_none(),
        }
    }

    /// Removes a subordinate authority that the plugin deleted, and its owner's preference for it.
    pub(super) async fn forget(&self, requested: &Requested, ca: &CaId) -> Result<(), RecordError> {
        let id = host_id(&requested.authority, ca);
        self.prefer_no_more(&requested.owner, &id).await?;
        self.table().deleted(&id);
        Ok(())
    }

    /// Asks a connection for its authorities, and updates the table (decision B14). The records are read before and
    /// after the call, because the plugin may list an authority that is being created or deleted.
    async fn refresh(&self, running: &RunningAuthority) {
        let Ok(opened) = &running.opened else { return };
        self.table().asking(&running.name);
        let before = self.known(&running.name).await;
        let work = |ca: Arc<dyn CertificateAuthority>| async move { ca.ca_information().await };
        let answer = opened.call("ca_information", (), work).await;
        let known = match (before, self.known(&running.name).await) {
            (Ok(before), Ok(after)) => Ok((before, after)),
            (Err(error), _) | (_, Err(error)) => {
                Err(CertificateError::system("be compared with the records", error))
            }
        };
        let (now, mut table) = (self.clock.now(), self.table());
        match answer.and_then(|answer| Ok((answer, known?))) {
            Ok((answer, (before, after))) => {
                let listed = |ca: &CaId| Some(table.get(&host_id(&running.name, ca))?.information.clone());
                let shown = after.shown(&before, answer, listed);
                table.follow(&running.name, &before, after);
                for rejected in table.refreshed(&running.name, shown, now) {
                    warn!(%rejected, "a certificate authority is not used");
                }
            }
            Err(error) => {
                warn!(authority = %running.name, error = %error.detail(), "a connection did not list its authorities");
                let jitter = random::<1>().map_or(0, |[jitter]| jitter);
                table.failed(&running.name, now, error.kind().retry_after(), jitter);
            }
        }
    }

    async fn known(&self, authority: &AuthorityName) -> Result<Known, RecordError> {
        Ok(Known::of(authority, &self.subordinate.all().await?))
    }
}

/// Asks every due connection for its authorities. The calls run in parallel, so a connection that hangs does not delay
/// the others. Does not wait for the answers.
pub(super) fn refresh_due(cas: &Arc<Cas>, authorities: &Connections, now: Timestamp) -> JoinSet<()> {
    let due: Vec<_> = cas.table().due(now).cloned().collect();
    let mut asked = JoinSet::new();
    for running in authorities.0.iter().filter(|running| due.contains(&running.name)) {
        // The connection is skipped if another call is asking it at the moment.
        let Ok(refreshing) = Arc::clone(&running.refreshing).try_lock_owned() else { continue };
        let (cas, running) = (Arc::clone(cas), Arc::clone(running));
        asked.spawn(async move {
            cas.refresh(&running).await;
            drop(refreshing);
        });
    }
    asked
}
