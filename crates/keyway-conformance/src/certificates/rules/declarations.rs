//! Rules about the declarations of an authority, and about operations that it does not declare.

use keyway_certificates::{
    CaId, CertificateError, CertificateRevocation, CreateCa, DeleteCa, IntendedCall, Owner, RenewalQuestion,
    RetryMethod, RevocationReason,
};

use super::{Broken, CertificateFixture, Checked, Handle, LISTING, broken, ensure, rules};
use crate::unique::new_intent;

rules! {
    in CertificateFixture;
    "CER-001" Must from ["R1", "Barbican/base"]
        "The capabilities never change: whenever they are asked for, and of every handle."
        constant;
    "CER-002" Must from ["B12", "Barbican/order_meta"]
        "The type of the example's request is one that the authority declares."
        declared_type;
    "CER-003" Must from ["Barbican/base", "B8", "B16", "B18"]
        "Each operation whose capability is missing answers that it is not supported."
        absent;
    "CER-004" Must needs LISTING from ["Barbican/base", "B16"]
        "An operation whose capability is missing has no effect, and leaves the order as it was."
        absent_without_effect;
}

async fn constant(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let first = handle.authority.capabilities();
    let same = |when: &str, handle: &Handle<'_, '_>| {
        ensure(handle.authority.capabilities() == first, "the same capabilities", format!("others {when}"))
    };
    same("when they were asked for again", &handle)?;
    let order = fixture.order()?;
    let _ = handle.ask(RetryMethod::Issue, &order).await;
    same("after an order", &handle)?;
    same("of another handle", &fixture.handle()?)
}

async fn declared_type(fixture: &CertificateFixture<'_>) -> Checked {
    let types = fixture.handle()?.authority.capabilities().request_types;
    let example = fixture.example().metadata()?.request_type();
    let example = example.map_err(|error| broken("a type of request in the example", error.to_string()))?;
    ensure(types.contains(&example), format!("{:?}, declared", example.as_str()), format!("{types:?}"))
}

/// Calls each operation whose capability is missing. Returns the name of each, and its error if it failed.
async fn each_absent(
    handle: &Handle<'_, '_>,
) -> Result<Vec<(&'static str, Option<CertificateError>)>, Broken> {
    let (authority, declared) = (&handle.authority, handle.authority.capabilities());
    let (order, issued) = handle.issued().await?;
    let text = |error: keyway_certificates::InvalidText| broken("a text of the kit", error.to_string());
    let (ca, owner) = (CaId::new("kit-ca").map_err(text)?, Owner::new("kit").map_err(text)?);
    let create = CreateCa::new(new_intent(), "Kit", "CN=Kit", ca.clone(), owner);
    let revocation =
        || CertificateRevocation::new(new_intent(), issued.certificate.clone(), RevocationReason::default());
    let question = RenewalQuestion::new(issued.certificate.clone());
    let mut answers = Vec::new();
    if !declared.modifies {
        let changed = order.order.clone().with_previous_metadata(order.order.metadata.clone());
        answers.push(("modify", authority.modify(&changed).await.err()));
    }
    if !declared.cancels {
        answers.push(("cancel", authority.cancel(&order.order).await.err()));
    }
    if !declared.creates_cas {
        answers.push(("create_ca", authority.create_ca(&create).await.err()));
    }
    if !declared.deletes_cas {
        let delete = DeleteCa::new(new_intent(), ca);
        answers.push(("delete_ca", authority.delete_ca(&delete).await.err()));
    }
    if !declared.revokes {
        answers.push(("revoke", authority.revoke(&revocation()).await.err()));
    }
    if !declared.renewal_information {
        answers.push(("renewal_information", authority.renewal_information(&question).await.err()));
    }
    if !declared.maintains {
        answers.push(("maintain", authority.maintain().await.err()));
    }
    if !declared.reconciles {
        for call in [IntendedCall::Issue(order.order.clone()), IntendedCall::Revoke(revocation())] {
            answers.push(("reconcile", authority.reconcile(&call.into()).await.err()));
        }
    }
    if answers.is_empty() {
        return Err(Broken::Missing { capability: "an operation that is missing" });
    }
    Ok(answers)
}

async fn absent(fixture: &CertificateFixture<'_>) -> Checked {
    for (operation, error) in each_absent(&fixture.handle()?).await? {
        let observed = match error {
            Some(CertificateError::Unsupported { .. }) => continue,
            Some(error) => format!("another error: {error}"),
            None => "an answer".to_owned(),
        };
        return Err(broken(format!("that `{operation}` is not supported"), fixture.clean(&observed)));
    }
    Ok(())
}

async fn absent_without_effect(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    // This first order is placed before the effects are counted. `each_absent` places a second order, so exactly one
    // effect may be added to the count.
    handle.issued().await?;
    let before = fixture.listed()?.len();
    each_absent(&handle).await?;
    let made = fixture.listed()?.len().saturating_sub(before);
    ensure(made == 1, "the effect of one order", format!("{made} effects"))
}
