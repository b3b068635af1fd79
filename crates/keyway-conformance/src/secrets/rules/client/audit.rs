//! Tests reports of accesses to an audit hook.

use keyway_core::ErrorKind;
use keyway_core::SecretText;
use keyway_secrets::StoreError;

use super::{
    AccessOutcome, Accessed, Broken, Checked, Client, ClientAnswer, ClientFixture, DEFAULT, ENVIRONMENTS,
    FileFormat, Layer, Operation, Request, Resolution, Response, StoreFixture, at, at_in, ensure, polled,
    rules, text,
};

rules! {
    in StoreFixture;
    "SEC-240" Must needs ENVIRONMENTS from ["Client/audit", "L1"]
        "An audit hook is told of each access once, with requester, operation, key, environment, the layer of the secret, and the outcome."
        each_access_is_told_once;
    "SEC-241" Must from ["Client/audit", "L5"]
        "An audit hook is told of accesses that failed, with the kind of failure, even if a default was returned."
        failures_are_told;
    "SEC-242" Must from ["Client/audit", "Contract/cancellation"]
        "An audit hook is told of an access whose future was dropped, once, as cancelled."
        cancellations_are_told;
    "SEC-243" Must from ["Client/audit", "Principle/secrets"]
        "No report to an audit hook shows a value, whatever the outcome of the access."
        values_are_not_told;
}

/// The expected report of one access. The layer is checked only if the access reads one secret.
struct Expected<'r> {
    operation: Operation,
    key: Option<&'r str>,
    environment: Option<&'r str>,
    layer: Option<Layer>,
    outcomes: Vec<AccessOutcome>,
}

impl<'r> Expected<'r> {
    /// Makes the report that is expected when a client in the environment `scope` carries out `request`, and the
    /// request succeeds. A secret named `own` belongs to the environment; all others are shared.
    fn of(request: &'r Request, scope: Option<&'r str>) -> Self {
        let (operation, key, environment) = match request {
            Request::Get(key) | Request::GetOr { key, .. } | Request::GetRequired(key) => {
                (Operation::Get, Some(key), scope)
            }
            Request::Find(key) | Request::Retrieve(key) => (Operation::Retrieve, Some(key), scope),
            Request::List => (Operation::List, None, scope),
            Request::ListNames => (Operation::ListNames, None, scope),
            Request::Create { key, .. } => (Operation::Create, Some(key), scope),
            Request::Modify { key, .. } => (Operation::Modify, Some(key), scope),
            Request::Delete(key) => (Operation::Delete, Some(key), scope),
            Request::CreateEnvironment { name, .. } => (Operation::CreateEnvironment, None, Some(&**name)),
            Request::ModifyEnvironment { name, .. } => (Operation::ModifyEnvironment, None, Some(&**name)),
            Request::RetrieveEnvironment(name) | Request::GetEnvironment(name) => {
                (Operation::RetrieveEnvironment, None, Some(&**name))
            }
            Request::ListEnvironments => (Operation::ListEnvironments, None, None),
            Request::Export(_) => (Operation::Export, None, scope),
            Request::Import { .. } => (Operation::PlanImport, None, scope),
        };
        let layer = key.map(|key| if key == "own" { Layer::Environment } else { Layer::Shared });
        let outcomes = vec![AccessOutcome::Done];
        Self { operation, key: key.map(String::as_str), environment, layer, outcomes }
    }

    fn failing(mut self, kinds: &[ErrorKind]) -> Self {
        self.layer = None;
        self.outcomes = kinds.iter().copied().map(AccessOutcome::Failed).collect();
        self
    }

    fn must_be(&self, what: &str, told: &[Accessed], requester: Option<&str>) -> Checked {
        let [told] = told else {
            let observed: Vec<_> = told.iter().map(|told| told.operation).collect();
            let expected = format!("one access told of {what}");
            return ensure(false, expected, format!("{}: {observed:?}", observed.len()));
        };
        let same = |field: &str, expected: &dyn std::fmt::Debug, told: &dyn std::fmt::Debug| {
            let (expected, told) = (format!("{expected:?}"), format!("{told:?}"));
            ensure(expected == told, format!("{field} {expected} told of {what}"), told)
        };
        same("the operation", &self.operation, &told.operation)?;
        same("the key", &self.key, &told.key.as_deref())?;
        same("the environment", &self.environment, &told.environment.as_deref())?;
        same("the requester", &requester, &told.requester.as_deref())?;
        if self.operation == Operation::Get || self.operation == Operation::Retrieve {
            same("the layer", &self.layer, &told.layer)?;
        }
        let expected = format!("the outcome {:?} told of {what}", self.outcomes);
        ensure(self.outcomes.contains(&told.outcome), expected, format!("{:?}", told.outcome))
    }
}

