//! Compares random operations with a model in memory, and shrinks a failing sequence.

use std::collections::{BTreeMap, BTreeSet};

use keyway_secrets::{
    EnvironmentFilter, ListQuery, NewSecret, SecretAddress, SecretChange, SecretRevision, SecretStore,
    SecretVersion, StoreError,
};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};

use super::{
    Broken, Checked, EnvironmentExists, EnvironmentNotFound, ExpectedError, SecretExists, SecretNotFound,
    StoreFixture, VersionConflict, at_layer, broken, environment, list_all, new_environment, ring, rules,
    silent, text,
};
use crate::random_cases::smallest_failing;

rules! {
    in StoreFixture;
    "SEC-170" Must
        from ["Convection/create", "Convection/destroy", "Convection/get", "Convection/modify", "Convection/list", "Convection/rotate"]
        "After any sequence of operations the store answers like a map from addresses to values."
        answers_like_a_map;
}

/// One step. Names, environments and values are small numbers, so that different steps often concern the same secret. A
/// conditional write expects the current version, or a version that is not reached yet.
#[derive(Clone, Copy, Debug)]
enum Step {
    Create { name: u8, layer: u8, value: u8 },
    Modify { name: u8, layer: u8, value: u8, ahead: Option<u8> },
    Destroy { name: u8, layer: u8, ahead: Option<u8> },
    Get { name: u8, layer: u8 },
    List { layer: Option<u8>, limit: u8 },
    CreateEnvironment { layer: u8 },
    Restart,
    Rotate,
}

fn step() -> impl Strategy<Value = Step> {
    // Each step is made of four bytes. The bytes shrink towards zeros, which stand for creating the shared secret 0.
    any::<(u8, u8, u8, u8)>().prop_map(|(kind, name, layer, value)| {
        let (name, layer) = (name % 4, layer % 3);
        let ahead = (value / 64).checked_sub(2);
        match kind % 16 {
            0..=4 => Step::Create { name, layer, value },
            5..=7 => Step::Modify { name, layer, value, ahead },
            8 | 9 => Step::Destroy { name, layer, ahead },
            10 | 11 => Step::Get { name, layer },
            12 => Step::List { layer: (value % 2 == 0).then_some(layer), limit: 1 + value % 5 },
            13 => Step::CreateEnvironment { layer },
            14 => Step::Restart,
            _ => Step::Rotate,
        }
    })
}

/// The expected content of the store: the value and version of each secret, the latest id at each address, and the
/// environments.
#[derive(Default)]
struct Model {
    secrets: BTreeMap<SecretAddress, (u8, u64)>,
    ids: BTreeMap<SecretAddress, String>,
    environments: BTreeSet<u8>,
}

/// Returns an address. Layer 0 is the shared layer.
fn address(name: u8, layer: u8) -> SecretAddress {
    at_layer(&format!("name {name}"), (layer != 0).then(|| format!("layer {layer}")).as_deref())
}

fn value_text(value: u8) -> String {
    format!("value {value}")
}

async fn answers_like_a_map(fixture: &StoreFixture<'_>) -> Checked {
    let check = async |steps: &Vec<Step>| follow(fixture, steps).await;
    let Some(steps) = smallest_failing(fixture, 24, &|| vec(step(), 1..30), &check)? else { return Ok(()) };
    match follow(fixture, &steps).await {
        Err(Broken::Rule { expected, observed }) => {
            let observed = format!("expected {expected}; {observed}");
            Err(broken(format!("the answers of a map after {steps:?}"), observed))
        }
        Ok(()) => Err(broken("the same answers when it is run again", "a sequence that failed once")),
        missing => missing,
    }
}

async fn follow(fixture: &StoreFixture<'_>, steps: &[Step]) -> Checked {
    let capabilities = fixture.subject().capabilities();
    let layers = if capabilities.environments { 3 } else { 1 };
    let fixture = fixture.fresh()?;
    fixture.history().record("a new sequence");
    let mut keys = fixture.keys.clone();
    let mut store = fixture.initialized().await?;
    let mut model = Model::default();
    for (number, step) in steps.iter().enumerate() {
        let (found, wanted) = match *step {
            Step::Create { name, layer, value } => {
                let address = address(name, layer % layers);
                let wanted = model.create(&address, layer % layers, value);
                let created = store.create(NewSecret::new(address, text(&value_text(value)))).await;
                if let Ok(header) = &created {
                    model.ids.insert(header.address.clone(), header.id.clone());
                }
                (created.map(|header| seen(&header)), wanted)
            }
            Step::Modify { name, layer, value, ahead } => {
                let address = address(name, layer % layers);
                let expected = model.expected(&address, ahead).filter(|_| capabilities.versions);
                let mut change = SecretChange::value(text(&value_text(value)));
                let wanted = model.modify(&address, layer % layers, value, expected.as_ref());
                change.expected = expected;
                (store.modify(&address, change).await.map(|header| seen(&header)), wanted)
            }
            Step::Destroy { .. } if !capabilities.destroys => continue,
            Step::Destroy { name, layer, ahead } => {
                let address = address(name, layer % layers);
                let expected = model.expected(&address, ahead).filter(|_| capabilities.versions);
                let wanted = model.destroy(&address, layer % layers, expected.as_ref());
                (store.destroy(&address, expected).await.map(|()| String::new()), wanted)
            }
            Step::Get { name, layer } => {
                let address = address(name, layer % layers);
                let wanted = model.get(&address, layer % layers);
                let found = store
                    .get(&address)
                    .await
                    .map(|secret| format!("{} with {:?}", seen(&secret.header), secret.value.expose_text()));
                (found, wanted)
            }
            Step::List { layer, limit } => {
                let filter = match layer.map(|layer| layer % layers) {
                    None => EnvironmentFilter::All,
                    Some(0) => EnvironmentFilter::Shared,
                    Some(layer) => EnvironmentFilter::In(environment(&format!("layer {layer}"))),
                };
                let wanted = model.list(layer.map(|layer| layer % layers));
                let query = ListQuery::all().of(filter).with_values().limit(usize::from(limit));
                (listed(&store, &query).await?, wanted)
            }
            Step::CreateEnvironment { layer } if layer % layers != 0 => {
                let wanted =
                    if model.environments.insert(layer) { Ok(String::new()) } else { Err(EnvironmentExists) };
                let new = new_environment(&format!("layer {layer}"));
                (store.create_environment(new).await.map(|_| String::new()), wanted)
            }
            Step::CreateEnvironment { .. } => continue,
            Step::Restart => {
                store = fixture.open_with(&keys)?;
                continue;
            }
            Step::Rotate if !capabilities.rotates => continue,
            Step::Rotate => {
                keys = ring(fixture.random());
                (store.rotate(&keys, &silent).await.map(|()| String::new()), Ok(String::new()))
            }
        };
        let found = found.map_err(|error| ExpectedError::of(&error));
        let wanted = if capabilities.versions { wanted } else { wanted.map(|text| without_versions(&text)) };
        if found != wanted {
            return Err(broken(format!("{wanted:?} in step {number}, {step:?}"), format!("{found:?} came")));
        }
    }
    Ok(())
}

