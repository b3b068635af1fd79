//! The requests of Locker's official SDKs.

use std::path::Path;

use keyway_core::Plugins;
use keyway_locker_sdk::{Configuration, answer};
use serde_json::Value;

/// Access to a store whose plugin is not linked, so that a request comes as far as one can without a file. The
/// secret is `QUI=`.
const CONFIGURATION: &str = "
    [stores.web]
    plugin = 'generic'
    keys = '/nowhere'
    [[access]]
    id = '0f8fad5b-d9cb-469f-a165-70867728950e'
    secret_sha256 = '49cfc4f8614634a80b2929b144b43bfea3c21d3c33d16660f73189e6a7dc7cfb'
    store = 'web'
";
const PLUGINS: Plugins = Plugins::new(&[]);

/// Checks the answer to any bytes.
///
/// It is one object of the protocol; it repeats the id exactly if another reader finds one too; it repeats
/// nothing else of the request; and only a request for capabilities succeeds.
pub fn locker_request(data: &[u8]) {
    let text = answer(data, &PLUGINS, || Configuration::parse(CONFIGURATION, Path::new("locker-sdk.toml")));
    let answer: Value = serde_json::from_str(&text).expect("the answer is JSON");
    assert_eq!(answer["jsonrpc"], "2.0");
    let request = serde_json::from_slice::<Value>(data).ok();
    if let Some(id) = answer["id"].as_str() {
        let request = request.as_ref().expect("a request with an id is JSON for others, too");
        assert_eq!(request["id"], id, "the answer has the id of the request");
    }
    match (answer.get("result"), answer.get("error")) {
        (Some(result), None) => {
            assert_eq!(request.expect("JSON")["method"], "system.capabilities");
            assert_eq!(result["data"]["protocol"]["name"], "locker.sdk");
        }
        (None, Some(error)) => {
            assert_eq!(error["message"], error["data"]["kind"], "a message shows nothing of the request");
            assert!(error["code"].is_i64() && error["data"]["retryable"].is_boolean());
            assert_eq!(answer.as_object().map(serde_json::Map::len), Some(3));
        }
        _ => panic!("an answer has either a result or an error: {text:?}"),
    }
}
