//! Tests TLS with certificates of the authority. Both ends use rustls.

use std::io::Write as _;
use std::sync::Arc;

use keyway_certificates::{CaId, IssuedCertificate, RevocationReason};
use keyway_local_ca::LocalCa;
use keyway_x509::{KeyType, certificates_of_pem};
use pollster::block_on;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, Error, RootCertStore, ServerConfig, ServerConnection,
};

use crate::support::{Client, Desk, create, issued, revoke, root};

fn chain(issued: &IssuedCertificate) -> Vec<CertificateDer<'static>> {
    let pems = [Some(&issued.certificate), issued.intermediates.as_ref()];
    let ders = pems.into_iter().flatten().flat_map(|pem| certificates_of_pem(pem.as_str()).unwrap());
    ders.map(CertificateDer::from).collect()
}

fn key(client: &Client) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(client.pkcs8.clone()).into()
}

/// Performs a handshake between a client and a server in memory. Each has a certificate, and both check the revocation
/// lists.
fn handshake(
    ca: &LocalCa,
    server: (&Client, &IssuedCertificate),
    client: (&Client, &IssuedCertificate),
    authorities: &[CaId],
) -> Result<(), Error> {
    let provider = Arc::new(default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificates_of_pem(&root(ca)).unwrap().remove(0).into()).unwrap();
    let roots = Arc::new(roots);
    let lists = || {
        let list = |id| block_on(ca.revocation_list(id)).unwrap().der;
        authorities.iter().map(list).map(CertificateRevocationListDer::from).collect::<Vec<_>>()
    };
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
        .with_crls(lists())
        .build()
        .unwrap();
    let mut at_server = ServerConnection::new(Arc::new(
        ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain(server.1), key(server.0))?,
    ))?;
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .with_crls(lists())
        .build()
        .unwrap();
    let configuration = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_webpki_verifier(verifier)
        .with_client_auth_cert(chain(client.1), key(client.0))?;
    let mut at_client =
        ClientConnection::new(Arc::new(configuration), "door.example.com".try_into().unwrap())?;
    at_client.writer().write_all(b"knock").unwrap();
    for _ in 0..10 {
        let mut wire = Vec::new();
        at_client.write_tls(&mut wire).unwrap();
        at_server.read_tls(&mut wire.as_slice()).unwrap();
        at_server.process_new_packets()?;
        let mut wire = Vec::new();
        at_server.write_tls(&mut wire).unwrap();
        at_client.read_tls(&mut wire.as_slice()).unwrap();
        at_client.process_new_packets()?;
    }
    assert!(!at_client.is_handshaking() && !at_server.is_handshaking());
    let mut read = [0; 5];
    std::io::Read::read_exact(&mut at_server.reader(), &mut read).unwrap();
    assert_eq!(&read, b"knock");
    Ok(())
}

#[test]
fn two_programs_shake_hands_until_a_certificate_is_revoked() {
    let desk = Desk::new();
    let ca = desk.with_root();
    let base = CaId::new("base").unwrap();
    let sub = create(&ca, "Sub").id;
    let authorities = [base.clone(), sub.clone()];
    for by in [&base, &sub] {
        for key_type in [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519] {
            let server = Client::with_key("door.example.com", key_type);
            let client = Client::with_key("ada.example.com", key_type);
            let (of_server, of_client) = (issued(&ca, &server, Some(by)), issued(&ca, &client, Some(by)));
            handshake(&ca, (&server, &of_server), (&client, &of_client), &authorities).unwrap();

            revoke(&ca, &of_client.certificate, Some(by), RevocationReason::KeyCompromise).unwrap();
            let refused =
                handshake(&ca, (&server, &of_server), (&client, &of_client), &authorities).unwrap_err();
            assert_eq!(refused, Error::InvalidCertificate(CertificateError::Revoked));
            revoke(&ca, &of_server.certificate, Some(by), RevocationReason::Superseded).unwrap();
            let refused =
                handshake(&ca, (&server, &of_server), (&client, &of_client), &authorities).unwrap_err();
            assert_eq!(refused, Error::InvalidCertificate(CertificateError::Revoked));
        }
    }
}

#[test]
fn a_wildcard_covers_one_label() {
    let ca = Desk::new().with_root();
    let base = [CaId::new("base").unwrap()];
    let client = Client::new("ada.example.com");
    let of_client = issued(&ca, &client, None);
    for (name, fits) in [("*.example.com", true), ("*.com", false), ("*.door.example.com", false)] {
        let server = Client::new(name);
        let of_server = issued(&ca, &server, None);
        let outcome = handshake(&ca, (&server, &of_server), (&client, &of_client), &base);
        assert_eq!(outcome.is_ok(), fits, "{name}: {outcome:?}");
    }
}
