//! Tests a host's `Grants` with each plugin: the users' answers, the records, and the state after a failure.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use keyway_core::{PluginError as _, Plugins, plugins};
use keyway_host::grants::{
    Decision, Disposal, DuplicatePolicy, Grant, GrantOutcome, GrantRequest, Grants, GrantsError,
    IndeterminateReason, IssuedCredential, Phase, Revoked, Service, TransitionError,
};
use keyway_issuers::{
    Context, CredentialRef, IssuerError, Json, Parameters, Revocation, ServiceName, UserInfo,
};
use keyway_process::ProcessIssuer;
use keyway_seal::{Key, KeyRing};
use keyway_storage::{Memory, Sqlite, Storage};

use crate::opennebula::OpenNebula;
use crate::plugins::{FAULTS, Real, SAYS_YES, SIGNS, accounts, certificates, info, ssh, ssh_ca, tester};

const PLUGINS: Plugins = plugins! { keyway_process };

/// The data that outlives a run of the host.
struct Kept {
    storage: Arc<dyn Storage>,
    keys: KeyRing,
}

impl Kept {
    fn in_memory() -> Self {
        Self { storage: Arc::new(Memory::new()), keys: KeyRing::new([Key::generate().unwrap()]).unwrap() }
    }

    /// Starts a host with one service.
    async fn start(&self, service: Service) -> Host {
        let service = service.allow(|user: &UserInfo| user.issuer() == ISSUER);
        let registry = PLUGINS.registry().unwrap();
        let host = keyway_host::Host::builder(registry, Arc::clone(&self.storage), self.keys.clone())
            .name("web-1")
            .takeover_after(Duration::ZERO)
            .service(service)
            .start()
            .await
            .unwrap();
        let grants = host.grants().clone();
        let view = grants.service(&name()).unwrap();
        assert!(view.enabled, "{:?}", view.faults);
        assert!(host.recover().await.unwrap().is_empty(), "nothing was cut short");
        Host(grants)
    }
}

const ISSUER: &str = "https://issuer.example.com/";

fn name() -> ServiceName {
    ServiceName::new("real").unwrap()
}

/// Makes the service of a plugin. The plugin `process` runs that plugin, with an operator's configuration.
fn service(real: &Real, configured: &[(&str, &str)]) -> Service {
    let service = Service::new(name(), "process").plugin_configuration(real.written(2));
    configured.iter().fold(service, |service, (key, value)| service.configure(*key, *value))
}

fn joe() -> UserInfo {
    UserInfo::new(ISSUER, "joe").with("name", "Joe").with("groups", "a, b")
}

struct Host(Grants);

impl Host {
    async fn ask(&self, parameters: Parameters) -> Result<IssuedCredential, GrantsError> {
        let request = GrantRequest::new(joe()).with_parameters(parameters);
        match self.0.request(&name(), request).await? {
            GrantOutcome::Granted(handed) => Ok(handed),
            other => panic!("{other:?}"),
        }
    }

    async fn granted(&self) -> IssuedCredential {
        self.ask(Parameters::new()).await.unwrap()
    }

    async fn list(&self) -> Vec<Grant> {
        self.0.list(&joe().user_id()).await.unwrap()
    }

    async fn revoke(&self, handed: &IssuedCredential) -> Result<Revoked, GrantsError> {
        self.0.revoke(handed.grant, joe()).await
    }

    /// Returns the only grant of the list.
    #[track_caller]
    fn only(list: &[Grant]) -> &Grant {
        match list {
            [grant] => grant,
            _ => panic!("{list:?}"),
        }
    }
}

#[tokio::test]
async fn one_state_for_all_is_one_grant() {
    let Some(real) = info() else { return };
    let host = Kept::in_memory().start(service(&real, &[])).await;
    let handed = host.granted().await;
    assert_eq!(handed.credential.last().unwrap().name, "json object");

    // The plugin answers the second request with the `state` that the credential of the first grant has. By default the
    // host then refuses the request, and counts the issued credential as an orphan of the first grant.
    let error = host.ask(Parameters::new()).await.unwrap_err();
    assert!(matches!(error, GrantsError::StateTaken { grant } if grant == handed.grant), "{error:?}");
    let list = host.list().await;
    let kept = Host::only(&list);
    assert_eq!((kept.id, kept.state.phase, kept.state.orphans), (handed.grant, Phase::Granted, 1));
    assert_eq!(kept.state.credential, Some(CredentialRef::new("user_info")));

    assert_eq!(host.revoke(&handed).await.unwrap(), Revoked::Destroyed);
    assert_eq!(host.revoke(&handed).await.unwrap(), Revoked::NotThere);
    assert!(host.list().await.is_empty());
    host.granted().await;
}

