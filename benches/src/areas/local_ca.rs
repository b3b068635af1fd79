//! Measures the local certificate authority: the issue of a certificate, a whole order in a host, and the signing of a
//! long revocation list.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_certificates::{
    AuthorityName, CaId, CertificateAuthority, CertificateOrder, CertificateRevocation, CreateCa, IntentId,
    JsonObject, OpenContext, OrderId, OrderMetadata, OrderOutcome, Owner, Pem, PluginMeta, RevocationReason,
};
use keyway_core::{Clock, PluginMetadata, Resources, SystemClock};
use keyway_host::Host;
use keyway_host::orders::{Authority, End, NewOrder, Phase};
use keyway_local_ca::LocalCa;
use keyway_seal::{Key, KeyRing};
use keyway_storage::{Batch, CommitOutcome, Expectation, Memory, Storage};
use keyway_x509::issuing::{CertificateContent, extensions, to_encoded, to_pem};
use keyway_x509::{AlternativeName, CertificateRequest, IssuedFacts, KeyType, PrivateKey};
use pollster::block_on;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use x509_cert::crl::{CertificateList, RevokedCert, TbsCertList};
use x509_cert::der::asn1::{Any, BitString};
use x509_cert::der::{Decode as _, Encode as _, Tag};
use x509_cert::ext::pkix::{CrlNumber, CrlReason};

use super::BenchError;
use super::order_parts::Parts;
use crate::hands::Hands;
use crate::measure::{Clock as Measured, Compared, interleave};
use crate::peers::recording::{Changes, Recording};
use crate::row::{Row, Target};

const CALLS: u32 = 20;
const ROUNDS: usize = 41;
const REVOKED: usize = 100_000;
const HOST: &str = "www.example.org";

fn context(
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    configuration: serde_json::Value,
) -> Result<OpenContext, BenchError> {
    let metadata = PluginMetadata::from_json(
        r#"{"version": "1.0.0", "author": "Keyway <keyway@example.org>", "updated": 20261129, "compatibility": "==:1",
            "plugin": {"name": "Local CA", "type": "Certificate", "description": "of a measurement"}}"#,
    )?;
    let keys = KeyRing::new([Key::generate()?])?;
    Ok(OpenContext::new(AuthorityName::new("local")?, metadata)
        .with_configuration(configuration)
        .with_resources(Resources::new().with(storage).with(keys))
        .with_clock(clock))
}

fn unique(prefix: &str) -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    format!("{prefix}-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

fn intent() -> IntentId {
    IntentId::new(unique("intent")).expect("an id")
}

fn request() -> Result<String, BenchError> {
    let (key, _) = PrivateKey::generate(KeyType::EcdsaP256)?;
    let names = [AlternativeName::dns(HOST)?];
    Ok(CertificateRequest::sign(&key, &format!("CN={HOST},O=Example").parse()?, &names)?.to_pem())
}

/// Returns the metadata of an order, as a client sends them.
fn fields(request: &str) -> serde_json::Value {
    serde_json::json!({
        "request_type": "simple-cmc", "request_data": STANDARD.encode(request), "days": 30,
    })
}

/// Reads the metadata anew, because the metadata of an earlier order already contain a verified request.
fn metadata(fields: &str) -> OrderMetadata {
    OrderMetadata::from_json(fields.as_bytes()).expect("the metadata of an order")
}

/// A bare key that signs and verifies a text as long as a certificate.
struct BareKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    signature: Vec<u8>,
}

const MESSAGE: [u8; 420] = [7; 420];

impl BareKey {
    fn new() -> Result<Self, BenchError> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let failed = |_| "no key";
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(failed)?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random)
            .map_err(|error| error.to_string())?;
        let signature = pair.sign(&random, &MESSAGE).map_err(failed)?.as_ref().to_vec();
        Ok(Self { pair, random, signature })
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(&self.random, message).expect("a signature").as_ref().to_vec()
    }

    fn verify(&self) {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, self.pair.public_key().as_ref());
        key.verify(&MESSAGE, &self.signature).expect("its own signature");
    }
}

/// Repeats only the cryptography and the recorded commits of an order. Keyway is compared with this work.
///
/// The plugin verifies one signature, that of the request. A host verifies that of the certificate, too.
fn bare_order(bare: &BareKey, verifications: u32, replay: &Replay) {
    for _ in 0..verifications {
        bare.verify();
    }
    bare.sign(&MESSAGE);
    replay.commit();
}

