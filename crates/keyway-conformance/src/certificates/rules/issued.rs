//! Rules about the content of issued certificates, as a host reads it.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use keyway_certificates::{IssuedCertificate, OrderOutcome, Pem, RetryMethod};
use keyway_core::{Clock as _, Timestamp};
use keyway_x509::{
    AlternativeName, CertificateRequest, Expected, IssuedFacts, IssuedFault, KeyType, PrivateKey,
    check_issued,
};

use super::orders::nothing_happened;
use super::{Broken, CertificateFixture, Checked, DAYS, Handle, ISSUES, broken, ensure, rules};
use crate::certificates::requests::metadata;

rules! {
    in CertificateFixture;
    "CER-120" Must needs ISSUES from ["B11", "B11a", "B12"]
        "A certificate has the key of its request."
        key;
    "CER-121" Must needs ISSUES from ["B11a"]
        "A certificate has every alternative name of its request: host names, a wildcard, addresses."
        names;
    "CER-122" Must needs ISSUES from ["B11a", "B15"]
        "A certificate is valid when it is made."
        validity;
    "CER-123" Must needs DAYS from ["B15"]
        "A certificate is valid for as many days as the order asks for."
        days;
    "CER-124" Must needs ISSUES from ["B15", "B11a"]
        "No certificate is that of an authority, also when the request asks for that."
        no_authority;
}

/// The name in the kit's requests.
pub(super) const HOST: &str = "kit.example.com";
/// The request for the certificate of an authority.
const AUTHORITY: &str = include_str!("requests/authority.pem");
/// The largest allowed difference between the end of a certificate and the end that the requested days give.
const TOLERANCE: Duration = Duration::from_secs(3600);
fn unable(error: impl std::fmt::Display) -> Broken {
    broken("a request that the kit makes", error.to_string())
}

/// Makes a request with a new key.
pub(super) fn new_request() -> Result<CertificateRequest, Broken> {
    let (key, _) = PrivateKey::generate(KeyType::EcdsaP256).map_err(unable)?;
    let names = [
        AlternativeName::dns(HOST).map_err(unable)?,
        AlternativeName::dns(&format!("*.{HOST}")).map_err(unable)?,
        // These addresses are reserved for documentation (RFC 5737, RFC 3849).
        AlternativeName::Ip(Ipv4Addr::new(192, 0, 2, 7).into()),
        AlternativeName::Ip(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7).into()),
    ];
    let subject = format!("CN={HOST}").parse().map_err(unable)?;
    CertificateRequest::sign(&key, &subject, &names).map_err(unable)
}

/// Orders the certificate of a request, and returns it.
pub(super) async fn certified(
    handle: &Handle<'_, '_>,
    request: &CertificateRequest,
    days: Option<u32>,
) -> Result<IssuedCertificate, Broken> {
    let metadata = metadata(handle, &request.to_pem(), days)?;
    let mut order = handle.order_of(metadata, handle.example())?;
    handle.certified(&mut order).await
}

pub(super) fn facts(issued: &IssuedCertificate) -> Result<IssuedFacts, Broken> {
    IssuedFacts::read(issued.certificate.as_str())
        .map_err(|fault| broken("a certificate that can be read", fault.to_string()))
}

/// Checks a certificate as a host does.
pub(super) fn check(
    issued: &IssuedCertificate,
    expected: &Expected,
    now: Timestamp,
) -> Result<IssuedFacts, IssuedFault> {
    let intermediates = issued.intermediates.as_ref().map(Pem::as_str);
    check_issued(issued.certificate.as_str(), intermediates, expected, now)
}

async fn key(fixture: &CertificateFixture<'_>) -> Checked {
    let (handle, request) = (fixture.handle()?, new_request()?);
    let issued = certified(&handle, &request, None).await?;
    let expected = Expected::new().with_public_key(request.public_key().clone());
    let fault = check(&issued, &expected, fixture.clock.now()).err();
    ensure(fault != Some(IssuedFault::AnotherKey), "the key of the request", "another key")
}

async fn names(fixture: &CertificateFixture<'_>) -> Checked {
    let (handle, request) = (fixture.handle()?, new_request()?);
    let facts = facts(&certified(&handle, &request, None).await?)?;
    let names: BTreeSet<_> = facts.names.iter().collect();
    match request.names().iter().find(|name| !names.contains(name)) {
        None => Ok(()),
        Some(name) => Err(broken("every name of the request", format!("no {name}"))),
    }
}

/// Writes the time from `from` to `moment`. It is negative if `moment` is earlier.
fn distance(moment: Timestamp, from: Timestamp) -> String {
    let [moment, from] = [moment, from].map(Timestamp::as_seconds);
    let sign = if moment < from { "-" } else { "" };
    format!("{sign}{} s", moment.abs_diff(from))
}

async fn validity(fixture: &CertificateFixture<'_>) -> Checked {
    let (handle, request) = (fixture.handle()?, new_request()?);
    let facts = facts(&certified(&handle, &request, None).await?)?;
    let now = fixture.clock.now();
    let begins = || format!("it begins in {}", distance(facts.not_before, now));
    ensure(facts.not_before <= now, "a validity that has begun", begins())?;
    let ends = format!("it ends in {}", distance(facts.not_after, now));
    ensure(now < facts.not_after, "a validity that has not ended", ends)
}

async fn days(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    for days in [7, 30] {
        let begun = fixture.clock.now();
        let asked = Duration::from_secs(u64::from(days) * 86_400);
        let facts = facts(&certified(&handle, &new_request()?, Some(days)).await?)?;
        let (earliest, latest) =
            (begun.plus(asked.saturating_sub(TOLERANCE)), fixture.clock.now().plus(asked + TOLERANCE));
        let expected = format!("an end after {days} days, that is {} s", asked.as_secs());
        let as_asked = (earliest..=latest).contains(&facts.not_after);
        ensure(as_asked, expected, format!("an end after {}", distance(facts.not_after, begun)))?;
    }
    Ok(())
}

async fn no_authority(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let ordinary = |issued: &IssuedCertificate, of: &str| {
        let is_authority =
            check(issued, &Expected::new(), fixture.clock.now()).err() == Some(IssuedFault::Authority);
        ensure(!is_authority, format!("an ordinary certificate {of}"), "that of an authority")
    };
    ordinary(&certified(&handle, &new_request()?, None).await?, "for an ordinary request")?;
    let before = fixture.listed().ok();
    let mut order = fixture.order_of(metadata(fixture, AUTHORITY, None)?, fixture.example())?;
    match handle.ask(RetryMethod::Issue, &order).await {
        Ok(outcome) => match handle.finish(&mut order, RetryMethod::Issue, outcome, false).await? {
            OrderOutcome::Generated(issued) => ordinary(&issued, "for a request that asks for an authority"),
            _ => Ok(()),
        },
        Err(error) => nothing_happened(fixture, before.as_deref(), &error),
    }
}
