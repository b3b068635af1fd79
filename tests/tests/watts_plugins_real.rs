//! Plugins that were written for WaTTS itself, by others, through the plugin `process`.
//!
//! Their code is not part of this project. Whoever has clones of their repositories names the folder that
//! holds them, and runs this test:
//!
//! ```text
//! git clone https://github.com/indigo-dc/tts              plugins/tts
//! git clone https://github.com/indigo-dc/tts_plugin_info  plugins/tts_plugin_info
//! git clone https://github.com/indigo-dc/tts_plugin_ssh   plugins/tts_plugin_ssh
//! git clone https://github.com/indigo-dc/tts_plugin_ca    plugins/tts_plugin_ca
//! KEYWAY_WATTS_PLUGINS=$PWD/plugins cargo nextest run -p keyway-tests --test watts_plugins_real
//! ```
//!
//! Clones without a work tree do as well (`NAME.git`), and so does a folder `OWNER+NAME/repo`. With the
//! variable set, whatever is missing fails the test; without it, the tests say in one line that they did
//! nothing. They are not among the services that `--require-services` requires: nothing installs them.
//!
//! The plugins are written in Python 2. They are converted, into a temporary folder, by the `lib2to3` of the
//! machine's Python (3.12 is the last that has it), and two lines of each are mended that 2to3 cannot see:
//! base64 is bytes in Python 3, and JSON is text. Besides Python the test needs openssl and ssh-keygen.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use futures_executor::block_on;
use keyway_core::PluginError as _;
use keyway_issuers::{
    Context, CredentialRequest, Description, Issued, Issuer as _, IssuerError, Json, JsonFault, Outcome,
    Parameters, PartKind, Revocation, Rule, State, UserInfo,
};
use keyway_process::{ProcessConfiguration, ProcessIssuer, ProfileChoice};
use tempfile::TempDir;

/// A plugin, converted.
struct Real {
    folder: TempDir,
    script: PathBuf,
}

impl Real {
    /// `None` after saying so when there are no clones.
    fn new(repository: &str, path: &str) -> Option<Self> {
        let Some(clones) = std::env::var_os("KEYWAY_WATTS_PLUGINS") else {
            let _ = writeln!(
                std::io::stderr(),
                "{path} did not run: KEYWAY_WATTS_PLUGINS names no folder of clones"
            );
            return None;
        };
        let source = file_of(Path::new(&clones), repository, path)
            .unwrap_or_else(|| panic!("no clone of {repository} with {path} is in {}", clones.display()));
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("plugin.py");
        std::fs::write(&script, source).unwrap();
        convert(&script);
        Some(Self { folder, script })
    }

    fn configuration(&self) -> ProcessConfiguration {
        let mut configuration = ProcessConfiguration::new("python3");
        configuration.arguments = vec![self.script.to_str().unwrap().to_owned()];
        // None of them reads standard input.
        configuration.allow_argv = true;
        configuration
    }
}

/// What a clone has under a path, with or without a work tree.
fn file_of(clones: &Path, repository: &str, path: &str) -> Option<Vec<u8>> {
    let names = [repository.to_owned(), format!("{repository}.git"), format!("indigo-dc+{repository}/repo")];
    names.iter().map(|name| clones.join(name)).find_map(|clone| {
        let in_work_tree = std::fs::read(clone.join(path)).ok();
        in_work_tree.or_else(|| {
            [clone.join(".git"), clone].iter().filter(|folder| folder.is_dir()).find_map(|folder| {
                let shown = Command::new("git")
                    .arg("--git-dir")
                    .arg(folder)
                    .args(["show", &format!("HEAD:{path}")])
                    .stderr(Stdio::null())
                    .output()
                    .ok()?;
                shown.status.success().then_some(shown.stdout)
            })
        })
    })
}

/// Makes Python 3 of Python 2.
fn convert(script: &Path) {
    let converted = Command::new("python3")
        .args(["-W", "ignore", "-m", "lib2to3", "--write", "--nobackups", "--no-diffs"])
        .arg(script)
        .output()
        .expect("python3 is there");
    let said = String::from_utf8_lossy(&converted.stderr);
    assert!(converted.status.success(), "python3 with lib2to3 (up to 3.12) is needed: {said}");
    let text = std::fs::read_to_string(script).unwrap();
    let mended = text
        .replace(
            "json.loads(str(base64.urlsafe_b64decode(Json)))",
            "json.loads(base64.urlsafe_b64decode(Json).decode())",
        )
        .replace("base64.urlsafe_b64encode(Json)", "base64.urlsafe_b64encode(Json.encode()).decode()");
    assert_ne!(mended, text, "the lines that are mended are there");
    std::fs::write(script, mended).unwrap();
}

