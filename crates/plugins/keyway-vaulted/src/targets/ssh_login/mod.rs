//! Checks private keys by a login with the system's `ssh`.

mod address;
mod log;
mod login_folder;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use keyway_credentials::{Candidate, CredentialError, Probed, Prober, TargetCredential};
use keyway_process::{Environment, Limits, Program, RunError, Runner};

pub use address::SshAddress;
use login_folder::LoginFolder;

use super::key_text::without_passphrase;

/// The output of `ssh` when the target has accepted the key.
const OPENED: &str = "opened";
/// The longest log that is read, in bytes.
const MAX_LOG_BYTES: usize = 256 * 1024;

type Addresses = dyn Fn(&Candidate) -> Option<SshAddress> + Send + Sync;

/// Checks private keys by a login with the system's `ssh` (OpenSSH 8.5 or later), which must be in `PATH`.
///
/// A login ends as soon as the target lets the key in. It opens no session, so nothing runs at the target, not even a
/// forced command. [`Probed::Refused`] is the target's refusal of this very key; everything else is an error: a target
/// that cannot be reached, an unknown key of a host, a second factor.
///
/// An account that is locked or denied looks to `ssh` like a refused key, because OpenSSH's server does not tell which
/// it is, so a rotation during that time ends as diverged. Only a server that checks the account by PAM, after it has
/// accepted the key, makes the login an error.
///
/// `ssh` gets the key without its passphrase, on Linux as a file in memory that has no name, which needs `/proc`. On
/// other systems it is a file of mode 0600 in a folder of mode 0700; if the process of the host is killed, it stays, so
/// [choose](Self::with_temporary_folder) a folder that is not on a disk. The log of `ssh` is in such a folder on every
/// system. The folder is removed when `ssh` has ended, or the future is dropped.
///
/// `ssh` reads no configuration, asks no agent, offers no other key, and accepts only the keys of hosts that the file
/// of known hosts lists, under the host names of the addresses.
///
/// A check blocks its thread while it decrypts a key and creates the folder.
pub struct SshLoginProber {
    known_hosts: PathBuf,
    temporary_folder: PathBuf,
    deadline: Duration,
    addresses: Box<Addresses>,
}

/// The error for a path that `ssh` would not take as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} cannot be passed to ssh: give an absolute path without quotes, backslashes, `%`, `$` and control characters", path.display())]
pub struct ProberSettingError {
    /// The path.
    pub path: PathBuf,
}

impl SshLoginProber {
    /// The time limit of a login, if no other is set.
    pub const USUAL_DEADLINE: Duration = Duration::from_secs(15);

    /// Logs in to hosts whose keys are in the file `known_hosts`. The asset is the host, and the account the user.
    ///
    /// # Errors
    /// [`ProberSettingError`]. The file is not read yet.
    pub fn new(known_hosts: impl Into<PathBuf>) -> Result<Self, ProberSettingError> {
        Ok(Self {
            known_hosts: plain(known_hosts.into())?,
            temporary_folder: plain(std::env::temp_dir())?,
            deadline: Self::USUAL_DEADLINE,
            addresses: Box::new(|candidate| {
                Some(SshAddress::new(candidate.asset.as_str(), candidate.account.as_str()))
            }),
        })
    }

    /// Lets the host choose the address of an account. `addresses` returns `None` for an account without an address.
    #[must_use]
    pub fn with_addresses(
        mut self,
        addresses: impl Fn(&Candidate) -> Option<SshAddress> + Send + Sync + 'static,
    ) -> Self {
        self.addresses = Box::new(addresses);
        self
    }

    /// Sets the time limit of a login.
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets the folder for the logs of `ssh`, and for keys on other systems than Linux. The default is the system's
    /// temporary folder.
    ///
    /// # Errors
    /// [`ProberSettingError`].
    pub fn with_temporary_folder(mut self, folder: impl Into<PathBuf>) -> Result<Self, ProberSettingError> {
        self.temporary_folder = plain(folder.into())?;
        Ok(self)
    }