/// Repeats the commits that a recording engine saw during one operation. Each repetition writes under other record
/// keys.
struct Replay {
    bare: Memory,
    /// The commits of each repetition. They are copied before the measurement.
    prepared: RefCell<VecDeque<Vec<Changes>>>,
}

impl Replay {
    /// Creates an engine with the rows that the recorded engine had before the operation.
    fn of(before: Vec<Changes>, operation: &[Changes]) -> Self {
        let (bare, calls) = (Memory::new(), u32::try_from(ROUNDS).unwrap_or(u32::MAX) * CALLS);
        let prepared = (0..calls).map(|call| under_other_keys(operation, call)).collect();
        let replay = Self { bare, prepared: RefCell::new(prepared) };
        replay.commit_all(before);
        replay
    }

    fn commit(&self) {
        let operation = self.prepared.borrow_mut().pop_front().expect("as many as there are calls");
        self.commit_all(operation);
    }

    fn commit_all(&self, batches: Vec<Changes>) {
        for changes in batches {
            let batch = changes.into_iter().fold(Batch::new(), |batch, (key, value)| match value {
                Some(value) => batch.put(key, value, Expectation::Any),
                None => batch.delete(key, Expectation::Any),
            });
            let outcome = block_on(self.bare.commit(batch)).expect("a bare commit succeeds");
            assert!(matches!(outcome, CommitOutcome::Committed(_)), "nothing is expected");
        }
    }
}

/// Copies commits, and changes the end of each key. Keys that were equal stay equal.
fn under_other_keys(operation: &[Changes], call: u32) -> Vec<Changes> {
    let mut copy = operation.to_vec();
    for (key, _) in copy.iter_mut().flatten() {
        if let Some(end) = key.last_chunk_mut() {
            *end = (u32::from_le_bytes(*end) ^ call).to_le_bytes();
        }
    }
    copy
}

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let mut rows = certificate(area)?;
    rows.extend(order(area, Signer::Root)?);
    rows.extend(order(area, Signer::Subordinate)?);
    rows.push(revocation_list(area)?);
    Ok(rows)
}

/// Measures how the plugin issues a certificate, against the bare cryptography and the commit of the same work, and
/// against `rcgen`.
fn certificate(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let recording = Recording::of(Arc::new(Memory::new()));
    let root = serde_json::json!({ "root": { "subject": "CN=Bench Root" } });
    let ca = LocalCa::new(&context(Arc::clone(&recording) as Arc<_>, Arc::new(SystemClock), root)?)?;
    let (request, bare) = (request()?, BareKey::new()?);
    let fields = fields(&request).to_string();
    let issue = || {
        let meta = PluginMeta::new(JsonObject::new(), Arc::new(Mutex::new(JsonObject::new())));
        let id = OrderId::new(unique("order")).expect("an id");
        let order = CertificateOrder::new(id, intent(), metadata(&fields), meta);
        let outcome = block_on(ca.issue(&order)).expect("a certificate");
        assert!(matches!(outcome, OrderOutcome::Generated(_)), "a certificate at once");
    };
    issue();
    let before = recording.0.take();
    issue();
    let replay = Replay::of(before, &recording.0.stop());
    let mut peer = || bare_order(&bare, 1, &replay);
    let issuer = rcgen_issuer()?;
    let mut rcgen = || rcgen_issues(&issuer, &request);
    let operations: &mut [&mut dyn FnMut()] = &mut [&mut || issue(), &mut peer, &mut rcgen];
    let times = interleave(Measured::ThreadCpu, ROUNDS, CALLS, operations);
    let name = "certificate of a request by the local CA, in memory; a verification, a signature, its commit";
    Ok(vec![
        Row::compared(area, name, times.compared(0, 1))
            .must(Target::RatioAtMost(1.25))
            .noting("the plugin alone verifies the request, and no certificate"),
        Row::compared(area, "the same; rcgen parses, verifies and issues", times.compared(0, 2)),
    ])
}

fn rcgen_issues(issuer: &rcgen::Issuer<'static, rcgen::KeyPair>, request: &str) {
    let asked = rcgen::CertificateSigningRequestParams::from_pem(request).expect("a request");
    let _ = asked.signed_by(issuer).expect("a certificate").pem();
}

fn rcgen_issuer() -> Result<rcgen::Issuer<'static, rcgen::KeyPair>, BenchError> {
    let mut parameters = rcgen::CertificateParams::default();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    Ok(rcgen::Issuer::new(parameters, rcgen::KeyPair::generate()?))
}

/// The authority that makes the certificate of an order.
#[derive(Clone, Copy, PartialEq)]
enum Signer {
    /// The root. Its certificates have no chain: the host verifies them with the root certificate in the description of
    /// the authority.
    Root,
    /// An authority below the root, whose certificates have a chain.
    Subordinate,
}

