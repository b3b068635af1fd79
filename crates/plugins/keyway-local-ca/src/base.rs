//! The root that the plugin makes, as the base authority.

use std::time::Duration;

use keyway_certificates::CertificateError;
use keyway_x509::PrivateKey;
use keyway_x509::issuing::CertificateContent;
use keyway_x509::issuing::extensions::{key_identifier, of_authority};

use crate::authority::{Authority, signed};
use crate::authority_record::AuthorityRecord;
use crate::chain_limits::ChainLimits;
use crate::local_ca::{BASE, LocalCa};

const DAY: u64 = 86_400;

/// Converts a number of days to a duration.
pub(crate) const fn days(days: u32) -> Duration {
    Duration::from_secs(days as u64 * DAY)
}

/// A new key of an authority.
pub(crate) struct NewKey {
    pub(crate) key: PrivateKey,
    pub(crate) stored: keyway_core::Wiped<Vec<u8>>,
    pub(crate) identifier: Vec<u8>,
}

impl LocalCa {
    /// Makes a key of the configured type.
    pub(crate) fn new_key(&self) -> Result<NewKey, CertificateError> {
        let key_type =
            self.configuration.root.as_ref().map_or_else(Default::default, |root| root.key).key_type();
        let not_ready = |error: String| CertificateError::not_ready("a new key", error);
        let (key, stored) = PrivateKey::generate(key_type).map_err(|error| not_ready(error.to_string()))?;
        let identifier = key_identifier(key.public_key()).map_err(|error| not_ready(error.to_string()))?;
        Ok(NewKey { key, stored, identifier })
    }

    /// Makes the configured root. If another handle has stored a base authority first, returns that one.
    pub(crate) async fn make_root(&self) -> Result<Option<Authority>, CertificateError> {
        let Some((root, subject)) = self.configuration.root.as_ref().zip(self.configuration.root_subject()?)
        else {
            let reason = "there is none yet: configure `root`, or import one";
            return Err(CertificateError::not_ready("the base authority", reason));
        };
        let encoding = |error: der::Error| CertificateError::system("make the root", error);
        let NewKey { key, stored, identifier } = self.new_key()?;
        let now = self.clock.now();
        let content = CertificateContent {
            subject: subject.clone(),
            issuer: subject,
            public_key: key.public_key().clone(),
            not_before: self.backdated(now),
            not_after: now.plus(days(root.days)),
            extensions: of_authority(&identifier, Some(root.path_length)).map_err(encoding)?,
        };
        let certificate = signed(&content, &key)?;
        let record = AuthorityRecord {
            id: BASE.to_owned(),
            name: self.configuration.name.clone(),
            description: None,
            parent: None,
            key: Some(stored),
            certificate,
            issuers: Vec::new(),
            limits: ChainLimits::default(),
        };
        Ok(Some(self.store_base(record).await?.0))
    }
}
