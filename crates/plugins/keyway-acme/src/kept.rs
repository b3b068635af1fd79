//! The plugin's own data of an order: the URL of the order at the server, and the proofs that are shown for it.

use keyway_certificates::{CertificateError, PluginMeta};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::responder::Proof;

/// The field with the URL of the order at the server.
const ORDER: &str = "order";
/// The field that is set while the order is being placed.
const PLACING: &str = "placing";
/// The field with the proofs that are shown.
const PROOFS: &str = "proofs";
/// The field that is set when the order is to be canceled.
const CANCELING: &str = "canceling";
/// The field that is set when the order was canceled.
const CANCELED: &str = "canceled";

/// The field with the number of calls whose clean-up failed.
const FAILED_CLEANUPS: &str = "failed_cleanups";
/// The field with the number of calls with a refused read since a call had all answers.
const REFUSED_READS: &str = "refused_reads";
/// The field with the end of an order that has failed, and may have to be cleaned up.
const END: &str = "end";

/// The end of an order that has failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct End {
    /// The message for the client.
    pub(crate) message: String,
    /// The detail of the error for the log. `None` if the order ended without an error.
    pub(crate) error: Option<String>,
}

/// An authorization whose proof is shown, or will be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShownProof {
    pub(crate) authorization: String,
    /// The proof, and the URL of its challenge. `None` if the name was proved before.
    pub(crate) proof: Option<(Proof, String)>,
    /// The thumbprint of the account key that the proof was made with.
    #[serde(default)]
    pub(crate) key: String,
    /// True if the responder was told to show the proof.
    #[serde(default)]
    pub(crate) is_shown: bool,
    /// True if the responder said that the proof can be seen.
    #[serde(default)]
    pub(crate) is_visible: bool,
    /// True if the server has been told to check the proof, or does not need to be told.
    pub(crate) is_announced: bool,
}

/// The plugin's own data of an order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept<'a>(pub(crate) &'a PluginMeta);

impl Kept<'_> {
    pub(crate) fn order(self) -> Option<String> {
        Some(self.0.text(ORDER)?.expose().to_owned())
    }

    pub(crate) fn set_order(self, url: &str) -> Result<(), CertificateError> {
        self.0.set(ORDER, url)?;
        self.0.remove(PLACING);
        Ok(())
    }

    pub(crate) fn is_placing(self) -> bool {
        self.0.get(PLACING).is_some()
    }

    pub(crate) fn set_placing(self) -> Result<(), CertificateError> {
        Ok(self.0.set(PLACING, "yes")?)
    }

    pub(crate) fn remove_placing(self) {
        self.0.remove(PLACING);
    }

    pub(crate) fn is_canceling(self) -> bool {
        self.0.get(CANCELING).is_some()
    }

    pub(crate) fn set_canceling(self) -> Result<(), CertificateError> {
        Ok(self.0.set(CANCELING, "yes")?)
    }

    pub(crate) fn is_canceled(self) -> bool {
        self.0.get(CANCELED).is_some()
    }

    pub(crate) fn set_canceled(self) -> Result<(), CertificateError> {
        Ok(self.0.set(CANCELED, "yes")?)
    }

    /// Makes a checkpoint of the plugin's data.
    pub(crate) async fn save(self) -> Result<(), Failure> {
        self.0.checkpoint().await.map_err(Failure::Unsaved)
    }

    /// Counts a call whose clean-up failed. Returns the number of these calls.
    pub(crate) fn count_failed_cleanup(self) -> Result<u32, CertificateError> {
        self.count(FAILED_CLEANUPS)
    }

    /// Counts a call with a refused read. Returns the number of these calls since a call had all answers.
    pub(crate) fn count_refused_read(self) -> Result<u32, CertificateError> {
        self.count(REFUSED_READS)
    }

    pub(crate) fn forget_refused_reads(self) {
        self.0.remove(REFUSED_READS);
    }

    fn count(self, field: &str) -> Result<u32, CertificateError> {
        let before = self.0.text(field).and_then(|text| text.expose().parse::<u32>().ok());
        let count = before.unwrap_or_default().saturating_add(1);
        self.0.set(field, count.to_string())?;
        Ok(count)
    }

    pub(crate) fn end(self) -> Option<End> {
        serde_json::from_str(self.0.text(END)?.expose()).ok()
    }

    pub(crate) fn set_end(self, end: &End) -> Result<(), CertificateError> {
        let text = serde_json::to_string(end);
        let text = text.map_err(|error| CertificateError::system("write down the end of an order", error))?;
        Ok(self.0.set(END, text)?)
    }

    pub(crate) fn proofs(self) -> Vec<ShownProof> {
        let text = self.0.text(PROOFS);
        text.and_then(|text| serde_json::from_str(text.expose()).ok()).unwrap_or_default()
    }

    pub(crate) fn set_proofs(self, proofs: &[ShownProof]) -> Result<(), CertificateError> {
        if proofs.is_empty() {
            self.0.remove(PROOFS);
            return Ok(());
        }
        Ok(self.0.set(PROOFS, written(proofs)?)?)
    }
}

/// Writes proofs as JSON.
pub(crate) fn written(proofs: &[ShownProof]) -> Result<String, CertificateError> {
    serde_json::to_string(proofs).map_err(|error| CertificateError::system("write down its proofs", error))
}