#[tokio::test]
async fn one_state_for_all_is_shared_where_the_service_allows_it() {
    let Some(real) = info() else { return };
    let service = service(&real, &[]).duplicates(DuplicatePolicy::Reuse).limit(2);
    let host = Kept::in_memory().start(service).await;
    let first = host.granted().await;
    let second = host.granted().await;
    assert!(!first.reused && second.reused && first.grant == second.grant);
    assert_eq!(second.credential.len(), first.credential.len(), "the new credential is handed over");
    // The limit of the service counts grants, and there is only one grant, so this request is within the limit.
    assert!(host.granted().await.reused);
    let list = host.list().await;
    assert_eq!((Host::only(&list).id, Host::only(&list).state.orphans), (first.grant, 0));
    assert_eq!(host.revoke(&second).await.unwrap(), Revoked::Destroyed);
    assert!(host.list().await.is_empty());
}

#[tokio::test]
async fn a_state_that_is_part_of_the_credential_is_given_to_nobody() {
    let Some(real) = accounts() else { return };
    let cloud = OpenNebula::start();
    let users = real.folder.path().join("users.db");
    let configured = [("api_endpoint", cloud.endpoint.as_str()), ("db_file", users.to_str().unwrap())];
    let service = service(&real, &configured).limit(1);
    let host = Kept::in_memory().start(service).await;
    // The plugin made an account. Its name is a part of the credential, and also the `state` on the wire (decision W8).
    // The host revokes the account, and the limit has room again.
    for _ in 0..2 {
        let error = host.ask(Parameters::new()).await.unwrap_err();
        assert!(
            matches!(
                &error,
                GrantsError::Discarded {
                    disposal: Disposal::Revoked,
                    error: IssuerError::ContractViolation(_),
                }
            ),
            "{error:?}"
        );
        assert_eq!(std::fs::read_to_string(cloud.accounts()).unwrap(), "", "the account is gone");
        assert!(host.list().await.is_empty());
    }
    // The service that makes accounts has ended, so the plugin refuses.
    drop(cloud);
    let error = host.ask(Parameters::new()).await.unwrap_err();
    assert!(matches!(&error, GrantsError::Issuer(IssuerError::Refused { .. })), "{error:?}");
    assert!(host.list().await.is_empty());
}

#[tokio::test]
async fn each_fault_is_a_typed_error_and_no_grant_is_lost_or_doubled() {
    let Some(real) = tester() else { return };
    let host = Kept::in_memory().start(service(&real, &[])).await;
    let good = host.granted().await;
    for (failed, key) in FAULTS.into_iter().enumerate() {
        let error = host.ask(Parameters::new().with(key, "x")).await.unwrap_err();
        // The plugin did not say whether it made a credential, so the outcome is unknown.
        let GrantsError::Uncertain { grant, error: IssuerError::ContractViolation(_) } = &error else {
            panic!("{key}: {error:?}");
        };
        let list = host.list().await;
        assert_eq!(list.len(), failed + 2, "{key}: {list:?}");
        let uncertain = list.iter().find(|listed| listed.id == *grant).unwrap();
        assert_eq!(uncertain.state.phase, Phase::Indeterminate);
        assert_eq!(uncertain.state.reason, Some(IndeterminateReason::NoAnswer));
        let kept = list.iter().find(|listed| listed.id == good.grant).unwrap();
        assert_eq!((kept.state.phase, kept.state.orphans), (Phase::Granted, 0), "{key}");
    }
    let both = Parameters::new().with("bad_json", "x").with("bad_result", "x");
    let error = host.ask(both).await.unwrap_err();
    assert!(
        matches!(error, GrantsError::Refused(TransitionError::Parameters(_))),
        "they are in two sets: {error:?}"
    );

    let undecided = host.0.undecided(None, 100).await.unwrap().grants;
    assert_eq!(undecided.len(), FAULTS.len());
    for grant in undecided {
        let gone = host.0.decide(&joe().user_id(), grant.id, Decision::NothingThere).await.unwrap();
        assert!(gone.is_none());
    }
    assert_eq!(Host::only(&host.list().await).id, good.grant);
    assert_eq!(host.revoke(&good).await.unwrap(), Revoked::Destroyed);
    assert!(host.list().await.is_empty());
}

