//! The question about the outcome of a call, asked after a crash.

use keyway_core::IntentId;

use crate::{CaId, CertificateOrder, CertificateRevocation, CreateCa, DeleteCa, OrderId, Pem};

/// A call that was intended, with its arguments.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum IntendedCall {
    /// [`issue`](crate::CertificateAuthority::issue).
    Issue(CertificateOrder),
    /// [`modify`](crate::CertificateAuthority::modify).
    Modify(CertificateOrder),
    /// [`cancel`](crate::CertificateAuthority::cancel).
    Cancel(CertificateOrder),
    /// [`create_ca`](crate::CertificateAuthority::create_ca).
    CreateCa(CreateCa),
    /// [`delete_ca`](crate::CertificateAuthority::delete_ca).
    DeleteCa(DeleteCa),
    /// [`revoke`](crate::CertificateAuthority::revoke).
    Revoke(CertificateRevocation),
}

/// An object at a certificate authority.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectRef {
    /// An order.
    Order(OrderId),
    /// A subordinate authority.
    Ca(CaId),
    /// A certificate.
    Certificate(Pem),
}

impl IntendedCall {
    /// Returns the id of the intended effect.
    pub const fn intent(&self) -> &IntentId {
        match self {
            Self::Issue(order) | Self::Modify(order) | Self::Cancel(order) => &order.intent,
            Self::CreateCa(request) => &request.intent,
            Self::DeleteCa(request) => &request.intent,
            Self::Revoke(request) => &request.intent,
        }
    }

    /// Returns the effect that was intended: to make an object, or to destroy one.
    pub fn effect(&self) -> IntendedEffect {
        match self {
            Self::Issue(_) | Self::Modify(_) | Self::CreateCa(_) => IntendedEffect::Request,
            Self::Cancel(order) => IntendedEffect::Revoke(ObjectRef::Order(order.id.clone())),
            Self::DeleteCa(request) => IntendedEffect::Revoke(ObjectRef::Ca(request.ca.clone())),
            Self::Revoke(request) => {
                IntendedEffect::Revoke(ObjectRef::Certificate(request.certificate.clone()))
            }
        }
    }
}

/// Converts an intended call to the question about its outcome.
impl From<IntendedCall> for Reconciliation {
    fn from(call: IntendedCall) -> Self {
        let effect = call.effect();
        Self::new(call, effect)
    }
}

/// The question about the outcome of a call, asked after a crash.
///
/// Decision R2.
pub type Reconciliation = keyway_core::Reconciliation<IntendedCall, ObjectRef>;

/// The effect of a call that was intended.
pub type IntendedEffect = keyway_core::IntendedEffect<ObjectRef>;

/// The outcome of a call that was intended.
pub type Reconciled = keyway_core::Reconciled<ObjectRef>;

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::{JsonObject, OrderMetadata, Owner, PluginMeta, RevocationReason};

    #[test]
    fn each_call_makes_or_destroys_one_object() {
        let intent = IntentId::new("i-7").unwrap();
        let (id, ca) = (OrderId::new("o-7").unwrap(), CaId::new("ca-7").unwrap());
        let pem = Pem::new("pem").unwrap();
        let meta = PluginMeta::new(JsonObject::new(), Arc::new(Mutex::new(JsonObject::new())));
        let order = CertificateOrder::new(id.clone(), intent.clone(), OrderMetadata::default(), meta);
        let owner = Owner::new("joe").unwrap();
        let create = CreateCa::new(intent.clone(), "Sub", "CN=Sub", ca.clone(), owner);
        let revocation = CertificateRevocation::new(intent.clone(), pem.clone(), RevocationReason::default());
        let rows = [
            (IntendedCall::Issue(order.clone()), IntendedEffect::Request),
            (IntendedCall::Modify(order.clone()), IntendedEffect::Request),
            (IntendedCall::Cancel(order), IntendedEffect::Revoke(ObjectRef::Order(id))),
            (IntendedCall::CreateCa(create), IntendedEffect::Request),
            (
                IntendedCall::DeleteCa(DeleteCa::new(intent.clone(), ca.clone())),
                IntendedEffect::Revoke(ObjectRef::Ca(ca)),
            ),
            (IntendedCall::Revoke(revocation), IntendedEffect::Revoke(ObjectRef::Certificate(pem))),
        ];
        for (call, effect) in rows {
            assert_eq!(*call.intent(), intent);
            assert_eq!(Reconciliation::from(call).effect, effect);
        }
    }
}
