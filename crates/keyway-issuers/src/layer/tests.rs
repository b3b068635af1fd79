//! Tests layers. The issuer below answers each operation with an error that names the operation.

use std::sync::{Arc, Mutex};

use pollster::block_on;

use super::*;
use crate::{Context, Requester, UserInfo};

/// An issuer that answers each operation with an error that names the operation.
#[derive(Debug)]
struct Named;

fn named<T>(what: &'static str) -> Result<T, IssuerError> {
    Err(IssuerError::Unsupported { what })
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Issuer for Named {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.reconciles(true)
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        named("Describe")
    }

    async fn request(&self, _: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        named("Request")
    }

    async fn revoke(&self, _: &Revocation) -> Result<(), IssuerError> {
        named("Revoke")
    }

    async fn reconcile(&self, _: &Reconciliation) -> Result<Reconciled, IssuerError> {
        named("Reconcile")
    }
}

/// A layer that records each call.
#[derive(Debug)]
struct Recording {
    inner: Arc<dyn Issuer>,
    calls: Mutex<Vec<String>>,
}

impl IssuerLayer for Recording {
    type Inner = dyn Issuer;

    fn inner(&self) -> &Self::Inner {
        &*self.inner
    }

    async fn around<T, F>(&self, call: Call<'_>, next: F) -> Result<T, IssuerError>
    where
        T: Any + Send,
        F: Future<Output = Result<T, IssuerError>> + Send,
    {
        self.calls.lock().unwrap().push(format!("{call:?}"));
        next.await
    }
}

/// A layer that answers revocations itself, and forwards requests.
#[derive(Debug)]
struct Revoking(Named);

impl IssuerLayer for Revoking {
    type Inner = Named;

    fn inner(&self) -> &Named {
        &self.0
    }

    async fn revoke(&self, _: &Revocation) -> Result<(), IssuerError> {
        Ok(())
    }
}

/// A layer that refuses every call before its first poll, so that no call reaches the issuer below.
#[derive(Debug)]
struct Refusing(Layered<Recording>);

impl IssuerLayer for Refusing {
    type Inner = Layered<Recording>;

    fn inner(&self) -> &Self::Inner {
        &self.0
    }

    async fn around<T, F>(&self, _: Call<'_>, _: F) -> Result<T, IssuerError>
    where
        T: Any + Send,
        F: Future<Output = Result<T, IssuerError>> + Send,
    {
        Err(IssuerError::refused("Not now.", "the layer refuses everything"))
    }
}

fn recording(inner: Arc<dyn Issuer>) -> Layered<Recording> {
    Layered(Recording { inner, calls: Mutex::default() })
}

async fn each_operation(issuer: &dyn Issuer) -> Vec<Result<(), IssuerError>> {
    let requester =
        Requester::new(UserInfo::new("https://issuer.example.com", "n33dle")).with_access_token("n33dle");
    let context = Context::new(requester).with_intent(IntentId::new("i-7").unwrap());
    let state = CredentialRef::new("n33dle");
    let request = CredentialRequest::new(context.clone())
        .with_parameters(Parameters::new().with("pass_phrase", "n33dle"));
    let question = Reconciliation::new(context.clone(), IntendedEffect::Revoke(state.clone()));
    vec![
        issuer.describe().await.map(drop),
        issuer.request(&request).await.map(drop),
        issuer.revoke(&Revocation::new(context, state)).await,
        issuer.reconcile(&question).await.map(drop),
    ]
}

#[test]
fn each_operation_passes_around_and_reaches_the_issuer() {
    let issuer = recording(Arc::new(recording(Arc::new(Named))));
    let answers = block_on(each_operation(&issuer));
    let calls = issuer.0.calls.lock().unwrap().clone();
    assert_eq!(calls.len(), 4);
    for (call, answer) in calls.iter().zip(answers) {
        let Err(IssuerError::Unsupported { what }) = answer else { panic!("{call} never arrived") };
        assert_eq!(call.split(' ').next(), Some(what), "{call} arrived as {what}");
        assert!(!call.contains("n33dle"), "{call}");
    }
    assert!(calls[1].contains("i-7") && calls[1].contains("pass_phrase"), "{}", calls[1]);
    assert_eq!(issuer.capabilities(), Named.capabilities());
}

#[test]
fn an_override_takes_the_place_of_one_operation() {
    let answers = block_on(each_operation(&recording(Arc::new(Layered(Revoking(Named))))));
    let reached: Vec<_> = answers.iter().map(Result::is_err).collect();
    assert_eq!(reached, [true, true, false, true]);
}

#[test]
fn a_call_that_the_layer_refuses_does_not_reach_the_issuer() {
    let issuer = Layered(Refusing(recording(Arc::new(Named))));
    for answer in block_on(each_operation(&issuer)) {
        assert!(matches!(answer, Err(IssuerError::Refused { .. })), "{answer:?}");
    }
    assert_eq!(*issuer.0.0.0.calls.lock().unwrap(), Vec::<String>::new());
}
