//! Mutants that describe their authorities wrongly, and mutants of revocation and renewal.

use std::sync::atomic::Ordering;

use keyway_certificates::{
    CaId, CaInformation, CertificateAuthority as _, CertificateError, DeleteCa, Pem, RevocationReason,
};
use keyway_core::Timestamp;

use super::plugin::{ca_mutant, new_intent};
use super::{CertificateSubject, mutants, operation};
use crate::certificates::CaCall;
use crate::lock::locked;

mutants! {
    for CertificateSubject, by ca_mutant;
    DescribesNone breaks ["CER-070"] "describes no authority"
        (ca_information |mutant| {
            let _ = mutant;
            Ok(Vec::new())
        })
    DescribesTwice breaks ["CER-070"] "describes two authorities of the same name"
        (ca_information |mutant| {
            let mut all = mutant.ca.ca_information().await?;
            let mut twin = all[0].clone();
            twin.id = CaId::new("twin")?;
            all.push(twin);
            Ok(all)
        })
    DescribesThePast breaks ["CER-071"] "has a description that has expired"
        (ca_information |mutant| {
            let all = mutant.ca.ca_information().await?.into_iter();
            Ok(all.map(|ca| ca.with_expiration(Timestamp::from_milliseconds(1))).collect())
        })
    DefaultsElsewhere breaks ["CER-072"] "has a default authority that it does not describe"
        (default_ca |mutant| {
            let _ = mutant;
            Ok(Some(CaInformation::new(CaId::new("elsewhere")?, "Elsewhere")))
        })
    DescribesInDer breaks ["CER-073"] "has a certificate of its own that is not PEM"
        (ca_information |mutant| {
            let der = Pem::new("MIIBTDCB/6ADAgECAhQdW")?;
            let all = mutant.ca.ca_information().await?.into_iter();
            Ok(all.map(|ca| ca.with_signing_certificate(der.clone())).collect())
        })
    NumbersItsAuthorities breaks ["CER-074"] "gives each authority another id each time"
        (ca_information |mutant| {
            let number = mutant.notes.number.fetch_add(1, Ordering::SeqCst);
            let mut all = mutant.ca.ca_information().await?;
            for ca in &mut all {
                ca.id = CaId::new(format!("{}-{number}", ca.id))?;
            }
            Ok(all)
        })
    HidesNewAuthorities breaks ["CER-075"] "does not describe what it created"
        (ca_information |mutant| {
            let mut all = mutant.ca.ca_information().await?;
            all.truncate(1);
            Ok(all)
        })
    TakesAnyParent breaks ["CER-077"] "creates an authority below another parent"
        (create_ca |mutant, request| {
            let mut request = request.clone();
            request.parent = CaId::new("base")?;
            mutant.ca.create_ca(&request).await
        })
    DeletesAll breaks ["CER-078"] "deletes all authorities with one"
        (delete_ca |mutant, request| {
            for ca in mutant.ca.ca_information().await?.into_iter().skip(1) {
                mutant.ca.delete_ca(&DeleteCa::new(new_intent(), ca.id)).await?;
            }
            mutant.ca.delete_ca(request).await
        })
    MissesTheDeleted breaks ["CER-079"] "fails when an authority is deleted already"
        (delete_ca |mutant, request| {
            if mutant.ca.ca_information().await?.iter().all(|ca| ca.id != request.ca) {
                return Err(CertificateError::UnknownCa { ca: request.ca.clone() });
            }
            mutant.ca.delete_ca(request).await
        })
    NeedsAReason breaks ["CER-080"] "does not revoke without a reason"
        (revoke |mutant, request| {
            if request.reason == RevocationReason::Unspecified {
                return Err(CertificateError::invalid("the reason", "it must be given"));
            }
            mutant.ca.revoke(request).await
        })
    FailsForAReason breaks ["CER-080"] "fails for a reason that it does not accept, and does not say that nothing happened"
        (revoke |mutant, request| {
            if request.reason == RevocationReason::CertificateHold {
                return Err(CertificateError::failed("It failed.", "the reason is not accepted"));
            }
            mutant.ca.revoke(request).await
        })
    RemembersAWrongReason breaks ["CER-080"] "revokes nothing any more after a reason that it does not accept"
        (revoke |mutant, request| {
            let is_wrong = request.reason == RevocationReason::AaCompromise;
            if mutant.notes.flag.fetch_or(is_wrong, Ordering::SeqCst) || is_wrong {
                return Err(CertificateError::invalid("the reason", "it is not accepted"));
            }
            mutant.ca.revoke(request).await
        })
    RevokesOnce breaks ["CER-081"] "fails when a certificate is revoked already"
        (revoke |mutant, request| {
            if mutant.ca.effects().iter().any(|effect| effect.call == CaCall::Revoke) {
                return Err(CertificateError::refused("It is revoked.", "it is revoked already"));
            }
            mutant.ca.revoke(request).await
        })
    PanicsOnOddCertificates breaks ["CER-082"] "takes it for granted that it made the certificate"
        (revoke |mutant, request| {
            assert!(request.certificate == mutant.ca.issued.certificate, "it is always ours");
            mutant.ca.revoke(request).await
        })
    RevokesInAnyCase breaks ["CER-082"] "revokes its certificate when it is given another"
        (revoke |mutant, request| {
            let mut request = request.clone();
            request.certificate = mutant.ca.issued.certificate.clone();
            mutant.ca.revoke(&request).await
        })
    RenewsItsOwn breaks ["CER-083"] "tells when to renew only what the same handle ordered"
        (issue |mutant, order| {
            locked(&mutant.notes.kept).push(order.clone());
            mutant.ca.issue(order).await
        },
        renewal_information |mutant, question| {
            if locked(&mutant.notes.kept).is_empty() {
                return Err(CertificateError::refused("It is not ours.", "it was made before the start"));
            }
            mutant.ca.renewal_information(question).await
        })
    RenewsWhenAsked breaks ["CER-084"] "places an order when it is asked when to renew"
        (renewal_information |mutant, question| {
            mutant.place_another().await?;
            mutant.ca.renewal_information(question).await
        })
    RefusesRenewals breaks ["CER-087"] "takes no order that replaces a certificate"
        (issue |mutant, order| {
            if order.context.replaces.is_some() {
                return Err(CertificateError::refused("There is one already.", "the certificate is still valid"));
            }
            mutant.ca.issue(order).await
        })
    RenewsOnce breaks ["CER-087"] "replaces each certificate once"
        (issue |mutant, order| {
            if order.context.replaces.is_some() && mutant.notes.flag.swap(true, Ordering::SeqCst) {
                return Err(CertificateError::refused("It was replaced.", "an order named it before"));
            }
            mutant.ca.issue(order).await
        })
    MaintainsWithoutPause breaks ["CER-085"] "has more to do at once, whenever it is asked"
        (maintain |mutant| Ok(Some(mutant.ca.now())))
    MaintainsOnce breaks ["CER-085"] "fails when there is nothing to do"
        (maintain |mutant| {
            if mutant.notes.flag.swap(true, Ordering::SeqCst) {
                return Err(CertificateError::refused("There is nothing to do.", "it was done already"));
            }
            mutant.ca.maintain().await
        })
    MaintainsByOrders breaks ["CER-086"] "places an order when it does its own work"
        (maintain |mutant| {
            mutant.place_another().await?;
            mutant.ca.maintain().await
        })
}
