//! Tests a project of Locker's service, behind `locker-sdk` and when it is moved into a store of Keyway.
#![cfg(unix)]

use std::path::Path;
use std::sync::Arc;

use keyway_client::{Credentials, Draft, Secrets};
use keyway_core::Resources;
use keyway_locker::double::{LockerDouble, RawSecret};
use keyway_locker_sdk::{Configuration, make_stores, secret_sha256};
use keyway_secrets::seal::{Key, KeyRing};
use keyway_secrets::{ListQuery, OpenContext, SecretStore, SecretStores, StoreName};
use keyway_storage::{Memory, Storage};
use keyway_tests::locker_answer;
use keyway_tests::locker_sdk::{PLUGINS, SECRET_ACCESS_KEY, call, private};
use pollster::block_on;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The access key of an application, which is not the access key of the project.
const ACCESS_KEY_ID: &str = "3f8fad5b-d9cb-469f-a165-70867728950e";

/// `locker-sdk` with one store: the project of a double.
struct Served {
    _folder: TempDir,
    configuration: Configuration,
}

impl Served {
    fn new(double: &LockerDouble, secret_access_key: &str) -> Self {
        Self::configured(double, secret_access_key, |_| String::new())
    }

    /// Serves the project with additional entries in its configuration. `more` gets a folder that an entry may name.
    fn configured(
        double: &LockerDouble,
        secret_access_key: &str,
        more: impl FnOnce(&Path) -> String,
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let (credentials, id) = (folder.path().join("credentials"), double.access_key_id());
        private(&credentials, &format!("access_key_id={id}\nsecret_access_key={secret_access_key}\n"))
            .unwrap();
        let hash = secret_sha256(&SECRET_ACCESS_KEY.into());
        let text = format!(
            "[stores.team]\nplugin = 'locker'\nproject_id = 4711\n\
             configuration = {{ api_base = '{}', credentials_file = '{}', proxy = 'none'{} }}\n\
             [[access]]\nid = '{ACCESS_KEY_ID}'\nsecret_sha256 = '{hash}'\nstore = 'team'\n",
            double.base(),
            credentials.display(),
            more(folder.path()),
        );
        let configuration = Configuration::parse(&text, "locker-sdk.toml".as_ref()).unwrap();
        Self { _folder: folder, configuration }
    }

    /// Returns the data of an answer, or the kind of its error.
    fn call(&self, method: &str, parameters: Value) -> Result<Value, String> {
        let output = call(&self.configuration, Some(ACCESS_KEY_ID), method, parameters);
        locker_answer::outcome(method, output.as_bytes()).unwrap()
    }
}

#[test]
fn locker_sdk_serves_a_project_of_the_service() {
    let double = LockerDouble::start().unwrap();
    double.put_environment("prod", "https://example.org");
    double.put_secret("TOKEN", Some("prod"), "of prod", "the old one");
    double.put_secret("SHARED", None, "of all", "");
    let served = Served::new(&double, double.secret_access_key());

    let token = served.call("secret.get", json!({ "key": "TOKEN", "environment": "prod" })).unwrap();
    assert_eq!((&token["value"], &token["description"]), (&json!("of prod"), &json!("the old one")));
    assert_eq!(token["project_id"], 4711);
    let shared = served.call("secret.get", json!({ "key": "SHARED", "environment": "prod" })).unwrap();
    assert_eq!(shared["value"], "of all");

    served.call("environment.create", json!({ "name": "staging" })).unwrap();
    let new = json!({ "key": "NEW", "value": "hunter2", "environment": "staging", "description": "d" });
    served.call("secret.create", new.clone()).unwrap();
    assert_eq!(served.call("secret.create", new), Err("secret_already_exists".to_owned()));
    let change = json!({ "key": "NEW", "environment": "staging", "changes": { "value": "hunter3" } });
    served.call("secret.update", change).unwrap();
    let stored = double.secrets();
    let new = stored.iter().find(|secret| secret.key == "NEW").unwrap();
    assert_eq!(
        (&*new.value, &*new.description, new.environment.as_deref()),
        ("hunter3", "d", Some("staging"))
    );

    let list = served.call("secret.list", json!({})).unwrap();
    let mut keys: Vec<_> =
        list.as_array().unwrap().iter().map(|secret| secret["key"].as_str().unwrap()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["NEW", "SHARED", "TOKEN"]);
    let environments = served.call("environment.list", json!({})).unwrap();
    assert_eq!(environments.as_array().unwrap().len(), 2);
    assert_eq!(served.call("secret.get", json!({ "key": "NEW" })), Err("secret_not_found".to_owned()));
    let nowhere = json!({ "key": "NEW", "environment": "nowhere" });
    assert_eq!(served.call("secret.get", nowhere), Err("environment_not_found".to_owned()));
}

