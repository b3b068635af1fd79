//! The plugin `ssh-ca` and its issuer.

use std::sync::Arc;

use keyway_core::Clock;
use keyway_issuers::{
    Capabilities, Configuration, CredentialPart, CredentialRequest, Description, Issued, Issuer, IssuerError,
    IssuerPlugin, OpenContext, RequestOutcome, Revocation, async_trait,
};
use ssh_key::Certificate;
use ssh_key::certificate::{Builder, CertType};

use super::key::CertificateAuthorityKey;
use super::settings::{RevocationSettings, Settings, authority_key, describe};
use crate::key::LoginKey;
use crate::state::{check, fill, with_text};

/// The plugin `ssh-ca`. It has no configuration of its own; its issuer describes the settings of a service. A host may
/// pass the signing key as a resource of the type [`CertificateAuthorityKey`].
#[derive(Clone, Copy, Debug, Default)]
pub struct CertificateAuthorityPlugin;

impl IssuerPlugin for CertificateAuthorityPlugin {
    fn open(&self, context: &OpenContext) -> Result<Arc<dyn Issuer>, IssuerError> {
        let lent = context.resources.get::<CertificateAuthorityKey>().cloned();
        Ok(Arc::new(CertificateAuthority { lent, clock: Arc::clone(&context.clock) }))
    }
}

/// Signs user certificates, and revokes them by a list. See the [crate](crate).
///
/// Calls block their thread, and the issuer declares this. Dropping the future of a call stops nothing.
#[derive(Clone, Debug)]
pub struct CertificateAuthority {
    lent: Option<CertificateAuthorityKey>,
    clock: Arc<dyn Clock>,
}

/// The contents of a certificate besides its key.
struct Contents<'a> {
    key_id: &'a str,
    principals: &'a [String],
    settings: &'a Settings<'a>,
    now: u64,
}

impl CertificateAuthority {
    /// The validity of a certificate begins this many seconds before the certificate is made, because clocks differ.
    const EARLIER_SECONDS: u64 = 300;

    fn make(&self, request: &CredentialRequest) -> Result<Issued, IssuerError> {
        let configuration: &Configuration = &request.context.configuration;
        let RevocationSettings { list, prefix } = RevocationSettings::read(configuration)?;
        let settings = Settings::read(configuration)?;
        let principals = settings.principals_of(&request.context.requester.user_info)?;
        let state = prefix.state(&request.context)?;
        let authority = authority_key(configuration, self.lent.as_ref())?;
        let now = self.clock.now().as_seconds();

        let key = LoginKey::of(&request.parameters, &settings.key_types, &state)?;
        let contents = Contents { key_id: &state, principals: &principals, settings: &settings, now };
        let certificate = sign(&authority, &key, &contents)?;
        let text = certificate.to_openssh().map_err(not_signed)?;
        let issued = with_text(Issued::new(state.as_str()), "host", settings.host)
            .with(CredentialPart::text("principals", principals.join(" ")))
            .with(CredentialPart::text("valid seconds", settings.valid_seconds.to_string()))
            .with(CredentialPart::textfile("certificate", text).size(8, 70).save_as("id_ed25519-cert.pub"));
        let issued = key.add_to(issued)?;
        check(&issued)?;

        list.admit(&state, settings.valid_seconds, now)?;
        Ok(issued)
    }

    fn remove(&self, revocation: &Revocation) -> Result<(), IssuerError> {
        let RevocationSettings { list, prefix } =
            RevocationSettings::read(&revocation.context.configuration)?;
        list.revoke(prefix.own(&revocation.state)?, self.clock.now().as_seconds())
    }
}

fn sign(
    authority: &CertificateAuthorityKey,
    key: &LoginKey,
    contents: &Contents<'_>,
) -> Result<Certificate, IssuerError> {
    let mut nonce = [0; 32];
    let mut serial = [0; 8];
    fill(&mut nonce)?;
    fill(&mut serial)?;
    let from = contents.now.saturating_sub(CertificateAuthority::EARLIER_SECONDS);
    let until = contents.now.saturating_add(contents.settings.valid_seconds);
    let build = || {
        let mut builder = Builder::new(nonce.as_slice(), key.public().clone(), from, until)?;
        // The number zero means that a certificate has no serial number.
        builder.serial(u64::from_be_bytes(serial).max(1))?;
        builder.cert_type(CertType::User)?.key_id(contents.key_id)?.comment(contents.key_id)?;
        for principal in contents.principals {
            builder.valid_principal(principal)?;
        }
        for extension in &contents.settings.extensions {
            builder.extension(*extension, "")?;
        }
        for (name, value) in &contents.settings.critical_options {
            builder.critical_option(*name, *value)?;
        }
        builder.sign(authority.private_key())
    };
    build().map_err(not_signed)
}

fn not_signed(error: ssh_key::Error) -> IssuerError {
    IssuerError::Unavailable {
        what: "the certificate authority",
        retry_after: None,
        source: Some(error.into()),
    }
}

#[async_trait]
impl Issuer for CertificateAuthority {
    /// Declares the issuer idempotent: all certificates of one intent have the same key id, so they are revoked
    /// together. The issuer keeps no trace of a certificate, so it cannot look up the outcome of a request. A host can
    /// repeat the request instead, which is harmless.
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.idempotent(true).blocking(true)
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        describe(crate::VERSION).map_err(|error| IssuerError::system("describe itself", error))
    }

    async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        self.make(request).map(RequestOutcome::Issued)
    }

    async fn revoke(&self, revocation: &Revocation) -> Result<(), IssuerError> {
        self.remove(revocation)
    }
}
