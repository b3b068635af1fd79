//! Batches of two secrets, and the settings of the stores.

use std::collections::BTreeMap;
use std::time::Duration;

use keyway_core::{Integer, Structured, Table};
use keyway_host::stores::HostedStore;
use keyway_secrets::{Configure, NewSecret, SecretChange, SecretStore as _, SecretWrite, StoreError};

use super::defect::Defect;
use super::host::{FILES, RECORDS, address};
use super::value;
use super::writer::{Task, Wrote};
use crate::torture::line::{Line, State, say};

/// The offset from the number of a task to the number under which it reports the second secret of a batch.
const SECOND: u32 = 300;

/// Writes two secrets in one commit, again and again, and sometimes changes the settings, which all writers share.
pub(super) async fn run(mut task: Task, name: &'static str) {
    let Some(mut store) = task.reopen(name).await else { return };
    let prefix = format!("batch-{}-{}", task.plan.slot, task.number);
    let secrets = ["a", "b"].map(|half| format!("{prefix}-{half}"));
    let mut operations = 0;
    while task.goes_on(operations) {
        operations += 1;
        if task.draw.chance(30) {
            // The store on records takes this number as a limit, so it is above the size of every value.
            let mark = (1 << 20) + task.draw.below(1 << 40);
            task.begin(&format!("{name}/#settings"), State::of(mark.to_string()));
            let outcome = store.configure(Configure::Write(settings(name, mark))).await.map(drop);
            if task.end(outcome, &mut store, "configure").await == Wrote::Failed {
                return;
            }
            continue;
        }
        let Some((there, _)) = task.read(&mut store, &address(&secrets[0])).await else { return };
        let token = task.token(name == FILES);
        let writes = secrets.each_ref().map(|secret| match there {
            State::Absent => SecretWrite::Create(NewSecret::new(address(secret), value::of(&token))),
            State::Present { .. } => {
                SecretWrite::Modify(address(secret), SecretChange::value(value::of(&token)))
            }
        });
        let (second, cell) = (task.number + SECOND, format!("{name}/{}", secrets[1]));
        say(&Line::Begun { task: second, cell, state: State::of(&token) });
        task.begin(&format!("{name}/{}", secrets[0]), State::of(&token));
        let outcome = write(&store, writes.into(), task.plan.defect).await;
        let wrote = task.end(outcome, &mut store, "a batch").await;
        match wrote {
            Wrote::Done => say(&Line::Acknowledged { task: second }),
            Wrote::Refused | Wrote::Failed => say(&Line::Refused { task: second }),
        }
        if wrote == Wrote::Failed {
            return;
        }
    }
}

async fn write(
    store: &HostedStore,
    writes: Vec<SecretWrite>,
    defect: Option<Defect>,
) -> Result<(), StoreError> {
    if defect != Some(Defect::SplitsBatches) {
        return store.write_all(writes).await.map(drop);
    }
    for write in writes {
        SecretWrite::write_batch(store, vec![write]).await?;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    Ok(())
}

fn settings(store: &str, mark: u64) -> Table {
    let mark = Structured::Integer(Integer::from(i64::try_from(mark).unwrap_or(i64::MAX)));
    let table = |name: &str, value| {
        let mut table = Table::new();
        table.push_new(name, value);
        table
    };
    if store == RECORDS {
        return table("maximum_value_bytes", mark);
    }
    table("data", Structured::Table(table("mark", mark)))
}

/// Returns the mark in the settings of a store, if a task has changed them.
pub(super) fn mark(settings: &Table) -> Option<State> {
    let mark = match settings.get("data") {
        Some(Structured::Table(data)) => data.get("mark"),
        _ => settings.get("maximum_value_bytes"),
    };
    let Some(Structured::Integer(mark)) = mark else { return None };
    Some(State::of(mark.decimal()))
}

/// Reports the batches of which a check found a part.
pub(super) fn torn(found: &[Line]) -> Vec<Line> {
    let observed = found.iter().filter_map(|line| match line {
        Line::Observed { cell, state } if cell.contains("/batch-") => cell.rsplit_once('-').zip(Some(state)),
        _ => None,
    });
    let mut batches = BTreeMap::<&str, Vec<&State>>::new();
    for ((batch, _), state) in observed {
        batches.entry(batch).or_default().push(state);
    }
    let is_whole = |states: &[&State]| matches!(states, [one, other] if one.is_same_value(other));
    let torn = batches.into_iter().filter(|(_, states)| !is_whole(states));
    torn.map(|(batch, _)| Line::Corrupt(format!("{batch} was written in part"))).collect()
}
