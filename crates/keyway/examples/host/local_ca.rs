//! Shows the host's own certificate authority. It issues a certificate for a stored key, keeps it in a secret store,
//! verifies it, revokes it, and renews it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keyway::certificates::{
    AuthorityName, CaId, CertificateAuthorities, OpenContext, OrderMetadata, Owner, RevocationReason,
};
use keyway::orders::{Authority, End, NewOrder, Order, Phase, Renewal, Renewing};
use keyway::seal::KeyRing;
use keyway::secrets::{NewSecret, SecretStore, StoreName};
use keyway::storage::Storage;
use keyway::{Clock, Host, Registry, Resources, SecretValue, SystemClock, Timestamp};
use keyway_local_ca::LocalCa;
use keyway_x509::issuing::to_pem;
use keyway_x509::{AlternativeName, Expected, KeyType, PrivateKey, certificates_of_pem, check_issued};
use rustls_pki_types::{CertificateDer, UnixTime};
use serde_json::json;
use webpki::{
    ALL_VERIFICATION_ALGS, BorrowedCertRevocationList, CertRevocationList, EndEntityCert, Error, KeyUsage,
    RevocationOptionsBuilder, anchor_from_trusted_cert,
};

use crate::orders::until;
use crate::report::{Failure, Report};
use crate::{PLUGINS, address, request_file};

const CONNECTION: &str = "office";
const NAME: &str = "www.example.com";

fn configuration() -> serde_json::Value {
    json!({ "root": { "subject": "CN=Office Root,O=Example" } })
}

pub(crate) async fn show(
    report: &mut Report,
    storage: &Arc<dyn Storage>,
    keys: &KeyRing,
    folder: &Path,
    secrets: &mut Vec<String>,
) -> Result<(), Failure> {
    report.step("A certificate authority of its own");
    let (registry, clock) = (PLUGINS.registry()?, Arc::new(Ahead::default()));
    let list_context = context(&registry, storage, keys)?;
    let authority =
        Authority::new(AuthorityName::new(CONNECTION)?, "local-ca").plugin_configuration(configuration());
    let certificates = StoreName::new("certificates")?;
    let host = Host::builder(registry, Arc::clone(storage), keys.clone())
        .name("office")
        .clock(Arc::clone(&clock) as Arc<_>)
        .resources(Resources::new().with(keys.clone()))
        .certificate_store(certificates.clone())
        .authority(authority)
        .start()
        .await?;
    let running = tokio::spawn({
        let host = host.clone();
        // The host is dropped when the task ends.
        async move { drop(host.run(std::future::pending()).await) }
    });

    let kept = host.stores().create(&certificates, "generic", json!({}), keys).await?;
    let vault = host.stores().create(&StoreName::new("vault")?, "generic", json!({}), keys).await?;
    let (key, pkcs8) = PrivateKey::generate(KeyType::EcdsaP256)?;
    let pem = to_pem("PRIVATE KEY", &pkcs8);
    secrets.extend(pem.lines().filter(|line| !line.starts_with('-')).map(str::to_owned));
    vault.create(NewSecret::new(address("web.private_key")?, SecretValue::text(pem))).await?;

    let (orders, joe) = (host.orders(), Owner::new("web team")?);
    let wanted = json!({
        "request_type": "stored-key", "container_ref": "vault/web", "subject_dn": format!("CN={NAME},O=Example"),
        "subject_alternative_names": [format!("dns:{NAME}")], "days": 30,
    });
    let metadata = OrderMetadata::from_json(wanted.to_string().as_bytes())?;
    let order = orders.submit(NewOrder::new(joe.clone(), metadata)).await?;
    let ended = orders.wait_for(&joe, &order.id).await?;
    report.check(
        ended.state.phase == Phase::Finished(End::Generated),
        "the host makes a request with the stored key, and the authority a certificate",
    );
    let secret = kept.get(&address(&format!("order-{}.certificate", order.id))?).await?;
    let certificate = secret.value.expose_text().ok_or("a certificate is a text")?.to_owned();

    let root = orders.cas(&joe).into_iter().find_map(|ca| ca.information.signing_certificate);
    let root = root.ok_or("the authority has a certificate")?;
    let expected = Expected::new()
        .with_public_key(key.public_key().clone())
        .with_names(vec![AlternativeName::dns(NAME)?]);
    let now = SystemClock.now();
    let facts = check_issued(&certificate, Some(root.as_str()), &expected, now)?;
    report.check(
        facts.not_after < now.plus(Duration::from_secs(30 * 86_400)),
        "the secret store has it: it is for this key and name, signed by the root, for 30 days",
    );
    request_file::show(report, orders, &kept, root.as_str(), folder).await?;

    let [certificate, root] = [&certificate, root.as_str()].map(certificates_of_pem);
    let (certificate, root) = (certificate?.swap_remove(0), root?.swap_remove(0));
    // The engine signs revocation lists. A program that publishes them opens the authority as a `LocalCa`.
    let (local, base) = (LocalCa::new(&list_context)?, CaId::new("base")?);
    let before = local.revocation_list(&base).await?;
    let verified = verify(&certificate, &root, &before.der, now);
    report.check(verified.is_ok(), "a verifier accepts it with the first revocation list");
    orders.revoke(&joe, &order.id, RevocationReason::KeyCompromise).await?;
    until(orders, &order, |order| {
        order.state.revocation.as_ref().is_some_and(|revocation| revocation.revoked)
    })
    .await?;
    let after = local.revocation_list(&base).await?;
    let verified = verify(&certificate, &root, &after.der, now);
    report.check(
        after.number > before.number && verified == Err(Error::CertRevoked),
        "it is revoked, and with the next list a verifier refuses it",
    );

    let metadata = OrderMetadata::from_json(wanted.to_string().as_bytes())?;
    let order = orders.submit(NewOrder::new(joe.clone(), metadata).with_renewal(Renewal::default())).await?;
    orders.wait_for(&joe, &order.id).await?;
    clock.0.store(26 * 86_400, Ordering::SeqCst);
    host.run_due(clock.now()).await?;
    // The host's loop may already have begun the renewal.
    let next = |order: &Order| order.state.renewal.as_ref().and_then(Renewing::order);
    let order = until(orders, &order, |order| next(order).is_some()).await?;
    let renewal = orders.wait_for(&joe, &next(&order).ok_or("it is renewed")?).await?;
    let newest =
        renewal.newest.as_deref().and_then(|name| name.split_once('/')).ok_or("it has a stable name")?.1;
    let secret = kept.get(&address(&format!("{newest}.certificate"))?).await?;
    report.check(
        renewal
            .state
            .certificate
            .is_some_and(|new| secret.value.expose_text() == Some(new.certificate.as_str())),
        "it is renewed within five sixths of its validity, and a stable name has the newest",
    );
    running.abort();
    Ok(())
}