/// Each request opens the store anew, as a process of its own would.
#[test]
fn requests_share_kept_answers_up_to_the_age_that_their_caller_accepts() {
    let double = LockerDouble::start().unwrap();
    double.put_secret("TOKEN", None, "old", "");
    let served = Served::configured(&double, double.secret_access_key(), |folder| {
        format!(", max_age_seconds = 3600, cache_folder = '{}'", folder.join("kept").display())
    });
    let get = |cache: Value| {
        let token = json!({ "key": "TOKEN", "context": { "cache": cache } });
        served.call("secret.get", token).unwrap()["value"].clone()
    };
    assert_eq!(get(json!({})), "old");
    let of_new = served.call("secret.list", json!({})).unwrap()[0]["id"].as_str().unwrap().to_owned();
    let raw = double.raw_secret(&of_new).unwrap();
    assert!(double.replace_raw_secret(&of_new, RawSecret { value: double.sealed("new"), ..raw }));
    double.take_requests();
    let kept = json!({ "force_refresh": false, "max_age_seconds": 120 });
    assert_eq!((get(json!({})), get(kept)), (json!("old"), json!("old")));
    assert_eq!(double.take_requests().len(), 0);
    assert_eq!(get(json!({ "force_refresh": true, "max_age_seconds": 120 })), "new");
    assert_eq!(get(json!({ "force_refresh": false, "max_age_seconds": 0 })), "new");
}

#[test]
fn init_finds_that_the_project_is_there() {
    let double = LockerDouble::start().unwrap();
    let served = Served::new(&double, double.secret_access_key());
    let made = make_stores(&PLUGINS, &served.configuration).unwrap();
    assert_eq!(made, [(StoreName::new("team").unwrap(), false)]);
}

#[test]
fn a_project_that_cannot_be_opened_has_no_missing_secrets() {
    let double = LockerDouble::start().unwrap();
    let other_key = "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=";
    let served = Served::new(&double, other_key);
    assert_eq!(served.call("secret.get", json!({ "key": "A" })), Err("database_error".to_owned()));
    let served = Served::new(&double, double.secret_access_key());
    drop(double);
    let error = served.call("secret.get", json!({ "key": "A" })).unwrap_err();
    assert!(["network_error", "service_unavailable"].contains(&&*error), "{error}");
}

fn open(plugin: &str, configuration: Value, resources: Resources) -> Arc<dyn SecretStore> {
    let registry = PLUGINS.registry().unwrap();
    let plugin = registry.get::<SecretStores>(plugin).unwrap();
    let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
    let opening = OpenContext::new(StoreName::new("store").unwrap(), plugin.metadata().clone(), keys)
        .with_configuration(configuration)
        .with_resources(resources);
    plugin.open(&opening).unwrap()
}

fn of_locker(double: &LockerDouble) -> Secrets {
    Secrets::new(store_of_locker(double))
}

fn store_of_locker(double: &LockerDouble) -> Arc<dyn SecretStore> {
    let given = Credentials::source()
        .access_key_id(double.access_key_id())
        .secret_access_key(double.secret_access_key())
        .api_base(double.base());
    let resources = Resources::new().with(given.resolve().unwrap());
    open("locker", json!({ "proxy": "none" }), resources)
}

fn of_generic() -> Secrets {
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let store = open("generic", json!({}), Resources::new().with(storage));
    block_on(store.initialize()).unwrap();
    Secrets::new(store)
}

fn layer(client: &Secrets, environment: Option<&str>) -> Secrets {
    environment.map_or_else(|| client.shared(), |name| client.in_environment(name))
}

/// A secret: its key, environment, value and description.
type Told = (String, Option<String>, String, Option<String>);

fn told(client: &Secrets) -> Vec<Told> {
    let secrets = block_on(client.list_all()).unwrap();
    let mut told: Vec<Told> = secrets
        .iter()
        .map(|secret| {
            let environment = secret.environment().map(str::to_owned);
            let value = secret.expose_text().unwrap().to_owned();
            (secret.key().to_owned(), environment, value, secret.header.description.clone())
        })
        .collect();
    told.sort();
    told
}

fn environments(client: &Secrets) -> Vec<(String, Option<String>)> {
    let list = block_on(client.list_environments()).unwrap();
    let mut told: Vec<_> = list
        .into_iter()
        .map(|environment| (environment.name.to_string(), environment.external_url))
        .collect();
    told.sort();
    told
}

