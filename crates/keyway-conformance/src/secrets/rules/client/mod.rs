//! Rules about the client that an application uses over the plugin (decisions L1 to L8, L11).

mod audit;
mod credentials;
mod defaults;
mod environments;
mod errors;
mod lists;
mod resolution;
mod threads;
mod timeline;
mod traces;
mod transfer;
mod world;
mod writes;

// For `rules!` in the files of this folder.
use super::{Checked, SecretTrial};
use super::{ENVIRONMENTS, NOTHING, Store};
use crate::Rule;

/// All of them.
pub(super) fn families() -> Vec<&'static [Rule<Store>]> {
    vec![
        resolution::RULES,
        writes::RULES,
        environments::RULES,
        lists::RULES,
        defaults::RULES,
        errors::RULES,
        audit::RULES,
        traces::RULES,
        transfer::RULES,
        threads::RULES,
        credentials::RULES,
    ]
}
