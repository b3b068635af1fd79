//! The rules, one family a file.

use crate::{Broken, Need, Rule, Trial};

use super::SecretStoreSubject;

/// Declares the rules of a family as `RULES`: id, level, capability, clauses, sentence and
/// the function that checks it.
macro_rules! rules {
    ($($id:literal $level:ident needs $need:ident from [$($clause:literal),+] $sentence:literal $check:ident;)+) => {
        pub(super) static RULES: &[crate::Rule<crate::secrets::SecretStoreSubject>] = &[
            $(crate::Rule {
                id: $id,
                level: crate::Level::$level,
                sentence: $sentence,
                clauses: &[$($clause),+],
                needs: super::$need,
                check: |trial| Box::pin($check(trial)),
            }),+
        ];
    };
}

mod absent;
mod client;
mod compatibility;
mod concurrency;
mod deletion;
mod environments;
mod generation;
mod hygiene;
mod interruption;
mod keys;
mod lifecycle;
mod lists;
mod model;
mod names;
mod records;
mod settings;
mod values;
mod versions;

type Store = SecretStoreSubject;
type SecretTrial<'a> = Trial<'a, SecretStoreSubject>;
type Checked = Result<(), Broken>;

macro_rules! needs {
    ($($name:ident $capability:literal |$subject:ident| $declared:expr;)+) => {
        $(const $name: Option<Need<Store>> =
            Some(Need { capability: $capability, declared: |$subject| $declared });)+
    };
}

const NOTHING: Option<Need<Store>> = None;
needs! {
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
    INSERTION_ORDER "insertion order"
        |subject| subject.capabilities().order == keyway_secrets::ListOrder::Insertion;
    GENERATED "generated values" |subject| subject.capabilities().generates_values;
    NO_GENERATION "the absence of generated values" |subject| !subject.capabilities().generates_values;
    GENERATION_EXAMPLE "generated values, with example settings for them"
        |subject| subject.capabilities().generates_values && subject.generation.is_some();
    EXAMPLE_SETTINGS "example settings" |subject| subject.settings.is_some();
}

/// All of them, sorted by id.
pub(super) fn all() -> Vec<&'static Rule<Store>> {
    let families = [
        lifecycle::RULES,
        records::RULES,
        versions::RULES,
        values::RULES,
        names::RULES,
        environments::RULES,
        lists::RULES,
        settings::RULES,
        generation::RULES,
        keys::RULES,
        compatibility::RULES,
        deletion::RULES,
        absent::RULES,
        concurrency::RULES,
        interruption::RULES,
        hygiene::RULES,
        model::RULES,
    ];
    let mut all: Vec<_> = families.into_iter().chain(client::families()).flatten().collect();
    all.sort_by_key(|rule| rule.id);
    all
}

/// The ids of the rules that look at a client over the store.
pub(super) fn of_clients() -> Vec<&'static str> {
    client::families().into_iter().flatten().map(|rule| rule.id).collect()
}

/// What a rule answers when a plugin does not keep its data where the kit can make it fail.
fn without_lent_storage() -> Broken {
    Broken::Missing { capability: "data in the lent storage" }
}
