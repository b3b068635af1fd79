//! Runs the upkeep of authorities when it is due (decision H166).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyway_certificates::{AuthorityName, CertificateAuthority};
use keyway_core::{Clock, PluginError as _, Timestamp};
use tokio::task::JoinSet;
use tracing::warn;

use super::authority::{Connections, RunningAuthority};
use crate::records::random;
use crate::work::{Again, Rhythm};

/// The schedule of an authority's upkeep, with a lock for the running upkeep.
#[derive(Debug)]
pub(super) struct Upkeep {
    rhythm: Mutex<Rhythm>,
    /// Held while the authority's upkeep runs, so that no second upkeep of the same authority runs at that time.
    working: Arc<tokio::sync::Mutex<()>>,
}

impl Upkeep {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { rhythm: Mutex::new(Rhythm::new(now)), working: Arc::default() }
    }

    fn rhythm(&self) -> MutexGuard<'_, Rhythm> {
        self.rhythm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connections {
    /// Notes that an authority may need upkeep, because something was revoked, created or deleted.
    pub(super) fn want_upkeep(&self, authority: &AuthorityName) {
        if let Some(running) = self.0.iter().find(|running| running.name == *authority) {
            running.upkeep.rhythm().want();
        }
    }

    /// Starts the upkeep of all authorities whose upkeep is due, in parallel, and does not wait for its end.
    pub(super) fn maintain_due(&self, clock: &Arc<dyn Clock>, now: Timestamp) -> JoinSet<()> {
        let mut working = JoinSet::new();
        for running in self.0.iter().filter(|running| running.upkeep.rhythm().is_due(now)) {
            let maintains = running.opened.as_ref().is_ok_and(|opened| opened.capabilities.maintains);
            // If a call is already running, no second one is started.
            let held = maintains.then(|| Arc::clone(&running.upkeep.working).try_lock_owned().ok()).flatten();
            let Some(held) = held else { continue };
            let (running, clock) = (Arc::clone(running), Arc::clone(clock));
            working.spawn(async move {
                maintain(&running, &*clock).await;
                drop(held);
            });
        }
        working
    }
}

async fn maintain(running: &RunningAuthority, clock: &dyn Clock) {
    let Ok(opened) = &running.opened else { return };
    running.upkeep.rhythm().ask();
    let work = |ca: Arc<dyn CertificateAuthority>| async move { ca.maintain().await };
    let done = opened.call_long("maintain", work).await;
    let (now, mut rhythm) = (clock.now(), running.upkeep.rhythm());
    match done {
        Ok(next) => rhythm.answered_daily(now, next),
        Err(error) => {
            warn!(authority = %running.name, error = %error.detail(), "a connection did not do its own work");
            let jitter = random::<1>().map_or(0, |[jitter]| jitter);
            rhythm.failed(Again { now, retry_after: error.kind().retry_after(), jitter });
        }
    }
}
