//! Tests each fault of the double of Locker's service, and the end of the double.

use std::thread;
use std::time::{Duration, Instant};

use keyway_locker::double::{Fault, LockerDouble, Route};
use serde_json::json;

use crate::caller::{Caller, recorded_world, secret};

const COUNT: &str = "/v1/sync/secrets/count";

#[test]
fn a_status_comes_with_its_body_and_its_delay_and_changes_nothing() {
    let double = recorded_world();
    let caller = Caller::of(&double);
    for (code, retry_after) in [(404, None), (429, Some("7")), (500, None), (503, Some("soon"))] {
        let body = json!({ "code": "c", "message": "slow" });
        let retry_after = retry_after.map(str::to_owned);
        let status = Fault::Status { code, body: body.to_string(), retry_after: retry_after.clone() };
        double.fail_once(Some(Route::CreateSecret), status.clone());
        assert_eq!(caller.post("/v1/secrets", &secret(&double, "NEW", "")), (code, body));
        double.fail_once(None, status);
        let answer = caller.agent().get(format!("{}{COUNT}", double.base())).call().expect("an answer");
        let header = answer.headers().get("retry-after").map(|value| value.to_str().expect("ASCII"));
        assert_eq!(header, retry_after.as_deref());
    }
    assert_eq!(double.secrets().len(), 5);
}

#[test]
fn a_fault_is_for_one_route_and_for_once_or_until_it_is_switched_off() {
    let double = recorded_world();
    let caller = Caller::of(&double);
    let status = |code| Fault::Status { code, body: "{}".to_owned(), retry_after: None };
    double.fail_once(Some(Route::SecretCount), status(502));
    double.fail_always(Some(Route::Profile), status(503));
    assert_eq!(caller.get("/v1/environments").0, 200);
    assert_eq!((caller.get(COUNT).0, caller.get(COUNT).0), (502, 200));
    assert_eq!((caller.get("/v1/profile").0, caller.get("/v1/profile").0), (503, 503));
    double.fail_always(None, status(500));
    assert_eq!((caller.get("/v1/profile").0, caller.get("/v1/unknown").0), (500, 500));
    double.heal();
    assert_eq!((caller.get("/v1/profile").0, caller.get(COUNT).0), (200, 200));
    assert_eq!(double.take_requests().len(), 9, "also those that failed");
}

#[test]
fn every_route_has_its_faults() {
    let double = recorded_world();
    let caller = Caller::of(&double);
    let teapot = Fault::Status { code: 418, body: String::new(), retry_after: None };
    let routes = [
        (Route::Profile, "GET", "profile"),
        (Route::RevisionDate, "GET", "sync/revision_date"),
        (Route::DeletedItemDate, "GET", "sync/deleted_item_date"),
        (Route::SecretCount, "GET", "sync/secrets/count"),
        (Route::EnvironmentCount, "GET", "sync/environments/count"),
        (Route::ListSecrets, "GET", "secrets"),
        (Route::CreateSecret, "POST", "secrets"),
        (Route::UpdateSecret, "PUT", "secrets/sec3"),
        (Route::ListEnvironments, "GET", "environments"),
        (Route::CreateEnvironment, "POST", "environments"),
        (Route::UpdateEnvironment, "PUT", "environments/env1"),
    ];
    for (route, _, _) in routes {
        double.heal();
        double.fail_always(Some(route), teapot.clone());
        for (other, method, path) in routes {
            let path = format!("/v1/{path}");
            let (status, _) = match method {
                "GET" => caller.get(&path),
                "POST" => caller.post(&path, &json!({})),
                _ => caller.put(&path, &json!({})),
            };
            assert_eq!(status == 418, other == route, "{other:?}, while {route:?} fails");
        }
    }
}