fn key(key: &str) -> String {
    key.to_owned()
}

/// Lists every kind of request that reads one secret.
fn reads(key: &str, default: &str) -> [Request; 5] {
    let key = || key.to_owned();
    [
        Request::Get(key()),
        Request::GetOr { key: key(), default: default.into() },
        Request::GetRequired(key()),
        Request::Find(key()),
        Request::Retrieve(key()),
    ]
}

/// Lists requests of most kinds, for an environment that contains `own` and a shared layer that contains `shared`. The
/// requests create and delete `new`, and create the environment `f`.
fn requests() -> Vec<Request> {
    let mut all = reads("own", DEFAULT).to_vec();
    all.extend(reads("shared", DEFAULT));
    all.extend([
        Request::List,
        Request::ListNames,
        Request::Create { key: key("new"), value: text("v") },
        Request::Modify { key: key("new"), value: text("w") },
        Request::Delete(key("new")),
        Request::CreateEnvironment { name: key("f"), external_url: None },
        Request::RetrieveEnvironment(key("f")),
        Request::ModifyEnvironment { name: key("f"), external_url: Some(key("u")) },
        Request::Export(FileFormat::Json),
    ]);
    all
}

async fn each_access_is_told_once(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &["e"], &[at("shared"), at_in("own", "e")]).await?;
    for requester in [None, Some("billing"), Some("a \"b\"\n")] {
        let client = fixture.client.in_scope(Some("e"), Resolution::SharedFallback);
        let client = requester.map_or_else(|| client.clone(), |requester| client.on_behalf_of(requester));
        for request in requests() {
            let what = format!("{request:?}");
            let what = what.split_once([' ', '(']).map_or(what.as_str(), |(name, _)| name);
            let is_there = requester.is_some(); // Since the first round.
            if match request {
                Request::CreateEnvironment { .. } => is_there,
                Request::Create { .. } => is_there && !fixture.destroys(),
                Request::Delete(_) => !fixture.destroys(),
                _ => false,
            } {
                continue;
            }
            fixture.accessed();
            client.call(request.clone()).await.works(what)?;
            Expected::of(&request, Some("e")).must_be(what, &fixture.accessed(), requester)?;
        }
        fixture.accessed();
        client.call(Request::ListEnvironments).await.works("`list_environments`")?;
        let told = fixture.accessed();
        let once = matches!(&told[..], [told] if told.operation == Operation::ListEnvironments
            && told.requester.as_deref() == requester);
        ensure(once, "one access told of `list_environments`", format!("{}", told.len()))?;
    }
    imports_are_told(&fixture).await
}

/// Demands one report for each key that an import writes.
async fn imports_are_told(fixture: &ClientFixture<'_>) -> Checked {
    let client = fixture.client.in_scope(Some("e"), Resolution::Exact);
    fixture.accessed();
    let file = SecretText::from(r#"{"own": "changed", "one": "1", "two": "2"}"#);
    client.import(FileFormat::Json, &file).await.works("`import`")?;
    let mut told: Vec<_> = fixture
        .accessed()
        .into_iter()
        .filter_map(|told| Some((told.key?, told.operation.as_str(), told.environment)))
        .collect();
    told.sort();
    let written =
        |key: &str, operation: Operation| (key.to_owned(), operation.as_str(), Some("e".to_owned()));
    let wanted = [
        written("one", Operation::Create),
        written("own", Operation::Modify),
        written("two", Operation::Create),
    ];
    ensure(told == wanted, format!("{wanted:?} told of an import"), format!("{told:?}"))
}

async fn failures_are_told(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &[], &[at("there")]).await?;
    let create = |key: &str| Request::Create { key: key.to_owned(), value: text("v") };
    let mut missing = reads("no", DEFAULT).to_vec();
    missing.push(Request::Modify { key: key("no"), value: text("v") });
    if fixture.destroys() {
        missing.push(Request::Delete(key("no")));
    }
    for (requests, kinds) in [
        (missing, vec![ErrorKind::NotFound]),
        (vec![create("there")], vec![ErrorKind::AlreadyExists, ErrorKind::Conflict]),
        (vec![create("a\0")], vec![ErrorKind::Invalid]),
    ] {
        for request in requests {
            let what = format!("{request:?}").replace('\0', "\\0");
            fixture.accessed();
            let _ = fixture.client.call(request.clone()).await;
            Expected::of(&request, None).failing(&kinds).must_be(&what, &fixture.accessed(), None)?;
        }
    }
    let corrupt = || StoreError::Corrupt { what: "it", reason: "the kit says so".to_owned() };
    fixture.faults().fail_after(0, corrupt);
    let mut requests = reads("there", DEFAULT).to_vec();
    requests.extend([Request::List, Request::ListNames, create("new"), Request::Delete(key("there"))]);
    for request in requests {
        let what = format!("{request:?} when the store is damaged");
        fixture.accessed();
        let _ = fixture.client.call(request.clone()).await;
        let expected = Expected::of(&request, None).failing(&[ErrorKind::Corrupt]);
        expected.must_be(&what, &fixture.accessed(), None)?;
    }
    Ok(())
}

