//! Tests executables in other languages, which were written for the tests (`tests/watts_plugins`). The plugin `process`
//! runs them, as in a host.

use keyway_core::PluginError as _;
use keyway_issuers::{
    Context, CredentialRequest, Description, IntentId, Issued, Issuer, IssuerError, Json, Login, Parameters,
    PartKind, RequestOutcome, Revocation, UserInfo,
};
use keyway_process::{ProcessConfiguration, ProcessIssuer};
use keyway_tests::services::watts_plugin;
use pollster::block_on;

/// A plugin and its description of itself.
struct Plugin {
    issuer: ProcessIssuer,
    description: Description,
}

impl Plugin {
    /// Prepares a plugin. Returns `None` after reporting that there is no Python.
    fn new(file: &str, change: impl FnOnce(&mut ProcessConfiguration)) -> Option<Self> {
        let mut configuration = watts_plugin(file)?;
        change(&mut configuration);
        let issuer = ProcessIssuer::new(&configuration).unwrap();
        let description = block_on(issuer.describe()).unwrap();
        Some(Self { issuer, description })
    }

    /// Makes the context of the user Joe, with an operator's configuration.
    fn joe(&self, configured: &[(&str, &str)]) -> Context {
        let configured: Vec<_> = configured.iter().map(|(name, value)| (*name, Json::from(*value))).collect();
        let resolved =
            self.description.resolve_configuration(configured.iter().map(|(name, value)| (*name, value)));
        let user = UserInfo::new("https://issuer.example.com/", "joe")
            .with("name", "J\u{f6}e \u{1F600}")
            .with("groups", Json::from(serde_json::json!(["a", "b"])));
        Context::new(user).with_configuration(resolved.unwrap())
    }

    fn ask(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        self.description.fitting_set(&request.parameters).unwrap();
        block_on(self.issuer.request(request))
    }

    #[track_caller]
    fn issued(&self, request: &CredentialRequest) -> Issued {
        match self.ask(request).unwrap() {
            RequestOutcome::Issued(issued) => {
                issued.state.check_keeps_no_secret(&issued.credential).unwrap();
                issued
            }
            login @ RequestOutcome::LoginRequired(_) => panic!("{login:?}"),
        }
    }

    fn revoke(&self, context: &Context, issued: &Issued) {
        for _ in 0..2 {
            // Revoking twice equals revoking once (decision W6).
            block_on(self.issuer.revoke(&Revocation::new(context.clone(), issued.state.clone()))).unwrap();
        }
    }
}