/// Lists all secrets in the form that the model uses. If the first page is refused, returns the store's error.
async fn listed(store: &dyn SecretStore, query: &ListQuery) -> Result<Result<String, StoreError>, Broken> {
    if let Err(error) = store.list(query).await {
        return Ok(Err(error));
    }
    let mut all = list_all(store, query).await?;
    all.sort_by(|one, other| one.header.address.cmp(&other.header.address));
    let shown = all.iter().map(|listed| {
        let value = listed.value.as_ref().and_then(|value| value.expose_text());
        format!("{} with {value:?}", seen(&listed.header))
    });
    Ok(Ok(shown.collect::<Vec<_>>().join(", ")))
}

/// Formats a header in the form that the model uses.
fn seen(header: &keyway_secrets::SecretHeader) -> String {
    let version = header.version.map(|version| format!(" version {version}")).unwrap_or_default();
    format!("{}{version}", header.address)
}

fn without_versions(text: &str) -> String {
    let mut parts = text.split(" version ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.trim_start_matches(|character: char| character.is_ascii_digit())
    })
}

type Wanted = Result<String, ExpectedError>;

impl Model {
    fn knows(&self, layer: u8) -> Result<(), ExpectedError> {
        if layer == 0 || self.environments.contains(&layer) { Ok(()) } else { Err(EnvironmentNotFound) }
    }

    /// Finds a secret. Fails if its layer does not exist, the secret is missing, or its version is not the expected
    /// one.
    fn find(
        &mut self,
        address: &SecretAddress,
        layer: u8,
        expected: Option<&SecretRevision>,
    ) -> Result<&mut (u8, u64), ExpectedError> {
        self.knows(layer)?;
        let secret = self.secrets.get_mut(address).ok_or(SecretNotFound)?;
        match expected {
            Some(expected) if expected.version != SecretVersion::new(secret.1) => Err(VersionConflict),
            _ => Ok(secret),
        }
    }

    fn expected(&self, address: &SecretAddress, ahead: Option<u8>) -> Option<SecretRevision> {
        let present = self.secrets.get(address).map_or(1, |(_, version)| *version);
        let version = SecretVersion::new(present + u64::from(ahead?));
        Some(SecretRevision { id: self.ids.get(address).cloned().unwrap_or_default(), version })
    }

    fn create(&mut self, address: &SecretAddress, layer: u8, value: u8) -> Wanted {
        self.knows(layer)?;
        if self.secrets.contains_key(address) {
            return Err(SecretExists);
        }
        self.secrets.insert(address.clone(), (value, 1));
        Ok(format!("{address} version 1"))
    }

    fn modify(
        &mut self,
        address: &SecretAddress,
        layer: u8,
        value: u8,
        expected: Option<&SecretRevision>,
    ) -> Wanted {
        let secret = self.find(address, layer, expected)?;
        *secret = (value, secret.1 + 1);
        Ok(format!("{address} version {}", secret.1))
    }

    fn destroy(&mut self, address: &SecretAddress, layer: u8, expected: Option<&SecretRevision>) -> Wanted {
        self.find(address, layer, expected)?;
        self.secrets.remove(address);
        Ok(String::new())
    }

    fn get(&mut self, address: &SecretAddress, layer: u8) -> Wanted {
        let (value, version) = *self.find(address, layer, None)?;
        Ok(format!("{address} version {version} with {:?}", Some(value_text(value).as_str())))
    }

    fn list(&self, layer: Option<u8>) -> Wanted {
        if let Some(layer) = layer {
            self.knows(layer)?;
        }
        let wanted = layer.map(|layer| address(0, layer).environment);
        let of = self
            .secrets
            .iter()
            .filter(|(address, _)| wanted.as_ref().is_none_or(|of| address.environment == *of));
        let shown = of.map(|(address, (value, version))| {
            format!("{address} version {version} with {:?}", Some(value_text(*value).as_str()))
        });
        Ok(shown.collect::<Vec<_>>().join(", "))
    }
}
