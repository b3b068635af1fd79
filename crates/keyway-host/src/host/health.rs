//! The health of a host.

use super::{Host, HostError};
use crate::work::EngineHealth;

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

impl Host {
    /// Reports the health of the host, for a page or a probe that is asked every few seconds.
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
        let run = &self.inner.run;
        Ok(Health { name: run.host.to_string(), superseded: run.is_superseded(), engines })
    }
}
