use std::sync::Mutex;

use keyway_certificates::{CaInformation, OrderMetadata, Owner};
use keyway_core::{CallError, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::orders::CaTable;

/// An authority that gives preset answers, and records the questions.
#[derive(Debug)]
struct Scripted {
    name: AuthorityName,
    types: RequestTypes,
    answer: Answer,
    asked: Mutex<Vec<Option<CaId>>>,
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Yes,
    No,
    Fails,
}

impl Candidate for Scripted {
    fn name(&self) -> &AuthorityName {
        &self.name
    }

    fn request_types(&self) -> RequestTypes {
        self.types
    }

    async fn supports(&self, request: &OrderRequest) -> Result<Support, CertificateError> {
        self.asked.lock().unwrap().push(request.context.ca.clone());
        match self.answer {
            Answer::Yes => Ok(Support::Yes),
            Answer::No => Ok(Support::no("not these names")),
            Answer::Fails => Err(CallError::Panicked { operation: "supports" }.into()),
        }
    }
}

fn authority(name: &str, answer: Answer) -> Scripted {
    let name = AuthorityName::new(name).unwrap();
    Scripted { name, types: RequestTypes::CUSTOM, answer, asked: Mutex::default() }
}

fn owner() -> Owner {
    Owner::new("joe").unwrap()
}

/// Returns a table in which each authority has CAs with the plugin's ids `1` and `2`. The names of the CAs begin with
/// the authority's name: `a1`, `a2`.
fn table(authorities: &[&str]) -> CaTable {
    let now = Timestamp::from_milliseconds(0);
    let mut table = CaTable::default();
    for name in authorities {
        let authority = AuthorityName::new(*name).unwrap();
        let ca = |id: &str| CaInformation::new(CaId::new(id).unwrap(), format!("{name}{id}"));
        table.connect(authority.clone(), now);
        assert!(table.refreshed(&authority, [ca("1"), ca("2")], now).is_empty());
    }
    table
}

fn routed(candidates: &[Scripted], table: &CaTable, metadata: &Value) -> Result<Route, RouteError> {
    let metadata = OrderMetadata::from_json(metadata.to_string().as_bytes()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let named = metadata.ca_id().map_err(RequestError::from)?;
    let chosen = table.chosen(&owner(), named.as_ref())?;
    runtime.block_on(route(candidates, chosen, OrderRequest::new(metadata)))
}

fn place(route: &Route) -> (&str, Option<&str>) {
    (route.authority.as_str(), route.ca.as_ref().map(CaId::as_str))
}

fn asked(candidates: &[Scripted]) -> Vec<usize> {
    candidates.iter().map(|candidate| candidate.asked.lock().unwrap().len()).collect()
}

#[test]
fn the_first_that_takes_the_request_gets_it() {
    let all = [
        authority("a", Answer::No),
        authority("b", Answer::Fails),
        authority("c", Answer::Yes),
        authority("d", Answer::Yes),
    ];
    let route = routed(&all, &table(&[]), &json!({})).unwrap();
    assert_eq!(place(&route), ("c", None));
    assert_eq!(route.passed_over.len(), 2);
    assert_eq!(route.context(), RequestContext::new());
    assert_eq!(asked(&all), [1, 1, 1, 0]);
}

#[test]
fn only_authorities_that_declare_the_type_are_asked() {
    let mut all = [authority("a", Answer::Yes), authority("b", Answer::Yes)];
    all[1].types = RequestTypes::SIMPLE_CMC;
    let metadata = json!({"request_type": "simple-cmc"});
    assert_eq!(place(&routed(&all, &table(&[]), &metadata).unwrap()), ("b", None));
    assert_eq!(asked(&all), [0, 1]);
    let error = routed(&all, &table(&[]), &json!({"request_type": "stored-key"})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no certificate authority takes the request: a does not offer requests of this type; b does not offer \
         requests of this type"
    );
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn a_named_authority_is_asked_and_no_other() {
    let all = [authority("a", Answer::Yes), authority("b", Answer::Yes)];
    let table = table(&["a", "b"]);
    let id = &table.named("b2").unwrap().id;
    let route = routed(&all, &table, &json!({"ca_id": id.as_str()})).unwrap();
    assert_eq!(place(&route), ("b", Some("2")));
    assert_eq!(route.context().ca, Some(CaId::new("2").unwrap()));
    assert_eq!(*all[1].asked.lock().unwrap(), [Some(CaId::new("2").unwrap())]);
    assert_eq!(asked(&all), [0, 1]);
}

#[test]
fn the_no_of_a_named_authority_names_it() {
    let table = table(&["a", "b"]);
    let metadata = json!({"ca_id": table.named("a1").unwrap().id.as_str()});
    let with = |answer| [authority("b", Answer::Yes), authority("a", answer)];
    let error = routed(&with(Answer::No), &table, &metadata).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the certificate authority \"a1\" does not take the request: a: not these names"
    );
    let error = routed(&with(Answer::Fails), &table, &metadata).unwrap_err();
    assert!(matches!(&error, RouteError::NotTaken { reason: NotTaken::Failed { .. }, .. }), "{error}");
    let error = routed(&[authority("b", Answer::Yes)], &table, &metadata).unwrap_err();
    assert_eq!(error.to_string(), "the certificate authority \"a1\" cannot be asked: connect a again");
}

#[test]
fn an_owner_prefers_one_and_all_prefer_another() {
    let all = [authority("a", Answer::Yes), authority("b", Answer::Yes)];
    let mut table = table(&["a", "b"]);
    let [a2, b1] = ["a2", "b1"].map(|name| table.named(name).unwrap().id.clone());
    table.set_preferred(None, Some(&a2));
    assert_eq!(place(&routed(&all, &table, &json!({})).unwrap()), ("a", Some("2")));
    table.set_preferred(Some(&owner()), Some(&b1));
    assert_eq!(place(&routed(&all, &table, &json!({})).unwrap()), ("b", Some("1")));
    table.set_preferred(Some(&Owner::new("other").unwrap()), Some(&a2));
    assert_eq!(place(&routed(&all, &table, &json!({})).unwrap()), ("b", Some("1")));
    assert_eq!(place(&routed(&all, &table, &json!({"ca_id": a2.as_str()})).unwrap()), ("a", Some("2")));
    table.set_preferred(Some(&owner()), None);
    assert_eq!(place(&routed(&all, &table, &json!({})).unwrap()), ("a", Some("2")));
}

#[test]
fn an_unknown_authority_is_an_error() {
    let all = [authority("a", Answer::Yes)];
    for metadata in [json!({"ca_id": "a1"}), json!({"ca_id": "1"})] {
        let error = routed(&all, &table(&["a"]), &metadata).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
    let error = routed(&all, &table(&["a"]), &json!({"ca_id": 5})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = routed(&[], &table(&[]), &json!({})).unwrap_err();
    assert_eq!(error.to_string(), "no certificate authority takes the request: the host has none");
    assert_eq!(asked(&all), [0]);
}