fn project() -> LockerDouble {
    let double = LockerDouble::start().unwrap();
    double.put_environment("prod", "https://example.org");
    double.put_environment("empty", "");
    double.put_secret("A", None, "shared", "in every environment");
    double.put_secret("A", Some("prod"), "of prod", "");
    double.put_secret("MULTI", Some("prod"), "two\nlines = \"quoted\" # \u{e9}", "\u{1f511}");
    double.put_secret("EMPTY", None, "", "");
    for number in 0..30 {
        double.put_secret(&format!("K{number}"), None, &format!("value {number}"), "");
    }
    // The list is longer than a page of the service.
    double.set_page_limit(7);
    double
}

#[test]
fn a_change_between_two_pages_shows_and_an_unchanged_list_is_read_once() {
    let double = project();
    let prod = double.environments().into_iter().find(|environment| environment.name == "prod").unwrap().id;
    let store = store_of_locker(&double);
    let mut query = ListQuery::all().with_values().limit(5);
    let mut listed = Vec::new();
    for page in 0.. {
        double.take_requests();
        let read = block_on(store.list(&query)).unwrap();
        let asked: Vec<_> = double.take_requests().into_iter().map(|request| request.path).collect();
        match page {
            1 => assert_eq!(asked, ["/v1/secrets", "/v1/sync/deleted_item_date"]),
            0 | 2 | 3 => assert!(asked.len() > 5, "the list is read: {asked:?}"),
            _ => assert_eq!(asked.len(), 2),
        }
        listed.extend(read.secrets.into_iter().map(|secret| {
            let value = secret.value.unwrap().expose_text().unwrap().to_owned();
            (page, secret.header.id, value)
        }));
        match page {
            1 => assert!(double.delete(&prod)),
            2 => {
                for number in 0..30 {
                    double.put_secret(&format!("K{number}"), None, "changed", "");
                }
            }
            _ => {}
        }
        let Some(next) = read.next else { break };
        query = query.after(next);
    }
    let now = double.secrets();
    for (page, id, value) in listed {
        let there = now.iter().find(|secret| secret.id == id);
        match page {
            0 | 1 => {}
            // The third page was read after an environment and its secrets were deleted, but before the values changed.
            2 => assert!(there.is_some(), "a deleted secret is listed"),
            _ => assert_eq!(there.map(|secret| &secret.value), Some(&value)),
        }
    }
}

#[test]
fn a_whole_project_moves_into_a_store_of_records() {
    let double = project();
    let (from, to) = (of_locker(&double), of_generic());
    for environment in block_on(from.list_environments()).unwrap() {
        let url = environment.external_url.as_deref();
        block_on(to.create_environment(environment.name.as_str(), url)).unwrap();
    }
    for secret in block_on(from.list_all()).unwrap() {
        let (key, here) = (secret.key().to_owned(), layer(&to, secret.environment()));
        let description = secret.header.description.clone();
        let draft = Draft::new(secret.value);
        let draft = description.into_iter().fold(draft, Draft::described);
        block_on(here.create(&key, draft)).unwrap();
    }
    assert_eq!(told(&from).len(), 34);
    assert_eq!(told(&to), told(&from));
    assert_eq!(environments(&to), environments(&from));
}

#[test]
fn a_bundle_of_a_layer_carries_keys_and_values_both_ways() {
    let double = project();
    let (from, to) = (of_locker(&double), of_generic());
    block_on(to.create_environment("prod", None)).unwrap();
    for environment in [None, Some("prod")] {
        let bundle = block_on(layer(&from, environment).export()).unwrap();
        let plan = block_on(layer(&to, environment).import(&bundle)).unwrap();
        assert_eq!(plan.created.len(), bundle.len());
        assert!(block_on(layer(&to, environment).export()).unwrap().same_as(&bundle));
    }
    // Moves the secrets back, into a project that already has some of them.
    let other = LockerDouble::start().unwrap();
    other.put_secret("A", None, "older", "kept");
    other.put_secret("EMPTY", None, "", "");
    let back = of_locker(&other);
    let bundle = block_on(to.shared().export()).unwrap();
    let plan = block_on(back.shared().import(&bundle)).unwrap();
    assert_eq!(
        (plan.created.len(), plan.changed, plan.unchanged),
        (30, vec!["A".to_owned()], vec!["EMPTY".to_owned()])
    );
    assert!(block_on(back.shared().export()).unwrap().same_as(&bundle));
    let kept = other.secrets().into_iter().find(|secret| secret.key == "A").unwrap();
    assert_eq!((kept.value, kept.description), ("shared".to_owned(), "kept".to_owned()));
}
