//! The health of a host.

use super::{Host, HostError};
use crate::work::{EngineHealth, Stopped};

/// The health of a host.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Health {
    /// The name of the host.
    pub name: String,
    /// Whether this run has stopped working because another run of this host has taken over.
    pub superseded: bool,
    /// Whether this run has stopped working because it was ended.
    pub ended: bool,
    /// The health of each engine.
    pub engines: Vec<EngineHealth>,
}

impl Host {
    /// Reports the health of the host. The call is cheap enough for a page or a probe that repeats it every few
    /// seconds.
    ///
    /// # Errors
    /// [`HostError::Record`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn health(&self) -> Result<Health, HostError> {
        let mut engines = Vec::new();
        for engine in &self.inner.engines {
            engines.push(engine.health(self.inner.clock.now()).await?);
        }
        let run = self.inner.name.run();
        let stopped = run.stopped();
        Ok(Health {
            name: run.host.to_string(),
            superseded: stopped == Some(Stopped::Superseded),
            ended: stopped == Some(Stopped::Ended),
            engines,
        })
    }
}
