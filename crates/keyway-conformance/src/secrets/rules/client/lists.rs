//! Tests that lists agree with single reads.

use std::collections::BTreeMap;
use std::sync::Mutex;

use keyway_core::SecretValue;
use keyway_secrets::{
    EnvironmentFilter, EnvironmentName, NewSecret, SecretAddress, SecretChange, SecretStore,
};

use super::timeline::Timeline;
use super::world::{POLICIES, World, is};
use super::{
    Answer, Asked, Broken, Checked, Client, ClientAnswer, ClientFixture, ENVIRONMENTS, Found, Layer,
    Resolution, StoreFixture, Turn, add_environments, at_layer, broken, ensure, environment, in_turns, put,
    rules, text,
};
use crate::lock::locked;

rules! {
    in StoreFixture;
    "SEC-210" Must from ["L3", "Locker/list"]
        "For every key that a client lists, a read under the same policy gives the same value and layer, and every key that a read finds is listed."
        lists_agree_with_reads;
    "SEC-211" Must from ["L3", "Locker/list"]
        "`list_names` gives the keys and layers that `list` gives, each once, and asks the store for no value."
        names_agree_with_lists;
    "SEC-212" Must from ["L3", "Locker/list"]
        "A client lists keys and values in bulk reads alone, and gives the same list for any page size of the store."
        lists_are_bulk_reads;
    "SEC-213" Must from ["L3", "Locker/list", "Locker/threads"]
        "During concurrent writes, a list holds each unchanged secret exactly once with its value and layer, and each changing secret at most once with a value that it had meanwhile."
        lists_agree_while_others_write;
    "SEC-214" Must needs ENVIRONMENTS from ["L1", "L3"]
        "Under the policy that falls back a list takes one bulk read of the environment and one of the shared layer; otherwise it reads the client's own layer."
        lists_read_their_layers;
}

/// Sorts a list by key. Demands that each key occurs once.
fn by_key(listed: Vec<Found>, of: &str) -> Result<BTreeMap<String, Found>, Broken> {
    let mut all = BTreeMap::new();
    for found in listed {
        let key = found.key.clone();
        if all.insert(key.clone(), found).is_some() {
            return Err(broken(format!("each key once in the list of {of}"), format!("{key:?} came twice")));
        }
    }
    Ok(all)
}

fn keys_differ(of: &str, wanted: &[&str], listed: &[&str]) -> Checked {
    ensure(wanted == listed, format!("{wanted:?} in the list of {of}"), format!("{listed:?}"))
}

async fn lists_agree_with_reads(fixture: &StoreFixture<'_>) -> Checked {
    for round in 0..3 {
        let (fixture, mut world) = World::made(fixture).await?;
        if round > 0 {
            // Lists before the change too, so that a client that remembers its earlier list fails.
            agree(&world, &fixture).await?;
            change(&mut world, &fixture).await?;
        }
        agree(&world, &fixture).await?;
    }
    Ok(())
}

/// In each layer, changes one secret and deletes another.
async fn change(world: &mut World, fixture: &ClientFixture<'_>) -> Checked {
    for (environment, secrets) in &mut world.layers {
        let client = fixture.client.in_scope(environment.as_deref(), Resolution::Exact);
        if let Some(value) = secrets.get_mut("always") {
            client.modify("always", "changed").await.works("`modify`")?;
            *value = text("changed");
        }
        if let Some(key) = secrets.keys().next().cloned().filter(|key| key != "always" && fixture.destroys())
        {
            client.delete(&key).await.works("`delete`")?;
            secrets.remove(&key);
        }
    }
    Ok(())
}