#[tokio::test]
async fn without_hosts_the_ssh_plugin_refuses_and_nothing_is_left() {
    let Some(real) = ssh() else { return };
    let host = Kept::in_memory().start(service(&real, &[]).limit(1)).await;
    for _ in 0..2 {
        let error = host.ask(Parameters::new()).await.unwrap_err();
        assert!(matches!(&error, GrantsError::Issuer(IssuerError::Refused { .. })), "{error:?}");
        assert!(error.detail().contains("no hosts configured"), "{error:?}");
        assert!(host.list().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_holds_for_requests_at_once() {
    let Some(real) = ssh() else { return };
    let real = real.with_ssh(SAYS_YES);
    let host = Arc::new(Kept::in_memory().start(deployed(&real).limit(2)).await);
    let asked = (0..6).map(|_| {
        let host = Arc::clone(&host);
        tokio::spawn(async move { host.ask(public_key()).await })
    });
    let mut granted = Vec::new();
    for asked in asked.collect::<Vec<_>>() {
        match asked.await.unwrap() {
            Ok(handed) => granted.push(handed),
            Err(error) => {
                assert!(
                    matches!(error, GrantsError::Refused(TransitionError::LimitReached { .. })),
                    "{error:?}"
                );
            }
        }
    }
    assert_eq!((granted.len(), host.list().await.len()), (2, 2));
    assert_eq!(real.log().len(), 2, "the plugin was asked for no more");
    assert_eq!(host.revoke(&granted[0]).await.unwrap(), Revoked::Destroyed);
    let third = host.ask(public_key()).await.unwrap();
    assert!(host.list().await.iter().any(|grant| grant.id == third.grant));
    assert_eq!(real.log().len(), 4);
}

/// Makes the service of the ssh plugin, with one host to deploy keys to.
fn deployed(real: &Real) -> Service {
    let work = real.folder.path().join("work");
    service(real, &[("host_list", "root@one.example.com"), ("work_dir", work.to_str().unwrap())])
}

fn public_key() -> Parameters {
    Parameters::new().with("pub_key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA joe")
}

#[tokio::test]
async fn a_host_that_was_restarted_revokes_what_the_one_before_it_made() {
    let Some(real) = ssh() else { return };
    let real = real.with_ssh(SAYS_YES);
    let file = real.folder.path().join("host.db");
    let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
    let kept = || Kept { storage: Arc::new(Sqlite::open_or_create(&file).unwrap()), keys: keys.clone() };

    let before = kept().start(deployed(&real)).await;
    let (first, second) = (before.ask(public_key()).await.unwrap(), before.granted().await);
    let states: Vec<_> = before.list().await.into_iter().map(|grant| (grant.id, grant.state)).collect();
    assert_eq!(states.len(), 2);
    drop(before);

    let after = kept().start(deployed(&real)).await;
    let listed: Vec<_> = after.list().await.into_iter().map(|grant| (grant.id, grant.state)).collect();
    assert_eq!(listed, states);
    assert_eq!(after.revoke(&first).await.unwrap(), Revoked::Destroyed);
    drop(after);

    let last = kept().start(deployed(&real)).await;
    assert_eq!(Host::only(&last.list().await).id, second.grant);
    assert_eq!(last.revoke(&first).await.unwrap(), Revoked::NotThere);
    assert_eq!(last.revoke(&second).await.unwrap(), Revoked::Destroyed);
    assert!(last.list().await.is_empty());
    assert_eq!(real.log().len(), 4, "each was deployed once and taken away once");
}

#[tokio::test]
async fn a_plugin_that_reads_one_alphabet_alone_is_told_in_that() {
    let Some(real) = ssh_ca() else { return };
    let real = real.with_ssh(SIGNS);
    // In base64, these three letters become `-` and `_` in one alphabet, `+` and `/` in the other.
    let user = UserInfo::new(ISSUER, "joe")
        .with("groups", Json::from(serde_json::json!(["users"])))
        .with("name", "?>~".repeat(4));
    let parameters = Parameters::new()
        .with(
            "ssh_pub_key",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti joe@example.org",
        )
        .with("validity", "+1d")
        .with("principals", "users");
    let request = GrantRequest::new(user.clone()).with_parameters(parameters);
    let configured = [("ssh_ca", "ca.example.com"), ("ssh_user", "watts"), ("ssh_key", "/nowhere/key")];
    let kept = Kept::in_memory();

    // The plugin drops letters that its alphabet does not have, so the remaining text is not JSON.
    let host = kept.start(service(&real, &configured)).await;
    let error = host.0.request(&name(), request.clone()).await.unwrap_err();
    assert!(matches!(&error, GrantsError::Issuer(IssuerError::Refused { .. })), "{error:?}");
    assert!(host.list().await.is_empty() && real.log().is_empty());
    drop(host);

    let mut written = real.written(2);
    written["alphabet"] = "standard".into();
    let host = kept.start(service(&real, &configured).plugin_configuration(written)).await;
    let GrantOutcome::Granted(handed) = host.0.request(&name(), request).await.unwrap() else {
        panic!("no other login is asked for")
    };
    assert!(handed.credential[0].expose_value().starts_with("ssh-ed25519-cert-v01@openssh.com "));
    let list = host.list().await;
    let state = Host::only(&list).state.credential.clone().unwrap();
    assert!(state.as_str().starts_with("serial-"), "{state:?}");
    assert_eq!(host.0.revoke(handed.grant, user).await.unwrap(), Revoked::Destroyed);
    assert!(host.list().await.is_empty());
    let [signed, revoked] = &real.log()[..] else { panic!("{:?}", real.log()) };
    assert!(signed.contains("\"sign\"") && revoked.contains(state.as_str()), "{signed} {revoked}");
}

#[tokio::test]
async fn a_certificate_is_issued_revoked_and_on_the_list() {
    let Some(real) = certificates() else { return };
    let authority = real.folder.path().join("ca");
    let configured = [
        ("ca_path", authority.to_str().unwrap()),
        ("issuer_mapping", r#"{"https://issuer.example.com":"example"}"#),
    ];
    let kept = Kept::in_memory();
    let host = kept.start(service(&real, &configured)).await;
    let first = host.granted().await;
    let second = host.granted().await;
    let mut states: Vec<_> =
        host.list().await.into_iter().map(|grant| grant.state.credential.unwrap()).collect();
    states.sort();
    assert_eq!(states, [CredentialRef::new("01"), CredentialRef::new("02")]);

    let is_valid = |handed: &IssuedCredential| {
        let [certificate, root] = [0, 3].map(|part: usize| {
            let file = real.folder.path().join(format!("{part}.pem"));
            std::fs::write(&file, handed.credential[part].expose_value()).unwrap();
            file
        });
        let mut verify = Command::new("openssl");
        verify.args(["verify", "-CAfile"]).arg(root);
        if authority.join("crl/crl.pem").exists() {
            verify.args(["-crl_check", "-CRLfile"]).arg(authority.join("crl/crl.pem"));
        }
        verify.arg(certificate).output().unwrap().status.success()
    };
    assert!(is_valid(&first) && is_valid(&second));
    // A second run of the host uses the same records.
    drop(host);
    let host = kept.start(service(&real, &configured)).await;
    assert_eq!(host.revoke(&first).await.unwrap(), Revoked::Destroyed);
    assert!(!is_valid(&first) && is_valid(&second));
    // The plugin refuses to revoke a credential twice. But the host no longer has the grant, so it does not call the
    // plugin.
    assert_eq!(host.revoke(&first).await.unwrap(), Revoked::NotThere);

    // The credential of the other grant is revoked without the host. When the host revokes it again, the plugin
    // refuses, the grant stays, and a person decides after a check.
    let issuer = ProcessIssuer::new(&real.configuration()).unwrap();
    let description = host.0.service(&name()).unwrap().description.unwrap();
    let values = configured.map(|(name, value)| (name, Json::from(value)));
    let resolved =
        description.resolve_configuration(values.iter().map(|(name, value)| (*name, value))).unwrap();
    let behind = Revocation::new(Context::new(joe()).with_configuration(resolved), CredentialRef::new("02"));
    keyway_issuers::Issuer::revoke(&issuer, &behind).await.unwrap();
    let error = host.revoke(&second).await.unwrap_err();
    assert!(
        matches!(&error, GrantsError::NotRevoked { failures: 1, error: IssuerError::Refused { .. }, .. }),
        "{error:?}"
    );
    let list = host.list().await;
    assert_eq!((Host::only(&list).id, Host::only(&list).state.phase), (second.grant, Phase::Revoking));
    assert!(host.0.decide(&joe().user_id(), second.grant, Decision::NothingThere).await.unwrap().is_none());
    assert!(host.list().await.is_empty());
}
