//! Short-lived certificates, which a service of the host makes (decisions R2 and W6).

use keyway_core::IntentId;
use keyway_credentials::{Candidate, CertificateCredential, CredentialError, LeaseId, PrivateKey};
use keyway_issuers::{CredentialPart, GrantAnswer, GrantQuestion, IssuerError, UserInfo};

use crate::account::StoredAccount;
use crate::accounts::Loaded;
use crate::configuration::CertificateService;
use crate::machine::count_certificate;
use crate::returning::contended;
use crate::store::{ATTEMPTS, VaultedStore, too_late};

impl VaultedStore {
    /// Requests a certificate under a stored lease. Each request is counted before it is made, so that the check-in
    /// revokes all certificates, including those whose answer was lost together with their key.
    pub(crate) async fn certificate(
        &self,
        candidate: &Candidate,
        lease: &LeaseId,
    ) -> Result<CertificateCredential, CredentialError> {
        let (Some(service), Some(grants)) = (&self.settings.certificates, &self.grants) else {
            return Err(CredentialError::Unsupported { what: "certificates" });
        };
        for _ in 0..ATTEMPTS {
            let Some(Loaded { account, header }) = self.accounts.load(candidate).await? else { break };
            let Some(next) = count_certificate(&account, lease) else { break };
            if self.accounts.store(&header, &next).await?.is_none() {
                continue;
            }
            let number = next.lease(lease).map_or(0, |known| known.certificates);
            let (user, id) = (user(service, candidate), id(lease, number)?);
            let question = GrantQuestion::new(service.service.clone(), user.clone(), id.clone());
            let answer = grants.request(question).await.map_err(of_issuer)?;
            // The request may have waited so long that another host has returned the lease, and found no certificate.
            let now = self.accounts.load(candidate).await?;
            if now.is_none_or(|now| now.account.lease(lease).is_none()) {
                grants.revoke(&service.service, &user, &id).await.map_err(of_issuer)?;
                return Err(too_late());
            }
            return match answer {
                GrantAnswer::Made(parts) => credential(&parts),
                _ => Err(contended()),
            };
        }
        Err(contended())
    }

    /// Revokes all certificates of a lease.
    pub(crate) async fn revoke_certificates(
        &self,
        candidate: &Candidate,
        account: &StoredAccount,
        lease: &LeaseId,
    ) -> Result<(), CredentialError> {
        let (Some(service), Some(grants)) = (&self.settings.certificates, &self.grants) else {
            return Err(CredentialError::not_ready(
                "the service of the certificates",
                "the configuration names none any longer: name it until their leases have ended",
            ));
        };
        let user = user(service, candidate);
        for number in 1..=account.lease(lease).map_or(0, |known| known.certificates) {
            grants.revoke(&service.service, &user, &id(lease, number)?).await.map_err(of_issuer)?;
        }
        Ok(())
    }
}

/// Returns the user for whom the service makes the certificate.
fn user(service: &CertificateService, candidate: &Candidate) -> UserInfo {
    let (account, asset) = (candidate.account.as_str(), candidate.asset.as_str());
    UserInfo::new(&service.issuer, format!("{account}@{asset}")).with("preferred_username", account)
}

fn id(lease: &LeaseId, number: u32) -> Result<IntentId, CredentialError> {
    let id = IntentId::new(format!("{lease}-{number}"));
    id.ok_or_else(|| CredentialError::invalid("the request", "its intent is too long for a certificate"))
}

/// Takes certificate and private key out of the answer.
fn credential(parts: &[CredentialPart]) -> Result<CertificateCredential, CredentialError> {
    let part = |name: &'static str| {
        let found = parts.iter().find(|part| part.name == name);
        found.map(CredentialPart::expose_value).ok_or_else(|| {
            CredentialError::not_ready(
                "the service of the certificates",
                format!("its credential has no part \"{name}\": use a service that makes certificates with their key"),
            )
        })
    };
    let key = PrivateKey::new(part("private key")?, None)?;
    Ok(CertificateCredential::new(part("certificate")?, key))
}

fn of_issuer(error: IssuerError) -> CredentialError {
    use keyway_core::{Effect, ErrorKind, PluginError as _};

    match (error.effect(), error.kind()) {
        (Effect::Unknown, _) => CredentialError::system("use the service of the certificates", error),
        (_, ErrorKind::Unavailable { retry_after }) => {
            let what = "the service of the certificates";
            CredentialError::Unavailable { what, retry_after, source: Some(error.into()) }
        }
        _ => CredentialError::Refused {
            user_message: error.user_message().into_owned(),
            log_message: error.detail(),
        },
    }
}