/// A clock that the example sets ahead of the system clock, by a number of seconds.
#[derive(Debug, Default)]
struct Ahead(AtomicU64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(Duration::from_secs(self.0.load(Ordering::SeqCst)))
    }
}

fn context(registry: &Registry, storage: &Arc<dyn Storage>, keys: &KeyRing) -> Result<OpenContext, Failure> {
    let plugin = registry.get::<CertificateAuthorities>("local-ca")?;
    Ok(OpenContext::new(AuthorityName::new(CONNECTION)?, plugin.metadata().clone())
        .with_configuration(configuration())
        .with_resources(Resources::new().with(Arc::clone(storage)).with(keys.clone())))
}

/// Verifies the certificate of a server, as a TLS client that knows the revocation list does. All inputs are DER.
fn verify(certificate: &[u8], root: &[u8], list: &[u8], now: Timestamp) -> Result<(), Error> {
    let (certificate, root) = (CertificateDer::from(certificate), CertificateDer::from(root));
    let anchors = [anchor_from_trusted_cert(&root)?];
    let list = CertRevocationList::from(BorrowedCertRevocationList::from_der(list)?);
    let lists = [&list];
    let revocation = RevocationOptionsBuilder::new(&lists).map_err(|_| Error::UnknownRevocationStatus)?;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now.as_seconds()));
    let end = EndEntityCert::try_from(&certificate)?;
    let (usage, revocation) = (KeyUsage::server_auth(), Some(revocation.build()));
    end.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, &[], now, usage, revocation, None).map(drop)
}
