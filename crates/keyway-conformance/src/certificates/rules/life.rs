//! Rules about the life of a certificate after its issue (revocation and renewal), and about the authority's own work.

use std::time::Duration;

use keyway_certificates::{CertificateError, CertificateRevocation, Pem, RenewalQuestion, RevocationReason};
use keyway_core::{Clock as _, Effect, ErrorKind, PluginError as _, Timestamp};

use super::{Broken, CertificateFixture, Checked, Handle, MAINTAINS, RENEWS, REVOKES, broken, ensure, rules};
use crate::unique::new_intent;

rules! {
    in CertificateFixture;
    "CER-080" Must needs REVOKES from ["B18", "H368"]
        "A certificate can be revoked for each reason, or the authority refuses the reason without an effect, and then \
         revokes without one."
        revokes;
    "CER-081" Must needs REVOKES from ["B18"]
        "Revoking twice succeeds twice, also after a restart."
        revokes_twice;
    "CER-082" Must needs REVOKES from ["B18"]
        "Revoking what is not a certificate of the authority takes nothing away, and does not break it."
        revokes_nothing;
    "CER-083" Must needs RENEWS from ["B18"]
        "The authority tells when to renew a certificate that it made, also after a restart."
        renewal;
    "CER-084" Must needs RENEWS from ["B18"]
        "Asking when to renew a certificate has no effect."
        renewal_without_effect;
    "CER-085" Must needs MAINTAINS from ["H166"]
        "An authority's own work succeeds whenever it is called for, also after a restart, and is due again later than at once."
        maintenance;
    "CER-086" Must needs MAINTAINS from ["H166"]
        "An authority's own work makes no order, authority or revocation."
        maintenance_without_effect;
    "CER-087" Must from ["B18", "H172"]
        "An order that names the certificate that it replaces ends in a certificate, and so does another one for the same."
        replaces;
}

pub(super) async fn revoked(handle: &Handle<'_, '_>, request: &CertificateRevocation) -> Checked {
    let revoked = handle.authority.revoke(request).await;
    handle.record("revoke", &revoked.as_ref().map(drop));
    revoked.map_err(|error| handle.unexpected("revoke", &error))
}

async fn revokes(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    for reason in RevocationReason::ALL {
        let (_, issued) = handle.issued().await?;
        let request = |reason| CertificateRevocation::new(new_intent(), issued.certificate.clone(), reason);
        if reason != RevocationReason::Unspecified {
            let answer = handle.authority.revoke(&request(reason)).await;
            handle.record("revoke", &answer.as_ref().map(drop));
            match answer {
                Ok(()) => continue,
                Err(error) if refuses(&error) => {}
                Err(error) => return Err(handle.unexpected(&format!("revoke for {reason:?}"), &error)),
            }
        }
        revoked(&handle, &request(RevocationReason::Unspecified)).await?;
    }
    Ok(())
}

/// Tells whether an error refuses an argument for good, and nothing happened. An authority need not accept every reason
/// (RFC 8555, section 7.6).
fn refuses(error: &CertificateError) -> bool {
    let is_refusal = matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Denied | ErrorKind::Unsupported);
    is_refusal && error.effect() == Effect::None
}

async fn revokes_twice(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let (_, issued) = handle.issued().await?;
    let request =
        || CertificateRevocation::new(new_intent(), issued.certificate.clone(), RevocationReason::default());
    let same = request();
    revoked(&handle, &same).await?;
    revoked(&handle, &same).await?;
    revoked(&handle, &request()).await?;
    revoked(&fixture.handle()?, &request()).await
}

async fn revokes_nothing(fixture: &CertificateFixture<'_>) -> Checked {
    const OTHER: [&str; 3] = [
        "no PEM at all",
        "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ];
    let handle = fixture.handle()?;
    handle.issued().await?;
    let before = fixture.listed().ok();
    for text in OTHER {
        let pem = Pem::new(text).map_err(|error| broken("a text of the kit", error.to_string()))?;
        let request = CertificateRevocation::new(new_intent(), pem, RevocationReason::default());
        let _ = crate::polled::answered(
            handle.authority.revoke(&request),
            handle.in_time(),
            "revoke",
            "an odd certificate",
        )
        .await?;
    }
    ensure(fixture.listed().ok() == before, "nothing revoked", "an effect")
}

async fn asked(handle: &Handle<'_, '_>, question: &RenewalQuestion) -> Checked {
    let told = handle.authority.renewal_information(question).await;
    handle.record("renewal_information", &told.as_ref().map(drop));
    told.map(drop).map_err(|error| handle.unexpected("renewal_information", &error))
}

async fn renewal(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let (_, issued) = handle.issued().await?;
    let question = RenewalQuestion::new(issued.certificate);
    asked(&handle, &question).await?;
    asked(&fixture.handle()?, &question).await
}

async fn renewal_without_effect(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let (_, issued) = handle.issued().await?;
    let before = fixture.listed()?;
    asked(&handle, &RenewalQuestion::new(issued.certificate)).await?;
    fixture.no_effect_since(&before, "`renewal_information`")
}

/// Orders two renewals of one certificate. Every authority must accept that: a host always names the certificate that a
/// renewal replaces, and repeats a renewal until it succeeds.
async fn replaces(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let (_, replaced) = handle.issued().await?;
    for _ in 0..2 {
        let mut renewal = handle.order()?;
        renewal.order.context.replaces = Some(replaced.certificate.clone());
        handle.certified(&mut renewal).await?;
    }
    Ok(())
}

/// Lets the authority do its own work. Returns the moment at which the next work is due, or `None` if the authority
/// knows of no further work.
async fn maintained(handle: &Handle<'_, '_>) -> Result<Option<Timestamp>, Broken> {
    let done = handle.authority.maintain().await;
    handle.record("maintain", &done.as_ref().map(drop));
    done.map_err(|error| handle.unexpected("maintain", &error))
}

async fn maintenance(fixture: &CertificateFixture<'_>) -> Checked {
    let (handle, reopened) = (fixture.handle()?, fixture.handle()?);
    handle.issued().await?;
    for handle in [&handle, &handle, &reopened] {
        let now = fixture.clock.now();
        let Some(next) = maintained(handle).await? else { continue };
        ensure(next > now, "a moment later than now", "now, or an earlier one")?;
        let wait = next.as_milliseconds() - now.as_milliseconds();
        fixture.clock.advance(Duration::from_millis(wait));
    }
    Ok(())
}

async fn maintenance_without_effect(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    handle.issued().await?;
    let before = fixture.listed()?;
    maintained(&handle).await?;
    fixture.no_effect_since(&before, "`maintain`")
}