#[test]
fn a_cut_connection_carries_nothing_out_and_a_lost_answer_does() {
    let double = recorded_world();
    let caller = Caller::of(&double);
    for (fault, is_stored) in
        [(Fault::CutConnection, false), (Fault::LoseAnswer, true), (Fault::CutBody, true)]
    {
        let before = double.secrets().len();
        double.fail_once(Some(Route::CreateSecret), fault.clone());
        let body = secret(&double, &format!("NEW_{before}"), "");
        caller.try_post("/v1/secrets", &body).expect_err("the answer does not arrive whole");
        assert_eq!(double.secrets().len() > before, is_stored, "{fault:?}");
    }
}

#[test]
fn a_cut_body_is_no_answer_however_short_it_is() {
    let double = recorded_world();
    let caller = Caller::of(&double);
    double.fail_always(None, Fault::CutBody);
    for path in ["/v1/secrets", "/v1/profile", COUNT] {
        caller.try_get(path).expect_err(path);
    }
    double.heal();
    assert_eq!(caller.get(COUNT), (200, json!(5)));
}

#[test]
fn garbage_has_the_status_of_the_answer() {
    let double = recorded_world();
    let caller = Caller::of(&double);
    double.fail_once(None, Fault::Garbage);
    assert_eq!(caller.get("/v1/secrets"), (200, json!(null)));
    double.fail_once(None, Fault::Garbage);
    assert_eq!(caller.post("/v1/secrets", &secret(&double, "NEW", "")), (201, json!(null)));
}

#[test]
fn wrong_ciphers_keep_their_form_and_plaintext_is_readable() {
    let double = recorded_world();
    let caller = Caller::of(&double);
    let (_, good) = caller.get("/v1/secrets");
    double.fail_once(None, Fault::WrongCipher);
    let (_, wrong) = caller.get("/v1/secrets");
    double.fail_once(None, Fault::Plaintext);
    let (_, plain) = caller.get("/v1/secrets");
    for (row, field, value) in [(1, "value", "A-prod"), (1, "environment_name", "prod"), (3, "key", "C")] {
        assert_eq!(plain["results"][row][field], value);
        let [wrong, good] = [&wrong, &good].map(|page| page["results"][row][field].as_str().expect("a text"));
        assert_ne!(wrong, good);
        assert!(wrong.starts_with("2.") && wrong.len() == good.len(), "{wrong}");
    }
    for page in [&wrong, &plain] {
        assert_eq!(page["results"][1]["secret_hash"], good["results"][1]["secret_hash"]);
        assert_eq!(page["results"][1]["id"], "sec4");
    }
    for fault in [Fault::WrongCipher, Fault::Plaintext] {
        let (_, good) = caller.get("/v1/profile");
        double.fail_once(Some(Route::Profile), fault);
        assert_ne!(caller.get("/v1/profile").1["profile"]["key"], good["profile"]["key"]);
    }
}

#[test]
fn a_slow_answer_comes_later() {
    let double = recorded_world();
    let caller = Caller::of(&double);
    double.fail_once(None, Fault::Slow(Duration::from_millis(80)));
    let start = Instant::now();
    assert_eq!(caller.get(COUNT), (200, json!(5)));
    assert!(start.elapsed() >= Duration::from_millis(80));
}

#[test]
fn the_double_ends_at_once_with_slow_answers_and_silent_connections() {
    let double = recorded_world();
    let (silent, slow) = (Caller::of(&double), Caller::of(&double));
    silent.get(COUNT);
    double.take_requests();
    double.fail_always(None, Fault::Slow(Duration::from_secs(60)));
    let asking = thread::spawn(move || slow.try_get(COUNT));
    while double.take_requests().is_empty() {
        thread::yield_now();
    }
    let start = Instant::now();
    drop(double);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    asking.join().expect("the caller ends").expect_err("the answer never came");
    silent.try_get(COUNT).expect_err("the double is gone");
}

#[test]
fn many_doubles_start_and_end_one_after_the_other() {
    for _ in 0..50 {
        let double = LockerDouble::start().expect("a port");
        assert_eq!(Caller::of(&double).get(COUNT), (200, json!(0)));
    }
}
