//! The connection of a host to the ACME server, and the responder that shows the proofs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_acme::{Acme, Proof, Responder, Visibility};
use keyway_certificates::{
    CertificateAuthority, CertificateAuthorityLayer, CertificateError, CertificateOrder,
    CertificateRevocation, JsonObject, Layered, OpenContext, OrderId, OrderOutcome, PluginMeta,
};
use keyway_core::{PluginError as _, Plugins, Resources, plugins};
use keyway_seal::KeyRing;
use keyway_storage::Storage;
use keyway_x509::{AlternativeName, CertificateRequest, DistinguishedName, KeyType, PrivateKey};
use serde_json::json;

use super::Defect;
use super::host::authority_name;
use super::plan::Plan;

const PLUGINS: Plugins = plugins! { keyway_acme };

/// Opens the connection. Its records are beside those of the hosts.
pub(super) fn open(
    plan: &Plan,
    directory: &str,
    storage: &Arc<dyn Storage>,
    keys: &KeyRing,
) -> Result<Arc<dyn CertificateAuthority>, String> {
    let registry = PLUGINS.registry().map_err(|faults| faults.to_string())?;
    let plugin = registry.get::<keyway_certificates::CertificateAuthorities>("acme");
    let metadata = plugin.map_err(|error| error.to_string())?.metadata().clone();
    let responder: Arc<dyn Responder> = Arc::new(FolderResponder(folder(&plan.folder)));
    let lent = Resources::new().with(Arc::clone(storage)).with(keys.clone()).with(responder);
    let configuration = json!({ "directory": directory, "request_seconds": 1, "call_seconds": 1 });
    let context =
        OpenContext::new(authority_name(), metadata).with_configuration(configuration).with_resources(lent);
    let acme = Acme::new(&context).map_err(|error| error.detail())?;
    Ok(match plan.defect {
        Some(Defect::FinalizesAnother) => Arc::new(Layered(Twice(acme))),
        Some(Defect::KeepsLateAcmeCertificates) => Arc::new(Layered(RevokingNothing(acme))),
        _ => Arc::new(acme),
    })
}

/// Returns the host name in the certificate that belongs to a cell.
pub(super) fn name(cell: &str) -> String {
    format!("{}.example.com", cell.replace('.', "-"))
}

/// Makes the request of a cell. The private key is not kept.
pub(super) fn request(cell: &str) -> String {
    let (key, _) = PrivateKey::generate(KeyType::EcdsaP256).expect("the system gives random numbers");
    let names = [AlternativeName::dns(&name(cell)).expect("a short name")];
    let request =
        CertificateRequest::sign(&key, &DistinguishedName::empty(), &names).expect("a small request");
    STANDARD.encode(request.to_pem())
}

fn folder(of: &Path) -> PathBuf {
    of.join("proofs")
}

/// Lists the proofs that the responder shows.
pub(super) fn proofs(of: &Path) -> impl Iterator<Item = String> {
    let files = fs::read_dir(folder(of)).into_iter().flatten().flatten();
    files.map(|file| file.file_name().to_string_lossy().into_owned())
}

/// A responder that keeps the page of each proof in a file.
#[derive(Debug)]
struct FolderResponder(PathBuf);

impl FolderResponder {
    fn file(&self, proof: &Proof) -> PathBuf {
        match proof {
            Proof::Page { token, .. } => self.0.join(token),
            other => panic!("{other:?}"),
        }
    }
}

#[async_trait]
impl Responder for FolderResponder {
    async fn put(&self, proof: &Proof) -> Result<Visibility, CertificateError> {
        let written = fs::create_dir_all(&self.0).and_then(|()| fs::write(self.file(proof), ""));
        written.map_err(|error| CertificateError::system("show a proof", error))?;
        Ok(Visibility::Now)
    }

    async fn remove(&self, proof: &Proof) -> Result<(), CertificateError> {
        // A missing file counts as removed.
        drop(fs::remove_file(self.file(proof)));
        Ok(())
    }
}

/// A connection that makes the server create each order a second time, under another id.
#[derive(Debug)]
struct Twice(Acme);

impl CertificateAuthorityLayer for Twice {
    type Inner = Acme;

    fn inner(&self) -> &Acme {
        &self.0
    }

    async fn issue(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        let mut twin = order.clone();
        twin.id = OrderId::new(format!("{}-twin", order.id))?;
        twin.plugin_meta = PluginMeta::new(JsonObject::new(), Arc::new(Mutex::new(JsonObject::new())));
        for _ in 0..4 {
            self.0.issue(&twin).await?;
        }
        self.0.issue(order).await
    }
}

/// A connection that reports each revocation as done. Its cancellations often arrive after the certificate is made.
#[derive(Debug)]
struct RevokingNothing(Acme);

impl CertificateAuthorityLayer for RevokingNothing {
    type Inner = Acme;

    fn inner(&self) -> &Acme {
        &self.0
    }

    async fn cancel(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        for _ in 0..4 {
            drop(self.0.check(order).await);
        }
        self.0.cancel(order).await
    }

    async fn revoke(&self, _: &CertificateRevocation) -> Result<(), CertificateError> {
        Ok(())
    }
}
