//! Models a store in the simplest form: two maps and a limit. Operations run on the model and on a
//! real store, and both must give the same answer.
#![allow(missing_docs, unreachable_pub)]
// A change of a description has three forms: no change, removal, or a new text.
#![allow(clippy::option_option)]

use std::collections::BTreeMap;

use keyway_core::{SecretValue, Structured, Table};
use keyway_secrets::{
    Configure, EnvironmentChange, EnvironmentFilter, EnvironmentName, ListQuery, NewEnvironment, NewSecret,
    SecretAddress, SecretChange, SecretRevision, SecretStore, SecretVersion, StoreError,
};

/// An operation on a store. Small numbers stand for names, so that operations often affect the same secret.
#[derive(Clone, Debug)]
pub enum Operation {
    Create {
        address: SecretAddress,
        value: String,
        description: Option<String>,
    },
    Get(SecretAddress),
    Modify {
        address: SecretAddress,
        value: Option<String>,
        description: Option<Option<String>>,
        expected: Option<u64>,
    },
    Destroy {
        address: SecretAddress,
        expected: Option<u64>,
    },
    List {
        environment: EnvironmentFilter,
        limit: usize,
        values: bool,
    },
    CreateEnvironment {
        name: EnvironmentName,
        url: Option<String>,
    },
    ModifyEnvironment {
        name: EnvironmentName,
        url: Option<String>,
    },
    RetrieveEnvironment(EnvironmentName),
    ListEnvironments {
        limit: usize,
    },
    Limit(Option<u32>),
    Count,
}

/// A secret as the model and the store both report it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub value: Option<String>,
    pub description: Option<String>,
    pub version: u64,
}

/// The answer of an operation. An error is reduced to its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Done,
    Secret(Told),
    Secrets(BTreeMap<SecretAddress, Told>),
    Environment(Option<String>),
    Environments(BTreeMap<EnvironmentName, Option<String>>),
    Number(u64),
    Refused(&'static str),
}

#[derive(Debug, Default)]
pub struct Model {
    secrets: BTreeMap<SecretAddress, Told>,
    environments: BTreeMap<EnvironmentName, Option<String>>,
    limit: Option<u32>,
}

impl Model {
    pub fn apply(&mut self, operation: &Operation) -> Answer {
        self.try_apply(operation).unwrap_or_else(Answer::Refused)
    }

    fn try_apply(&mut self, operation: &Operation) -> Result<Answer, &'static str> {
        Ok(match operation {
            Operation::Create { address, value, description } => {
                self.check_limit(value)?;
                self.check_environment(address)?;
                if self.secrets.contains_key(address) {
                    return Err("secret exists");
                }
                let told = Told { value: Some(value.clone()), description: description.clone(), version: 1 };
                self.secrets.insert(address.clone(), told);
                Answer::Done
            }
            Operation::Get(address) => Answer::Secret(self.find(address)?.clone()),
            Operation::Modify { address, value, description, expected } => {
                check_version(self.find(address)?, *expected)?;
                if let Some(value) = value {
                    self.check_limit(value)?;
                }
                let told = self.secrets.get_mut(address).ok_or("secret not found")?;
                if let Some(value) = value {
                    told.value = Some(value.clone());
                }
                if let Some(description) = description {
                    told.description.clone_from(description);
                }
                told.version += 1;
                Answer::Number(told.version)
            }
            Operation::Destroy { address, expected } => {
                check_version(self.find(address)?, *expected)?;
                self.secrets.remove(address);
                Answer::Done
            }
            Operation::List { environment, values, .. } => {
                if let EnvironmentFilter::In(name) = environment
                    && !self.environments.contains_key(name)
                {
                    return Err("environment not found");
                }
                let fits = |address: &SecretAddress| match environment {
                    EnvironmentFilter::All => true,
                    EnvironmentFilter::Shared => address.environment.is_none(),
                    EnvironmentFilter::In(name) => address.environment.as_ref() == Some(name),
                };
                let mut listed = self.secrets.clone();
                listed.retain(|address, _| fits(address));
                if !values {
                    for told in listed.values_mut() {
                        told.value = None;
                    }
                }
                Answer::Secrets(listed)
            }
            Operation::CreateEnvironment { name, url } => {
                if self.environments.contains_key(name) {
                    return Err("environment exists");
                }
                self.environments.insert(name.clone(), url.clone());
                Answer::Done
            }
            Operation::ModifyEnvironment { name, url } => {
                let found = self.environments.get_mut(name).ok_or("environment not found")?;
                found.clone_from(url);
                Answer::Done
            }
            Operation::RetrieveEnvironment(name) => {
                Answer::Environment(self.environments.get(name).ok_or("environment not found")?.clone())
            }
            Operation::ListEnvironments { .. } => Answer::Environments(self.environments.clone()),
            Operation::Limit(limit) => {
                self.limit = *limit;
                Answer::Done
            }
            Operation::Count => Answer::Number(self.secrets.len() as u64),
        })
    }

    fn check_limit(&self, value: &str) -> Result<(), &'static str> {
        if self.limit.is_some_and(|limit| value.len() > limit as usize) { Err("too large") } else { Ok(()) }
    }

    fn check_environment(&self, address: &SecretAddress) -> Result<(), &'static str> {
        match &address.environment {
            Some(name) if !self.environments.contains_key(name) => Err("environment not found"),
            _ => Ok(()),
        }
    }

    fn find(&self, address: &SecretAddress) -> Result<&Told, &'static str> {
        self.check_environment(address)?;
        self.secrets.get(address).ok_or("secret not found")
    }
}

