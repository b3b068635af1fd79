//! Tests of lists that the service returns in several pages: large items, pages that do not end, and projects that
//! change while their pages are read.

use std::sync::Mutex;

use keyway_core::PluginError as _;
use keyway_secrets::{ListQuery, StoreError};
use pollster::block_on;
use serde_json::{Value, json};

use crate::recorded_world::secret;
use crate::scripted_service::{Request, ScriptedService, answer};
use crate::vectors;

/// The largest value that the store writes, in bytes.
const LARGEST: usize = 1 << 20;

/// Returns a secret whose value is repeated in `data`, as the service does.
fn complete(name: &str, value: &str) -> Value {
    let mut item = secret(&vectors::recorded_key(), name, name, None, value);
    item["data"]["value"] = item["value"].clone();
    item
}

fn number(request: &Request, name: &str) -> usize {
    request.query(name).unwrap().parse().unwrap()
}

#[test]
fn secrets_of_the_largest_size_are_listed() {
    let value = complete("large", &"v".repeat(LARGEST));
    let items: Vec<String> = (0..13)
        .map(|number| {
            let mut item = complete(&format!("s{number:02}"), "");
            (item["value"], item["data"]) = (value["value"].clone(), value["data"].clone());
            item.to_string()
        })
        .collect();
    let service = ScriptedService::start(move |request| {
        if request.path.contains("deleted_item_date") {
            return answer(200, &json!(0));
        }
        let (page, size) = (number(request, "page"), number(request, "size"));
        let rest = items.get((page - 1) * size..).unwrap_or_default();
        let next = if rest.len() > size { r#""/v1/secrets?page=next""# } else { "null" };
        let (count, results) = (items.len(), rest[..rest.len().min(size)].join(","));
        let body =
            format!(r#"{{"count": {count}, "next": {next}, "revision_date": 1.5, "results": [{results}]}}"#);
        (200, vec![], body)
    });
    let store = service.store(json!({"request_seconds": 300, "call_seconds": 300}));
    let page = block_on(store.list(&ListQuery::all().limit(10))).unwrap();
    let rest = block_on(store.list(&ListQuery::all().after(page.next.unwrap()))).unwrap();
    let listed = page.secrets.iter().chain(&rest.secrets);
    let names: Vec<_> = listed.map(|secret| secret.header.address.name.to_string()).collect();
    assert_eq!(names, (0..13).map(|number| format!("s{number:02}")).collect::<Vec<_>>());
}

#[test]
fn an_empty_page_before_the_last_one_is_refused() {
    let service = ScriptedService::start(|request| {
        let (page, item) = (number(request, "page"), complete("s", "v"));
        let results = if page == 1 { vec![item] } else { vec![] };
        answer(200, &json!({"count": 9, "next": "/v1/secrets?page=next", "results": results}))
    });
    let store = service.store(json!({"request_seconds": 60, "call_seconds": 60}));
    let error = block_on(store.list(&ListQuery::all())).unwrap_err();
    assert!(error.detail().contains("`next`"), "{error:?} {}", error.detail());
    assert_eq!(service.requests().len(), 2);
}

#[test]
fn more_items_than_the_service_counts_are_not_read() {
    let service = ScriptedService::start(|request| {
        let item = complete(&format!("s{}", number(request, "page")), "v");
        answer(200, &json!({"count": 2, "next": "/v1/secrets?page=next", "results": [item]}))
    });
    let store = service.store(json!({"request_seconds": 60, "call_seconds": 60}));
    let error = block_on(store.list(&ListQuery::all())).unwrap_err();
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    assert!(service.requests().len() <= 15);
}

/// Lists a project of four secrets, whose pages hold two. `change` is called before each page, with its number among
/// all requests, and with the secrets and the date of the last change. Returns the listed names, and the number of
/// requests.
fn listed(
    max_age_seconds: u32,
    change: impl Fn(usize, &mut Vec<Value>, &mut f64) + Send + 'static,
) -> (Vec<String>, usize) {
    let items = (0..4).map(|number| complete(&format!("s{number}"), "v")).collect();
    let project = Mutex::new((0, items, 1.5));
    let service = ScriptedService::start(move |request| {
        let (asked, items, revised) = &mut *project.lock().unwrap();
        change(*asked, items, revised);
        *asked += 1;
        let start = (number(request, "page") - 1) * 2;
        let results = &items[start..items.len().min(start + 2)];
        let next = (start + 2 < items.len()).then_some("/v1/secrets?page=next");
        answer(
            200,
            &json!({"count": items.len(), "next": next, "revision_date": revised, "results": results}),
        )
    });
    let store = service.store(json!({"max_age_seconds": max_age_seconds}));
    let page = block_on(store.list(&ListQuery::all())).unwrap();
    let names = page.secrets.iter().map(|secret| secret.header.address.name.to_string()).collect();
    (names, service.requests().len())
}

#[test]
fn a_list_that_changes_between_its_pages_is_not_read_again_from_kept_answers() {
    let (names, requests) = listed(600, |asked, items, _| {
        if asked == 1 {
            items.push(complete("s4", "v"));
        }
    });
    assert_eq!((names.join(" "), requests), ("s0 s1 s2 s3 s4".into(), 5));
}

#[test]
fn a_secret_that_moves_to_an_earlier_page_is_not_left_out_of_a_list() {
    // One secret is removed and another one is added, so the number of secrets stays the same.
    let (names, requests) = listed(0, |asked, items, revised| {
        if asked == 1 {
            items.remove(0);
            items.push(complete("s4", "v"));
            *revised += 1.0;
        }
    });
    assert_eq!((names.join(" "), requests), ("s1 s2 s3 s4".into(), 4));
}

#[test]
fn a_project_whose_secrets_change_all_the_time_is_listed() {
    let (names, requests) = listed(0, |_, _, revised| *revised += 1.0);
    assert_eq!((names.join(" "), requests), ("s0 s1 s2 s3".into(), 4));
}
