//! What an audit hook is told.

use keyway_core::ErrorKind;
use keyway_secrets::StoreError;
use secrecy::SecretString;

use super::world::DEFAULT;
use super::{
    AccessOutcome, Accessed, Broken, Checked, Client, ClientAnswer, ClientFixture, ENVIRONMENTS, FileFormat,
    Layer, Operation, Request, Resolution, Response, StoreFixture, at, at_in, ensure, polled, rules, text,
};

rules! {
    in StoreFixture;
    "SEC-240" Must needs ENVIRONMENTS from ["Client/audit", "L1"]
        "An audit hook is told of each access once, with requester, operation, key, environment, the layer of what was read, and the outcome."
        each_access_is_told_once;
    "SEC-241" Must from ["Client/audit", "L5"]
        "An audit hook is told of accesses that failed, with the kind of failure, also where a default was given."
        failures_are_told;
    "SEC-242" Must from ["Client/audit", "Contract/cancellation"]
        "An audit hook is told of an access whose future was dropped, once, as cancelled."
        cancellations_are_told;
    "SEC-243" Must from ["Client/audit", "Principle/secrets"]
        "No value shows in what an audit hook is told, whatever came of the access."
        values_are_not_told;
}

/// What is expected of one access. The layer matters where one secret was read; the
/// environment, where the operation is about one or the client stands in one.
struct Expected {
    operation: Operation,
    key: Option<&'static str>,
    environment: Option<&'static str>,
    layer: Option<Layer>,
    outcomes: Vec<AccessOutcome>,
}

impl Expected {
    fn new(operation: Operation, key: Option<&'static str>, environment: Option<&'static str>) -> Self {
        Self { operation, key, environment, layer: None, outcomes: vec![AccessOutcome::Done] }
    }

    fn from(mut self, layer: Layer) -> Self {
        self.layer = Some(layer);
        self
    }

    fn failing(mut self, kinds: &[ErrorKind]) -> Self {
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
        ensure(
            self.outcomes.contains(&told.outcome),
            format!("the outcome {:?} told of {what}", self.outcomes),
            format!("{:?}", told.outcome),
        )
    }
}

fn key(key: &str) -> String {
    key.to_owned()
}

/// Each request once, with what is to be told of it in the environment `e`, which has `own`;
/// `shared` is in the shared layer. After the first requests the environment has `new` too.
fn requests() -> Vec<(Request, Expected)> {
    let of = |operation, key| Expected::new(operation, Some(key), Some("e"));
    let default = || SecretString::from(DEFAULT);
    let (own, shared) = (Layer::Environment, Layer::Shared);
    vec![
        (Request::Get { key: key("own") }, of(Operation::Get, "own").from(own)),
        (
            Request::GetOr { key: key("shared"), default: default() },
            of(Operation::Get, "shared").from(shared),
        ),
        (Request::GetRequired { key: key("own") }, of(Operation::Get, "own").from(own)),
        (Request::Find { key: key("shared") }, of(Operation::Retrieve, "shared").from(shared)),
        (Request::Retrieve { key: key("own") }, of(Operation::Retrieve, "own").from(own)),
        (Request::List, Expected::new(Operation::List, None, Some("e"))),
        (Request::ListNames, Expected::new(Operation::ListNames, None, Some("e"))),
        (Request::Create { key: key("new"), value: text("v") }, of(Operation::Create, "new")),
        (Request::Modify { key: key("new"), value: text("w") }, of(Operation::Modify, "new")),
        (Request::Delete { key: key("new") }, of(Operation::Delete, "new")),
        (
            Request::CreateEnvironment { name: key("f"), external_url: None },
            Expected::new(Operation::CreateEnvironment, None, Some("f")),
        ),
        (
            Request::RetrieveEnvironment { name: key("f") },
            Expected::new(Operation::RetrieveEnvironment, None, Some("f")),
        ),
        (
            Request::ModifyEnvironment { name: key("f"), external_url: Some(key("u")) },
            Expected::new(Operation::ModifyEnvironment, None, Some("f")),
        ),
        (Request::Export { format: FileFormat::Json }, Expected::new(Operation::Export, None, Some("e"))),
    ]
}

