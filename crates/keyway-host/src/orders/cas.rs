//! Keeps the table of certificate authorities up to date.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyway_certificates::{CaId, CertificateAuthority, Owner};
use keyway_core::{Clock, PluginError, Timestamp};
use tokio::task::JoinSet;
use tracing::warn;

use super::authority::RunningAuthority;
use super::ca_table::CaTable;
use super::error::OrdersError;
use super::hosted_ca::HostedCa;
use super::preference::{Preference, Preferred, Preferring};
use crate::records::{ATTEMPTS, Address, Applied, Change, Entry, Journal, RecordError, random};

/// The table of a host, and the preferences that its storage engine keeps.
#[derive(Debug)]
pub(super) struct Cas {
    table: Mutex<CaTable>,
    preferences: Journal<Preference>,
    clock: Arc<dyn Clock>,
}

impl Cas {
    pub(super) fn new(table: CaTable, preferences: Journal<Preference>, clock: Arc<dyn Clock>) -> Self {
        Self { table: Mutex::new(table), preferences, clock }
    }

    pub(super) fn table(&self) -> MutexGuard<'_, CaTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Chooses the authority of an order, if the client named one or one is preferred (decision B10).
    pub(super) async fn chosen(
        &self,
        owner: &Owner,
        named: Option<&CaId>,
    ) -> Result<Option<HostedCa>, OrdersError> {
        if named.is_none() {
            // Another host may have changed them.
            for of in [Some(owner), None] {
                let stored = self.preferences.load(self.address(of)).await?;
                let preferred = stored.and_then(|entry| entry.state);
                self.table().set_preferred(of, preferred.as_ref().map(|Preferred(ca)| ca));
            }
        }
        Ok(self.table().chosen(owner, named)?.cloned())
    }

    /// Stores the preference of an owner, or of all owners without one.
    pub(super) async fn prefer(&self, owner: Option<&Owner>, ca: Option<&CaId>) -> Result<(), OrdersError> {
        if let Some(ca) = ca {
            // The table checks it. If it cannot be stored, the next choice takes the stored one over again.
            match owner {
                Some(owner) => self.table().prefer(owner.clone(), ca)?,
                None => self.table().prefer_for_all(ca)?,
            }
        }
        let (address, preferred) = (self.address(owner), ca.cloned().map(Preferred));
        for _ in 0..ATTEMPTS {
            let stored = self.preferences.load(address).await?;
            let mut entry =
                stored.unwrap_or_else(|| Box::new(Entry::new(address, Preferring(owner.cloned()))));
            if let Applied::Stored = self.preferences.apply(&mut entry, Change::to(preferred.clone())).await?
            {
                return Ok(());
            }
        }
        Err(RecordError::Contended.into())
    }

    fn address(&self, owner: Option<&Owner>) -> Address {
        let names: Vec<&[u8]> = owner.iter().map(|owner| owner.as_str().as_bytes()).collect();
        Address { scope: self.preferences.scope(&[]), id: self.preferences.id_of(&names) }
    }

    /// Asks a connection for its authorities, and takes the answer over (decision B14).
    async fn refresh(&self, running: &RunningAuthority) {
        let Ok(opened) = &running.opened else { return };
        let work = |ca: Arc<dyn CertificateAuthority>| async move { ca.ca_information().await };
        let answer = opened.call("ca_information", (), work).await;
        let now = self.clock.now();
        match answer {
            Ok(all) => {
                for rejected in self.table().refreshed(&running.name, all, now) {
                    warn!(%rejected, "a certificate authority is not used");
                }
            }
            Err(error) => {
                warn!(authority = %running.name, error = %error.detail(), "a connection did not list its authorities");
                let jitter = random::<1>().map_or(0, |[jitter]| jitter);
                self.table().failed(&running.name, now, error.kind().retry_after(), jitter);
            }
        }
    }
}

/// Asks the connections that are due for their authorities, in parallel, so that one that hangs delays no other.
/// It does not wait for them.
pub(super) fn refresh_due(
    cas: &Arc<Cas>,
    authorities: &[Arc<RunningAuthority>],
    now: Timestamp,
) -> JoinSet<()> {
    let due: Vec<_> = cas.table().due(now).cloned().collect();
    let mut asked = JoinSet::new();
    for running in authorities.iter().filter(|running| due.contains(&running.name)) {
        // A question that runs at present is enough.
        let Ok(refreshing) = Arc::clone(&running.refreshing).try_lock_owned() else { continue };
        let (cas, running) = (Arc::clone(cas), Arc::clone(running));
        asked.spawn(async move {
            cas.refresh(&running).await;
            drop(refreshing);
        });
    }
    asked
}