async fn agree(world: &World, fixture: &ClientFixture<'_>) -> Checked {
    for (environment, policy) in world.scopes() {
        let client = fixture.client.in_scope(environment, policy);
        let listed = by_key(client.list().await.works("`list`")?, &client.place())?;
        let resolved = world.resolved(environment, policy);
        // First, lists and single reads must agree for every key.
        for key in world.keys() {
            let read = client.find(key).await.works("`find`")?;
            let (read, listed) = match (&read, listed.get(key)) {
                (None, None) => continue,
                (Some(read), Some(listed)) => (read, listed),
                (Some(_), None) => {
                    let expected = format!("{key:?} in the list of {}, as `find` gives it", client.place());
                    return Err(broken(expected, "it is not listed"));
                }
                (None, Some(_)) => {
                    let expected = format!("{key:?} from `find` of {}, which lists it", client.place());
                    return Err(broken(expected, "it is not found"));
                }
            };
            let (id, description) = (&read.id, &read.description);
            let same = *id == listed.id && *description == listed.description;
            let expected = format!("the id {id:?} and the description {description:?} of {key:?} in a list");
            ensure(same, expected, format!("{:?} and {:?}", listed.id, listed.description))?;
            let what = format!("the list of {}, as `find` gives {key:?}", client.place());
            is(&what, listed, key, &read.value, read.layer, read.environment.as_deref())?;
        }
        // Then the list must match the expected content.
        let wanted: Vec<_> = resolved.keys().copied().collect();
        keys_differ(&client.place(), &wanted, &listed.keys().map(String::as_str).collect::<Vec<_>>())?;
        for (key, (value, layer)) in resolved {
            let what = format!("the list of {}", client.place());
            if let Some(found) = listed.get(key) {
                is(&what, found, key, value, layer, environment)?;
            }
        }
    }
    Ok(())
}

async fn names_agree_with_lists(fixture: &StoreFixture<'_>) -> Checked {
    let (fixture, world) = World::made(fixture).await?;
    for (environment, policy) in world.scopes() {
        let client = fixture.client.in_scope(environment, policy);
        let mut wanted: Vec<(String, Layer)> =
            client.list().await.works("`list`")?.into_iter().map(|found| (found.key, found.layer)).collect();
        fixture.faults().asked();
        let mut names = client.list_names().await.works("`list_names`")?;
        let asked = fixture.faults().asked();
        let with_values = asked.iter().any(|asked| !matches!(asked, Asked::List { with_values: false, .. }));
        ensure(!with_values, "`list_names` to ask for lists without values", format!("{asked:?}"))?;
        wanted.sort();
        names.sort();
        let what = format!("{wanted:?} from `list_names` of {}", client.place());
        ensure(names == wanted, what, format!("{names:?}"))?;
    }
    Ok(())
}

async fn lists_are_bulk_reads(fixture: &StoreFixture<'_>) -> Checked {
    let (fixture, world) = World::made(fixture).await?;
    for (environment, policy) in world.scopes() {
        let client = fixture.client.in_scope(environment, policy);
        let wanted = world.resolved(environment, policy);
        for page in [1, 2, 3, usize::MAX] {
            fixture.faults().short_pages(page);
            fixture.faults().asked();
            let of = format!("{} in pages of {page}", client.place());
            let listed = by_key(client.list().await.works("`list`")?, &of)?;
            let asked = fixture.faults().asked();
            let bulk = asked.iter().all(|asked| matches!(asked, Asked::List { with_values: true, .. }));
            ensure(bulk, "`list` to ask for lists with values and nothing else", format!("{asked:?}"))?;
            let keys: Vec<_> = listed.keys().map(String::as_str).collect();
            keys_differ(&of, &wanted.keys().copied().collect::<Vec<_>>(), &keys)?;
            for (key, found) in &listed {
                if let Some((value, layer)) = wanted.get(key.as_str()) {
                    is(&format!("the list of {of}"), found, key, value, *layer, environment)?;
                }
            }
            let names = client.list_names().await.works("`list_names`")?;
            ensure(names.len() == wanted.len(), wanted.len().to_string(), names.len().to_string())?;
        }
    }
    Ok(())
}

