//! Tests the answers of each plugin through the plugin `process` alone.

use std::process::Command;

use keyway_core::PluginError as _;
use keyway_core::json::JsonFault;
use keyway_issuers::{
    Context, CredentialRef, CredentialRequest, Description, Issued, Issuer as _, IssuerError, Json,
    Parameters, PartKind, RequestOutcome, Revocation, Rule, UserInfo,
};
use keyway_process::{ProcessConfiguration, ProcessIssuer, ProfileChoice};
use pollster::block_on;

use crate::plugins::{SAYS_YES, certificates, info, ssh, ssh_ca, ssh_ca_as_published, tester};

fn describe(configuration: &ProcessConfiguration) -> Result<Description, IssuerError> {
    block_on(ProcessIssuer::new(configuration)?.describe())
}

/// Makes the context of the user Joe, with an operator's configuration.
fn joe(description: &Description, configured: &[(&str, &str)]) -> Context {
    let configured: Vec<_> = configured.iter().map(|(name, value)| (*name, Json::from(*value))).collect();
    let resolved = description.resolve_configuration(configured.iter().map(|(name, value)| (*name, value)));
    let user = UserInfo::new("https://issuer.example.com/", "joe").with("name", "Joe").with("groups", "a, b");
    Context::new(user).with_configuration(resolved.unwrap())
}

fn ask(issuer: &ProcessIssuer, joe: &Context, parameters: Parameters) -> Result<RequestOutcome, IssuerError> {
    block_on(issuer.request(&CredentialRequest::new(joe.clone()).with_parameters(parameters)))
}

#[track_caller]
fn issued(issuer: &ProcessIssuer, joe: &Context, parameters: Parameters) -> Issued {
    match ask(issuer, joe, parameters).unwrap() {
        RequestOutcome::Issued(made) => {
            made.state.check_keeps_no_secret(&made.credential).unwrap();
            made
        }
        login @ RequestOutcome::LoginRequired(_) => panic!("{login:?}"),
    }
}

fn revoke(issuer: &ProcessIssuer, joe: &Context, state: &CredentialRef) -> Result<(), IssuerError> {
    block_on(issuer.revoke(&Revocation::new(joe.clone(), state.clone())))
}

#[test]
fn the_info_plugin() {
    let Some(real) = info() else { return };
    for profile in [ProfileChoice::Strict, ProfileChoice::Lenient] {
        let mut configuration = real.configuration();
        configuration.profile = profile;
        let description = describe(&configuration).unwrap();
        assert!(description.configuration().is_empty());
        assert!(description.user_interface().without_parameters);

        let issuer = ProcessIssuer::new(&configuration).unwrap();
        let joe = joe(&description, &[]);
        let shown = issued(&issuer, &joe, Parameters::new());
        assert_eq!(shown.state.as_str(), "user_info");
        let value = |name: &str| {
            let part = shown.credential.iter().find(|part| part.name == name);
            part.unwrap_or_else(|| panic!("{name}")).expose_value().to_owned()
        };
        assert_eq!(value("WaTTS version"), configuration.watts_version);
        assert_eq!(value("WaTTS userid"), joe.requester.user.as_str());
        assert_eq!(value("Issuer"), "https://issuer.example.com/");
        assert_eq!(value("Subject"), "joe");
        assert_eq!(value("Groups"), "a, b");
        let whole = shown.credential.last().unwrap();
        assert!(matches!(
            &whole.kind,
            PartKind::Textfile { size, save_as: Some(name) }
                if name == "info.json" && (size.rows, size.columns) == (Some(20), Some(50))
        ));
        let whole: serde_json::Value = serde_json::from_str(whole.expose_value()).unwrap();
        assert_eq!(whole["action"], "request");
        revoke(&issuer, &joe, &shown.state).unwrap();
        revoke(&issuer, &joe, &shown.state).unwrap();
    }
}

#[test]
fn the_plugin_with_which_watts_tests_itself() {
    let Some(real) = tester() else { return };
    let configuration = real.configuration();
    let description = describe(&configuration).unwrap();
    assert_eq!(description.parameter_sets().len(), 6);
    assert!(description.developer_email().is_some());
    let issuer = ProcessIssuer::new(&configuration).unwrap();
    let joe = joe(&description, &[]);

    assert_eq!(issued(&issuer, &joe, Parameters::new()), Issued::new("test"));
    revoke(&issuer, &joe, &CredentialRef::new("test")).unwrap();

    let fault = |key: &str| {
        let parameters = Parameters::new().with(key, "x");
        description.fitting_set(&parameters).unwrap();
        let error = ask(&issuer, &joe, parameters).unwrap_err();
        match error.violations() {
            [violation] => (violation.key.clone(), violation.rule.clone()),
            _ => panic!("{key}: {error:?}"),
        }
    };
    assert_eq!(fault("missing_result"), ("result".to_owned(), Rule::Missing));
    assert!(matches!(fault("bad_json").1, Rule::Json { fault: JsonFault::Syntax, .. }));
    assert!(matches!(fault("no_json_map").1, Rule::Type { .. }));
    assert_eq!(fault("bad_result"), ("state".to_owned(), Rule::Missing));
    assert_eq!(fault("bad_error"), ("user_msg".to_owned(), Rule::Missing));
}

