//! Tests the revocation lists of a local authority, which a host keeps fresh on its own.

use std::fs;
use std::process::Command;
use std::time::Duration;

use keyway_certificates::{CaId, RevocationReason};
use keyway_core::Clock as _;
use keyway_host::Host;
use keyway_local_ca::RevocationList;
use keyway_tests::services::{OrSkip as _, system_program};
use keyway_x509::certificates_of_pem;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{
    ALL_VERIFICATION_ALGS, BorrowedCertRevocationList, CertRevocationList, EndEntityCert, Error,
    ExpirationPolicy, KeyUsage, RevocationOptionsBuilder, anchor_from_trusted_cert,
};

use crate::office::{Office, joe};

const DAY: Duration = Duration::from_secs(86_400);
/// The lifetime of a list in days, which is the default of the plugin's configuration.
const WEEK: u32 = 7;

/// Returns the revocation list that another process publishes. That process cannot write, so it cannot sign a list. It
/// publishes no list while a new one is due.
async fn published(office: &Office) -> Option<RevocationList> {
    office.reader().revocation_list(&CaId::new("base").unwrap()).await.ok()
}

/// Lets the host work until no new revocation list is due. Checks that the published list has this number, and returns
/// the list.
async fn kept(office: &Office, host: &Host, number: u64) -> RevocationList {
    for _ in 0..1000 {
        office.work(host).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
        if let Some(list) = published(office).await {
            assert_eq!(list.number, number);
            return list;
        }
    }
    panic!("the host signed no list {number}");
}

/// Verifies a certificate against a revocation list at a moment.
fn verify(certificate: &[u8], root: &[u8], list: &RevocationList, now: Duration) -> Result<(), Error> {
    let (certificate, root) = (CertificateDer::from(certificate), CertificateDer::from(root));
    let anchors = [anchor_from_trusted_cert(&root)?];
    let list = CertRevocationList::from(BorrowedCertRevocationList::from_der(&list.der)?);
    let lists = [&list];
    let options = RevocationOptionsBuilder::new(&lists).map_err(|_| Error::UnknownRevocationStatus)?;
    let options = options.with_expiration_policy(ExpirationPolicy::Enforce).build();
    let now = UnixTime::since_unix_epoch(now);
    let end = EndEntityCert::try_from(&certificate)?;
    let usage = KeyUsage::server_auth();
    end.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, &[], now, usage, Some(options), None).map(drop)
}

/// Tells whether OpenSSL accepts a certificate with a revocation list at a moment, or `None` without OpenSSL.
fn openssl(certificate: &str, root: &str, list: &RevocationList, now: Duration) -> Option<(bool, String)> {
    let openssl = system_program("openssl").or_skip("revocation lists of the host")?;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let (root, list) = (file("root.pem", root), file("list.pem", &list.to_pem()));
    let output = Command::new(openssl)
        .args(["verify", "-x509_strict", "-crl_check", "-attime", &now.as_secs().to_string(), "-CAfile"])
        .args([&root, std::path::Path::new("-CRLfile"), &list, &file("certificate.pem", certificate)])
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

#[tokio::test]
async fn a_host_signs_them_again_before_they_end() {
    let office = Office::new();
    let host = office.host(&office.storage).await.unwrap();
    let order = office.issued(&host, None).await;
    let certificate = order.state.certificate.unwrap().certificate;
    let root = host.orders().cas(&joe()).pop().unwrap().information.signing_certificate.unwrap();
    let der = |pem: &str| certificates_of_pem(pem).unwrap().swap_remove(0);
    let (leaf, anchor) = (der(certificate.as_str()), der(root.as_str()));
    let time = || Duration::from_millis(office.clock.now().as_milliseconds());

    let first = kept(&office, &host, 1).await;
    assert_eq!(verify(&leaf, &anchor, &first, time()), Ok(()));
    // After half of the list's lifetime, a new list is due.
    office.clock.advance(DAY * 4);
    assert_eq!(published(&office).await, None);
    let second = kept(&office, &host, 2).await;
    assert!(second.next_update > first.next_update);
    // The host was off for so long that the last list has expired.
    office.clock.advance(DAY * (WEEK + 1));
    assert!(second.next_update < office.clock.now());
    assert!(matches!(verify(&leaf, &anchor, &second, time()), Err(Error::CrlExpired { .. })));
    let third = kept(&office, &host, 3).await;
    assert!(third.this_update <= office.clock.now() && third.next_update > office.clock.now());
    assert_eq!(verify(&leaf, &anchor, &third, time()), Ok(()));
    if let Some((accepted, said)) = openssl(certificate.as_str(), root.as_str(), &third, time()) {
        assert!(accepted, "{said}");
        let (accepted, said) = openssl(certificate.as_str(), root.as_str(), &second, time()).unwrap();
        assert!(!accepted && said.contains("CRL has expired"), "{said}");
    }

    // After a revocation, the host signs a new list at once, with the revoked certificate.
    host.orders().revoke(&joe(), &order.id, RevocationReason::KeyCompromise).await.unwrap();
    let fourth = kept(&office, &host, 4).await;
    assert_eq!(verify(&leaf, &anchor, &fourth, time()), Err(Error::CertRevoked));
    if let Some((accepted, said)) = openssl(certificate.as_str(), root.as_str(), &fourth, time()) {
        assert!(!accepted && said.contains("certificate revoked"), "{said}");
    }
}
