//! Tests of layers on an authority whose answers name the operation that was called.

use std::sync::{Arc, Mutex};

use pollster::block_on;

use super::*;
use crate::{IntendedCall, JsonObject, OrderMetadata, Owner, Pem, PluginMeta, RequestContext};

/// Answers each operation with an error that names it.
#[derive(Debug)]
struct Named;

fn named<T>(what: &'static str) -> Result<T, CertificateError> {
    Err(CertificateError::Unsupported { what })
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl CertificateAuthority for Named {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.reconciles(true)
    }

    async fn supports(&self, _: &OrderRequest) -> Result<Support, CertificateError> {
        named("Supports")
    }

    async fn issue(&self, _: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        named("Order { method: Issue")
    }

    async fn check(&self, _: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        named("Order { method: Check")
    }

    async fn modify(&self, _: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        named("Order { method: Modify")
    }

    async fn cancel(&self, _: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        named("Order { method: Cancel")
    }

    async fn ca_information(&self) -> Result<Vec<CaInformation>, CertificateError> {
        named("CaInformation")
    }

    async fn default_ca(&self) -> Result<Option<CaInformation>, CertificateError> {
        named("DefaultCa")
    }

    async fn create_ca(&self, _: &CreateCa) -> Result<CaInformation, CertificateError> {
        named("CreateCa")
    }

    async fn delete_ca(&self, _: &DeleteCa) -> Result<(), CertificateError> {
        named("DeleteCa")
    }

    async fn revoke(&self, _: &CertificateRevocation) -> Result<(), CertificateError> {
        named("Revoke")
    }

    async fn renewal_information(&self, _: &RenewalQuestion) -> Result<RenewalInformation, CertificateError> {
        named("RenewalInformation")
    }

    async fn maintain(&self) -> Result<Option<Timestamp>, CertificateError> {
        named("Maintain")
    }

    async fn reconcile(&self, _: &Reconciliation) -> Result<Reconciled, CertificateError> {
        named("Reconcile")
    }
}

/// Records each call.
#[derive(Debug)]
struct Recording {
    inner: Arc<dyn CertificateAuthority>,
    calls: Mutex<Vec<String>>,
}

impl CertificateAuthorityLayer for Recording {
    type Inner = dyn CertificateAuthority;

    fn inner(&self) -> &Self::Inner {
        &*self.inner
    }

    async fn around<T, F>(&self, call: Call<'_>, next: F) -> Result<T, CertificateError>
    where
        T: Any + Send,
        F: Future<Output = Result<T, CertificateError>> + Send,
    {
        self.calls.lock().unwrap().push(format!("{call:?}"));
        next.await
    }
}

/// Answers revocations itself, and forwards all other calls.
#[derive(Debug)]
struct Revoking(Named);

impl CertificateAuthorityLayer for Revoking {
    type Inner = Named;

    fn inner(&self) -> &Named {
        &self.0
    }

    async fn revoke(&self, _: &CertificateRevocation) -> Result<(), CertificateError> {
        Ok(())
    }
}

/// Refuses every call without polling it, so the authority below does not see the call.
#[derive(Debug)]
struct Refusing(Layered<Recording>);

impl CertificateAuthorityLayer for Refusing {
    type Inner = Layered<Recording>;

    fn inner(&self) -> &Self::Inner {
        &self.0
    }

    async fn around<T, F>(&self, _: Call<'_>, _: F) -> Result<T, CertificateError>
    where
        T: Any + Send,
        F: Future<Output = Result<T, CertificateError>> + Send,
    {
        Err(CertificateError::refused("Not now.", "the layer refuses everything"))
    }
}

fn recording(inner: Arc<dyn CertificateAuthority>) -> Layered<Recording> {
    Layered(Recording { inner, calls: Mutex::default() })
}

async fn each_operation(authority: &dyn CertificateAuthority) -> Vec<Result<(), CertificateError>> {
    let (intent, ca) = (IntentId::new("i-7").unwrap(), CaId::new("ca-7").unwrap());
    let pem = Pem::new("n33dle").unwrap();
    let metadata = OrderMetadata::from_json(br#"{"password": "n33dle"}"#).unwrap();
    let meta = PluginMeta::new(JsonObject::new(), Arc::new(Mutex::new(JsonObject::new())));
    meta.set("token", "n33dle").unwrap();
    let context = RequestContext::new().with_ca(ca.clone()).with_generated_csr(pem.clone());
    let request = OrderRequest::new(metadata.clone()).with_context(context.clone());
    let order = CertificateOrder::new(OrderId::new("o-7").unwrap(), intent.clone(), metadata, meta)
        .with_context(context);
    let owner = Owner::new("n33dle").unwrap();
    let create = CreateCa::new(intent.clone(), "n33dle", "CN=n33dle", ca.clone(), owner);
    let revocation = CertificateRevocation::new(intent.clone(), pem.clone(), RevocationReason::Superseded);
    vec![
        authority.supports(&request).await.map(drop),
        authority.issue(&order).await.map(drop),
        authority.check(&order).await.map(drop),
        authority.modify(&order).await.map(drop),
        authority.cancel(&order).await.map(drop),
        authority.ca_information().await.map(drop),
        authority.default_ca().await.map(drop),
        authority.create_ca(&create).await.map(drop),
        authority.delete_ca(&DeleteCa::new(intent, ca)).await,
        authority.revoke(&revocation).await,
        authority.renewal_information(&RenewalQuestion::new(pem)).await.map(drop),
        authority.maintain().await.map(drop),
        authority.reconcile(&IntendedCall::Issue(order).into()).await.map(drop),
        authority.reconcile(&IntendedCall::Revoke(revocation).into()).await.map(drop),
    ]
}

#[test]
fn each_operation_passes_around_and_reaches_the_authority() {
    let authority = recording(Arc::new(recording(Arc::new(Named))));
    let answers = block_on(each_operation(&authority));
    let calls = authority.0.calls.lock().unwrap().clone();
    assert_eq!(calls.len(), answers.len());
    for (call, answer) in calls.iter().zip(answers) {
        let Err(CertificateError::Unsupported { what }) = answer else { panic!("{call} never arrived") };
        let rest = call.strip_prefix(what).unwrap_or_else(|| panic!("{call} arrived as {what}"));
        assert!(rest.is_empty() || rest.starts_with([' ', ',']), "{call} arrived as {what}");
        assert!(!call.contains("n33dle"), "{call}");
    }
    assert!(calls[1].contains("i-7") && calls[1].contains("o-7"), "{}", calls[1]);
    assert_eq!(authority.capabilities(), Named.capabilities());
}

#[test]
fn an_override_takes_the_place_of_one_operation() {
    let answers = block_on(each_operation(&recording(Arc::new(Layered(Revoking(Named))))));
    let answered: Vec<_> = answers.iter().enumerate().filter(|(_, answer)| answer.is_ok()).collect();
    assert_eq!(answered.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [9]);
}

#[test]
fn a_call_that_the_layer_refuses_does_not_reach_the_authority() {
    let authority = Layered(Refusing(recording(Arc::new(Named))));
    for answer in block_on(each_operation(&authority)) {
        assert!(matches!(answer, Err(CertificateError::Refused { .. })), "{answer:?}");
    }
    assert_eq!(*authority.0.0.0.calls.lock().unwrap(), Vec::<String>::new());
}
