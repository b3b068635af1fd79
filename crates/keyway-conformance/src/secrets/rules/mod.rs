//! The rules for secret stores. Each file holds one group of rules.

mod absent;
mod bulk;
#[cfg(feature = "client")]
mod client;
mod compatibility;
mod concurrency;
mod deletion;
mod environments;
mod generation;
mod hygiene;
mod interruption;
mod keys;
mod kills;
mod lifecycle;
mod lists;
mod model;
mod names;
mod paths;
mod records;
mod settings;
mod values;
mod versions;

use keyway_secrets::ListOrder;

// Imports for the files of this folder.
use super::SecretStoreSubject;
use super::expected_error::ExpectedError::{
    AlreadyInitialized, Conflict, Deleted, EnvironmentExists, EnvironmentNotFound, Incompatible,
    Indeterminate, Invalid, InvalidName, NotInitialized, NotReady, Other, SecretExists, SecretNotFound,
    System, TooLarge, Unavailable, Unsupported, UnsupportedValue, VersionConflict, WrongKey,
};
use super::expected_error::{Answer, ExpectedError};
use super::fixture::{StoreFixture, ring};
use super::operations::{all_refused, each_operation, each_read};
use super::polls::{Turn, in_turns, on_threads};
use super::recorded::Recorded;
use super::samples::{
    add_environments, at, at_in, at_layer, environment, fill, new, new_environment, put, silent, text,
};
use super::snapshot::{Snapshot, list_all, list_all_environments, same_settings};
use crate::clock::KitClock;
use crate::notation::{needs, rules};
use crate::polled::polled;
use crate::{Broken, Rule, broken, ensure};

type Checked = Result<(), Broken>;

needs! {
    of SecretStoreSubject;
    ENVIRONMENTS "environments" |subject| subject.capabilities().environments;
    NO_ENVIRONMENTS "the absence of environments" |subject| !subject.capabilities().environments;
    DESCRIPTIONS "descriptions" |subject| subject.capabilities().descriptions;
    NO_DESCRIPTIONS "the absence of descriptions" |subject| !subject.capabilities().descriptions;
    DATES "dates" |subject| subject.capabilities().dates;
    NO_DATES "the absence of dates" |subject| !subject.capabilities().dates;
    VERSIONS "versions" |subject| subject.capabilities().versions;
    NO_VERSIONS "the absence of versions" |subject| !subject.capabilities().versions;
    BYTES "values of bytes" |subject| subject.capabilities().bytes;
    STRUCTURED "structured values" |subject| subject.capabilities().structured;
    FEWER_KINDS "a kind of value that the store does not hold"
        |subject| !(subject.capabilities().bytes && subject.capabilities().structured);
    DESTRUCTION "destruction of secrets" |subject| subject.capabilities().destroys;
    NO_DESTRUCTION "the absence of destruction" |subject| !subject.capabilities().destroys;
    VERSIONED_DESTRUCTION "versions and destruction of secrets"
        |subject| subject.capabilities().versions && subject.capabilities().destroys;
    ROTATION "rotation" |subject| subject.capabilities().rotates;
    NO_ROTATION "the absence of rotation" |subject| !subject.capabilities().rotates;
    SETTINGS "settings" |subject| subject.capabilities().configures;
    NO_SETTINGS "the absence of settings" |subject| !subject.capabilities().configures;
    DELETION "deletion" |subject| subject.capabilities().deletable;
    NO_DELETION "the absence of deletion" |subject| !subject.capabilities().deletable;
    WRITER "a tracked writer" |subject| subject.capabilities().tracks_writer;
    NO_WRITER "the absence of a tracked writer" |subject| !subject.capabilities().tracks_writer;
    DELETION_BY_WRITER "deletion and a tracked writer"
        |subject| subject.capabilities().deletable && subject.capabilities().tracks_writer;
    BULK "bulk writes" |subject| subject.capabilities().bulk.is_some();
    NO_BULK "the absence of bulk writes" |subject| subject.capabilities().bulk.is_none();
    IMMEDIATE "immediate reads" |subject| subject.capabilities().immediate();
    IMMEDIATE_VERSIONS "immediate reads and versions"
        |subject| subject.capabilities().immediate() && subject.capabilities().versions;
    STALENESS "reads that may be stale" |subject| !subject.capabilities().immediate();
    INSERTION_ORDER "insertion order" |subject| subject.capabilities().order == ListOrder::Insertion;
    NOT_BLOCKING "the absence of blocking" |subject| !subject.capabilities().blocking;
    PROMPT "prompt" |subject| subject.capabilities().prompt;
    PROMPT_READS "prompt reads" |subject| subject.capabilities().prompt_reads;
    GENERATED "generated values" |subject| subject.capabilities().generates_values;
    NO_GENERATION "the absence of generated values" |subject| !subject.capabilities().generates_values;
    GENERATION_EXAMPLE "generated values, with example settings for them"
        |subject| subject.capabilities().generates_values && subject.capabilities().configures && subject.generation.is_some();
    LENT_STORAGE "data in the lent storage" |subject| subject.kept().in_lent_storage;
    ROTATION_IN_LENT_STORAGE "rotation, with data in the lent storage"
        |subject| subject.capabilities().rotates && subject.kept().in_lent_storage;
    DELETION_IN_LENT_STORAGE "deletion, with data in the lent storage"
        |subject| subject.capabilities().deletable && subject.kept().in_lent_storage;
    IN_SIGHT "data in the lent storage or the scratch folder" |subject| subject.kept().in_sight;
    FILES "data in files of the scratch folder" |subject| subject.kept().in_files;
    DELETION_IN_SIGHT "deletion, with data in the lent storage or the scratch folder"
        |subject| subject.capabilities().deletable && subject.kept().in_sight;
    EXAMPLE_SETTINGS "example settings" |subject| subject.capabilities().configures && subject.settings.is_some();
}

/// Lists the rules, sorted by id.
pub(super) fn all() -> Vec<&'static Rule<SecretStoreSubject>> {
    let families = [
        lifecycle::RULES,
        records::RULES,
        versions::RULES,
        values::RULES,
        names::RULES,
        paths::RULES,
        environments::RULES,
        lists::RULES,
        settings::RULES,
        generation::RULES,
        keys::RULES,
        compatibility::RULES,
        deletion::RULES,
        absent::RULES,
        bulk::RULES,
        concurrency::RULES,
        interruption::RULES,
        kills::RULES,
        hygiene::RULES,
        model::RULES,
    ];
    let mut all: Vec<_> = families.into_iter().flatten().collect();
    #[cfg(feature = "client")]
    all.extend(of_clients());
    all.sort_by_key(|rule| rule.id);
    all
}

/// Lists the rules about a client over the store, sorted by id.
#[cfg(feature = "client")]
pub(super) fn of_clients() -> Vec<&'static Rule<SecretStoreSubject>> {
    client::all()
}
