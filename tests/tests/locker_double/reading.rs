//! Tests reads from the double of Locker's service: the profile, the dates, the counts, and the authentication.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_locker::double::LockerDouble;
use keyway_locker::double::cipher::{Keys, OpenError};

use crate::caller::{Caller, recorded_world};

#[test]
fn the_profile_opens_with_the_secret_access_key_to_the_keys_of_the_rows() {
    let double = recorded_world();
    let caller = Caller::of(&double);
    let (status, answer) = caller.get("/v1/profile");
    assert_eq!((status, &answer["profile"]["project_id"]), (200, &double.project_id().into()));
    let access = STANDARD.decode(double.secret_access_key()).expect("canonical base64");
    let sealed = answer["profile"]["key"].as_str().expect("a text");
    let opened = Keys::of_access_key(&access).open_bytes(sealed).expect("the key opens");
    let keys = Keys::of_project(&opened).expect("64 bytes");
    let (_, page) = caller.get("/v1/secrets");
    assert_eq!(keys.open(page["results"][1]["value"].as_str().expect("a text")), Ok("A-prod".to_owned()));
    assert_eq!(Keys::of_access_key(b"wrong").open_bytes(sealed), Err(OpenError::Mac));
}

#[test]
fn the_counts_and_dates_follow_the_changes() {
    let double = recorded_world();
    let caller = Caller::of(&double);
    let date = |of: &str| caller.get(&format!("/v1/sync/{of}_date")).1;
    let seconds = |of: &str| date(of).as_f64().expect("a bare number");
    assert_eq!(caller.get("/v1/sync/secrets/count").1, 5);
    assert_eq!(caller.get("/v1/sync/environments/count").1, 2);
    assert_eq!(date("deleted_item"), 0.0);
    let seeded = seconds("revision");

    double.put_secret("A", None, "again", "");
    let standing = seconds("revision");
    assert!(standing > seeded, "{standing} after {seeded}, though the clock stands");
    double.set_now(Duration::from_millis(1_800_000_000_500));
    double.put_secret("A", None, "later", "");
    assert_eq!(date("revision"), 1_800_000_000.5);
    assert_eq!(caller.get("/v1/sync/secrets/count").1, 5);

    assert!(double.delete("sec3") && !double.delete("sec3"));
    assert_eq!(date("deleted_item"), date("revision"));
    assert_eq!(caller.get("/v1/sync/secrets/count").1, 4);
    assert!(double.delete("env1"), "with the two secrets in it");
    assert_eq!(caller.get("/v1/sync/secrets/count").1, 2);
    assert_eq!(caller.get("/v1/sync/environments/count").1, 1);
}

#[test]
fn every_route_wants_the_access_key_id() {
    let double = recorded_world();
    let id = double.access_key_id();
    for token in ["", "Bearer", "Bearer other", id, &format!("Basic {id}")] {
        let caller = Caller::of(&double).with_token(token);
        for path in
            ["profile", "sync/revision_date", "sync/secrets/count", "secrets", "environments", "nothing"]
        {
            let (status, answer) = caller.get(&format!("/v1/{path}"));
            assert_eq!((status, answer["code"].as_str()), (401, Some("unauthorized")), "{token} {path}");
        }
        let written = caller.put("/v1/secrets/sec3", &serde_json::json!({}));
        assert_eq!(written.0, 401);
    }
}

#[test]
fn an_unknown_path_or_method_is_not_found() {
    let double = recorded_world();
    let caller = Caller::of(&double);
    for path in ["/", "/v1/", "/v2/secrets", "/v1/secrets/sec3", "/v1/projects"] {
        assert_eq!(caller.get(path).0, 404, "{path}");
    }
    assert_eq!(caller.post("/v1/profile", &serde_json::json!({})).0, 404);
    assert_eq!(caller.put("/v1/projects/1", &serde_json::json!({})).0, 404);
}

#[test]
fn a_connection_serves_several_requests_and_refuses_what_breaks_its_limits() {
    let double = recorded_world();
    let host = double.base().replace("http://", "").replace("/locker_secrets", "");
    let mut stream = TcpStream::connect(&host).expect("a connection");
    let asked = format!(
        "GET /locker_secrets/v1/sync/secrets/count HTTP/1.1\r\nauthorization: Bearer {}\r\n\r\n",
        double.access_key_id()
    );
    let refused = "POST /locker_secrets/v1/secrets HTTP/1.1\r\ncontent-length: 99999999\r\n\r\n";
    stream.write_all(format!("{asked}{asked}{refused}").as_bytes()).expect("it is sent");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).expect("the connection is closed at the end");
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2, "{answers}");
    assert_eq!(answers.matches("\r\n\r\n5").count(), 2, "{answers}");
    assert!(answers.contains("HTTP/1.1 413"), "{answers}");
}

#[test]
fn two_doubles_with_the_same_rows_answer_the_same() {
    let [one, other] = [recorded_world(), recorded_world()];
    let listed = |double: &LockerDouble| Caller::of(double).get("/v1/secrets").1;
    assert_eq!(listed(&one), listed(&other));
}