    fn runner(&self, address: &SshAddress, log: &Path, key: &Path) -> Result<Runner, RunError> {
        let text = |path: &Path| path.display().to_string();
        // The command runs on this machine, not at the target. It kills `ssh`, which would otherwise wait for the end
        // of the connection.
        let local_command = format!("LocalCommand=echo {OPENED}; kill -9 $PPID");
        let known_hosts = format!("UserKnownHostsFile=\"{}\"", text(&self.known_hosts));
        let connect_timeout = format!("ConnectTimeout={}", self.deadline.as_secs().max(1));
        let options = [
            "LogLevel=DEBUG1",
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "PreferredAuthentications=publickey",
            "StrictHostKeyChecking=yes",
            "UpdateHostKeys=no",
            "GlobalKnownHostsFile=none",
            "ClearAllForwardings=yes",
            "PermitLocalCommand=yes",
            &known_hosts,
            &connect_timeout,
            &local_command,
        ];
        let mut program = Program::new("ssh")?;
        let (log, key) = (text(log), text(key));
        for argument in ["-F", "none", "-N", "-T", "-E", &log, "-i", &key, "-l", &address.user] {
            program = program.argument(argument);
        }
        program = program.argument("-p").argument(address.port.to_string());
        for option in options {
            program = program.argument("-o").argument(option);
        }
        let program = program.argument("--").argument(address.host.as_str());
        let environment = Environment::of_the_host().with("SHELL", "/bin/sh");
        let environment = environment.expect("a variable with a plain name and value");
        let limits = Limits { deadline: self.deadline, output_bytes: 1024, ..Limits::DEFAULT };
        Ok(Runner::new(program, environment, limits, NonZeroUsize::MIN))
    }
}

impl fmt::Debug for SshLoginProber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SshLoginProber").field("known_hosts", &self.known_hosts).finish_non_exhaustive()
    }
}

#[async_trait]
impl Prober for SshLoginProber {
    async fn probe(
        &self,
        candidate: &Candidate,
        credential: &TargetCredential,
    ) -> Result<Probed, CredentialError> {
        let TargetCredential::PrivateKey(key) = credential else {
            return Err(CredentialError::Unsupported { what: "logins with anything but private keys" });
        };
        let address = (self.addresses)(candidate).ok_or_else(|| {
            CredentialError::not_ready("the target", "the host has no address for this account")
        })?;
        address.check()?;
        let folder = LoginFolder::create(&self.temporary_folder)?;
        let (key, input) = folder.hand_over(&without_passphrase(key)?)?;
        let runner = self.runner(&address, &folder.log(), &key).map_err(not_run)?;
        let finished = runner.run(input).await.map_err(not_run)?;
        if finished.output.trim_ascii() == OPENED.as_bytes() {
            return Ok(Probed::Opens);
        }
        let log = folder.read_log(MAX_LOG_BYTES)?;
        log::judge(&log).ok_or_else(|| CredentialError::Unavailable {
            what: "the target of a login with ssh",
            retry_after: None,
            source: Some(log::told(&log).into()),
        })
    }

    fn takes(&self, credential: &TargetCredential) -> bool {
        matches!(credential, TargetCredential::PrivateKey(_))
    }

    fn blocks(&self) -> bool {
        true
    }
}

fn not_run(error: RunError) -> CredentialError {
    match error {
        RunError::Program(error) => {
            CredentialError::not_ready("the program ssh", format!("{error}, or install OpenSSH's client"))
        }
        error => CredentialError::Unavailable {
            what: "the target of a login with ssh",
            retry_after: None,
            source: Some(error.into()),
        },
    }
}

/// Checks a path that `ssh` gets in an option, where it expands some characters.
fn plain(path: PathBuf) -> Result<PathBuf, ProberSettingError> {
    let is_plain =
        |text: &str| !text.contains(['"', '\'', '\\', '%', '$']) && !text.contains(char::is_control);
    if path.is_absolute() && path.to_str().is_some_and(is_plain) {
        Ok(path)
    } else {
        Err(ProberSettingError { path })
    }
}

#[cfg(test)]
mod tests;
