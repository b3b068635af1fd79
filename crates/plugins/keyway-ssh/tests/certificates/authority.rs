//! Sets up an authority of `ssh-ca` for the tests, with its files and its clock.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keyway_core::{Clock, Plugins, Resources, Timestamp, plugins};
use keyway_issuers::{
    Context, CredentialRef, CredentialRequest, Issued, Issuer, IssuerError, Issuers, Json, OpenContext,
    Parameters, RequestOutcome, Revocation, ServiceName, UserInfo,
};
use keyway_ssh::{CertificateAuthorityKey, set_up_revocation_list};
use pollster::block_on;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{Certificate, HashAlg, LineEnding, PrivateKey};

const PLUGINS: Plugins = plugins! { keyway_ssh };
pub(crate) const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
pub(crate) const NOW: u64 = 1_800_000_000;

/// A clock that stands still until it is set.
#[derive(Debug)]
pub(crate) struct FixedClock(AtomicU64);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::default().plus(Duration::from_secs(self.0.load(Ordering::Relaxed)))
    }
}

/// An authority with a new list.
pub(crate) struct Authority {
    folder: tempfile::TempDir,
    key: PrivateKey,
    clock: Arc<FixedClock>,
    issuer: Arc<dyn Issuer>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::lent(None)
    }

    pub(crate) fn lent(lent: Option<CertificateAuthorityKey>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&[9; 32]));
        let key = PrivateKey::new(pair, "ca").unwrap();
        let clock = Arc::new(FixedClock(AtomicU64::new(NOW)));
        let authority = Self { issuer: open(lent, clock.clone()), folder, key, clock };
        fs::write(authority.file("ca"), &*authority.key.to_openssh(LineEnding::LF).unwrap()).unwrap();
        fs::set_permissions(authority.file("ca"), Permissions::from_mode(0o600)).unwrap();
        set_up_revocation_list(authority.file("krl")).unwrap();
        authority
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn context(&self, settings: &[(&str, &str)]) -> Context {
        let (key, list) = (self.file("ca"), self.file("krl"));
        let standard = [
            ("ca_key_file", key.to_str().unwrap()),
            ("krl_file", list.to_str().unwrap()),
            ("principals", "deploy"),
        ];
        let configured: Vec<_> =
            standard.iter().chain(settings).map(|(name, value)| (*name, Json::text(*value))).collect();
        let description = block_on(self.issuer.describe()).unwrap();
        let configured = configured.iter().map(|(name, value)| (*name, value));
        let user = UserInfo::new("https://issuer.example.com", "joe");
        Context::new(user).with_configuration(description.resolve_configuration(configured).unwrap())
    }

    pub(crate) fn ask(&self, context: Context, key: Option<&str>) -> Result<Issued, IssuerError> {
        let parameters = key.map_or_else(Parameters::new, |key| Parameters::new().with("pub_key", key));
        match block_on(self.issuer.request(&CredentialRequest::new(context).with_parameters(parameters)))? {
            RequestOutcome::Issued(issued) => Ok(issued),
            RequestOutcome::LoginRequired(_) => panic!("it asks for no login"),
        }
    }

    pub(crate) fn revoke(&self, state: &CredentialRef) -> Result<(), IssuerError> {
        block_on(self.issuer.revoke(&Revocation::new(self.context(&[]), state.clone())))
    }

    /// Sets the clock to this many seconds after `NOW`.
    pub(crate) fn at(&self, seconds: u64) {
        self.clock.0.store(NOW + seconds, Ordering::Relaxed);
    }

    pub(crate) fn issued_nothing(&self) -> bool {
        fs::read_to_string(self.file("krl.keyway-record")).unwrap().contains("\nlongest 0\n")
    }

    pub(crate) fn check(&self, certificate: &Certificate) {
        certificate.validate_at(NOW, &[self.key.fingerprint(HashAlg::Sha256)]).unwrap();
    }
}

fn open(lent: Option<CertificateAuthorityKey>, clock: Arc<FixedClock>) -> Arc<dyn Issuer> {
    let registry = PLUGINS.registry().unwrap();
    let plugin = registry.get::<Issuers>("ssh-ca").unwrap();
    let opening = OpenContext::new(ServiceName::new("cluster").unwrap(), plugin.metadata().clone());
    let resources = lent.map_or_else(Resources::new, |key| Resources::new().with(key));
    plugin.open(&opening.with_clock(clock).with_resources(resources)).unwrap()
}
