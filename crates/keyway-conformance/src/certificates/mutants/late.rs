//! Makes authorities that cannot tell at once what became of a call. They are correct: they answer with a temporary
//! error while a call may be under way (decision H309). They accept no reason for a revocation, either (decision H368).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyway_certificates::{
    CertificateAuthority, CertificateAuthorityLayer, CertificateError, CertificateRevocation, Layered,
    Reconciled, Reconciliation, RevocationReason,
};

use super::plugin::{self, CaResult};
use crate::certificates::{CertificateSubject, ScriptedCa};
use crate::lock::locked;

#[derive(Debug)]
struct Late {
    ca: ScriptedCa,
    /// The intents that the host asked about.
    asked: Arc<Mutex<BTreeSet<String>>>,
    /// Whether the authority never tells that nothing happened. Otherwise, it answers the second question about each
    /// call.
    for_ever: bool,
}

impl CertificateAuthorityLayer for Late {
    type Inner = ScriptedCa;

    fn inner(&self) -> &ScriptedCa {
        &self.ca
    }

    async fn revoke(&self, request: &CertificateRevocation) -> CaResult<()> {
        if request.reason != RevocationReason::Unspecified {
            return Err(CertificateError::invalid("the reason", "this authority accepts none"));
        }
        self.ca.revoke(request).await
    }

    async fn reconcile(&self, question: &Reconciliation) -> CaResult<Reconciled> {
        let told = self.ca.reconcile(question).await?;
        let is_first = locked(&self.asked).insert(question.context.intent().to_string());
        let is_early = if self.for_ever { told == Reconciled::NothingHappened } else { is_first };
        if is_early { Err(busy()) } else { Ok(told) }
    }
}

fn busy() -> CertificateError {
    let what = "the authority, at which a call may still be on its way,";
    CertificateError::Unavailable { what, retry_after: Some(Duration::from_millis(10)), source: None }
}

/// Makes an authority that answers the second question about each call, because then no call can be late any more.
pub(super) fn waiting() -> CertificateSubject {
    subject("waiting", false)
}

/// Makes an authority that never tells that nothing happened.
pub(super) fn never_sure() -> CertificateSubject {
    subject("never sure", true)
}

fn subject(name: &str, for_ever: bool) -> CertificateSubject {
    let (ca, asked) = (ScriptedCa::new().with_capabilities(plugin::FULL.idempotent(false)), Arc::default());
    plugin::subject(name, ca, move |ca| -> Arc<dyn CertificateAuthority> {
        Arc::new(Layered(Late { ca, asked: Arc::clone(&asked), for_ever }))
    })
}