/// Measures an order in a host, from the client's request to the stored certificate, against the bare cryptography and
/// the commits of an order, and against `rcgen`.
fn order(area: &'static str, signer: Signer) -> Result<Vec<Row>, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let recording = Recording::of(Arc::new(Memory::new()));
    let storage = Arc::clone(&recording) as Arc<dyn Storage>;
    let root = serde_json::json!({ "root": { "subject": "CN=Bench Root" } });
    let ca = Arc::new(LocalCa::new(&context(Arc::clone(&storage), Arc::new(SystemClock), root)?)?);
    let owner = Owner::new("web team")?;
    block_on(ca.create_ca(&CreateCa::new(intent(), "Web", "CN=Web", CaId::new("base")?, owner.clone())))?;
    let authority = Authority::with_authority(AuthorityName::new("local")?, ca);
    let keys = KeyRing::new([Key::generate()?])?;
    let built = Host::builder(keyway_core::Registry::builder().build()?, storage, keys).authority(authority);
    let host = runtime.block_on(built.start())?;
    let (request, bare, issuer) = (request()?, BareKey::new()?, rcgen_issuer()?);
    let mut fields = fields(&request);
    if signer == Signer::Subordinate {
        let all = host.orders().cas(&owner);
        let web = all.iter().find(|ca| ca.information.name == "Web").ok_or("no subordinate authority")?;
        fields[OrderMetadata::CA_ID] = web.id.as_str().into();
    }
    let fields = fields.to_string();
    let place = || {
        runtime.block_on(async {
            let order = NewOrder::new(owner.clone(), metadata(&fields));
            host.orders().submit(order).await.expect("the order is stored");
            let worked_on = host.run_due(SystemClock.now()).await.expect("a pass succeeds");
            assert_eq!(worked_on.len(), 1, "the order is due");
        });
    };
    place();
    // During the sleep the authority signs its first revocation lists. Their commits do not belong to the measured
    // order.
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(300)).await });
    let before = recording.0.take();
    place();
    let operation = recording.0.stop();
    let (commits, replay) = (operation.len(), Replay::of(before, &operation));
    let ended = runtime.block_on(host.orders().list(&owner))?.swap_remove(0).state.certificate;
    let ended = ended.ok_or("no certificate")?;
    let certificates = [Some(ended.certificate), ended.intermediates].into_iter().flatten();
    let certificates = certificates.map(|pem| pem.as_str().to_owned()).collect();
    let sent = STANDARD.encode(&request);
    let parts = Parts::of(operation.iter(), fields.clone(), sent, certificates)?;
    let mut peer = || bare_order(&bare, 2, &replay);
    let mut rcgen = || rcgen_issues(&issuer, &request);
    let (mut seal, mut read, mut encode) = (|| parts.seal(), || parts.read(), || parts.encode());
    let mut all = || {
        parts.seal();
        parts.read();
        parts.encode();
    };
    let operations: &mut [&mut dyn FnMut()] =
        &mut [&mut || place(), &mut peer, &mut rcgen, &mut seal, &mut read, &mut encode, &mut all];
    // The plugin may work on another thread, so the time of all threads is measured.
    let times = interleave(Measured::ProcessCpu, ROUNDS, CALLS, operations);
    for order in runtime.block_on(host.orders().list(&owner))? {
        assert_eq!(order.state.phase, Phase::Finished(End::Generated), "{:?}", order.state);
        let certificate = order.state.certificate.ok_or("no certificate")?;
        assert_eq!(certificate.intermediates.is_some(), signer == Signer::Subordinate, "its chain");
    }
    let name = match signer {
        Signer::Root => "order in a host that ends in a certificate of the root",
        Signer::Subordinate => "order in a host that ends in one of a subordinate CA",
    };
    let compared = format!("{name}; two verifications, a signature, its commits");
    let row = Row::compared(area, compared, times.compared(0, 1)).noting(format!(
        "{commits} commits; the host verifies the request, and the signature of the certificate"
    ));
    let row = row.must(Target::RatioAtMost(1.25));
    let rcgen = format!("{name}; rcgen parses, verifies and issues");
    let mut rows = vec![row, Row::compared(area, rcgen, times.compared(0, 2))];
    let (values, bytes) = parts.sealed();
    for (at, part) in [
        (3, format!("sealing its {values} values with {bytes} bytes, and opening it once")),
        (4, "reading metadata, request and certificates by the crates alone".to_owned()),
        (5, "encoding the certificate".to_owned()),
        (6, "all these parts together".to_owned()),
    ] {
        let of = times.compared(at, 1);
        rows.push(Row::compared(area, format!("{name}: {part}; its cryptography and commits"), of));
    }
    let (peer, parts) = (times.of(1), times.of(6));
    let least: Vec<f64> = peer.iter().zip(parts).map(|(peer, parts)| peer + parts).collect();
    let least_of = "its cryptography, its commits and these parts";
    let limit =
        Row::compared(area, format!("{name}: {least_of}; without the parts"), Compared::of(&least, peer));
    rows.push(limit.noting("no order without them has a lower ratio"));
    rows.push(Row::compared(area, format!("{name}; {least_of}"), Compared::of(times.of(0), &least)));
    Ok(rows)
}

