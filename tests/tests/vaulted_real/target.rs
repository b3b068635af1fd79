//! A server whose account has an `authorized_keys` file, with the changer and the prober for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyway_core::Resources;
use keyway_credentials::{Changer, PrivateKey, Prober};
use keyway_tests::sshd::{Folder, OpenSsh, Server, text, write_private};
use keyway_vaulted::targets::{AuthorizedKeysChanger, SshAddress, SshLoginProber};

use crate::gateway::ASSET;

/// The account, which is the user of the test at the server.
pub(crate) const ACCOUNT: &str = "deploy";
/// The content of the file besides the account's key.
const FOREIGN: &str = "# keys of the team\n";

/// A server, the `authorized_keys` file of its account, and a folder for keys.
pub(crate) struct Target {
    pub(crate) programs: OpenSsh,
    pub(crate) server: Server,
    pub(crate) folder: Folder,
    saved: std::cell::Cell<u32>,
}

impl Target {
    /// Starts a server with these settings. The server knows no key yet.
    pub(crate) fn start(programs: &OpenSsh, settings: &str) -> Self {
        let folder = Folder::new();
        fs::create_dir_all(folder.file(ASSET).join(ACCOUNT)).expect("a folder");
        let settings = format!("{settings}\nAuthorizedKeysFile {}", file(&folder).display());
        let server = Server::start(programs, &settings);
        Self { programs: programs.clone(), server, folder, saved: std::cell::Cell::new(0) }
    }

    /// Makes a key of this type with this passphrase. Lets the key in, by a line with options and a comment.
    pub(crate) fn admit(&self, kind: &str, passphrase: &str) -> PrivateKey {
        let key = self.folder.file("first");
        let arguments = ["-q", "-t", kind, "-N", passphrase, "-C", "", "-f", text(&key)];
        let (made, said) = self.programs.keygen(arguments);
        assert!(made, "{said}");
        self.write(&line(self.folder.read("first.pub").trim()));
        let passphrase = (!passphrase.is_empty()).then(|| passphrase.into());
        PrivateKey::new(self.folder.read("first"), passphrase).expect("a key")
    }

    pub(crate) fn write(&self, lines: &str) {
        fs::write(file(&self.folder), lines).expect("a file");
    }

    /// Tells whether the file has the line of this key and its original content, and nothing else.
    pub(crate) fn knows_only(&self, key: &PrivateKey) -> bool {
        let public = self.save(key);
        let (read, public) = self.programs.keygen(["-y", "-f", text(&public)]);
        assert!(read, "{public}");
        let public = public.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        fs::read_to_string(file(&self.folder)).expect("a file") == line(&public)
    }

    /// Tells whether the server lets this key in, by a login with `ssh`.
    pub(crate) fn opens(&self, key: &PrivateKey) -> bool {
        self.server.lets_in(&self.save(key), None)
    }

    /// Saves a key without its passphrase.
    fn save(&self, key: &PrivateKey) -> PathBuf {
        self.saved.set(self.saved.get() + 1);
        let saved = self.folder.file(&format!("saved-{}", self.saved.get()));
        write_private(&saved, key.expose_pem());
        if let Some(passphrase) = key.expose_passphrase() {
            let (done, said) =
                self.programs.keygen(["-q", "-p", "-P", passphrase, "-N", "", "-f", text(&saved)]);
            assert!(done, "{said}");
        }
        saved
    }

    pub(crate) fn changer(&self) -> AuthorizedKeysChanger {
        let pattern = format!(
            "{}/{{asset}}/{{account}}/authorized_keys",
            text(&self.folder.file(".")).trim_end_matches("/.")
        );
        AuthorizedKeysChanger::new(&pattern).expect("a pattern")
    }

    /// Makes a prober that creates its files in the folder `logins`.
    pub(crate) fn prober(&self) -> SshLoginProber {
        let logins = self.folder.file("logins");
        fs::create_dir_all(&logins).expect("a folder");
        let (port, user) = (self.server.port(), self.server.user.clone());
        let prober = SshLoginProber::new(self.server.known_hosts()).expect("a plain path");
        let prober = prober.with_temporary_folder(logins).expect("a plain path");
        prober.with_addresses(move |_| Some(SshAddress::new("127.0.0.1", user.clone()).with_port(port)))
    }

    /// Returns the resources that a host needs for rotations at this target.
    pub(crate) fn lent(&self) -> Resources {
        lent(self.changer(), self.prober())
    }
}

pub(crate) fn lent(changer: impl Changer + 'static, prober: impl Prober + 'static) -> Resources {
    Resources::new().with::<Arc<dyn Changer>>(Arc::new(changer)).with::<Arc<dyn Prober>>(Arc::new(prober))
}

/// Returns the `authorized_keys` file of the account.
pub(crate) fn file(folder: &Folder) -> PathBuf {
    folder.file(ASSET).join(Path::new(ACCOUNT)).join("authorized_keys")
}

fn line(public: &str) -> String {
    format!("{FOREIGN}no-port-forwarding,environment=\"A=b c\" {public} deploy at web1\n# end")
}
