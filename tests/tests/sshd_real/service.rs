//! Calls a service directly, or through the host's engine.

use std::path::Path;
use std::sync::Arc;

use keyway_core::{PluginError as _, Plugins, plugins};
use keyway_host::Host;
use keyway_host::grants::{GrantId, GrantOutcome, Grants, Revoked};
use keyway_issuers::{
    Context, CredentialPart, CredentialRef, CredentialRequest, Issuer, Issuers, Json, OpenContext,
    Parameters, RequestOutcome, Revocation, ServiceName, UserInfo,
};
use keyway_seal::{Key, KeyRing};
use keyway_storage::Memory;
use keyway_tests::sshd::write_private;

const PLUGINS: Plugins = plugins! { keyway_ssh };

/// The way in which the issuer is called.
pub(crate) enum Service {
    /// The test calls the issuer.
    Direct(Arc<dyn Issuer>, Context),
    /// The engine for grants calls the issuer.
    Grants(Grants, ServiceName),
}

/// The handle by which a credential is revoked.
pub(crate) enum Handle {
    CredentialRef(CredentialRef),
    Grant(GrantId),
}

/// The credential that a user got.
pub(crate) struct Credential {
    parts: Vec<CredentialPart>,
    pub(crate) handle: Handle,
}

impl Credential {
    /// Returns the part with this name.
    pub(crate) fn part(&self, name: &str) -> Option<&str> {
        self.parts.iter().find(|part| part.name == name).map(CredentialPart::expose_value)
    }

    /// Saves a part as a file that only its owner can read.
    pub(crate) fn save(&self, name: &str, file: &Path) {
        write_private(file, self.part(name).expect("the part is there"));
    }
}

fn user() -> UserInfo {
    UserInfo::new("https://issuer.example.com", "joe")
}

impl Service {
    pub(crate) async fn direct(plugin: &str, settings: &[(&str, &str)]) -> Self {
        let registry = PLUGINS.registry().expect("the plugins fit");
        let registered = registry.get::<Issuers>(plugin).expect("the plugin is registered");
        let opening =
            OpenContext::new(ServiceName::new("login").expect("a name"), registered.metadata().clone());
        let issuer = registered.open(&opening).expect("it opens");
        let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, Json::text(*value))).collect();
        let description = issuer.describe().await.expect("it describes itself");
        let configuration =
            description.resolve_configuration(settings.iter().map(|(name, value)| (*name, value)));
        let context = Context::new(user()).with_configuration(configuration.expect("the settings fit"));
        Self::Direct(issuer, context)
    }

    pub(crate) async fn granted(plugin: &str, settings: &[(&str, &str)]) -> Self {
        let name = ServiceName::new("login").expect("a name");
        let service = keyway_host::grants::Service::new(name.clone(), plugin).allow_everybody().limit(8);
        let service = settings
            .iter()
            .fold(service, |service, (name, value)| service.configure(*name, Json::text(*value)));
        let keys = KeyRing::new([Key::generate().expect("a key")]).expect("a ring");
        let registry = PLUGINS.registry().expect("the plugins fit");
        let built = Host::builder(registry, Arc::new(Memory::new()), keys).service(service);
        Self::Grants(built.start().await.expect("the host starts").grants().clone(), name)
    }

    pub(crate) async fn request(&self, public_key: Option<&str>) -> Credential {
        let parameters =
            public_key.map_or_else(Parameters::new, |key| Parameters::new().with("pub_key", key));
        match self {
            Self::Direct(issuer, context) => {
                let request = CredentialRequest::new(context.clone()).with_parameters(parameters);
                match issuer.request(&request).await.expect("a credential") {
                    RequestOutcome::Issued(made) => {
                        Credential { parts: made.credential, handle: Handle::CredentialRef(made.state) }
                    }
                    RequestOutcome::LoginRequired(_) => panic!("it asks for no login"),
                }
            }
            Self::Grants(grants, name) => {
                let request = keyway_host::grants::GrantRequest::new(user()).with_parameters(parameters);
                match grants.request(name, request).await.expect("a grant") {
                    GrantOutcome::Granted(handed) => {
                        Credential { parts: handed.credential, handle: Handle::Grant(handed.grant) }
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    /// Requests a credential that the issuer refuses, and returns the operator's message.
    pub(crate) async fn refusal(&self) -> String {
        let Self::Direct(issuer, context) = self else { panic!("the engine tells users another text") };
        issuer.request(&CredentialRequest::new(context.clone())).await.expect_err("no credential").detail()
    }

    pub(crate) async fn revoke(&self, handle: &Handle) {
        match (self, handle) {
            (Self::Direct(issuer, context), Handle::CredentialRef(state)) => {
                let revocation = Revocation::new(context.clone(), state.clone());
                issuer.revoke(&revocation).await.expect("it is revoked");
            }
            (Self::Grants(grants, _), Handle::Grant(grant)) => {
                let revoked = grants.revoke(*grant, user()).await.expect("it is revoked");
                assert_eq!(revoked, Revoked::Destroyed);
            }
            _ => panic!("the credential is of another service"),
        }
    }
}
