//! Going on after a crash with what was cut short.

use keyway_seal::KeyRing;
use keyway_secrets::{RotationListener, StoreName};

use super::driver::{StoreSummary, Stores, select};
use super::error::StoresError;
use super::machine::{Effect, Phase, Refusal};

/// What became of a store that [`Stores::recover`] found in the middle of something.
#[derive(Debug)]
#[non_exhaustive]
pub struct Recovered {
    /// Which store.
    pub store: StoreName,
    /// What it was in the middle of.
    pub phase: Phase,
    /// Whether that is finished now. If it is not, it stays listed until it is; only an
    /// adoption that found no data, or data that may not be read, is given up.
    pub outcome: Result<(), StoresError>,
}

impl Stores {
    /// Goes on with everything that was cut short: creations, adoptions, rotations, deletions.
    /// Call it when the host starts. `keys` holds the keys of all stores; each takes what it needs.
    ///
    /// What cannot be finished is answered with the reason, and stays listed (but see
    /// [`Recovered::outcome`]): nothing is forgotten. `listener` is told how far rotations are.
    ///
    /// # Errors
    /// [`StoresError::Record`] when the records cannot be read at all.
    ///
    /// # Cancel safety
    /// It can be dropped and called again.
    pub async fn recover(
        &self,
        keys: &KeyRing,
        listener: &dyn RotationListener,
    ) -> Result<Vec<Recovered>, StoresError> {
        let mut recovered = Vec::new();
        for summary in self.list().await? {
            let phase = summary.state.phase;
            if summary.state.resumption() != Effect::None {
                let outcome = self.resume(&summary, keys, listener).await;
                recovered.push(Recovered { store: summary.name, phase, outcome });
            }
        }
        Ok(recovered)
    }

    async fn resume(
        &self,
        summary: &StoreSummary,
        keys: &KeyRing,
        listener: &dyn RotationListener,
    ) -> Result<(), StoresError> {
        let name = &summary.name;
        let (record, _) = self.read(name).await?.ok_or(Refusal::NoStore)?;
        let guarded = self.guarded(name, &record, keys)?;
        match record.state.resumption() {
            Effect::None => Ok(()),
            Effect::Initialize => self.resume_creation(name, guarded).await.map(|_| ()),
            Effect::Find => self.carry_out_adoption(name, guarded).await.map(|_| ()),
            Effect::Rotate => {
                guarded.check_written_by().await?;
                let new = select(keys, &record.state.new_keys)?;
                self.carry_out_rotation(name, &guarded, &new, listener).await
            }
            Effect::Delete => self.carry_out_deletion(name, &guarded).await,
        }
    }
}
