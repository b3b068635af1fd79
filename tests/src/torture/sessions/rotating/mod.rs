//! The vault that rotates: the plugin `vaulted`, over a secret store of the hosts, with keys in `authorized_keys`
//! files.
//!
//! The target is a stand-in for `sshd`, because a login takes longer than everything else in a session. The target
//! decides by the same files as `sshd`, with a reader of its own. The target loses requests and answers, hangs, and
//! sometimes cannot be reached. A check also logs in to a real `sshd` with these files, if the machine has one.

mod accounts;
mod books;
mod check;
mod defective;
mod login;
mod plugin;
mod target;

use std::sync::Arc;

use keyway_core::{Plugins, Resources, plugins};
use keyway_credentials::{Changer, Prober};
use keyway_host::sessions::Vault;
use serde_json::json;

use super::plan::Plan;
use super::vaults::{VaultTerms, triggers};
use crate::torture::draw::Draw;
use target::Target;

pub(super) use accounts::set_up;
pub(super) use check::compare;

/// The plugins of the hosts.
pub(super) const PLUGINS: Plugins = plugins! { plugin, keyway_generic };

/// The time of a lease, in minutes. The clocks of the hosts sometimes jump further.
const LEASE_MINUTES: u32 = 18;

/// Connects a host to the vault.
pub(super) fn connect(terms: &VaultTerms) -> Vault {
    let configuration = json!({
        "store": accounts::STORE,
        "lease_minutes": LEASE_MINUTES,
        "rotation": {},
    });
    Vault::new(terms.store_name(), "tortured-vaulted")
        .plugin_configuration(configuration)
        .check_in_triggers(triggers())
}

/// Returns the resources that the plugin needs.
pub(super) fn lent(plan: &Plan, draw: Draw) -> Result<Resources, String> {
    let target = Arc::new(Target::new(plan, draw)?);
    Ok(Resources::new()
        .with::<Arc<dyn Changer>>(Arc::clone(&target) as _)
        .with::<Arc<dyn Prober>>(Arc::clone(&target) as _)
        .with::<Arc<Target>>(target))
}