async fn each_access_is_told_once(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &["e"], &[at("shared"), at_in("own", "e")]).await?;
    for requester in [None, Some("billing"), Some("a \"b\"\n")] {
        let client = fixture.client.in_scope(Some("e"), Resolution::SharedFallback);
        let client = requester.map_or_else(|| client.clone(), |requester| client.on_behalf_of(requester));
        for (request, expected) in requests() {
            let what = format!("{request:?}");
            let what = what.split_once(' ').map_or(what.as_str(), |(name, _)| name);
            if matches!(request, Request::CreateEnvironment { .. }) && requester.is_some() {
                continue; // It is there since the first round.
            }
            fixture.accessed();
            client.call(request).await.works(what)?;
            expected.must_be(what, &fixture.accessed(), requester)?;
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

/// What an import writes is told key by key.
async fn imports_are_told(fixture: &ClientFixture<'_>) -> Checked {
    let client = fixture.client.in_scope(Some("e"), Resolution::Exact);
    fixture.accessed();
    let file = SecretString::from(r#"{"own": "changed", "one": "1", "two": "2"}"#);
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
    let default = || SecretString::from(DEFAULT);
    let of = |operation, key| Expected::new(operation, Some(key), None);
    let missing = [ErrorKind::NotFound];
    for (request, expected) in [
        (Request::Get { key: key("no") }, of(Operation::Get, "no").failing(&missing)),
        (Request::GetOr { key: key("no"), default: default() }, of(Operation::Get, "no").failing(&missing)),
        (Request::GetRequired { key: key("no") }, of(Operation::Get, "no").failing(&missing)),
        (Request::Find { key: key("no") }, of(Operation::Retrieve, "no").failing(&missing)),
        (Request::Retrieve { key: key("no") }, of(Operation::Retrieve, "no").failing(&missing)),
        (Request::Modify { key: key("no"), value: text("v") }, of(Operation::Modify, "no").failing(&missing)),
        (Request::Delete { key: key("no") }, of(Operation::Delete, "no").failing(&missing)),
        (
            Request::Create { key: key("there"), value: text("v") },
            of(Operation::Create, "there").failing(&[ErrorKind::AlreadyExists, ErrorKind::Conflict]),
        ),
        (
            Request::Create { key: key("a\0"), value: text("v") },
            of(Operation::Create, "a\0").failing(&[ErrorKind::Invalid]),
        ),
    ] {
        let what = format!("{request:?}");
        fixture.accessed();
        let _ = fixture.client.call(request).await;
        expected.must_be(&what.replace('\0', "\\0"), &fixture.accessed(), None)?;
    }
    fixture
        .faults()
        .fail_after(0, || StoreError::Corrupt { what: "it", reason: "the kit says so".to_owned() });
    let corrupt = [ErrorKind::Corrupt];
    for (request, expected) in [
        (Request::Get { key: key("there") }, of(Operation::Get, "there").failing(&corrupt)),
        (Request::Retrieve { key: key("there") }, of(Operation::Retrieve, "there").failing(&corrupt)),
        (Request::List, Expected::new(Operation::List, None, None).failing(&corrupt)),
        (Request::ListNames, Expected::new(Operation::ListNames, None, None).failing(&corrupt)),
        (
            Request::Create { key: key("new"), value: text("v") },
            of(Operation::Create, "new").failing(&corrupt),
        ),
        (Request::Delete { key: key("there") }, of(Operation::Delete, "there").failing(&corrupt)),
    ] {
        let what = format!("{request:?} when the store is damaged");
        fixture.accessed();
        let _ = fixture.client.call(request).await;
        expected.must_be(&what, &fixture.accessed(), None)?;
    }
    Ok(())
}

async fn cancellations_are_told(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &[], &[at("own")]).await?;
    let client = fixture.client.on_behalf_of("billing");
    for (request, mut expected) in requests() {
        if expected.environment != Some("e") {
            continue; // Not every store has environments.
        }
        let what = format!("{request:?}, dropped half-way");
        (expected.environment, expected.layer) = (None, None);
        expected.outcomes = vec![AccessOutcome::Cancelled];
        fixture.accessed();
        if polled(1, client.call(request)).await.is_some() {
            // It never asked the store, so there was nothing to drop.
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
        ensure(
            !shown.contains(&canary),
            format!("no value in what is told of {}", told.operation),
            "one shows there",
        )?;
    }
    Ok(())
}

/// Calls everything with the canary as value, so that it works, fails and is dropped; answers
/// what the answers show.
pub(super) async fn everything(
    fixture: &ClientFixture<'_>,
    client: &Client<'_>,
    canary: &str,
) -> Result<String, Broken> {
    let mut shown = String::new();
    let file = SecretString::from(format!(r#"{{"imported": "{canary}", "own": "{canary}{canary}"}}"#));
    let broken_file = SecretString::from(format!("own=\"{canary}"));
    let requests = |name: &str| {
        let key = || name.to_owned();
        let value = || text(canary);
        vec![
            Request::Create { key: key(), value: value() },
            Request::Modify { key: key(), value: value() },
            Request::Get { key: key() },
            Request::GetOr { key: key(), default: canary.into() },
            Request::GetRequired { key: key() },
            Request::Find { key: key() },
            Request::Retrieve { key: key() },
            Request::List,
            Request::ListNames,
            Request::Export { format: FileFormat::Dotenv },
            Request::Import { format: FileFormat::Json, text: file.clone() },
            Request::Import { format: FileFormat::Dotenv, text: broken_file.clone() },
            Request::Delete { key: key() },
        ]
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
                Some(Ok(Response::Secret(Some(found)))) => {
                    shown.push_str(&found.shown);
                }
                Some(Err(failure)) => shown.push_str(&failure.shown),
                _ => {}
            }
        }
    }
    shown.push_str(&client.shown());
    Ok(shown)
}
