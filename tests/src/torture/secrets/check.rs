//! The recovery after the kills, and the report of the state.

use std::collections::BTreeMap;
use std::time::Duration;

use keyway_core::{Clock as _, PluginError as _, SystemClock};
use keyway_host::WorkOutcome;
use keyway_host::stores::Phase;
use keyway_secrets::{Configure, ListQuery, SecretStore as _, SecretVersion};

use super::host::{Host, cell_of};
use super::plan::{HOSTS, Plan};
use super::{batches, value};
use crate::torture::line::{Line, State, say};

/// Recovers, and reports errors only.
pub(super) async fn recover(plan: &Plan) {
    if let Err(fault) = recovered(plan).await {
        say(&Line::Corrupt(fault));
    }
}

/// Recovers, and reports the whole state.
pub(super) async fn run(plan: &Plan) {
    let lines = observe(plan).await;
    for line in lines {
        say(&line);
    }
}

/// Recovers, and returns the whole state. The last line is [`Line::Complete`], unless the host
/// could not be started or recovered.
pub async fn observe(plan: &Plan) -> Vec<Line> {
    let host = match recovered(plan).await {
        Ok(host) => host,
        Err(fault) => return vec![Line::Corrupt(fault)],
    };
    let mut lines = Vec::new();
    let mut stores = BTreeMap::new();
    match host.stores().list().await {
        Ok(listed) => {
            for summary in listed {
                let name = summary.name.as_str().to_owned();
                lines.push(Line::Observed { cell: name.clone(), state: State::of(&name) });
                if summary.state.phase != Phase::Active {
                    let phase = summary.state.phase;
                    lines.push(Line::Corrupt(format!("{name} is {phase:?} after the recovery")));
                }
                let keys = State::of(host.labels(&summary.state.keys));
                lines.push(Line::Observed { cell: format!("{name}/#keys"), state: keys });
                if let Err(fault) = look_into(&host, &name, &mut lines).await {
                    lines.push(Line::Corrupt(format!("{name}: {fault}")));
                }
                stores.insert(name, summary.plugin);
            }
        }
        Err(error) => lines.push(Line::Corrupt(format!("the stores cannot be listed: {}", error.detail()))),
    }
    lines.extend(batches::torn(&lines));
    lines.extend(orphans(plan, &stores));
    if let Err(error) = host.storage.verify() {
        lines.push(Line::Corrupt(format!("the storage: {}", error.detail())));
    }
    host.storage.close();
    lines.push(Line::Complete);
    lines
}

/// Starts all hosts again, one after the other, and returns the first.
///
/// Each host takes over only its own claims.
async fn recovered(plan: &Plan) -> Result<Host, String> {
    let mut first = None;
    for slot in 0..HOSTS {
        let host = Host::start(plan, slot).await;
        let host = host.map_err(|error| format!("the host does not start: {error}"))?;
        recover_one(&host).await?;
        first.get_or_insert(host);
    }
    first.ok_or_else(|| "there are no hosts".to_owned())
}

async fn recover_one(host: &Host) -> Result<(), String> {
    let failed = |error: keyway_host::HostError| format!("nothing can be recovered: {}", error.detail());
    let mut reports = host.engines.recover().await.map_err(failed)?;
    // The clock is set ahead, so that postponed attempts are due.
    let later = SystemClock.now().plus(Duration::from_secs(3600));
    reports.extend(host.engines.run_due(later).await.map_err(failed)?);
    for report in reports {
        if let WorkOutcome::Failed(error) = report.outcome {
            return Err(format!("{} cannot be recovered: {}", report.record, error.detail()));
        }
    }
    Ok(())
}

/// Lists a store with all values, and reads each secret again with a separate call.
async fn look_into(host: &Host, name: &str, lines: &mut Vec<Line>) -> Result<(), String> {
    let store = host.open(name).await.map_err(|error| error.detail())?;
    let settings = store.configure(Configure::Read).await.map_err(|error| error.detail())?;
    lines.extend(
        batches::mark(&settings).map(|state| Line::Observed { cell: format!("{name}/#settings"), state }),
    );
    let mut query = ListQuery::all().with_values().limit(50);
    loop {
        let page = store.list(&query).await.map_err(|error| error.detail())?;
        for listed in page.secrets {
            let address = listed.header.address;
            let secret =
                store.get(&address).await.map_err(|error| format!("{address}: {}", error.detail()))?;
            if !listed.value.is_some_and(|value| value.same_as(&secret.value)) {
                return Err(format!("{address} is listed with another value than it has"));
            }
            let Some(token) = value::token(&secret.value) else {
                return Err(format!("{address} holds half a value, or one that was never written"));
            };
            // Only secrets written by compare-and-set have versions that the ledger follows.
            let is_chain = address.name.as_str().starts_with("chain");
            let version = secret.header.version.map(SecretVersion::number).filter(|_| is_chain);
            let cell = format!("{name}/{}", cell_of(&address));
            lines.push(Line::Observed { cell, state: State::Present { token, version } });
        }
        match page.next {
            Some(next) => query = query.after(next),
            None => return Ok(()),
        }
    }
}

/// Reports the files of stores that the host does not know.
///
/// Such a file is a fault: an acknowledged deletion has removed the file first, and a creation is recorded before the
/// file is made.
fn orphans(plan: &Plan, stores: &BTreeMap<String, String>) -> Vec<Line> {
    let Ok(files) = std::fs::read_dir(Host::files(&plan.folder).join("secrets")) else { return Vec::new() };
    let names = files.flatten().map(|file| file.file_name().to_string_lossy().into_owned());
    names
        .filter(|name| !name.starts_with('.') && !stores.contains_key(name))
        .map(|name| Line::Corrupt(format!("the file {name} belongs to no store")))
        .collect()
}
