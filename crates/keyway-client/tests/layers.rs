//! Compares resolution with a model: lists and single reads agree (L3), writes stay in their layer
//! (L4), and a default replaces only a missing secret (L5).

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use keyway_client::{Error, Layer, Resolution, Secrets};
use proptest::prelude::*;
use support::{Spy, spy, wait};

/// The shared layer, two environments that exist, and `PROD`, which does not exist.
const PLACES: [Option<&str>; 4] = [None, Some("prod"), Some("stg"), Some("PROD")];
const KEYS: [&str; 4] = ["A", "a", "B", "päss wörd"];

#[derive(Clone, Debug)]
enum Step {
    Create(usize, usize, String),
    Modify(usize, usize, String),
    Delete(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<(Step, bool)>> {
    let (place, key) = (0..PLACES.len(), 0..KEYS.len());
    let step = prop_oneof![
        3 => (place.clone(), key.clone(), ".{0,3}").prop_map(|(p, k, v)| Step::Create(p, k, v)),
        2 => (place.clone(), key.clone(), ".{0,3}").prop_map(|(p, k, v)| Step::Modify(p, k, v)),
        1 => (place, key).prop_map(|(p, k)| Step::Delete(p, k)),
    ];
    prop::collection::vec((step, any::<bool>()), 0..25)
}

/// The existing secrets, by layer and key.
type Model = BTreeMap<(Option<&'static str>, &'static str), String>;

/// Computes the expected answer of a read from the model. `falls` tells whether the policy falls back to the shared
/// layer.
fn expected(
    model: &Model,
    place: Option<&'static str>,
    key: &'static str,
    falls: bool,
) -> Option<(String, Layer)> {
    let layer = if place.is_some() { Layer::Environment } else { Layer::Shared };
    let own = model.get(&(place, key)).map(|value| (value.clone(), layer));
    let shared = || model.get(&(None, key)).map(|value| (value.clone(), Layer::Shared));
    if falls { own.or_else(shared) } else { own }
}

fn at(client: &Secrets, place: Option<&str>, falls: bool) -> Secrets {
    let client = match place {
        Some(environment) => client.in_environment(environment),
        None => client.shared(),
    };
    client.with_resolution(if falls { Resolution::SharedFallback } else { Resolution::Exact })
}

fn exists(place: Option<&str>) -> bool {
    place != Some("PROD")
}

async fn check_everything(client: &Secrets, model: &Model) {
    for (place, falls) in PLACES.into_iter().flat_map(|place| [(place, false), (place, true)]) {
        let client = at(client, place, falls);
        if !exists(place) {
            assert!(matches!(client.list().await, Err(Error::EnvironmentNotFound { .. })));
            assert!(matches!(client.list_names().await, Err(Error::EnvironmentNotFound { .. })));
            for key in KEYS {
                assert!(matches!(client.get(key).await, Err(Error::EnvironmentNotFound { .. })));
                assert!(matches!(client.get_or(key, "d").await, Err(Error::EnvironmentNotFound { .. })));
            }
            continue;
        }
        let mut by_list = BTreeMap::new();
        for secret in client.list().await.unwrap() {
            let environment = secret.environment().map(str::to_owned);
            assert_eq!(environment.is_some(), secret.layer == Layer::Environment);
            let answer = (secret.expose_text().unwrap().to_owned(), secret.layer);
            assert!(by_list.insert(secret.key().to_owned(), answer).is_none(), "a key is listed twice");
        }
        let mut by_names = BTreeMap::new();
        for listed in client.list_names().await.unwrap() {
            assert!(by_names.insert(listed.as_str().to_owned(), listed.layer).is_none());
        }
        for key in KEYS {
            let wanted = expected(model, place, key, falls);
            let found = client.find(key).await.unwrap();
            let found = found.map(|secret| (secret.expose_text().unwrap().to_owned(), secret.layer));
            assert_eq!(found, wanted, "{key:?} at {place:?}, falls back: {falls}");
            assert_eq!(by_list.remove(key), wanted);
            assert_eq!(by_names.remove(key), wanted.as_ref().map(|(_, layer)| *layer));
            let text = client.get(key).await.unwrap().map(|text| text.expose().to_owned());
            assert_eq!(text.as_ref(), wanted.as_ref().map(|(value, _)| value));
            let or_default = client.get_or(key, "the default").await.unwrap();
            assert_eq!(or_default.expose(), text.as_deref().unwrap_or("the default"));
            assert_eq!(client.get_required(key).await.is_ok(), wanted.is_some());
            assert_eq!(client.retrieve(key).await.is_ok(), wanted.is_some());
        }
        assert!(by_list.is_empty() && by_names.is_empty(), "a list shows what a read does not find");
    }
    let mut all = BTreeMap::new();
    for secret in client.list_all().await.unwrap() {
        let place = (secret.environment().map(str::to_owned), secret.key().to_owned());
        assert!(all.insert(place, secret.expose_text().unwrap().to_owned()).is_none());
    }
    let model = model
        .iter()
        .map(|((place, key), value)| ((place.map(str::to_owned), (*key).to_owned()), value.clone()));
    assert_eq!(all, model.collect());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lists_and_reads_agree_and_writes_stay_in_their_layer(steps in steps()) {
        wait(async {
            let client = Secrets::new(support::store().await);
            for name in ["prod", "stg"] {
                client.create_environment(name, None).await.unwrap();
            }
            let mut model = Model::new();
            for (step, falls) in steps {
                let (place, key) = match &step {
                    Step::Create(place, key, _) | Step::Modify(place, key, _) | Step::Delete(place, key) => {
                        (PLACES[*place], KEYS[*key])
                    }
                };
                let client = at(&client, place, falls);
                let there = model.contains_key(&(place, key));
                let done = match step {
                    Step::Create(_, _, value) => {
                        let done = client.create(key, value.as_str()).await.map(drop);
                        if !there && exists(place) {
                            model.insert((place, key), value);
                            done.unwrap();
                            continue;
                        }
                        done
                    }
                    Step::Modify(_, _, value) => {
                        let done = client.modify(key, value.as_str()).await.map(drop);
                        if there {
                            model.insert((place, key), value);
                            done.unwrap();
                            continue;
                        }
                        done
                    }
                    Step::Delete(..) => {
                        let done = client.delete(key).await;
                        if model.remove(&(place, key)).is_some() {
                            done.unwrap();
                            continue;
                        }
                        done
                    }
                };
                // A refused operation must return an error and change nothing, so the model stays as it is.
                let error = done.unwrap_err();
                if exists(place) {
                    assert_eq!(error.code(), if there { "conflict" } else { "not_found" });
                } else {
                    assert!(matches!(error, Error::EnvironmentNotFound { .. }), "{error}");
                }
            }
            check_everything(&client, &model).await;
        });
    }
}

#[test]
fn a_fallback_is_one_more_read_and_only_where_it_is_needed() {
    wait(async {
        let spy = spy().await;
        let client = Secrets::new(std::sync::Arc::<Spy>::clone(&spy));
        client.create_environment("prod", None).await.unwrap();
        let prod = client.in_environment("prod");
        prod.create("own", "1").await.unwrap();
        client.create("shared", "2").await.unwrap();
        let layered = prod.with_resolution(Resolution::SharedFallback);
        let everywhere = client.with_resolution(Resolution::SharedFallback);
        for (client, key, reads) in [
            (&prod, "own", 1),
            (&prod, "shared", 1),
            (&layered, "own", 1),
            (&layered, "shared", 2),
            (&layered, "nowhere", 2),
            (&everywhere, "shared", 1),
            (&everywhere, "nowhere", 1),
        ] {
            spy.0.reads.store(0, Ordering::Relaxed);
            client.get(key).await.unwrap();
            assert_eq!(spy.0.reads.load(Ordering::Relaxed), reads, "{key} {client:?}");
        }
        spy.0.reads.store(0, Ordering::Relaxed);
        let nowhere = client.in_environment("nowhere").with_resolution(Resolution::SharedFallback);
        assert!(nowhere.get("shared").await.is_err());
        assert_eq!(spy.0.reads.load(Ordering::Relaxed), 1, "an unknown environment does not fall back");
    });
}

#[test]
fn a_failure_in_either_layer_is_no_missing_secret() {
    use keyway_secrets::StoreError;
    use support::Trick;

    wait(async {
        let spy = spy().await;
        let client = Secrets::new(std::sync::Arc::<Spy>::clone(&spy));
        client.create_environment("prod", None).await.unwrap();
        client.create("A", "shared").await.unwrap();
        let layered = client.in_environment("prod").with_resolution(Resolution::SharedFallback);
        spy.0.next(Trick::Fail(StoreError::corrupt("the secret", "it was damaged by the test")));
        let error = layered.get_or("A", "default").await.unwrap_err();
        assert_eq!((error.code(), error.http_status()), ("cli_error", None));
        assert_eq!(layered.get("A").await.unwrap().unwrap().expose(), "shared");
    });
}

#[test]
fn a_list_takes_few_bulk_reads() {
    wait(async {
        let spy = spy().await;
        let client = Secrets::new(std::sync::Arc::<Spy>::clone(&spy));
        for number in 0..1500 {
            client.create(&format!("key-{number}"), "v").await.unwrap();
        }
        assert_eq!(client.list().await.unwrap().len(), 1500);
        assert!(spy.0.pages.load(Ordering::Relaxed) <= 3);
        assert_eq!(spy.0.reads.load(Ordering::Relaxed), 0, "no secret is read by itself");
        spy.0.forgets_values.store(true, Ordering::Relaxed);
        assert_eq!(client.list().await.unwrap_err().code(), "server_error");
        assert_eq!(client.list_names().await.unwrap().len(), 1500);
    });
}
