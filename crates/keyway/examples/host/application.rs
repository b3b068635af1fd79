//! Shows an application that uses a host's store through the client, with an audit of its accesses.

use std::sync::{Arc, Mutex};

use keyway::client::{Access, Bundle, Error, Layer, Resolution, Secrets};
use keyway::seal::KeyRing;
use keyway::secrets::{NewSecret, Recipe, SecretStore, StoreName};
use keyway::stores::{HostedStore, Stores};
use serde_json::json;

use crate::report::{Failure, Report};
use crate::{address, new_ring};

/// Shows an application that reads and writes through the client in an environment.
pub(crate) async fn show(
    report: &mut Report,
    store: &Arc<HostedStore>,
    secrets: &mut Vec<String>,
) -> Result<(), Failure> {
    report.step("An application, with the client");
    let log = Arc::new(Mutex::new(Vec::new()));
    let client = Secrets::builder(Arc::clone(store) as Arc<dyn SecretStore>)
        .requester("billing")
        .audit({
            let log = Arc::clone(&log);
            move |access: &Access<'_>| {
                log.lock().expect("no hook panics with the lock").push(access.to_string());
            }
        })
        .build();
    let staging = client.in_environment("staging");
    secrets.push("token of everybody".to_owned());
    client.create("service/token", "token of everybody").await?;

    report.check(staging.get("service/token").await?.is_none(), "exactly: staging has no such token");
    report.check(
        staging.get_or("service/token", "a default").await?.expose() == "a default",
        "a default stands for a missing secret",
    );
    report.refused(
        client.in_environment("stagging").get_or("service/token", "a default").await,
        |error| matches!(error, Error::EnvironmentNotFound { .. }),
        "and not for a missing environment",
    );
    let layered = staging.with_resolution(Resolution::SharedFallback);
    let token = layered.retrieve("service/token").await?;
    report.check(
        token.layer == Layer::Shared,
        "with fallback: the shared layer gave it, and the answer says so",
    );
    let mut agree = true;
    let listed = layered.list().await?;
    for secret in &listed {
        let single = layered.retrieve(secret.key()).await?;
        agree &= single.layer == secret.layer && single.value.same_as(&secret.value);
    }
    report.check(agree, &format!("{} secrets listed, each as single reads give it", listed.len()));
    report.refused(
        layered.modify("service/token", "of staging alone").await,
        |error| matches!(error, Error::SecretNotFound { .. }),
        "a write in staging does not reach the shared secret",
    );

    let bundle = Bundle::from_dotenv("REGION=eu\nSMTP_PASSWORD=\"from a file\"\n")?;
    secrets.push("from a file".to_owned());
    let plan = staging.plan_import(&bundle).await?;
    staging.import(&bundle).await?;
    report.check(
        plan.created.len() == 2 && staging.plan_import(&bundle).await?.unchanged.len() == 2,
        "two secrets imported from a dotenv file, as the plan said",
    );
    for (client, key) in [(&client, "service/token"), (&staging, "REGION"), (&staging, "SMTP_PASSWORD")] {
        client.delete(key).await?;
    }

    let log = std::mem::take(&mut *log.lock().expect("no hook panics with the lock"));
    if let Some(line) = log.iter().find(|line| line.contains("layer=shared")) {
        report.line(&format!("       {line}"));
    }
    report.check(
        log.len() > 10 && log.iter().all(|line| line.contains("requester=\"billing\"")),
        &format!("the audit hook saw {} accesses, and who made them", log.len()),
    );
    Ok(())
}

/// Shows a store that makes the passwords itself.
pub(crate) async fn generated_passwords(
    report: &mut Report,
    stores: &Stores,
    secrets: &mut Vec<String>,
) -> Result<(), Failure> {
    report.step("Generated passwords");
    let keys: KeyRing = new_ring()?;
    let settings = json!({ "settings": { "length": 32, "alphabet": "alphanumeric" } });
    let store = stores.create(&StoreName::new("passwords")?, "passdb", settings, &keys).await?;
    let service = address("service")?;
    store.create(NewSecret::generated(service.clone(), Recipe::new())).await?;
    let password = store.get(&service).await?;
    let text = password.value.expose_text().ok_or("a generated password is a text")?;
    report.check(
        text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        "the first one keeps the settings already",
    );
    secrets.push(text.to_owned());
    Ok(())
}