fn check_version(told: &Told, expected: Option<u64>) -> Result<(), &'static str> {
    if expected.is_some_and(|expected| expected != told.version) { Err("version conflict") } else { Ok(()) }
}

/// Performs on a real store the operation that [`Model::apply`] performs on the model.
pub async fn perform(store: &dyn SecretStore, operation: &Operation) -> Answer {
    try_perform(store, operation).await.unwrap_or_else(|error| Answer::Refused(class(&error)))
}

async fn try_perform(store: &dyn SecretStore, operation: &Operation) -> Result<Answer, StoreError> {
    Ok(match operation {
        Operation::Create { address, value, description } => {
            let mut secret = NewSecret::new(address.clone(), SecretValue::text(value.as_str()));
            secret.description.clone_from(description);
            store.create(secret).await?;
            Answer::Done
        }
        Operation::Get(address) => {
            let secret = store.get(address).await?;
            assert_eq!(secret.header.address, *address);
            Answer::Secret(told(secret.header, Some(&secret.value)))
        }
        Operation::Modify { address, value, description, expected } => {
            let mut change = SecretChange::default();
            change.value = value.as_deref().map(|text| SecretValue::text(text).into());
            change.description.clone_from(description);
            change.expected = revision(store, address, *expected).await;
            Answer::Number(store.modify(address, change).await?.version.unwrap().number())
        }
        Operation::Destroy { address, expected } => {
            store.destroy(address, revision(store, address, *expected).await).await?;
            Answer::Done
        }
        Operation::List { environment, limit, values } => {
            let mut query = ListQuery::all().of(environment.clone()).limit(*limit);
            query.with_values = *values;
            let mut all = BTreeMap::new();
            loop {
                let page = store.list(&query).await?;
                assert!(page.secrets.len() <= *limit);
                assert!(!page.secrets.is_empty() || page.next.is_none());
                for listed in page.secrets {
                    let address = listed.header.address.clone();
                    assert!(all.insert(address, told(listed.header, listed.value.as_ref())).is_none());
                }
                match page.next {
                    Some(next) => query = query.after(next),
                    None => break Answer::Secrets(all),
                }
            }
        }
        Operation::CreateEnvironment { name, url } => {
            let environment = NewEnvironment { name: name.clone(), external_url: url.clone() };
            store.create_environment(environment).await?;
            Answer::Done
        }
        Operation::ModifyEnvironment { name, url } => {
            store.modify_environment(name, EnvironmentChange { external_url: url.clone() }).await?;
            Answer::Done
        }
        Operation::RetrieveEnvironment(name) => {
            Answer::Environment(store.retrieve_environment(name).await?.external_url)
        }
        Operation::ListEnvironments { limit } => {
            let mut all = BTreeMap::new();
            let mut after = None;
            loop {
                let page = store.list_environments(after.as_ref(), *limit).await?;
                for environment in page.environments {
                    assert!(all.insert(environment.name, environment.external_url).is_none());
                }
                after = page.next;
                if after.is_none() {
                    break Answer::Environments(all);
                }
            }
        }
        Operation::Limit(limit) => {
            let mut table = Table::new();
            if let Some(limit) = limit {
                table.insert("maximum_value_bytes", Structured::Integer(i64::from(*limit).into()));
            }
            store.configure(Configure::Write(table)).await?;
            Answer::Done
        }
        Operation::Count => Answer::Number(store.info().await?.secrets.number),
    })
}

/// Returns the revision with the id of the stored secret and with the given version. The secret is read to learn its
/// id. If it cannot be read, the id is empty.
async fn revision(
    store: &dyn SecretStore,
    address: &SecretAddress,
    version: Option<u64>,
) -> Option<SecretRevision> {
    let version = Some(SecretVersion::new(version?)?);
    let id = store.get(address).await.map_or_else(|_| String::new(), |secret| secret.header.id);
    Some(SecretRevision { id, version })
}

fn told(header: keyway_secrets::SecretHeader, value: Option<&SecretValue>) -> Told {
    Told {
        value: value.map(|value| value.expose_text().unwrap().to_owned()),
        description: header.description,
        version: header.version.unwrap().number(),
    }
}

fn class(error: &StoreError) -> &'static str {
    match error {
        StoreError::SecretNotFound { .. } => "secret not found",
        StoreError::EnvironmentNotFound { .. } => "environment not found",
        StoreError::SecretExists { .. } => "secret exists",
        StoreError::EnvironmentExists { .. } => "environment exists",
        StoreError::VersionConflict { .. } => "version conflict",
        StoreError::TooLarge { .. } => "too large",
        other => panic!("the model knows no such error: {other:?}"),
    }
}
