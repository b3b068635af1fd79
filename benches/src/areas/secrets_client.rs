//! Measures the cost that the client adds to its store, which is the generic store on the memory engine.

use std::sync::Arc;
use std::time::Duration;

use keyway_client::{Resolution, Secrets};
use keyway_secrets::{Layered, SecretAddress, SecretName};
use pollster::block_on;

use super::BenchError;
use crate::{
    generic_store::GenericStore,
    measure::{Clock, Plan, compare, time},
    peers::counting::Reads,
    row::{Row, Target},
};

const LISTED: u32 = 10_000;

/// The plan for the cost that the client adds to a get. The cost is a small difference of large times, so it needs many
/// rounds.
const DIFFERENCE: Plan = Plan { clock: Clock::ThreadCpu, rounds: 101, batch: Duration::from_millis(2) };
/// The plan for lists. The memory engine does all work on the calling thread.
const LISTS: Plan = Plan { clock: Clock::ThreadCpu, rounds: 15, batch: Duration::from_millis(20) };

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let store = GenericStore::in_memory()?;
    for number in 0..LISTED {
        store.put(number)?;
    }
    let client = Secrets::new(Arc::clone(store.store()));
    Ok(vec![
        added_to_a_get(area, &client)?,
        list(area, "names", 30.0, || block_on(client.list_names()).map(|names| names.len()))?,
        list(area, "names with values", 60.0, || block_on(client.list()).map(|secrets| secrets.len()))?,
        reads_of_a_fallback(area)?,
    ])
}

fn added_to_a_get(area: &'static str, client: &Secrets) -> Result<Row, BenchError> {
    const KEY: &str = "secret-00000042";
    let address = SecretAddress::shared(SecretName::new(KEY)?);
    let compared = compare(
        DIFFERENCE,
        || block_on(client.get(KEY)).expect("a get that is measured succeeds"),
        || block_on(client.store().get(&address)).expect("a get that is measured succeeds"),
    );
    let note =
        format!("{:.0} ns through the client, {:.0} ns of the store alone", compared.ours, compared.peer);
    let name = "what the client adds to a get, memory engine";
    Ok(Row::alone(area, name, compared.ours - compared.peer, "ns")
        .must(Target::ValueAtMost(300.0))
        .noting(note))
}

fn list(
    area: &'static str,
    what: &str,
    limit: f64,
    read: impl Fn() -> Result<usize, keyway_client::Error>,
) -> Result<Row, BenchError> {
    if read()? != usize::try_from(LISTED)? {
        return Err("the list is not complete".into());
    }
    let nanoseconds = time(LISTS, || read().expect("a list that is measured succeeds"));
    Ok(Row::alone(area, format!("list of 10,000 {what}, memory engine"), nanoseconds / 1e6, "ms")
        .must(Target::ValueAtMost(limit)))
}

/// Counts the reads of the most expensive get under the fallback policy, and of a get under the exact policy.
fn reads_of_a_fallback(area: &'static str) -> Result<Row, BenchError> {
    let store = Arc::new(Reads::of(Arc::clone(GenericStore::in_memory()?.store())));
    let client = Secrets::new(Arc::<Layered<Reads>>::clone(&store)).in_environment("staging");
    block_on(async {
        client.create_environment("staging", None).await?;
        client.create("both", "environment").await?;
        client.shared().create("both", "shared").await?;
        client.shared().create("only shared", "shared").await
    })?;
    let worst = |client: &Secrets| -> Result<u32, BenchError> {
        let mut worst = 0;
        for key in ["both", "only shared", "nowhere"] {
            store.0.take();
            block_on(client.get(key))?;
            worst = worst.max(store.0.take());
        }
        Ok(worst)
    };
    let falls_back = client.with_resolution(Resolution::SharedFallback);
    if block_on(falls_back.get("only shared"))?.is_none() {
        return Err("the policy does not fall back".into());
    }
    let (ours, exact) = (f64::from(worst(&falls_back)?), f64::from(worst(&client)?));
    let name = "reads of a get that falls back, peer one that does not";
    Ok(Row { peer_value: Some(exact), ..Row::alone(area, name, ours, "reads") }
        .must(Target::RatioAtMost(2.0)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_fallback_is_one_more_read() {
        let row = super::reads_of_a_fallback("secrets").expect("a row");
        assert_eq!((row.value, row.peer_value), (Some(2.0), Some(1.0)));
        assert!(row.ok());
    }
}