/// Measures the signing of a list of 100,000 revocations, against encoding and signing the same list.
fn revocation_list(area: &'static str) -> Result<Row, BenchError> {
    const YEARS_30: Duration = Duration::from_secs(30 * 365 * 86_400);
    let clock = Arc::new(Hands::default());
    let ca =
        LocalCa::new(&context(Arc::new(Memory::new()), Arc::clone(&clock) as _, serde_json::json!({}))?)?;
    let (key, pkcs8) = PrivateKey::generate(KeyType::EcdsaP256)?;
    let identifier = extensions::key_identifier(key.public_key())?;
    let mut content = CertificateContent {
        subject: "CN=Bench Root".parse()?,
        issuer: "CN=Bench Root".parse()?,
        public_key: key.public_key().clone(),
        not_before: clock.now(),
        not_after: clock.now().plus(YEARS_30),
        extensions: extensions::of_authority(&identifier, Some(0))?,
    };
    let root = to_pem("CERTIFICATE", &content.sign(&key)?);
    block_on(ca.import(&to_pem("PRIVATE KEY", &pkcs8), None, &root, None))?;
    content.subject = format!("CN={HOST}").parse()?;
    content.extensions.clear();
    let mut revoked = Vec::with_capacity(REVOKED);
    let reason = vec![extensions::extension(false, &CrlReason::Superseded)?];
    for _ in 0..REVOKED {
        let pem = Pem::new(to_pem("CERTIFICATE", &content.sign(&key)?))?;
        revoked.push(RevokedCert {
            serial_number: x509_cert::serial_number::SerialNumber::new(
                &IssuedFacts::read(pem.as_str())?.serial_bytes(),
            )?,
            revocation_date: to_encoded(clock.now())?,
            crl_entry_extensions: Some(reason.clone()),
        });
        block_on(ca.revoke(&CertificateRevocation::new(intent(), pem, RevocationReason::Superseded)))?;
    }
    let base = CaId::new("base")?;
    let sign = || {
        clock.advance(Duration::from_secs(4 * 86_400));
        block_on(ca.revocation_list(&base)).expect("a list")
    };
    let ours = CertificateList::<x509_cert::certificate::Rfc5280>::from_der(&sign().der)?;
    assert_eq!(ours.tbs_cert_list.revoked_certificates.map_or(0, |all| all.len()), REVOKED);

    let bare_key = BareKey::new()?;
    let number = extensions::extension(false, &CrlNumber::try_from(1_u64)?)?;
    let algorithm = key.signature_algorithm();
    let content = TbsCertList::<x509_cert::certificate::Rfc5280> {
        version: x509_cert::certificate::Version::V2,
        signature: algorithm.clone(),
        issuer: ours.tbs_cert_list.issuer,
        this_update: to_encoded(clock.now())?,
        next_update: Some(to_encoded(clock.now())?),
        revoked_certificates: Some(revoked),
        crl_extensions: Some(vec![extensions::authority_key(&identifier)?, number]),
    };
    let algorithm = algorithm.to_der()?;
    let mut bare_list = || {
        // The peer encodes the entries only once, as Keyway does.
        let mut parts = content.to_der().expect("a list");
        let signature = BitString::from_bytes(&bare_key.sign(&parts)).expect("a signature");
        parts.extend_from_slice(&algorithm);
        parts.extend(signature.to_der().expect("a signature"));
        Any::new(Tag::Sequence, parts).and_then(|list| list.to_der()).expect("a list");
    };
    let times = interleave(Measured::ThreadCpu, 15, 1, &mut [&mut || drop(sign()), &mut bare_list]);
    let name = "revocation list of 100,000 signed again; encoding and signing it by x509-cert and ring";
    Ok(Row::compared(area, name, times.compared(0, 1)).must(Target::RatioAtMost(1.5)))
}
