//! The health of a host.

use std::time::Duration;

use super::{Host, HostError};

/// The most that is counted of anything.
const MOST: usize = 10_000;
/// From when on due work counts as overdue.
const OVERDUE: Duration = Duration::from_secs(60);

/// The health of a host.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Health {
    /// The name of the host.
    pub name: String,
    /// Another run of this host has taken over: this one works no more.
    pub superseded: bool,
    /// Each engine.
    pub engines: Vec<EngineHealth>,
}

/// The health of an engine. Numbers are counted up to 10,000.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EngineHealth {
    /// `stores` or `grants`.
    pub engine: &'static str,
    /// Records that are due.
    pub due: usize,
    /// Records that have been due for more than a minute.
    pub overdue: usize,
    /// Records that wait for a person's decision.
    pub undecided: usize,
    /// For how long the oldest record has been due.
    pub oldest: Option<Duration>,
    /// Lanes in which work waits, and whose service or plugin is missing or disabled here.
    pub unowned_lanes: usize,
    /// The lanes of this host.
    pub lanes: Vec<LaneHealth>,
}

/// The health of the plugin behind a lane.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LaneHealth {
    /// The service, or the plugin of stores.
    pub lane: String,
    /// A call of it hangs, or it cannot be opened: it is not called.
    pub quarantined: bool,
    /// How many more calls it takes at present; `None` if there is no limit.
    pub free_permits: Option<usize>,
}

impl Host {
    /// Reports the health of the host, for a page or a probe that is asked every few seconds.
    ///
    /// # Errors
    /// [`HostError::Record`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn health(&self) -> Result<Health, HostError> {
        let now = self.inner.clock.now();
        let mut engines = Vec::new();
        for engine in &self.inner.engines {
            let waiting = engine.waiting(now, OVERDUE, MOST).await?;
            let age = |at: keyway_core::Timestamp| {
                Duration::from_millis(now.as_milliseconds().saturating_sub(at.as_milliseconds()))
            };
            engines.push(EngineHealth {
                engine: engine.name(),
                due: waiting.due,
                overdue: waiting.overdue,
                undecided: waiting.undecided,
                oldest: waiting.oldest.filter(|at| *at <= now).map(age),
                unowned_lanes: waiting.unowned_lanes,
                lanes: engine.lane_health(),
            });
        }
        let run = &self.inner.run;
        Ok(Health { name: run.host.to_string(), superseded: run.is_superseded(), engines })
    }
}
