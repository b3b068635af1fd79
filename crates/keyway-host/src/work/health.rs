//! Reports the health of an engine.

use std::time::Duration;

use keyway_core::Timestamp;

use super::worker::Worker;
use super::workflow::{Lane, Workflow};
use crate::plugin::LaneGuard;
use crate::records::{RecordError, Room};

/// The number at which counting stops.
const MOST: usize = 10_000;
/// The time after which due work counts as overdue.
const OVERDUE: Duration = Duration::from_secs(60);

/// The health of an engine. Numbers are counted up to 10,000.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EngineHealth {
    /// The name of the engine: `stores`, `orders`, `subordinate authorities`, `sessions` or `grants`.
    pub engine: &'static str,
    /// The number of records that are due.
    pub due: usize,
    /// The number of records that have been due for more than a minute.
    pub overdue: usize,
    /// The number of records that wait for a person's decision.
    pub undecided: usize,
    /// How long the oldest record has been due.
    pub oldest: Option<Duration>,
    /// The number of lanes with waiting work that this host cannot do, because their service or plugin is missing or
    /// disabled. If it stays above zero on every host, that work rests for ever. The page of the module `orders` tells
    /// how to end the orders of a connection that is gone.
    pub unowned_lanes: usize,
    /// The lanes of this host.
    pub lanes: Vec<LaneHealth>,
}

/// The health of the plugin behind a lane.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LaneHealth {
    /// The name of the service, or of the plugin for stores.
    pub lane: String,
    /// Whether the host does not call the plugin at present, because a call hangs or it cannot be
    /// opened.
    pub quarantined: bool,
    /// How many more calls the plugin accepts at present; `None` if there is no limit.
    pub free_permits: Option<usize>,
}

impl<W: Workflow> Worker<W> {
    pub(super) async fn health(&self, now: Timestamp) -> Result<EngineHealth, RecordError> {
        let age =
            |at: Timestamp| Duration::from_millis(now.as_milliseconds().saturating_sub(at.as_milliseconds()));
        let since_start = Duration::from_millis(now.as_milliseconds());
        let before = Timestamp::default().plus(since_start.saturating_sub(OVERDUE));
        let ready = self.ready_lanes();
        let owned: Vec<_> = ready.iter().map(|lane| self.journal.lane_tag(lane)).collect();
        let waiting = self.journal.groups(Room::Due).await?;
        let oldest = waiting.iter().map(|(_, first)| *first).min();
        let of_lane = |Lane { name: lane, .. }: Lane| {
            let guard = self.workflow.guard(&lane);
            let quarantined = guard.is_some_and(LaneGuard::is_quarantined);
            LaneHealth { quarantined, free_permits: guard.and_then(|guard| guard.permits().free()), lane }
        };
        Ok(EngineHealth {
            engine: W::ENGINE,
            due: self.journal.count_due(now, MOST).await?,
            overdue: self.journal.count_due(before, MOST).await?,
            undecided: self.journal.count_undecided(MOST).await?,
            oldest: oldest.filter(|at| *at <= now).map(age),
            unowned_lanes: waiting.iter().filter(|(lane, _)| !owned.contains(lane)).count(),
            lanes: self.workflow.lanes().into_iter().map(of_lane).collect(),
        })
    }

    /// Lists the lanes whose plugins can be called at present.
    pub(super) fn ready_lanes(&self) -> Vec<String> {
        let lanes = self.workflow.lanes().into_iter();
        lanes.filter_map(|lane| lane.is_ready.then_some(lane.name)).collect()
    }
}