fn describe(configuration: &ProcessConfiguration) -> Result<Description, IssuerError> {
    block_on(ProcessIssuer::new(configuration)?.describe())
}

/// Joe, with what an operator configured.
fn joe(description: &Description, configured: &[(&str, &str)]) -> Context {
    let configured: Vec<_> = configured.iter().map(|(name, value)| (*name, Json::from(*value))).collect();
    let resolved = description.resolve_configuration(configured.iter().map(|(name, value)| (*name, value)));
    let user = UserInfo::new("https://issuer.example.com/", "joe").with("name", "Joe").with("groups", "a, b");
    Context::new(user).with_configuration(resolved.unwrap())
}

fn ask(issuer: &ProcessIssuer, joe: &Context, parameters: Parameters) -> Result<Outcome, IssuerError> {
    block_on(issuer.request(&CredentialRequest::new(joe.clone()).with_parameters(parameters)))
}

#[track_caller]
fn issued(issuer: &ProcessIssuer, joe: &Context, parameters: Parameters) -> Issued {
    match ask(issuer, joe, parameters).unwrap() {
        Outcome::Issued(made) => {
            made.state.check_keeps_no_secret(&made.credential).unwrap();
            made
        }
        login @ Outcome::LoginRequired(_) => panic!("{login:?}"),
    }
}

fn revoke(issuer: &ProcessIssuer, joe: &Context, state: &State) -> Result<(), IssuerError> {
    block_on(issuer.revoke(&Revocation::new(joe.clone(), state.clone())))
}

#[test]
fn the_info_plugin() {
    let Some(real) = Real::new("tts_plugin_info", "plugin/info.py") else { return };
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
        assert_eq!(value("WaTTS userid"), joe.user.as_str());
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
    let Some(real) = Real::new("tts", "test/test_plugin.py") else { return };
    let configuration = real.configuration();
    let description = describe(&configuration).unwrap();
    assert_eq!(description.parameter_sets().len(), 6);
    assert!(description.developer_email().is_some());
    let issuer = ProcessIssuer::new(&configuration).unwrap();
    let joe = joe(&description, &[]);

    assert_eq!(issued(&issuer, &joe, Parameters::new()), Issued::new("test"));
    revoke(&issuer, &joe, &State::new("test")).unwrap();

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
    let Some(real) = Real::new("tts_plugin_ssh", "plugin/ssh.py") else { return };
    let mut configuration = real.configuration();
    let description = describe(&configuration).unwrap();
    assert_eq!(description.parameter_sets().len(), 2);
    assert_eq!(description.configuration().len(), 5);
    // Its default of this one is the text "false".
    assert_eq!(joe(&description, &[]).configuration.boolean("create_user"), Some(false));
    let issuer = ProcessIssuer::new(&configuration).unwrap();
    let nowhere = joe(&description, &[]);
    for error in [
        ask(&issuer, &nowhere, Parameters::new()).unwrap_err(),
        revoke(&issuer, &nowhere, &State::new("WATTS_1")).unwrap_err(),
    ] {
        assert!(error.detail().contains("no hosts configured"), "{error:?}");
    }

    // With a stand-in for the host that it deploys keys to: it says yes, and keeps what it was told.
    let programs = real.folder.path().join("bin");
    std::fs::create_dir(&programs).unwrap();
    let log = real.folder.path().join("deployed");
    let ssh = format!(
        "#!/bin/sh\necho \"$@\" >> '{}'\n\
         echo '{{\"result\":\"ok\",\"credential\":[{{\"name\":\"Username\",\"type\":\"text\",\"value\":\"watts7\"}}]}}'\n",
        log.display()
    );
    write_program(&programs.join("ssh"), &ssh);
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    configuration.environment.insert("PATH".to_owned(), path);
    let issuer = ProcessIssuer::new(&configuration).unwrap();
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
    assert_eq!(std::fs::read_to_string(&log).unwrap().lines().count(), 6, "two hosts, three times");
}

#[test]
fn the_certificate_plugin() {
    let Some(real) = Real::new("tts_plugin_ca", "plugin/x509.py") else { return };
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

    // It refuses to revoke twice; the host is told.
    let error = revoke(&issuer, &joe, &first.state).unwrap_err();
    assert!(matches!(error, IssuerError::Refused { .. }), "{error:?}");
    let stranger = Context::new(UserInfo::new("https://elsewhere.example.com", "joe"))
        .with_configuration(joe.configuration.clone());
    let error = ask(&issuer, &stranger, Parameters::new()).unwrap_err();
    assert_eq!(error.user_message(), "sorry, your provider is not supported");
}

/// Writes an executable script. A second program writes it: a file that any thread of this process had open
/// for writing might still be open in a program that another thread starts, and could not be run.
fn write_program(file: &Path, text: &str) {
    let mut child = Command::new("sh")
        .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
        .arg(file)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}
