//! Runs a real `sshd` on loopback, as the user of the test.

mod folder;

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::services::{Skip, system_program};
pub use folder::Folder;

/// The programs of OpenSSH.
#[derive(Clone, Debug)]
pub struct OpenSsh {
    sshd: PathBuf,
    ssh: PathBuf,
    ssh_keygen: PathBuf,
}

impl OpenSsh {
    /// Finds the programs.
    ///
    /// # Errors
    /// A [`Skip`] if one is missing.
    pub fn find() -> Result<Self, Skip> {
        let [sshd, ssh, ssh_keygen] = ["sshd", "ssh", "ssh-keygen"].map(system_program);
        Ok(Self { sshd: sshd?, ssh: ssh?, ssh_keygen: ssh_keygen? })
    }

    /// Runs `ssh-keygen`; returns whether it succeeded, and its output.
    ///
    /// # Panics
    /// If it does not start.
    pub fn keygen<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> (bool, String) {
        said(Command::new(&self.ssh_keygen).args(arguments))
    }

    /// Makes a key pair without a passphrase. The public key is beside the private one, in the file whose name has
    /// `.pub` added.
    ///
    /// # Panics
    /// If a file of this name exists already, or the key pair cannot be made.
    pub fn make_key(&self, file: &Path) {
        let (made, said) = self.keygen(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", text(file)]);
        assert!(made, "{said}");
    }
}

/// A server. It ends on drop.
#[derive(Debug)]
pub struct Server {
    programs: OpenSsh,
    folder: TempDir,
    child: Child,
    port: u16,
    /// The user that the server runs as and lets in.
    pub user: String,
}

impl Server {
    /// Starts a server. `settings` has one setting a line; these lines come before the server's own settings.
    ///
    /// # Panics
    /// If the server does not start.
    pub fn start(programs: &OpenSsh, settings: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name);
        programs.make_key(&file("host"));
        let user = said(Command::new("id").arg("-un")).1.trim().to_owned();
        if user == "root" {
            // `sshd` runs its unprivileged part in this folder, which packages create when the
            // service starts.
            fs::create_dir_all("/run/sshd").expect("a folder for sshd");
        }
        let host_key = file("host");
        let common = format!(
            "{settings}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nUsePAM no\nStrictModes no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n",
            host_key.display()
        );
        // Since 9.8, `sshd` locks out a client for a while after failed logins, and logins fail on purpose in these
        // tests. Earlier versions refuse the setting, so it is left out if `sshd -t` refuses it.
        let config = file("config");
        fs::write(&config, format!("{common}PerSourcePenalties no\n")).expect("a configuration");
        if !said(Command::new(&programs.sshd).arg("-t").arg("-f").arg(&config)).0 {
            fs::write(&config, common).expect("a configuration");
        }
        let (child, port) = Self::listen(programs, &config, &file("log"));
        let host = fs::read_to_string(file("host.pub")).expect("a host key");
        fs::write(file("known_hosts"), format!("[127.0.0.1]:{port} {host}")).expect("a file");
        Self { programs: programs.clone(), folder, child, port, user }
    }

    /// Starts `sshd` on a free port. If another program takes the port first, tries another one.
    fn listen(programs: &OpenSsh, config: &Path, log: &Path) -> (Child, u16) {
        for _ in 0..5 {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .and_then(|listener| listener.local_addr())
                .expect("a port")
                .port();
            let mut child = Command::new(&programs.sshd)
                .args(["-D", "-p", &port.to_string(), "-f", text(config), "-E", text(log)])
                .stdin(Stdio::null())
                .spawn()
                .expect("sshd starts");
            let started = Instant::now();
            while child.try_wait().expect("a child").is_none() {
                if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                    return (child, port);
                }
                if started.elapsed() > Duration::from_secs(30) {
                    let _ = child.kill();
                }
                sleep(Duration::from_millis(20));
            }
        }
        panic!("sshd does not listen: {}", fs::read_to_string(log).unwrap_or_default());
    }

    /// Tells whether this key, with this certificate if given, lets a user in.
    ///
    /// # Panics
    /// If the answer is unclear: a server that does not run any more has not refused the key.
    pub fn lets_in(&self, key: &Path, certificate: Option<&Path>) -> bool {
        let known_hosts = format!("UserKnownHostsFile={}", self.known_hosts().display());
        let mut command = Command::new(&self.programs.ssh);
        command.args(["-F", "none", "-p", &self.port.to_string(), "-i", text(key)]);
        for option in [
            &known_hosts,
            "GlobalKnownHostsFile=/dev/null",
            "StrictHostKeyChecking=yes",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "PreferredAuthentications=publickey",
            "BatchMode=yes",
            "ConnectTimeout=60",
        ] {
            command.args(["-o", option]);
        }
        if let Some(certificate) = certificate {
            command.arg("-o").arg(format!("CertificateFile={}", certificate.display()));
        }
        let address = format!("{}@127.0.0.1", self.user);
        // The output of `ssh -v` decides, not the exit status of the command: a user can also log in to an account
        // without a shell.
        let (_, said) = said(command.args(["-v", &address, "true"]));
        if said.contains("Authenticated to 127.0.0.1") {
            return true;
        }
        assert!(said.contains("Permission denied"), "{said}\n{}", self.log());
        false
    }

    /// Returns the port on 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the file with the key of the server, as `ssh` reads it.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    /// Returns the server's log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error is ignored, because the server may have ended on its own.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a private key as `ssh` requires it: readable only by its owner.
///
/// # Panics
/// If there is a file of this name, or it cannot be written.
pub fn write_private(file: &Path, content: &str) {
    let mut options = File::options();
    let mut file = options.write(true).create_new(true).mode(0o600).open(file).expect("a new file");
    file.write_all(content.as_bytes()).expect("it is written");
}

/// Returns a path as text. All paths of the tests are UTF-8.
///
/// # Panics
/// If it is not UTF-8.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

fn said(command: &mut Command) -> (bool, String) {
    let output = command.stdin(Stdio::null()).output().expect("the program starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}
