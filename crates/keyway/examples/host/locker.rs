//! Shows a project of the service Locker as a store of the host. A test double stands for the service.

use std::io::Write as _;
use std::path::Path;

use keyway::secrets::{
    EnvironmentFilter, EnvironmentName, ListQuery, NewSecret, SecretAddress, SecretName, SecretStore as _,
    StoreError, StoreName,
};
use keyway::stores::Stores;
use keyway::{ErrorKind, PluginError as _, SecretValue};
use keyway_locker::double::{Fault, LockerDouble};
use serde_json::json;
use tempfile::NamedTempFile;

use crate::report::{Failure, Report};
use crate::{list_all, new_ring};

pub(crate) async fn show(
    report: &mut Report,
    stores: &Stores,
    folder: &Path,
    secrets: &mut Vec<String>,
) -> Result<(), Failure> {
    report.step("A project of the service Locker");
    let service = LockerDouble::start()?;
    service.put_environment("prod", "https://shop.example.org");
    service.put_secret("DATABASE_URL", Some("prod"), "postgres://shop:hunter22@db", "of the shop");
    service.put_secret("DATABASE_URL", None, "postgres://localhost/shop", "");
    secrets.extend(service.secrets().into_iter().map(|secret| secret.value));

    // Only the owner may read a file with credentials. In production the file is permanent, and the address is that of
    // the service.
    let mut credentials = NamedTempFile::new_in(folder)?;
    writeln!(credentials, "access_key_id={}", service.access_key_id())?;
    writeln!(credentials, "secret_access_key={}", service.secret_access_key())?;
    secrets.push(service.secret_access_key().to_owned());
    let configuration =
        json!({ "api_base": service.base(), "credentials_file": credentials.path(), "proxy": "none" });
    // The project has its own keys, so the plugin does not use the given ones.
    let project = stores.adopt(&StoreName::new("shop")?, "locker", configuration, &new_ring()?).await?;

    let prod = EnvironmentName::new("prod")?;
    let address = SecretAddress::in_environment(SecretName::new("DATABASE_URL")?, prod.clone());
    let database = project.get(&address).await?;
    report.check(
        database.value.expose_text() == Some("postgres://shop:hunter22@db")
            && database.header.description.as_deref() == Some("of the shop"),
        "it gives a secret of an environment, with its description",
    );
    let listed = list_all(&project, &ListQuery::all().of(EnvironmentFilter::In(prod.clone()))).await?;
    report.check(
        listed.len() == 1 && listed[0].header.address == address,
        "the list of the environment holds this secret, and none that is shared",
    );
    let token = SecretAddress::in_environment(SecretName::new("API_TOKEN")?, prod);
    project.create(NewSecret::new(token, SecretValue::text("token of the shop"))).await?;
    secrets.push("token of the shop".to_owned());
    let sent: Vec<_> = service.take_requests().into_iter().map(|request| request.body).collect();
    report.check(
        service.secrets().iter().any(|secret| secret.value == "token of the shop")
            && !sent.iter().any(|body| String::from_utf8_lossy(body).contains("token of the shop")),
        "a new one is stored there, and the service got it encrypted",
    );
    service.fail_always(None, Fault::CutConnection);
    report.refused(
        project.get(&address).await,
        |error: &StoreError| matches!(error.kind(), ErrorKind::Unavailable { .. }),
        "while the service is down, a read says so",
    );
    Ok(())
}
