//! The life of a certificate after its issue: revocation and renewal.

use keyway_certificates::{CertificateRevocation, Pem, RenewalQuestion, RevocationReason};

use super::{CertificateFixture, Checked, Handle, RENEWS, REVOKES, broken, ensure, rules};
use crate::unique::new_intent;

rules! {
    in CertificateFixture;
    "CER-080" Must needs REVOKES from ["B18"]
        "A certificate can be revoked, for every reason that there is."
        revokes;
    "CER-081" Must needs REVOKES from ["B18"]
        "Revoking twice succeeds twice, also after a restart."
        revokes_twice;
    "CER-082" Must needs REVOKES from ["B18"]
        "Revoking what is no certificate of the authority takes nothing away, and does not break it."
        revokes_nothing;
    "CER-083" Must needs RENEWS from ["B18"]
        "The authority tells when to renew a certificate that it made, also after a restart."
        renewal;
    "CER-084" Must needs RENEWS from ["B18"]
        "Asking when to renew a certificate has no effect."
        renewal_without_effect;
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
        revoked(&handle, &CertificateRevocation::new(new_intent(), issued.certificate, reason)).await?;
    }
    Ok(())
}

async fn revokes_twice(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let (_, issued) = handle.issued().await?;
    let request =
        || CertificateRevocation::new(new_intent(), issued.certificate.clone(), RevocationReason::Superseded);
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
        let _ = super::hostile::answered(handle.authority.revoke(&request), "revoke", "an odd certificate")
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