async fn lists_read_their_layers(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &["e"], &[]).await?;
    let (own, shared) = (EnvironmentFilter::In(environment("e")), EnvironmentFilter::Shared);
    for (place, policy, wanted) in [
        (Some("e"), Resolution::SharedFallback, vec![own.clone(), shared.clone()]),
        (Some("e"), Resolution::Exact, vec![own]),
        (None, Resolution::SharedFallback, vec![shared.clone()]),
        (None, Resolution::Exact, vec![shared]),
    ] {
        let client = fixture.client.in_scope(place, policy);
        for with_values in [true, false] {
            fixture.faults().asked();
            if with_values {
                client.list().await.works("`list`")?;
            } else {
                client.list_names().await.works("`list_names`")?;
            }
            let wanted: Vec<_> =
                wanted.iter().map(|of| Asked::List { of: of.clone(), with_values }).collect();
            let mut asked = fixture.faults().asked();
            asked.sort_by_key(|asked| matches!(asked, Asked::List { of: EnvironmentFilter::Shared, .. }));
            ensure(asked == wanted, format!("{wanted:?} of {}", client.place()), format!("{asked:?}"))?;
        }
    }
    Ok(())
}

/// A store in which some of the secrets never change, and the others change all the time.
struct Busy<'a> {
    fixture: &'a ClientFixture<'a>,
    layers: Vec<Option<&'static str>>,
    timeline: Mutex<Timeline>,
}

