//! Tests passwords of a throw-away account. One script changes a password by `chpasswd`, and another script checks a
//! password by a login.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Command, Stdio};

use keyway_credentials::{
    Account, Asset, Candidate, Password, Passwords, Probed, Prober as _, TargetCredential,
};
use keyway_process::{Environment, Limits, Program, Runner};
use keyway_tests::services::{OrSkip as _, Skip, may_change_system, python, system_program};
use keyway_tests::sshd::{Folder, OpenSsh, Server};
use keyway_vaulted::StoredAccount;
use keyway_vaulted::targets::{CommandChanger, CommandProber};
use serde_json::json;

use crate::gateway::{ASSET, Gateway, STORE};
use crate::target::lent;

/// The name of the account. An account that an earlier run has left is removed.
const ACCOUNT: &str = "keyway-throwaway";

/// An account of the system, which is removed on drop.
struct ThrowAway {
    userdel: std::path::PathBuf,
}

impl ThrowAway {
    fn create() -> Result<Self, Skip> {
        let [useradd, userdel] = ["useradd", "userdel"].map(system_program);
        let (useradd, account) = (useradd?, Self { userdel: userdel? });
        account.remove();
        let made = Command::new(useradd)
            .args(["--system", "--no-create-home", "--home-dir", "/", "--shell", "/bin/sh", ACCOUNT])
            .status();
        assert!(made.expect("useradd starts").success(), "the account is not created");
        Ok(account)
    }

    fn remove(&self) {
        // An error is ignored, because the account may not exist.
        let _ = Command::new(&self.userdel).arg(ACCOUNT).stderr(Stdio::null()).status();
    }
}

impl Drop for ThrowAway {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The two scripts: one changes a password, and one checks a password.
struct Scripts {
    folder: Folder,
}

impl Scripts {
    /// Writes the scripts. Each script reads the password from standard input.
    fn write(python: &str, chpasswd: &Path, server: &Server) -> Self {
        let folder = Folder::new();
        let decode = "import json, sys\norder = json.load(sys.stdin)\nvalue = order\n\
                      for name in sys.argv[1].split('.'):\n    value = value[name]\nsys.stdout.write(value)\n";
        let decoder = folder.file("decode.py");
        fs::write(&decoder, decode).expect("a file");
        let decode = format!("{python} -E -s -S {}", decoder.display());
        let change = format!(
            "set -eu\norder=$(cat)\naccount=$(printf '%s' \"$order\" | {decode} account)\n\
             [ \"$account\" = {ACCOUNT} ] || {{ echo refused; exit; }}\n\
             {{ printf '%s:' \"$account\"; printf '%s' \"$order\" | {decode} new.password; echo; }} | {}\n\
             echo changed\n",
            chpasswd.display()
        );
        fs::write(folder.file("change.sh"), change).expect("a file");
        // `ssh` reads a password only from a terminal or from a program, so the script makes such a program.
        let probe = format!(
            "set -eu\numask 077\nfolder=$(mktemp -d)\ntrap 'rm -rf \"$folder\"' EXIT\n\
             {decode} credential.password > \"$folder/password\"\n\
             printf '#!/bin/sh\\nexec cat %s\\n' \"$folder/password\" > \"$folder/ask\"\n\
             chmod 700 \"$folder/ask\"\n\
             said=$(SSH_ASKPASS=\"$folder/ask\" SSH_ASKPASS_REQUIRE=force SHELL=/bin/sh ssh -F none -N -T \\\n\
             -E \"$folder/log\" -p {port} -o LogLevel=DEBUG1 -o UserKnownHostsFile={known} \\\n\
             -o GlobalKnownHostsFile=none -o StrictHostKeyChecking=yes -o PreferredAuthentications=password \\\n\
             -o NumberOfPasswordPrompts=1 -o PermitLocalCommand=yes \\\n\
             -o 'LocalCommand=echo opened; kill -9 $PPID' {ACCOUNT}@127.0.0.1) || true\n\
             if [ \"$said\" = opened ]; then echo opens\n\
             elif grep -q 'Next authentication method: password' \"$folder/log\" &&\n\
             grep -q 'Permission denied (' \"$folder/log\"; then echo refused\n\
             else cat \"$folder/log\" >&2; exit 1; fi\n",
            port = server.port(),
            known = server.known_hosts().display()
        );
        fs::write(folder.file("probe.sh"), probe).expect("a file");
        Self { folder }
    }

    fn runner(&self, script: &str) -> Runner {
        let program = Program::new("/bin/sh").expect("a path").argument(self.folder.file(script));
        Runner::new(program, Environment::of_the_host(), Limits::DEFAULT, NonZeroUsize::MIN)
    }

    fn changer(&self) -> CommandChanger {
        CommandChanger::new(self.runner("change.sh"))
    }

    fn prober(&self) -> CommandProber {
        CommandProber::new(self.runner("probe.sh"))
    }

    /// Tells whether a password opens the account, by a login.
    async fn opens(&self, password: &str) -> bool {
        let account = Account::new(ACCOUNT).expect("an account");
        let candidate = Candidate::new(account, Asset::new(ASSET).expect("an asset"));
        let password = TargetCredential::Password(Password::new(password));
        let probed = self.prober().probe(&candidate, &password).await;
        probed.unwrap_or_else(|error| panic!("{}", keyway_core::PluginError::detail(&error))) == Probed::Opens
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_opens_the_target_until_the_session_is_over() {
    const WHAT: &str = "the rotation of a password by chpasswd";
    const FIRST: &str = "correct \"horse\" battery";
    let Some(programs) = OpenSsh::find().or_skip(WHAT) else { return };
    let Some(python) = python().or_skip(WHAT) else { return };
    let Some(chpasswd) = system_program("chpasswd").or_skip(WHAT) else { return };
    if !may_change_system(WHAT) {
        return;
    }
    let Some(_account) = ThrowAway::create().or_skip(WHAT) else { return };
    let settings = format!("PasswordAuthentication yes\nAuthorizedKeysFile none\nAllowUsers {ACCOUNT}");
    let server = Server::start(&programs, &settings);
    let scripts = Scripts::write(&python, &chpasswd, &server);

    assert!(!scripts.opens(FIRST).await, "the account has no password yet");
    let given = Command::new(&chpasswd).stdin(Stdio::piped()).spawn().and_then(|mut child| {
        use std::io::Write as _;
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(format!("{ACCOUNT}:{FIRST}\n").as_bytes())?;
        drop(input);
        child.wait()
    });
    assert!(given.expect("chpasswd starts").success());

    let configuration = json!({ "store": STORE, "rotation": { "password_length": 24 } });
    let stored = StoredAccount::new().with_password(FIRST);
    let lent = lent(scripts.changer(), scripts.prober());
    let gateway = Gateway::start(ACCOUNT, &stored, configuration, lent, None).await;
    let mut earlier = Vec::new();
    for _ in 0..2 {
        let session = gateway.begin();
        let passwords = gateway.fetch::<Passwords>(&session).await;
        let password = passwords.first().expose().to_owned();
        assert!(scripts.opens(&password).await, "{}", server.log());
        gateway.complete(session).await;
        assert!(!scripts.opens(&password).await, "the session is over");
        earlier.push(password);
    }
    assert_eq!(earlier[0], FIRST);
    let last = gateway.stored().await.password().expect("a password").expose().to_owned();
    assert!(!earlier.contains(&last) && last.len() == 24);
    assert!(scripts.opens(&last).await, "{}", server.log());
}
