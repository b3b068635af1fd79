//! Makes calls with secrets in the data of the client, and collects all texts that could show the secrets.

use keyway_certificates::{
    CaId, CertificateError, DeleteCa, IntendedCall, OrderRequest, RetryMethod, Support,
};

use super::{Broken, CertificateFixture, Handle, broken};
use crate::certificates::handle::name;
use crate::polled::contained;
use crate::unique::new_intent;
use crate::words;

/// The results of calls that are likely to fail.
#[derive(Default)]
pub(super) struct Provoked {
    /// The names of the calls that failed, and their errors.
    pub(super) errors: Vec<(String, CertificateError)>,
    /// The names of calls, and their messages to the client.
    pub(super) messages: Vec<(String, String)>,
    /// The calls that panicked.
    pub(super) panics: Vec<String>,
    /// The texts that must not show anywhere.
    pub(super) secrets: Vec<String>,
    /// The `Debug` text of the handle after all calls.
    pub(super) handle: String,
}

/// Makes calls with canaries: in a field that no plugin knows, after each text, and in place of each text.
pub(super) async fn provoke(fixture: &CertificateFixture<'_>) -> Result<Provoked, Broken> {
    let handle = fixture.handle()?;
    let mut provoked = Provoked::default();
    let canary = fixture.canary("entered");
    provoked.secrets.push(canary.clone());
    let example = fixture.example();
    let kept = |text: &str| if text.is_empty() { canary.clone() } else { text.to_owned() };
    let data = [
        example.with_texts(kept)?,
        example.with_texts(|text| format!("{text}{canary}"))?,
        example.with_texts(|_| canary.clone())?,
    ];
    for metadata in data {
        let request = OrderRequest::new(metadata.clone()).with_context(example.context());
        let answer = contained(handle.authority.supports(&request)).await;
        if let Some(Support::No { reason }) = provoked.note("supports", answer) {
            provoked.messages.push(("supports".to_owned(), reason.as_str().to_owned()));
        }
        let mut order = fixture.order_of(metadata.clone(), example)?;
        order.order.previous_metadata = Some(metadata);
        for method in [RetryMethod::Issue, RetryMethod::Check, RetryMethod::Modify, RetryMethod::Cancel] {
            let answer = contained(handle.ask(method, &order)).await;
            if let Some(outcome) = provoked.note(name(method), answer) {
                provoked.messages.push((name(method).to_owned(), outcome.message().as_str().to_owned()));
            }
        }
        let answer = contained(handle.authority.reconcile(&IntendedCall::Issue(order.order).into())).await;
        provoked.note("reconcile", answer);
    }
    others(&handle, &mut provoked).await?;
    provoked.handle = format!("{:?}", handle.authority);
    Ok(provoked)
}

/// Makes more calls that are likely to fail: about authorities, and for the refused example.
async fn others(handle: &Handle<'_, '_>, provoked: &mut Provoked) -> Result<(), Broken> {
    let ca = CaId::new("kit-no-such-ca").map_err(|error| broken("an id of the kit", error.to_string()))?;
    let delete = DeleteCa::new(new_intent(), ca.clone());
    let answer = contained(handle.authority.delete_ca(&delete)).await;
    provoked.note("delete_ca", answer);
    if let Ok(mut request) = super::authorities::creation(handle).await {
        request.parent = ca;
        let answer = contained(handle.authority.create_ca(&request)).await;
        provoked.note("create_ca", answer);
    }
    if let Some(example) = &handle.subject().refused {
        let order = handle.order_of(example.metadata()?, example)?;
        let answer = contained(handle.ask(RetryMethod::Issue, &order)).await;
        provoked.note("issue, of the refused example", answer);
    }
    Ok(())
}

impl Provoked {
    /// Returns the answer of a call that succeeded. Otherwise records the error or the panic, and returns `None`.
    fn note<T>(&mut self, what: &str, answer: Option<Result<T, CertificateError>>) -> Option<T> {
        match answer {
            Some(Ok(answer)) => return Some(answer),
            Some(Err(error)) => self.errors.push((what.to_owned(), error)),
            None => self.panics.push(what.to_owned()),
        }
        None
    }

    /// Tells whether a text contains data of the client.
    pub(super) fn shows(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| text.contains(secret.as_str()))
    }
}

/// Collects all texts of an error.
pub(super) fn all_words(error: &CertificateError) -> String {
    words::all_words(error, &error.client_message())
}
