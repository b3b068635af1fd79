//! Measures `locker-sdk`, from its start to its exit, against a program that only reads the same records.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use keyway_tests::locker_sdk::{ACCESS_KEY_IDS, SECRET_ACCESS_KEY, SdkStores};
use rusqlite::Connection;
use serde_json::json;

use super::{BenchError, locker_project};
use crate::measure::{Clock, Plan, compare};
use crate::programs::install;
use crate::row::{Row, Target};

/// A run takes some milliseconds. A round has only a few runs, so that Keyway and its peer run at about the same time.
const PLAN: Plan = Plan { clock: Clock::Wall, rounds: 301, batch: Duration::from_millis(10) };

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let name =
        "locker-sdk, one get over SQLite, from start to exit; a bare program that reads the same records";
    let folder = tempfile::tempdir()?;
    let sdk = install("keyway-locker-sdk", "locker-sdk", "bench", folder.path())?;
    let bare = install("keyway-bare-get", "keyway-bare-get", "bench", folder.path())?;
    let stores = SdkStores::new()?;
    stores.call("records", "secret.create", json!({"key": "REDIS_CONNECTION", "value": "redis://localhost"}));
    let database = stores.path("web.db");
    let keys = keys(&database)?;
    let get = request("secret.get", json!({"key": "REDIS_CONNECTION"}));
    let ask = |request: &str| {
        let mut command = Command::new(&sdk);
        command.arg("sdk").env("XDG_CONFIG_HOME", stores.folder());
        run_program(command, request)
    };
    let answer = ask(&get)?;
    if !answer.contains("redis:\\/\\/localhost") {
        return Err(format!("locker-sdk answers {answer}").into());
    }
    let capabilities = request("system.capabilities", json!({}));
    let read_bare = || {
        let mut command = Command::new(&bare);
        command.arg(&database).args(&keys);
        run_program(command, &get).expect("the bare program runs")
    };
    let ours = compare(PLAN, || ask(&get).expect("locker-sdk runs"), read_bare);
    let first = compare(PLAN, || ask(&capabilities).expect("locker-sdk runs"), read_bare);
    let mut rows = vec![
        Row::compared(area, name, ours).must(Target::RatioAtMost(1.5)),
        Row::compared(
            area,
            "its capabilities, which the first call of an SDK asks for; the same program",
            first,
        ),
    ];
    rows.extend(locker_project::run(area)?);
    Ok(rows)
}

fn request(method: &str, mut parameters: serde_json::Value) -> String {
    let (_, id) = ACCESS_KEY_IDS[0];
    if method != "system.capabilities" {
        parameters["context"] = json!({
            "protocol_version": 1,
            "credentials": { "access_key_id": id, "secret_access_key": SECRET_ACCESS_KEY },
        });
    }
    json!({"jsonrpc": "2.0", "id": "1", "method": method, "params": parameters}).to_string()
}

fn run_program(mut command: Command, input: &str) -> Result<String, BenchError> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    child.stdin.take().ok_or("no standard input")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("the program ended with {}", output.status).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns the keys of the two longest records, in hexadecimal. In a store with one secret, a read needs only these two
/// records; the other records are counters.
fn keys(database: &Path) -> Result<Vec<String>, BenchError> {
    let connection = Connection::open(database)?;
    let mut select =
        connection.prepare("SELECT hex(key) FROM records ORDER BY length(value) DESC LIMIT 2")?;
    let keys: Result<Vec<String>, _> = select.query_map([], |row| row.get(0))?.collect();
    Ok(keys?)
}
