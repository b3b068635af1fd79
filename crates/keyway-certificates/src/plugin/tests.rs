//! Tests of the methods that a plugin may leave out.

use std::sync::Mutex;

use keyway_core::{Effect, IntentId, PluginError};
use pollster::block_on;

use super::*;
use crate::{
    CaId, IntendedCall, JsonObject, OrderId, OrderMetadata, Owner, Pem, PluginMeta, RevocationReason,
};

/// A plugin with only the required methods. It describes authorities with the given ids.
#[derive(Debug)]
struct Least(&'static [&'static str]);

#[async_trait]
impl CertificateAuthority for Least {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL
    }

    async fn supports(&self, _: &OrderRequest) -> Result<Support, CertificateError> {
        Ok(Support::Yes)
    }

    async fn issue(&self, _: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        Ok(OrderOutcome::InvalidOperation("no".into()))
    }

    async fn check(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        self.issue(order).await
    }

    async fn ca_information(&self) -> Result<Vec<CaInformation>, CertificateError> {
        self.0.iter().map(|id| Ok(CaInformation::new(CaId::new(*id)?, *id))).collect()
    }
}

#[test]
fn a_method_that_a_plugin_leaves_out_is_unsupported_and_has_no_effect() {
    let least = Least(&["ca"]);
    let (intent, ca) = (IntentId::new("i").unwrap(), CaId::new("ca").unwrap());
    let (pem, owner) = (Pem::new("pem").unwrap(), Owner::new("joe").unwrap());
    let meta = PluginMeta::new(JsonObject::new(), Arc::new(Mutex::new(JsonObject::new())));
    let order =
        CertificateOrder::new(OrderId::new("o").unwrap(), intent.clone(), OrderMetadata::default(), meta);
    let create = CreateCa::new(intent.clone(), "Sub", "CN=Sub", ca.clone(), owner);
    let revocation = CertificateRevocation::new(intent.clone(), pem.clone(), RevocationReason::default());
    let answers = block_on(async {
        [
            least.modify(&order).await.map(drop),
            least.cancel(&order).await.map(drop),
            least.create_ca(&create).await.map(drop),
            least.delete_ca(&DeleteCa::new(intent, ca)).await,
            least.revoke(&revocation).await,
            least.renewal_information(&RenewalQuestion::new(pem)).await.map(drop),
            least.maintain().await.map(drop),
            least.reconcile(&IntendedCall::Issue(order).into()).await.map(drop),
        ]
    });
    let mut missing = std::collections::BTreeSet::new();
    for answer in answers {
        let error = answer.unwrap_err();
        assert_eq!(error.effect(), Effect::None);
        let CertificateError::Unsupported { what } = error else { panic!("{error:?}") };
        assert!(missing.insert(what), "{what} is named twice");
    }
}

#[test]
fn only_a_single_authority_is_the_default() {
    let default = |ids| block_on(Least(ids).default_ca()).unwrap().map(|ca| ca.id.to_string());
    assert_eq!(default(&[]), None);
    assert_eq!(default(&["one"]), Some("one".to_owned()));
    assert_eq!(default(&["one", "two"]), None);
}
