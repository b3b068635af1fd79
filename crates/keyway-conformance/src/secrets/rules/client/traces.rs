//! What a client traces and shows (decision L8).

use super::audit::everything;
use super::{Checked, SecretTrial};
use crate::ensure;
use crate::overheard::overheard;
use crate::secrets::scene::Scene;

rules! {
    "SEC-245" Must needs NOTHING from ["L8", "Locker/logging", "Principle/secrets"]
        "No value is traced by a client at any level, by operations that work, fail or are dropped."
        traces_are_clean;
    "SEC-246" Must needs NOTHING from ["L8", "L6", "Principle/secrets"]
        "No value shows in the debugging text of a client, of what it answers, or of its errors."
        answers_are_clean;
}

async fn traces_are_clean(trial: &SecretTrial<'_>) -> Checked {
    let scene = Scene::new(trial).await?;
    let canary = format!("Kanari-{:016x}", trial.random());
    let (answers, traced) = overheard(everything(&scene, &scene.client, &canary)).await;
    answers?;
    ensure(!traced.contains(&canary), "no value in what is traced", "one shows there")
}

async fn answers_are_clean(trial: &SecretTrial<'_>) -> Checked {
    let scene = Scene::new(trial).await?;
    let canary = format!("Kanari-{:016x}", trial.random());
    let shown = everything(&scene, &scene.client, &canary).await?;
    ensure(!shown.is_empty(), "answers to look at", "none")?;
    ensure(!shown.contains(&canary), "no value in a debugging text", "one shows there")
}
