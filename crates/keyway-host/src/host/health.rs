//! The health of a host.

use std::time::Duration;

use super::{Host, HostError};

/// Counting stops here.
const MOST: usize = 10_000;
/// Work that has been due for longer counts as overdue.
const OVERDUE: Duration = Duration::from_secs(60);

/// The health of a host.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Health {
    /// The name of the host.
    pub name: String,
    /// Whether another run of this host has taken over, so that this one has stopped working.
    pub superseded: bool,
    /// The health of each engine.
    pub engines: Vec<EngineHealth>,
}

/// The health of an engine. Numbers are counted up to 10,000.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EngineHealth {
    /// `stores` or `grants`.
    pub engine: &'static str,
    /// The number of records that are due.
    pub due: usize,
    /// The number of records that have been due for more than a minute.
    pub overdue: usize,
    /// The number of records that wait for a person's decision.
    pub undecided: usize,
    /// How long the oldest record has been due.
    pub oldest: Option<Duration>,
    /// The number of lanes with waiting work whose service or plugin is missing or disabled in this
    /// host.
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
    /// Whether the host does not call the plugin at present, because a call hangs or it cannot be
    /// opened.
    pub quarantined: bool,
    /// How many more calls the plugin accepts at present; `None` if there is no limit.
    pub free_permits: Option<usize>,
}

impl Host {
    /// Reports the health of the host. It is cheap enough for a page or probe that asks every few
    /// seconds.
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
