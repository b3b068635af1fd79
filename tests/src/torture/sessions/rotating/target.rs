//! The target, which decides by `authorized_keys` files as `sshd` does.

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use keyway_conformance::certificates::Fault;
use keyway_credentials::{
    Candidate, Changer, CredentialChange, CredentialError, PrivateKey, Probed, Prober, TargetCredential,
    async_trait,
};
use keyway_vaulted::targets::AuthorizedKeysChanger;
use ssh_key::authorized_keys::Entry;

use super::super::Defect;
use super::super::plan::Plan;
use super::accounts::{file, pattern};
use crate::torture::draw::Draw;
use crate::torture::fixture::Role;
use crate::torture::hosting;
use crate::torture::line::{Line, say};

/// The target as a host reaches it. In a checking process all calls work, because the check has to come to an end.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) folder: PathBuf,
    pub(super) defect: Option<Defect>,
    changer: AuthorizedKeysChanger,
    faults: Option<Mutex<Draw>>,
}

impl Target {
    pub(super) fn new(plan: &Plan, draw: Draw) -> Result<Self, String> {
        // The path of the folder may contain symbolic links. The files must not be reached through links, so the path
        // is resolved.
        let folder = plan.folder.canonicalize().map_err(|error| error.to_string())?;
        let changer = AuthorizedKeysChanger::new(&pattern(&folder)).map_err(|error| error.to_string())?;
        let faults = (plan.role != Role::Check).then(|| Mutex::new(draw));
        Ok(Self { folder, defect: plan.defect, changer, faults })
    }

    /// Tells whether a key opens the account.
    pub(super) fn accepts(&self, candidate: &Candidate, key: &PrivateKey) -> Result<bool, CredentialError> {
        let key = read(key)?;
        let file = fs::read_to_string(file(&self.folder, candidate));
        let file = file.map_err(|error| CredentialError::system("read its files", error))?;
        let lines = file.lines().filter_map(|line| line.parse::<Entry>().ok());
        Ok(lines.into_iter().any(|line| line.public_key().key_data() == key.public_key().key_data()))
    }

    /// Draws what happens in a call.
    fn drawn(&self) -> Result<(), Fault> {
        let Some(draw) = &self.faults else { return Ok(()) };
        let drawn = hosting::scripted_call(&mut draw.lock().unwrap_or_else(PoisonError::into_inner));
        drawn.map(|delay: Duration| std::thread::sleep(delay))
    }
}

/// Reads a key of the store.
pub(super) fn read(key: &PrivateKey) -> Result<ssh_key::PrivateKey, CredentialError> {
    let key = ssh_key::PrivateKey::from_openssh(key.expose_pem());
    key.map_err(|error| CredentialError::invalid("a key", error.to_string()))
}

fn unavailable() -> CredentialError {
    CredentialError::Unavailable { what: "the target", retry_after: None, source: None }
}

fn lost() -> CredentialError {
    CredentialError::system("hear the target", std::io::Error::other("the connection is lost"))
}

#[async_trait]
impl Changer for Target {
    async fn change(&self, change: &CredentialChange) -> Result<(), CredentialError> {
        let drawn = self.drawn();
        match drawn {
            Err(Fault::Unavailable) => return Err(unavailable()),
            Err(Fault::LostRequest) => return Err(lost()),
            Err(Fault::Hangs) => std::future::pending().await,
            _ => {}
        }
        say(&Line::Note("changing".to_owned()));
        let changed = self.changer.change(change).await;
        say(&Line::Note("changed".to_owned()));
        match drawn {
            Err(Fault::HangsAfterwards) => std::future::pending().await,
            Err(_) => Err(lost()),
            Ok(()) => changed,
        }
    }

    fn takes(&self, credential: &TargetCredential) -> bool {
        self.changer.takes(credential)
    }

    fn blocks(&self) -> bool {
        true
    }
}

#[async_trait]
impl Prober for Target {
    async fn probe(
        &self,
        candidate: &Candidate,
        credential: &TargetCredential,
    ) -> Result<Probed, CredentialError> {
        let TargetCredential::PrivateKey(key) = credential else {
            return Err(CredentialError::Unsupported { what: "anything but keys" });
        };
        if self.defect == Some(Defect::PromotesUnverified) {
            return Ok(Probed::Opens);
        }
        match self.drawn() {
            Ok(()) => {}
            Err(Fault::Hangs | Fault::HangsAfterwards) => std::future::pending().await,
            Err(Fault::Unavailable) => return Err(unavailable()),
            Err(_) => return Err(lost()),
        }
        let accepts = self.accepts(candidate, key)?;
        say(&Line::Note("probed".to_owned()));
        Ok(if accepts { Probed::Opens } else { Probed::Refused })
    }

    fn blocks(&self) -> bool {
        true
    }
}
