//! Compares the accounts, the target and the books after everything was settled.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use keyway_core::PluginError as _;
use keyway_credentials::{Candidate, PrivateKey};
use keyway_host::Host;
use keyway_secrets::SecretStore as _;
use keyway_vaulted::StoredAccount;

use super::super::plan::Plan;
use super::super::vaults::VaultTerms;
use super::super::worker::THERE;
use super::accounts::{address, candidates, content, file, store};
use super::books::{Books, Entry};
use super::login;
use super::target::{Target, read};
use crate::torture::draw::Draw;
use crate::torture::line::{Line, State};

/// Compares everything.
pub(in super::super) async fn compare(
    plan: &Plan,
    terms: &VaultTerms,
    host: &Host,
    lines: &mut Vec<Line>,
) -> Result<(), String> {
    let target = Target::new(plan, Draw::new(0))?;
    let mut keys = Vec::new();
    for candidate in candidates() {
        if let Some(key) = account(&target, host, &candidate, lines).await? {
            keys.push((candidate, key));
        }
    }
    for (candidate, opens) in login::opened(&target.folder, &keys)? {
        if !opens {
            lines.push(Line::LockedOut(format!(
                "sshd refuses the key that the store has for {}",
                candidate.account
            )));
        }
    }
    books(&Books::new(&target.folder).read()?, terms, lines);
    Ok(())
}

/// Checks that an account has no lease and no unfinished change, and that its key opens the target. Returns the key.
async fn account(
    target: &Target,
    host: &Host,
    candidate: &Candidate,
    lines: &mut Vec<Line>,
) -> Result<Option<PrivateKey>, String> {
    let secret = store(host).await?.get(&address(candidate)).await.map_err(|error| error.detail())?;
    let account = StoredAccount::read(&secret.value).map_err(|error| error.to_string())?;
    let name = &candidate.account;
    if account.has_diverged() {
        lines.push(Line::LockedOut(format!("the target takes neither key of {name}, the store says")));
    }
    if account.leases().next().is_some() || account.unconfirmed().is_some() {
        lines.push(Line::Lost(format!("the account {name} has a lease or a change that no host works on")));
    }
    let key = account.key().ok_or_else(|| format!("the account {name} has no key"))?;
    if !target.accepts(candidate, key).map_err(|error| error.detail())? {
        lines.push(Line::LockedOut(format!("the target refuses the key that the store has for {name}")));
        return Ok(None);
    }
    let public = read(key).map_err(|error| error.detail())?.public_key().key_data().clone();
    let public = ssh_key::PublicKey::from(public).to_openssh().map_err(|error| error.to_string())?;
    let found = fs::read_to_string(file(&target.folder, candidate)).map_err(|error| error.to_string())?;
    if found != content(&public) {
        lines.push(Line::Corrupt(format!("the file of {name} is not what it was, beside the key")));
    }
    Ok(Some(key.clone()))
}

/// Checks that no key was given to two sessions, and that no end of a session was reported twice. One session may have
/// several leases of an account at the same time. These leases share the account's key.
fn books(entries: &[Entry], terms: &VaultTerms, lines: &mut Vec<Line>) {
    let mut sessions = BTreeMap::<&str, BTreeSet<&str>>::new();
    let mut ends = BTreeMap::<&str, BTreeSet<&str>>::new();
    let mut cells = BTreeSet::new();
    for entry in entries {
        match entry {
            Entry::Given { session, key, .. } => {
                sessions.entry(key).or_default().insert(session);
                cells.insert(format!("given.{}.{session}", terms.name));
            }
            Entry::Ended { session, intent } => {
                ends.entry(session).or_default().insert(intent);
                cells.insert(format!("ended.{}.{session}", terms.name));
            }
        }
    }
    for sessions in sessions.values().filter(|sessions| sessions.len() > 1) {
        lines.push(Line::Doubled(format!("one key was given to several sessions: {sessions:?}")));
    }
    for (session, intents) in ends.iter().filter(|(_, intents)| intents.len() > 1) {
        lines.push(Line::Doubled(format!("{} was told of the end of {session} by {intents:?}", terms.name)));
    }
    lines.extend(cells.into_iter().map(|cell| Line::Observed { cell, state: State::of(THERE) }));
}
