//! Tests the client that an application uses over the plugin.

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

use keyway_client::{AccessOutcome, Layer, Operation, Resolution};

// Imports for the files of this folder.
use super::{
    Answer, Broken, Checked, ENVIRONMENTS, Recorded, Rule, SecretNotFound, SecretStoreSubject, Snapshot,
    StoreFixture, Turn, add_environments, at, at_in, at_layer, broken, ensure, environment, fill, in_turns,
    list_all, list_all_environments, new, on_threads, polled, put, ring, rules, text,
};
use crate::secrets::client::{
    Accessed, ClientFailure, FileFormat, Found, GivenCredentials, Missing, Request, Response,
    TakenCredentials,
};
use crate::secrets::client_fixture::{Client, ClientAnswer, ClientFixture, DEFAULT, READS};
use crate::secrets::fault_plan::Asked;

/// Lists the rules, sorted by id.
pub(super) fn all() -> Vec<&'static Rule<SecretStoreSubject>> {
    let families = [
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
    ];
    let mut all: Vec<_> = families.into_iter().flatten().collect();
    all.sort_by_key(|rule| rule.id);
    all
}
