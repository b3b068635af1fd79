//! Requests, uses and revokes a login key: once by a plugin in this process, and once by the same plugin as an
//! executable in a process of its own.

use std::path::Path;
use std::process::ExitCode;

use keyway::grants::{GrantOutcome, GrantRequest, Grants, GrantsError, Phase, Revoked, Service, ServiceView};
use keyway::issuers::{ParameterSet, ServiceName, UserInfo};
use keyway::{HostBuilder, Plugins};
use serde_json::{Value, json};

use crate::report::{Failure, Report};

/// The environment variable that makes this program run as a WaTTS plugin. The executable that the host starts is this
/// program itself.
const AS_PLUGIN: &str = "KEYWAY_EXAMPLE_AS_PLUGIN";

/// Runs this program as a WaTTS plugin, if the environment variable is set.
pub(crate) fn run_as_plugin(plugins: &Plugins) -> Option<ExitCode> {
    std::env::var_os(AS_PLUGIN)?;
    Some(keyway_executable::run(|| {
        Ok(keyway_executable::open(plugins, Some("ssh-authorized-keys"), json!({}))?)
    }))
}

/// Returns the services. Each has a name, the id of its plugin, and the plugin's configuration.
fn offered() -> Result<[(ServiceName, &'static str, Value); 2], Failure> {
    let program = std::env::current_exe()?;
    let run_program = json!({ "command": program, "environment": { AS_PLUGIN: "1" } });
    Ok([
        (ServiceName::new("cluster")?, "ssh-authorized-keys", json!({})),
        (ServiceName::new("cluster-by-program")?, "process", run_program),
    ])
}

/// Adds the services to a host.
pub(crate) fn add_services(mut builder: HostBuilder, folder: &Path) -> Result<HostBuilder, Failure> {
    let folder = folder.canonicalize()?;
    for (name, plugin, configuration) in offered()? {
        let file = folder.join(name.as_str()).join("authorized_keys");
        std::fs::create_dir_all(folder.join(name.as_str()))?;
        builder = builder.service(
            Service::new(name, plugin)
                .plugin_configuration(configuration)
                .configure("authorized_keys_file", file.to_str().ok_or("a path that is text")?)
                .allow(|user: &UserInfo| user.issuer() == "https://login.example.org")
                .limit(1),
        );
    }
    Ok(builder)
}

pub(crate) async fn show(
    report: &mut Report,
    grants: &Grants,
    folder: &Path,
    secrets: &mut Vec<String>,
) -> Result<(), Failure> {
    report.step("Logins: a plugin in this process, and the same one as an executable");
    for view in grants.services() {
        describe(report, &view);
    }
    for (name, ..) in offered()? {
        let file = folder.join(name.as_str()).join("authorized_keys");
        request_and_revoke(report, grants, &name, &file, secrets).await?;
    }
    Ok(())
}

/// Prints the facts that a user interface would show.
fn describe(report: &mut Report, view: &ServiceView) {
    let Some(description) = &view.description else {
        report.check(false, &format!("{} describes itself: {:?}", view.name, view.faults));
        return;
    };
    let interface = description.user_interface();
    let keys: Vec<_> = interface
        .sets
        .iter()
        .flat_map(ParameterSet::parameters)
        .map(|parameter| parameter.key.as_str())
        .collect();
    report.line(&format!(
        "       {}: {}; may be asked for: {}",
        view.name,
        if interface.without_parameters { "one click makes a key pair" } else { "needs parameters" },
        keys.join(", ")
    ));
    report.check(view.enabled, &format!("{} is enabled", view.name));
}

async fn request_and_revoke(
    report: &mut Report,
    grants: &Grants,
    service: &ServiceName,
    file: &Path,
    secrets: &mut Vec<String>,
) -> Result<(), Failure> {
    let is_key = |line: &&str| !line.starts_with('#');
    let keys = || std::fs::read_to_string(file).unwrap_or_default().lines().filter(is_key).count();
    let user = UserInfo::new("https://login.example.org", "ada");
    let outcome = grants.request(service, GrantRequest::new(user.clone())).await?;
    let GrantOutcome::Granted(issued) = outcome else {
        return Err("the plugin wants no other login".into());
    };
    let names: Vec<_> = issued.credential.iter().map(|part| part.name.as_str()).collect();
    report.check(keys() == 1, &format!("{service}: a key may log in, and ada has {}", names.join(", ")));
    let private = issued.credential.iter().find(|part| part.expose_value().contains("PRIVATE KEY"));
    secrets.extend(private.map(|part| part.expose_value().to_owned()));
    report.check(private.is_some(), "the private key is handed over once, and stored nowhere");

    let second = grants.request(service, GrantRequest::new(user.clone())).await;
    report.refused(second, |error| matches!(error, GrantsError::Refused(_)), "a second one, over the limit");
    let eve = UserInfo::new("https://elsewhere.example.org", "ada");
    let stranger = grants.request(service, GrantRequest::new(eve)).await;
    report.refused(
        stranger,
        |error| matches!(error, GrantsError::Refused(_)),
        "an ada of another issuer, who is another user",
    );
    let listed = grants.list(&user.user_id()).await?;
    let granted = listed.iter().filter(|grant| grant.state.phase == Phase::Granted).count();
    report.check(granted == 1, "one grant is listed");
    let first = grants.revoke(issued.grant, user.clone()).await?;
    let again = grants.revoke(issued.grant, user).await?;
    report.check(
        keys() == 0 && first == Revoked::Destroyed && again == Revoked::NotThere,
        "revoked: no key may log in, and doing it twice does no harm",
    );
    Ok(())
}
