//! Tests the pages of secrets and environments, and their filters.

use std::collections::BTreeSet;

use keyway_locker::double::LockerDouble;
use serde_json::Value;

use crate::caller::{Caller, recorded_world};

/// Follows the pages from a path. Returns the number of rows of each page, and all ids.
fn followed(caller: &Caller, first: &str) -> (Vec<usize>, Vec<String>) {
    let (mut sizes, mut ids) = (Vec::new(), Vec::new());
    let mut path = first.to_owned();
    loop {
        let (status, page) = caller.get(&path);
        assert_eq!(status, 200, "{page}");
        let rows = page["results"].as_array().expect("rows");
        sizes.push(rows.len());
        ids.extend(rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()));
        match &page["next"] {
            Value::String(next) => next.clone_into(&mut path),
            end => {
                assert!(end.is_null());
                assert_eq!(page["count"], ids.len());
                return (sizes, ids);
            }
        }
    }
}

fn ids(caller: &Caller, path: &str) -> Vec<String> {
    followed(caller, path).1
}

#[test]
fn pages_hold_every_row_once() {
    let double = LockerDouble::start().expect("a port");
    let caller = Caller::of(&double);
    for number in 0..2345 {
        double.put_secret(&format!("KEY_{number}"), None, "value", "");
    }
    let path = "/v1/secrets?count_secrets=1&page=1&paging=1&revision_date=0.000000&size=2000&hash=";
    let (sizes, ids) = followed(&caller, path);
    assert_eq!(sizes, [2000, 345]);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 2345);
    assert_eq!(followed(&caller, "/v1/secrets?size=9999").0, [2000, 345], "the limit of the service");

    double.set_page_limit(500);
    assert_eq!(followed(&caller, path), (vec![500, 500, 500, 500, 345], ids));
    let (_, page) = caller.get("/v1/secrets?page=6&size=500");
    assert_eq!((&page["results"], &page["count"]), (&Value::Array(Vec::new()), &2345.into()));
    assert_eq!(page["previous"], "/v1/secrets?page=5&size=500");
}

#[test]
fn secrets_are_found_by_hash_environment_and_date() {
    let double = recorded_world();
    let caller = Caller::of(&double);
    let hash = double.lookup_hash("A");
    assert_eq!(ids(&caller, &format!("/v1/secrets?hash={hash}")), ["sec3", "sec4"]);
    assert_eq!(ids(&caller, &format!("/v1/secrets?hash={hash}&environment_id=env1")), ["sec4"]);
    assert_eq!(ids(&caller, "/v1/secrets?environment_id=env1"), ["sec4", "sec6"]);
    assert_eq!(ids(&caller, "/v1/secrets?environment_id=env2"), [""; 0]);
    assert_eq!(ids(&caller, "/v1/secrets?hash=none"), [""; 0]);

    let (_, page) = caller.get("/v1/secrets");
    let date = page["revision_date"].as_f64().expect("a date");
    assert_eq!(page["results"][4]["revision_date"], date);
    assert_eq!(ids(&caller, &format!("/v1/secrets?revision_date={date:.6}")), [""; 0]);
    double.put_secret("B", None, "new", "");
    assert_eq!(ids(&caller, &format!("/v1/secrets?revision_date={date:.6}")), ["sec5"]);
}

#[test]
fn environments_are_found_by_hash_and_in_pages() {
    let double = recorded_world();
    let caller = Caller::of(&double);
    let hash = double.lookup_hash("stg");
    assert_eq!(ids(&caller, &format!("/v1/environments?count_environment=1&hash={hash}")), ["env2"]);
    let (sizes, all) = followed(&caller, "/v1/environments?paging=1&page=1&size=1");
    assert_eq!((sizes, all), (vec![1, 1], vec!["env1".to_owned(), "env2".to_owned()]));
}

#[test]
fn a_parameter_that_is_no_number_is_refused() {
    let double = recorded_world();
    let caller = Caller::of(&double);
    for query in ["page=0", "page=x", "page=-1", "size=0", "size=", "revision_date=x", "revision_date=inf"] {
        let (status, answer) = caller.get(&format!("/v1/secrets?{query}"));
        assert_eq!((status, answer["code"].as_str()), (400, Some("invalid_data")), "{query}");
    }
}
