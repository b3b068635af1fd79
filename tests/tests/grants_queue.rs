//! Tests that waiting for a permit does not count towards a run's deadline, also under the engine
//! (decision W7).
#![cfg(target_os = "linux")]

use std::sync::Arc;
use std::time::Duration;

use keyway_core::{Plugins, plugins};
use keyway_host::Host;
use keyway_host::grants::{GrantRequest, Limits, Phase, Service};
use keyway_issuers::{ServiceName, UserInfo};
use keyway_seal::{Key, KeyRing};
use keyway_storage::Memory;

const PLUGINS: Plugins = plugins! { keyway_process };

/// Checks that a request that never started does not become indeterminate, and does not need a decision by a person.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_waits_for_a_place_is_not_in_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("slow.sh");
    let script = r#"
        case "${1-}" in
        ?*) echo '{"result":"ok","version":"1","conf_params":[],"request_params":[],"features":{"stdin":true}}' ;;
        *) cat >/dev/null; sleep 0.5; echo "{\"result\":\"ok\",\"state\":\"$$\",\"credential\":[]}" ;;
        esac"#;
    std::fs::write(&file, script).unwrap();
    let configuration =
        serde_json::json!({"command": "/bin/sh", "arguments": [file], "deadline_ms": 2000, "parallel": 1});
    let name = ServiceName::new("slow").unwrap();
    let service = Service::new(name.clone(), "process").plugin_configuration(configuration).allow_everybody();
    let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
    let host = Host::builder(PLUGINS.registry().unwrap(), Arc::new(Memory::new()), keys)
        .service(service)
        // The plugin's deadline and the engine's deadline are equal, as by default.
        .grant_limits(Limits::default().with_deadline(Duration::from_secs(2)))
        .start()
        .await
        .unwrap();
    let grants = host.grants();
    let asked: Vec<_> = (0..8)
        .map(|number| {
            let (grants, name) = (grants.clone(), name.clone());
            let user = UserInfo::new("https://issuer.example.com", format!("user-{number}"));
            tokio::spawn(async move { grants.request(&name, GrantRequest::new(user)).await.map(drop) })
        })
        .collect();
    for one in asked {
        one.await.unwrap().unwrap();
    }
    let doubtful = grants.undecided(None, 100).await.unwrap().grants;
    assert!(doubtful.iter().all(|grant| grant.state.phase != Phase::Indeterminate), "{}", doubtful.len());
}