async fn cancellations_are_told(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &[], &[at("own")]).await?;
    let client = fixture.client.on_behalf_of("billing");
    for request in requests() {
        let mut expected = Expected::of(&request, Some("e"));
        if expected.environment != Some("e") {
            continue; // The store may have no environments.
        }
        let what = format!("{request:?}, dropped half-way");
        (expected.environment, expected.layer) = (None, None);
        expected.outcomes = vec![AccessOutcome::Cancelled];
        fixture.accessed();
        if polled(1, client.call(request.clone())).await.is_some() {
            // The request ended at its first poll, so there was no call to drop.
            continue;
        }
        expected.must_be(&what, &fixture.accessed(), Some("billing"))?;
    }
    Ok(())
}

async fn values_are_not_told(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &[], &[]).await?;
    let canary = format!("Kanari-{:016x}", fixture.random());
    everything(&fixture, &fixture.client, &canary).await?;
    let told = fixture.accessed();
    ensure(told.len() > 20, "accesses told", told.len().to_string())?;
    for told in told {
        let shown = format!("{} {:?} {:?}", told.shown, told.key, told.requester);
        let expected = format!("no value in what is told of {}", told.operation);
        ensure(!shown.contains(&canary), expected, "one shows there")?;
    }
    Ok(())
}

/// Calls all operations with the canary as value, in calls that succeed, that fail and that are dropped. Returns the
/// `Debug` texts of the answers.
pub(super) async fn everything(
    fixture: &ClientFixture<'_>,
    client: &Client<'_>,
    canary: &str,
) -> Result<String, Broken> {
    let mut shown = String::new();
    let file = SecretText::from(format!(r#"{{"imported": "{canary}", "own": "{canary}{canary}"}}"#));
    let broken_file = SecretText::from(format!("own=\"{canary}"));
    let requests = |name: &str| {
        let mut all = vec![
            Request::Create { key: key(name), value: text(canary) },
            Request::Modify { key: key(name), value: text(canary) },
        ];
        all.extend(reads(name, canary));
        all.extend([
            Request::List,
            Request::ListNames,
            Request::Export(FileFormat::Dotenv),
            Request::Import { format: FileFormat::Json, text: file.clone() },
            Request::Import { format: FileFormat::Dotenv, text: broken_file.clone() },
            Request::Delete(key(name)),
        ]);
        all
    };
    for round in 0..4 {
        for request in requests(if round == 1 { "a\u{1}" } else { "own" }) {
            if round == 2 {
                fixture.faults().fail_after(0, || StoreError::invalid("it", "the kit says so"));
            }
            let answer = if round == 3 {
                polled(1, client.call(request)).await
            } else {
                Some(client.call(request).await)
            };
            fixture.faults().recover();
            match answer {
                Some(Ok(Response::Secrets(found))) => {
                    shown.extend(found.iter().map(|found| found.shown.as_str()));
                }
                Some(Ok(Response::Secret(Some(found)))) => shown.push_str(&found.shown),
                Some(Err(failure)) => shown.push_str(&failure.shown),
                _ => {}
            }
        }
    }
    shown.push_str(&client.shown());
    Ok(shown)
}
