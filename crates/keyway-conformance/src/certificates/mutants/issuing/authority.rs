//! The operations of the authority, and its signing keys.

use std::sync::Arc;

use keyway_certificates::{
    CaInformation, CertificateAuthority as _, CertificateAuthorityLayer, CertificateError, CertificateOrder,
    OrderOutcome, OrderRequest, Support,
};
use keyway_core::Timestamp;
use keyway_x509::issuing::{CertificateContent, extensions, to_pem};
use keyway_x509::{AlternativeName, DistinguishedName, KeyType, PrivateKey};

use super::{Draft, Issuing, Office, locked, pem};
use crate::certificates::mutants::plugin::CaResult;
use crate::clock::KitClock;

/// The label of a certificate in PEM.
pub(super) const CERTIFICATE: &str = "CERTIFICATE";

/// The validity of the kit's authorities. It begins long before the kit's clock does.
const VALIDITY: (u64, u64) = (KitClock::BEGINNING - 86_400_000_000, KitClock::BEGINNING + 3_000_000_000_000);

/// The keys and certificates of a root and of an authority below it.
#[derive(Debug)]
pub(super) struct SigningAuthority {
    pub(super) name: DistinguishedName,
    pub(super) key: Arc<PrivateKey>,
    pub(super) key_identifier: Vec<u8>,
    pub(super) certificate: String,
    pub(super) root_key: Arc<PrivateKey>,
    pub(super) root: String,
}

impl SigningAuthority {
    /// Makes a root and an authority below it.
    pub(super) fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let [root_key, key] = [new_key()?, new_key()?];
        let [root_identifier, key_identifier] =
            [&root_key, &key].map(|key| extensions::key_identifier(key.public_key()));
        let (root_identifier, key_identifier) = (root_identifier?, key_identifier?);
        let (root_name, name) = ("CN=Kit Root".parse()?, "CN=Kit Authority".parse()?);
        let made = |name: &DistinguishedName, key: &PrivateKey, identifier: &[u8], path_length| {
            let mut extensions = extensions::of_authority(identifier, Some(path_length))?;
            extensions.push(extensions::authority_key(&root_identifier)?);
            let [not_before, not_after] = [VALIDITY.0, VALIDITY.1].map(Timestamp::from_milliseconds);
            let content = CertificateContent {
                subject: name.clone(),
                issuer: DistinguishedName::clone(&root_name),
                public_key: key.public_key().clone(),
                not_before,
                not_after,
                extensions,
            };
            Ok::<_, Box<dyn std::error::Error>>(to_pem(CERTIFICATE, &content.sign(&root_key)?))
        };
        let root = made(&root_name, &root_key, &root_identifier, 1)?;
        let certificate = made(&name, &key, &key_identifier, 0)?;
        Ok(Self { name, key, key_identifier, certificate, root_key, root })
    }
}

/// Makes a key.
pub(super) fn new_key() -> Result<Arc<PrivateKey>, keyway_x509::PrivateKeyError> {
    Ok(Arc::new(PrivateKey::generate(KeyType::EcdsaP256)?.0))
}

impl Issuing {
    /// Replaces the scripted authority's certificate, which is the same for all orders, by a certificate for this
    /// order.
    fn certified(&self, order: &CertificateOrder, outcome: OrderOutcome) -> CaResult<OrderOutcome> {
        let OrderOutcome::Generated(_) = &outcome else { return Ok(outcome) };
        let Some(request) = self.office.request(&order.metadata)? else { return Ok(outcome) };
        let Office { habits, issued, .. } = &*self.office;
        let mut issued = locked(issued);
        if let (Some(issued), false) = (issued.get(order.id.as_str()), habits.forgets) {
            return Ok(issued.clone().into());
        }
        let days = Office::days(&order.metadata)?;
        let mut draft = Draft::new(&self.office.signer, request, self.ca.now(), days, issued.len())
            .map_err(|error| CertificateError::system("make the certificate", error))?;
        (habits.draft)(&mut draft);
        let certificate =
            draft.sign().map_err(|error| CertificateError::system("make the certificate", error))?;
        issued.insert(order.id.as_str().to_owned(), certificate.clone());
        Ok(certificate.into())
    }

    /// Checks an order before it is placed.
    fn accepts(&self, metadata: &keyway_certificates::OrderMetadata) -> CaResult<()> {
        self.office.request(metadata)?;
        Office::days(metadata).map(drop)
    }

    fn described(&self, information: CaInformation) -> CaResult<CaInformation> {
        let signer = &self.office.signer;
        Ok(information
            .with_signing_certificate(pem(&signer.certificate)?)
            .with_intermediates(pem(&signer.root)?))
    }
}

impl CertificateAuthorityLayer for Issuing {
    type Inner = super::ScriptedCa;

    fn inner(&self) -> &Self::Inner {
        &self.ca
    }

    async fn supports(&self, request: &OrderRequest) -> CaResult<Support> {
        self.accepts(&request.metadata)?;
        self.ca.supports(request).await
    }

    async fn issue(&self, order: &CertificateOrder) -> CaResult<OrderOutcome> {
        if let Err(error) = self.accepts(&order.metadata) {
            if !self.office.habits.places_refused {
                return Err(error);
            }
            self.ca.issue(order).await?;
            return Ok(OrderOutcome::InvalidOperation("The request is not acceptable.".into()));
        }
        if self.office.habits.names_by_host
            && let Some(request) = self.office.request(&order.metadata)?
            && let Some(AlternativeName::Dns(host)) = request.names().first()
        {
            order.plugin_meta.set(format!("order for {host}"), true)?;
        }
        self.certified(order, self.ca.issue(order).await?)
    }

    async fn check(&self, order: &CertificateOrder) -> CaResult<OrderOutcome> {
        self.certified(order, self.ca.check(order).await?)
    }

    async fn ca_information(&self) -> CaResult<Vec<CaInformation>> {
        self.ca.ca_information().await?.into_iter().map(|ca| self.described(ca)).collect()
    }

    async fn default_ca(&self) -> CaResult<Option<CaInformation>> {
        self.ca.default_ca().await?.map(|ca| self.described(ca)).transpose()
    }
}
