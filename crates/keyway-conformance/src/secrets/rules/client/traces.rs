//! Tests traces and `Debug` texts of a client.

use super::audit::everything;
use super::{Checked, ClientFixture, StoreFixture, ensure, rules};
use crate::trace_capture::traced;

rules! {
    in StoreFixture;
    "SEC-245" Must from ["L8", "Locker/logging", "Principle/secrets"]
        "A client traces no value at any level, in operations that succeed, fail or are dropped."
        traces_are_clean;
    "SEC-246" Must from ["L8", "L6", "Principle/secrets"]
        "The debugging text of a client, of its answers and of its errors shows no value."
        answers_are_clean;
}

async fn traces_are_clean(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &[], &[]).await?;
    let canary = format!("Kanari-{:016x}", fixture.random());
    let (answers, traced) = traced(everything(&fixture, &fixture.client, &canary)).await;
    answers?;
    ensure(!traced.contains(&canary), "no value in what is traced", "one shows there")
}

async fn answers_are_clean(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &[], &[]).await?;
    let canary = format!("Kanari-{:016x}", fixture.random());
    let shown = everything(&fixture, &fixture.client, &canary).await?;
    ensure(!shown.is_empty(), "answers to look at", "none")?;
    ensure(!shown.contains(&canary), "no value in a debugging text", "one shows there")
}
