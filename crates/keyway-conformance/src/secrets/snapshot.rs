//! Snapshots of the whole visible content of a store, so that rules can compare two moments.

use std::collections::BTreeMap;

use keyway_core::{SecretValue, Table};
use keyway_secrets::{
    Configure, Cursor, Environment, EnvironmentName, ListQuery, ListedSecret, SecretAddress, SecretHeader,
    SecretStore,
};

use super::expected_error::Answer;
use crate::{Broken, broken, ensure};

/// The maximum number of pages of a list that are read.
const MOST_PAGES: usize = 10_000;

/// The visible content of a store: secrets with headers and values, environments and settings.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) secrets: BTreeMap<SecretAddress, (SecretHeader, SecretValue)>,
    pub(super) environments: BTreeMap<EnvironmentName, Environment>,
    pub(super) settings: Table,
}

impl Snapshot {
    /// Takes a snapshot from lists, without reads of single secrets.
    pub(super) async fn of(store: &dyn SecretStore) -> Result<Self, Broken> {
        let mut secrets = BTreeMap::new();
        for listed in list_all(store, &ListQuery::all().with_values()).await? {
            let ListedSecret { header, value: Some(value) } = listed else {
                return Err(broken("values in a list that asks for them", "a secret came without its value"));
            };
            if let Some((twice, _)) = secrets.insert(header.address.clone(), (header, value)) {
                return Err(broken("each secret once in a list", format!("{} came twice", twice.address)));
            }
        }
        let mut environments = BTreeMap::new();
        if store.capabilities().environments {
            for environment in list_all_environments(store, 100).await? {
                environments.insert(environment.name.clone(), environment);
            }
        }
        let settings = if store.capabilities().configures {
            store.configure(Configure::Read).await.works("reading the settings")?
        } else {
            Table::new()
        };
        Ok(Self { secrets, environments, settings })
    }

    /// Demands that a store still has the content of this snapshot.
    pub(super) async fn must_hold_in(&self, store: &dyn SecretStore, when: &str) -> Result<(), Broken> {
        self.must_equal(&Self::of(store).await?, when)
    }

    /// Demands that two snapshots have the same content.
    pub(super) fn must_equal(&self, other: &Self, when: &str) -> Result<(), Broken> {
        match self.difference(other) {
            None => Ok(()),
            Some(difference) => Err(broken(format!("the same content {when}"), difference)),
        }
    }

    /// Describes the first difference, without values.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        for (address, (header, value)) in &self.secrets {
            let Some((other_header, other_value)) = other.secrets.get(address) else {
                return Some(format!("the secret {address} is gone"));
            };
            if !value.same_as(other_value) {
                return Some(format!("the secret {address} has another value"));
            }
            if header != other_header {
                return Some(format!(
                    "the secret {address} has another header: {header:?}, then {other_header:?}"
                ));
            }
        }
        if let Some(address) = other.secrets.keys().find(|address| !self.secrets.contains_key(*address)) {
            return Some(format!("the secret {address} has appeared"));
        }
        if self.environments != other.environments {
            let before = self.environments.values().collect::<Vec<_>>();
            let after = other.environments.values().collect::<Vec<_>>();
            return Some(format!("the environments differ: {before:?}, then {after:?}"));
        }
        (!same_settings(&self.settings, &other.settings)).then(|| "the settings differ".to_owned())
    }
}

/// Tells whether two tables have the same entries, in any order.
pub(super) fn same_settings(one: &Table, other: &Table) -> bool {
    one.len() == other.len()
        && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| value.same_as(other)))
}

/// Adds a page of a list. Returns the cursor of the next page.
fn add_page<T>(
    all: &mut Vec<T>,
    (page, next): (Vec<T>, Option<Cursor>),
    limit: usize,
    (one, many): (&str, &str),
) -> Result<Option<Cursor>, Broken> {
    let found = page.len();
    ensure(found <= limit, format!("at most {limit} {many} in a page"), format!("{found} came"))?;
    if found == 0 && next.is_some() {
        let expected = format!("{one} in each page that others follow");
        return Err(broken(expected, "an empty page with a cursor"));
    }
    all.extend(page);
    Ok(next)
}

/// Lists the secrets of all pages.
pub(super) async fn list_all(
    store: &dyn SecretStore,
    query: &ListQuery,
) -> Result<Vec<ListedSecret>, Broken> {
    let (mut all, mut query) = (Vec::new(), query.clone());
    for _ in 0..MOST_PAGES {
        let page = store.list(&query).await.works("a list")?;
        query.after = add_page(&mut all, (page.secrets, page.next), query.limit, ("a secret", "secrets"))?;
        if query.after.is_none() {
            return Ok(all);
        }
    }
    Err(broken("a list that ends", format!("{MOST_PAGES} pages, and still a cursor")))
}

/// Lists the environments of all pages.
pub(super) async fn list_all_environments(
    store: &dyn SecretStore,
    limit: usize,
) -> Result<Vec<Environment>, Broken> {
    let (mut all, mut after) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let page = store.list_environments(after.as_ref(), limit).await.works("a list of environments")?;
        let words = ("an environment", "environments");
        after = add_page(&mut all, (page.environments, page.next), limit, words)?;
        if after.is_none() {
            return Ok(all);
        }
    }
    Err(broken("a list of environments that ends", format!("{MOST_PAGES} pages, and still a cursor")))
}