impl Busy<'_> {
    const STAYING: usize = 6;
    const CHANGING: usize = 8;

    /// Returns the address of a secret that a client in the environment `own` listed.
    fn address_of(found: &Found, own: Option<&str>) -> SecretAddress {
        at_layer(&found.key, own.filter(|_| found.layer == Layer::Environment))
    }

    /// Sorts a list by key. The client read the list between the moments `from` and `to`. A key may appear twice in its
    /// layer only if its secret may have been destroyed in that time: a new secret with the same name may then be on a
    /// later page.
    fn each_once<'l>(
        &self,
        listed: &'l [Found],
        own: Option<&str>,
        (from, to): (u64, u64),
        of: &str,
    ) -> Result<BTreeMap<&'l str, &'l Found>, Broken> {
        let mut all: BTreeMap<&str, &Found> = BTreeMap::new();
        for found in listed {
            if let Some(before) = all.insert(&found.key, found) {
                let address = Self::address_of(found, own);
                let is_another =
                    before.layer == found.layer && locked(&self.timeline).destroyed(&address, from, to);
                let observed = format!("{address} came twice, and was not destroyed meanwhile");
                ensure(is_another, format!("each secret once in the list of {of}"), observed)?;
            }
        }
        Ok(all)
    }

    async fn fill(&self) -> Checked {
        for (number, layer) in self.layers.iter().enumerate() {
            for key in 0..Self::STAYING {
                // Alternates between secrets that change later and secrets that stay unchanged, so that a list in the
                // order of creation mixes both kinds.
                self.put(&at_layer(&format!("changes {key}"), *layer), "v", false).await?;
                // Some of the unchanging secrets are in one layer, and some in both layers.
                if key % 3 == number || key % 3 == 2 || self.layers.len() == 1 {
                    let address = at_layer(&format!("stays {key}"), *layer);
                    put(&self.fixture.store, address, &format!("{number} {key}")).await?;
                }
            }
        }
        Ok(())
    }

    /// Returns the unchanging secrets, as a client with this policy sees them.
    fn staying(&self, policy: Resolution) -> BTreeMap<String, (SecretValue, Layer)> {
        let mut seen = BTreeMap::new();
        let own = self.layers.len() - 1;
        for number in 0..self.layers.len() {
            if number != own && policy == Resolution::Exact {
                continue;
            }
            for key in 0..Self::STAYING {
                if key % 3 == number || key % 3 == 2 || self.layers.len() == 1 {
                    let layer =
                        if self.layers[number].is_some() { Layer::Environment } else { Layer::Shared };
                    seen.insert(format!("stays {key}"), (text(&format!("{number} {key}")), layer));
                }
            }
        }
        seen
    }

    /// Writes a secret, and records the time of the write.
    async fn put(&self, address: &SecretAddress, value: &str, is_there: bool) -> Checked {
        let store: &dyn SecretStore = &self.fixture.store;
        locked(&self.timeline).begins(address, Some(value));
        if is_there {
            store.modify(address, SecretChange::value(text(value))).await.works("a change")?;
        } else {
            store.create(NewSecret::new(address.clone(), text(value))).await.works("a creation")?;
        }
        locked(&self.timeline).ended(address);
        Ok(())
    }

    /// Creates, changes and destroys secrets at random.
    async fn write(&self, random: impl Fn() -> u64 + Send) -> Checked {
        let store: &dyn SecretStore = &self.fixture.store;
        for number in 0..60_u64 {
            let layer = self.layers[usize::try_from(random() % self.layers.len() as u64).unwrap_or(0)];
            let address = at_layer(&format!("changes {}", random() % Self::CHANGING as u64), layer);
            let is_there = store.get(&address).await.is_ok();
            if is_there && store.capabilities().destroys && random().is_multiple_of(2) {
                locked(&self.timeline).begins(&address, None);
                store.destroy(&address, None).await.works("a destruction")?;
                locked(&self.timeline).ended(&address);
            } else {
                self.put(&address, &format!("v{number}"), is_there).await?;
            }
        }
        Ok(())
    }

    async fn look(&self, client: Client<'_>, policy: Resolution) -> Checked {
        let staying = self.staying(policy);
        let own = self.layers.last().copied().flatten();
        for _ in 0..8 {
            let from = locked(&self.timeline).tick();
            let all = client.list().await.works("`list` while another writes")?;
            let to = locked(&self.timeline).tick();
            let listed = self.each_once(&all, own, (from, to), &client.place())?;
            for (key, (value, layer)) in &staying {
                let what = format!("the list of {} while another writes", client.place());
                match listed.get(key.as_str()) {
                    Some(found) => is(&what, found, key, value, *layer, own)?,
                    None => return Err(broken(format!("{key:?} in {what}"), "it is not listed")),
                }
            }
            for address in locked(&self.timeline).steady(from, to) {
                let of = address.environment.as_ref().map(EnvironmentName::as_str);
                let seen = of == own || (of.is_none() && policy == Resolution::SharedFallback);
                let expected = format!("{address}, which nobody touched, in the list of {}", client.place());
                ensure(!seen || listed.contains_key(address.name.as_str()), expected, "it is not listed")?;
            }
            for found in all.iter().filter(|found| !staying.contains_key(&found.key)) {
                let address = Self::address_of(found, own);
                let had = locked(&self.timeline).had(&address, &found.value, from, to);
                let expected = format!("a value that {address} had while {} listed it", client.place());
                ensure(had, expected, "a value of another time, or of another layer")?;
            }
        }
        Ok(())
    }
}

async fn lists_agree_while_others_write(fixture: &StoreFixture<'_>) -> Checked {
    for policy in [POLICIES, POLICIES].concat() {
        let fixture = ClientFixture::new(fixture, &[], &[]).await?;
        let mut layers = vec![None];
        if fixture.subject().capabilities().environments {
            add_environments(&fixture.store, &["e"]).await?;
            layers.push(Some("e"));
        }
        let environment = layers.last().copied().flatten();
        let busy = Busy { fixture: &fixture, layers, timeline: Mutex::default() };
        busy.fill().await?;
        fixture.faults().short_pages(3);
        let readers =
            [fixture.client.in_scope(environment, policy), fixture.client.in_scope(environment, policy)];
        let mut turns: Vec<Turn<'_, Checked>> = vec![Box::pin(busy.write(|| fixture.random()))];
        for reader in readers {
            turns.push(Box::pin(busy.look(reader, policy)));
        }
        in_turns(turns, || fixture.random()).await.into_iter().collect::<Checked>()?;
    }
    Ok(())
}