#[test]
fn the_ssh_plugin() {
    let Some(real) = ssh() else { return };
    let configuration = real.configuration();
    let description = describe(&configuration).unwrap();
    assert_eq!(description.parameter_sets().len(), 2);
    assert_eq!(description.configuration().len(), 5);
    // The plugin's default for this parameter is the text "false".
    assert_eq!(joe(&description, &[]).configuration.boolean("create_user"), Some(false));
    let issuer = ProcessIssuer::new(&configuration).unwrap();
    let nowhere = joe(&description, &[]);
    for error in [
        ask(&issuer, &nowhere, Parameters::new()).unwrap_err(),
        revoke(&issuer, &nowhere, &CredentialRef::new("WATTS_1")).unwrap_err(),
    ] {
        assert!(error.detail().contains("no hosts configured"), "{error:?}");
    }

    // A stand-in replaces the host that keys are deployed to.
    let real = real.with_ssh(SAYS_YES);
    let issuer = ProcessIssuer::new(&real.configuration()).unwrap();
    let work = real.folder.path().join("work");
    let joe = joe(
        &description,
        &[("host_list", "root@one.example.com root@two.example.com"), ("work_dir", work.to_str().unwrap())],
    );

    let key = Parameters::new().with("pub_key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA joe");
    let given = issued(&issuer, &joe, key);
    assert_eq!(given.credential.len(), 2);
    assert_eq!(given.credential[1].expose_value(), "watts7");
    let made = issued(&issuer, &joe, Parameters::new());
    let private = &made.credential[0];
    assert!(
        private.expose_value().contains("PRIVATE KEY") && matches!(private.kind, PartKind::Textfile { .. })
    );
    assert!(made.state.as_str().starts_with("WATTS_") && made.state != given.state);
    revoke(&issuer, &joe, &made.state).unwrap();
    assert_eq!(real.log().len(), 6, "two hosts, three times");
}

#[test]
fn the_certificate_plugin() {
    let Some(real) = certificates() else { return };
    let configuration = real.configuration();
    let description = describe(&configuration).unwrap();
    assert_eq!(description.configuration().len(), 4);
    let issuer = ProcessIssuer::new(&configuration).unwrap();
    let authority = real.folder.path().join("ca");
    let configured = [
        ("ca_path", authority.to_str().unwrap()),
        ("issuer_mapping", r#"{"https://issuer.example.com":"example"}"#),
        ("cert_valid_duration", "3"),
    ];
    let joe = joe(&description, &configured);

    let first = issued(&issuer, &joe, Parameters::new());
    let second = issued(&issuer, &joe, Parameters::new());
    assert_eq!((first.state.as_str(), second.state.as_str()), ("01", "02"));
    let names: Vec<_> = first.credential.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["Certificate", "Private Key", "Passphrase (for Private Key)", "CA Certificate"]);

    let verified = |issued: &Issued, revocations: bool| {
        let [certificate, root] = [0, 3].map(|part: usize| {
            let file = real.folder.path().join(format!("{part}.pem"));
            std::fs::write(&file, issued.credential[part].expose_value()).unwrap();
            file
        });
        let mut verify = Command::new("openssl");
        verify.args(["verify", "-CAfile"]).arg(root);
        if revocations {
            verify.args(["-crl_check", "-CRLfile"]).arg(authority.join("crl/crl.pem"));
        }
        verify.arg(certificate).output().unwrap().status.success()
    };
    assert!(verified(&first, false));
    revoke(&issuer, &joe, &first.state).unwrap();
    assert!(!verified(&first, true) && verified(&second, true));

    // The plugin refuses to revoke a credential twice, and the host reports that.
    let error = revoke(&issuer, &joe, &first.state).unwrap_err();
    assert!(matches!(error, IssuerError::Refused { .. }), "{error:?}");
    let stranger = Context::new(UserInfo::new("https://elsewhere.example.com", "joe"))
        .with_configuration(joe.configuration.clone());
    let error = ask(&issuer, &stranger, Parameters::new()).unwrap_err();
    assert_eq!(error.user_message(), "sorry, your provider is not supported");
}

#[test]
fn the_certificate_plugin_runs_a_command_in_a_subject() {
    let Some(real) = certificates() else { return };
    let configuration = real.configuration();
    let description = describe(&configuration).unwrap();
    let authority = real.folder.path().join("ca");
    let configured = [
        ("ca_path", authority.to_str().unwrap()),
        ("issuer_mapping", r#"{"https://issuer.example.com":"example"}"#),
    ];
    let seen = real.folder.path().join("seen");
    let subject = format!("joe$(touch {})", seen.display());
    let context = Context::new(UserInfo::new("https://issuer.example.com/", subject))
        .with_configuration(joe(&description, &configured).configuration);
    let _ = ask(&ProcessIssuer::new(&configuration).unwrap(), &context, Parameters::new());
    assert!(seen.exists(), "the page says so: take that away there");
}

#[test]
fn the_ssh_certificate_plugin_as_published_does_not_describe_itself() {
    let Some(real) = ssh_ca_as_published() else { return };
    let error = describe(&real.configuration()).unwrap_err();
    assert!(matches!(error, IssuerError::Refused { .. }), "{error:?}");
    assert!(error.detail().contains("isinstance expected 2 arguments"), "{error:?}");
    let Some(mended) = ssh_ca() else { return };
    assert!(describe(&mended.configuration()).unwrap().features().stdin);
}