#[test]
fn info_in_python() {
    let Some(plugin) = Plugin::new("info.py", |configuration| configuration.allow_argv = true) else {
        return;
    };
    assert_eq!(plugin.description.version(), "1.0.0");
    assert!(plugin.description.user_interface().without_parameters);
    let joe = plugin.joe(&[]);
    let issued = plugin.issued(&CredentialRequest::new(joe.clone()).with_parameters(Parameters::new()));
    assert_eq!(issued.state.as_str(), "user_info");
    let value = |name: &str| {
        issued
            .credential
            .iter()
            .find(|part| part.name == name)
            .unwrap_or_else(|| panic!("{name}"))
            .expose_value()
    };
    assert_eq!(value("user id"), joe.requester.user.as_str());
    // The slash at the end is part of the issuer, and slashes are escaped.
    assert_eq!(value("user id, decoded"), r#"{"issuer":"https:\/\/issuer.example.com\/","subject":"joe"}"#);
    assert_eq!(value("name"), "J\u{f6}e \u{1F600}");
    assert_eq!(value("groups"), r#"["a", "b"]"#);
    let all = issued.credential.last().unwrap();
    assert!(matches!(&all.kind, PartKind::Textfile { save_as: Some(name), .. } if name == "info.json"));
    plugin.revoke(&joe, &issued);
}

#[test]
fn ssh_keys_in_shell() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authorized_keys");
    std::fs::write(&file, "ssh-rsa AAAA somebody else\n").unwrap();
    let Some(plugin) = Plugin::new("ssh_keys.sh", |_| {}) else { return };
    assert!(!plugin.description.user_interface().without_parameters);
    let joe = plugin.joe(&[("key_file", file.to_str().unwrap())]);

    let key = Parameters::new().with("pub_key", "ssh-ed25519 AAAAC3/NzaC1+lZDI1NTE5 joe@home");
    let issued = plugin.issued(&CredentialRequest::new(joe.clone()).with_parameters(key.clone()));
    let other = plugin.issued(&CredentialRequest::new(joe.clone()).with_parameters(key.clone()));
    assert!(issued.state.as_str().starts_with("KEYS_") && issued.state != other.state);
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(
        kept.contains(&format!("ssh-ed25519 AAAAC3/NzaC1+lZDI1NTE5 {}\n", issued.state.as_str())),
        "{kept}"
    );

    plugin.revoke(&joe, &issued);
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(!kept.contains(issued.state.as_str()) && kept.contains(other.state.as_str()), "{kept}");
    assert!(kept.starts_with("ssh-rsa AAAA somebody else\n"));

    let wrong = Parameters::new().with("pub_key", "$(touch /tmp/x)");
    let error = plugin.ask(&CredentialRequest::new(joe).with_parameters(wrong)).unwrap_err();
    assert_eq!(error.user_message(), "This is not a public key.");
    let nowhere = CredentialRequest::new(plugin.joe(&[])).with_parameters(key);
    assert_eq!(plugin.ask(&nowhere).unwrap_err().detail(), "key_file is not configured");
}

#[test]
fn a_vault_in_python_that_needs_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("passwords");
    let parallel = |configuration: &mut ProcessConfiguration| configuration.parallel = 4.try_into().unwrap();
    let Some(plugin) = Plugin::new("vault.py", parallel) else { return };
    assert!(plugin.description.features().stdin);
    let mut joe = plugin.joe(&[("file", file.to_str().unwrap())]);
    joe.requester.access_token = Some("a-token-of-joe".into());

    let label = Parameters::new().with("label", "for \"work\" & <play>\n");
    let issued: Vec<Issued> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|_| {
                let request = CredentialRequest::new(joe.clone()).with_parameters(label.clone());
                let plugin = &plugin;
                scope.spawn(move || plugin.issued(&request))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let kept = || -> serde_json::Value { serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap() };
    for issued in &issued {
        assert_eq!(kept()[issued.state.as_str()], issued.credential[0].expose_value());
        assert_eq!(issued.credential[1].expose_value(), "for \"work\" & <play>\n");
        plugin.revoke(&joe, issued);
    }
    assert_eq!(kept(), serde_json::json!({}));

    let mut closed = plugin.joe(&[("file", file.to_str().unwrap()), ("closed", "True")]);
    closed.requester.access_token = Some("a-token-of-joe".into());
    let error = plugin.ask(&CredentialRequest::new(closed)).unwrap_err();
    assert_eq!(error.user_message(), "The vault is closed.");
    // The log gets the end of the error output, with the token redacted.
    assert!(error.detail().contains("asked by joe with [REDACTED]"), "{}", error.detail());
}

#[test]
fn a_portal_in_python_that_wants_another_login() {
    let folder = tempfile::tempdir().unwrap();
    let Some(plugin) = Plugin::new("portal.py", |configuration| configuration.idempotent = true) else {
        return;
    };
    assert!(plugin.issuer.capabilities().idempotent);
    let mut joe = plugin.joe(&[("folder", folder.path().to_str().unwrap())]);
    let request = CredentialRequest::new(joe.clone().with_intent(IntentId::new("intent-1").unwrap()));
    match plugin.ask(&request).unwrap() {
        RequestOutcome::LoginRequired(login) => assert_eq!(login.provider, "portal"),
        issued @ RequestOutcome::Issued(_) => panic!("{issued:?}"),
    }

    let login = Login { user_info: UserInfo::new("https://portal.example.com", "joe17"), access_token: None };
    joe.requester.additional_logins.push(login);
    let request = CredentialRequest::new(joe.clone().with_intent(IntentId::new("intent-1").unwrap()));
    let issued = plugin.issued(&request);
    assert!(issued.credential[0].expose_value().starts_with("for joe17\n"));
    assert_eq!(issued, plugin.issued(&request), "one credential for one intent");
    plugin.revoke(&joe, &issued);
    let left = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len());
    assert_eq!(left.sum::<u64>(), 0);
    assert!(plugin.ask(&request).is_err(), "the intent of a revoked credential makes no other");
}
