//! Tests the issuers of `keyway-ssh` against a real `sshd`: no user gets in without a credential, the credential lets
//! the user in, and after its revocation it no longer does.
#![cfg(unix)]

mod service;

use std::fs;
use std::path::{Path, PathBuf};

use keyway_tests::services::OrSkip as _;
use keyway_tests::sshd::{Folder, OpenSsh, Server, text};
use service::Service;

/// An account. Its `authorized_keys` file has a line of the owner, and the owner's key must work all the time.
struct Account {
    folder: Folder,
    server: Server,
}

impl Account {
    fn new(programs: &OpenSsh) -> Self {
        let folder = Folder::new();
        for key in ["owner", "guest"] {
            programs.make_key(&folder.file(key));
        }
        fs::copy(folder.file("owner.pub"), folder.file("authorized_keys")).expect("a file");
        let settings = format!("AuthorizedKeysFile {}", folder.file("authorized_keys").display());
        Self { server: Server::start(programs, &settings), folder }
    }

    fn lets_in(&self, key: &Path) -> bool {
        assert!(self.server.lets_in(&self.folder.file("owner"), None), "{}", self.server.log());
        self.server.lets_in(key, None)
    }

    /// Tests the whole life of a credential.
    async fn admit(&self, service: &Service) {
        let (guest, made) = (self.folder.file("guest"), self.folder.file("made"));
        assert!(!self.lets_in(&guest));
        let given = service.request(Some(&self.folder.read("guest.pub"))).await;
        assert!(self.lets_in(&guest), "{}", self.server.log());
        assert!(given.part("private key").is_none());

        let pair = service.request(None).await;
        pair.save("private key", &made);
        assert!(self.lets_in(&made), "{}", self.server.log());

        service.revoke(&given.handle).await;
        assert!(!self.lets_in(&guest));
        assert!(self.lets_in(&made));
        service.revoke(&pair.handle).await;
        assert!(!self.lets_in(&made));
        let left = self.folder.read("authorized_keys");
        let is_note = |line: &&str| line.starts_with("# keyway: KEYWAY_") && line.ends_with(" was revoked");
        let keys: Vec<_> = left.lines().filter(|line| !is_note(line)).collect();
        assert_eq!(keys, self.folder.read("owner.pub").lines().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_line_lets_in_until_it_is_revoked() {
    let Some(programs) = OpenSsh::find().or_skip("SSH logins by authorized_keys") else { return };
    let account = Account::new(&programs);
    let file = account.folder.file("authorized_keys");
    let settings = [("authorized_keys_file", text(&file)), ("key_options", "no-port-forwarding,no-pty")];
    account.admit(&Service::direct("ssh-authorized-keys", &settings).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_lets_in_until_its_grant_is_revoked() {
    let Some(programs) = OpenSsh::find().or_skip("SSH logins by authorized_keys, granted") else { return };
    let account = Account::new(&programs);
    let file = account.folder.file("authorized_keys");
    account
        .admit(&Service::granted("ssh-authorized-keys", &[("authorized_keys_file", text(&file))]).await)
        .await;
}

/// A server that trusts a certificate authority.
struct Trusting {
    folder: Folder,
    server: Server,
}

impl Trusting {
    fn new(programs: &OpenSsh) -> Self {
        let folder = Folder::new();
        for key in ["ca", "guest"] {
            programs.make_key(&folder.file(key));
        }
        keyway_ssh::set_up_revocation_list(folder.file("krl")).expect("a list");
        let settings = format!(
            "AuthorizedKeysFile none\nTrustedUserCAKeys {}\nRevokedKeys {}",
            folder.file("ca.pub").display(),
            folder.file("krl").display()
        );
        Self { server: Server::start(programs, &settings), folder }
    }

    fn files(&self) -> [PathBuf; 2] {
        ["ca", "krl"].map(|name| self.folder.file(name))
    }

    async fn admit(&self, service: &Service) {
        let (guest, made) = (self.folder.file("guest"), self.folder.file("made"));
        // The files of the certificates have names of their own: `ssh` would find a certificate that is named after its
        // key, even if the test does not pass the certificate.
        let certificates = ["first", "second"].map(|name| self.folder.file(name));
        assert!(!self.server.lets_in(&guest, None));

        let given = service.request(Some(&self.folder.read("guest.pub"))).await;
        given.save("certificate", &certificates[0]);
        assert!(self.server.lets_in(&guest, Some(&certificates[0])), "{}", self.server.log());
        assert!(!self.server.lets_in(&guest, None), "the certificate is what lets in");

        let pair = service.request(None).await;
        pair.save("private key", &made);
        pair.save("certificate", &certificates[1]);
        assert!(self.server.lets_in(&made, Some(&certificates[1])), "{}", self.server.log());

        service.revoke(&given.handle).await;
        assert!(!self.server.lets_in(&guest, Some(&certificates[0])));
        assert!(self.server.lets_in(&made, Some(&certificates[1])), "{}", self.server.log());
        service.revoke(&pair.handle).await;
        assert!(!self.server.lets_in(&made, Some(&certificates[1])));
        let log = self.server.log();
        assert!(log.contains("KEYWAY_") && log.contains("revoked"), "{log}");
    }
}

/// Returns the settings that every authority has.
fn settings<'a>(
    [key, list]: &'a [PathBuf; 2],
    principals: &'a str,
    source_address: &'a str,
) -> [(&'static str, &'a str); 4] {
    [
        ("ca_key_file", text(key)),
        ("krl_file", text(list)),
        ("principals", principals),
        ("source_address", source_address),
    ]
}

#[tokio::test]
async fn a_certificate_lets_in_until_it_is_revoked() {
    let Some(programs) = OpenSsh::find().or_skip("SSH logins by certificates") else { return };
    let trusting = Trusting::new(&programs);
    let files = trusting.files();
    let settings = settings(&files, &trusting.server.user, "");
    trusting.admit(&Service::direct("ssh-ca", &settings).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_lets_in_until_its_grant_is_revoked() {
    let Some(programs) = OpenSsh::find().or_skip("SSH logins by certificates, granted") else { return };
    let trusting = Trusting::new(&programs);
    let files = trusting.files();
    let settings = settings(&files, &trusting.server.user, "");
    trusting.admit(&Service::granted("ssh-ca", &settings).await).await;
}

#[tokio::test]
async fn a_certificate_lets_in_nobody_else_and_from_nowhere_else() {
    let Some(programs) = OpenSsh::find().or_skip("what SSH certificates restrict") else { return };
    let trusting = Trusting::new(&programs);
    let files = trusting.files();
    let user = trusting.server.user.as_str();
    let guest = trusting.folder.file("guest");
    for (number, (principals, source, lets_in)) in
        [("somebody-else", "", false), (user, "192.0.2.0/24", false), (user, "127.0.0.0/8,::1", true)]
            .into_iter()
            .enumerate()
    {
        let service = Service::direct("ssh-ca", &settings(&files, principals, source)).await;
        let certificate = trusting.folder.file(&format!("certificate-{number}"));
        service.request(Some(&trusting.folder.read("guest.pub"))).await.save("certificate", &certificate);
        assert_eq!(trusting.server.lets_in(&guest, Some(&certificate)), lets_in, "{principals} {source}");
    }
}

/// Tests that an operator's `touch` makes a valid list for `sshd` and for the issuer. Without a list, no user gets in,
/// and the issuer says so.
#[tokio::test]
async fn an_empty_list_lets_in_and_a_missing_one_nobody() {
    let Some(programs) = OpenSsh::find().or_skip("empty lists of revoked SSH keys") else { return };
    let trusting = Trusting::new(&programs);
    let files = trusting.files();
    let settings = settings(&files, &trusting.server.user, "");
    fs::write(&files[1], "").expect("a file");
    let service = Service::direct("ssh-ca", &settings).await;
    trusting.admit(&service).await;

    fs::remove_file(&files[1]).expect("the list is there");
    let said = service.refusal().await;
    assert!(said.contains("is missing") && said.contains("refuses all keys"), "{said}");
    let [guest, certificate] = ["guest", "first"].map(|name| trusting.folder.file(name));
    assert!(!trusting.server.lets_in(&guest, Some(&certificate)));
    // `sshd` reads this file as a list without keys and lets revoked users in; the issuer refuses
    // the file.
    fs::write(&files[1], "# what is revoked\n\n").expect("a file");
    assert!(trusting.server.lets_in(&guest, Some(&certificate)), "{}", trusting.server.log());
    let said = service.refusal().await;
    assert!(said.contains("is older") && said.contains("`sshd` accepts"), "{said}");
}

/// Tests that the authority reads every layout of a private key that OpenSSH reads, and gets the same key from each
/// layout.
#[tokio::test]
async fn an_authority_reads_the_keys_that_ssh_keygen_reads() {
    let Some(programs) = OpenSsh::find().or_skip("layouts of SSH keys") else { return };
    let folder = Folder::new();
    let [authority, changed] = ["ca", "changed"].map(|name| folder.file(name));
    programs.make_key(&authority);
    let whole = folder.read("ca");
    let (begin, rest) = whole.split_once('\n').expect("lines");
    let (body, end) = rest.trim_end().rsplit_once('\n').expect("lines");
    let body = body.replace('\n', "");
    let mut read = 0;
    for width in [1, 2, 64, 70, 76, 4000] {
        let lines: Vec<_> = body.as_bytes().chunks(width).map(String::from_utf8_lossy).collect();
        for inner in ["\n", "\r\n", " \n", "\n\n", "\n \t"] {
            for (start, behind) in
                [("\n", "\n"), ("\n\n", "\n\n"), ("\n\r\n", "\n \n"), ("\r\n", "\r\n"), ("\n", "\n# x\n")]
            {
                let pem = format!("{begin}{start}{}\n{end}{behind}", lines.join(inner));
                fs::copy(&authority, &changed).expect("a file with the right mode");
                fs::write(&changed, &pem).expect("a file");
                let (good, said) = programs.keygen(["-y", "-P", "", "-f", text(&changed)]);
                if good {
                    let key = keyway_ssh::CertificateAuthorityKey::from_openssh(&pem)
                        .expect("it is read here, too");
                    assert_eq!(
                        key.public_key().split_whitespace().nth(1),
                        said.split_whitespace().nth(1),
                        "{said}"
                    );
                    read += 1;
                }
            }
        }
    }
    assert!(read >= 6 * 5 * 3, "ssh-keygen read {read}");
}

/// Tests that OpenSSH's own program and the issuer can change the same list in turns.
#[tokio::test]
async fn the_list_is_shared_with_ssh_keygen() {
    let Some(programs) = OpenSsh::find().or_skip("lists of revoked SSH keys") else { return };
    let folder = Folder::new();
    let [authority, list, foreign, other] = ["ca", "krl", "foreign", "other"].map(|name| folder.file(name));
    for key in [&authority, &foreign, &other] {
        programs.make_key(key);
    }
    let public = |key: &Path| format!("{}.pub", text(key));
    // The authority also signs two certificates without the issuer. Below, `ssh-keygen` revokes `foreign` by its id,
    // and `other` by its serial number.
    for (key, id, serial) in [(&foreign, "foreign-id", "1"), (&other, "other-id", "77")] {
        let signed =
            programs.keygen(["-q", "-s", text(&authority), "-I", id, "-n", "x", "-z", serial, &public(key)]);
        assert!(signed.0, "{}", signed.1);
    }
    let is_revoked = |file: &str| {
        let (good, said) = programs.keygen(["-Q", "-f", text(&list), file]);
        assert_eq!(said.contains("REVOKED"), !good, "{said}");
        !good
    };
    let revoke = |specification: &str, more: &[&str]| {
        let file = folder.file("specification");
        fs::write(&file, specification).expect("a file");
        let fixed = ["-k", "-f", text(&list), "-s"].into_iter();
        let authority = public(&authority);
        let (done, said) = programs
            .keygen(fixed.chain([authority.as_str()]).chain(more.iter().copied()).chain([text(&file)]));
        assert!(done, "{said}");
    };
    revoke("serial: 70-80\nid: some-id\n", &[]);

    let settings = [("ca_key_file", text(&authority)), ("krl_file", text(&list)), ("principals", "x")];
    let service = Service::direct("ssh-ca", &settings).await;
    let mut certificates = Vec::new();
    for number in 0..3 {
        let credential = service.request(None).await;
        let file = folder.file(&format!("certificate-{number}.pub"));
        credential.save("certificate", &file);
        certificates.push((file, credential.handle));
    }
    let (is_certificate, said) = programs.keygen(["-L", "-f", text(&certificates[0].0)]);
    assert!(is_certificate && said.contains("user certificate") && said.contains("permit-pty"), "{said}");

    let certificate_of = |key: &Path| format!("{}-cert.pub", text(key));
    let state = |revoked: usize| {
        for (number, (file, _)) in certificates.iter().enumerate() {
            assert_eq!(is_revoked(text(file)), number < revoked, "certificate {number} of {revoked} revoked");
        }
        assert!(is_revoked(&certificate_of(&other)), "what others revoked stays revoked");
        assert!(!is_revoked(&public(&other)));
    };
    state(0);
    service.revoke(&certificates[0].1).await;
    state(1);
    assert!(!is_revoked(&certificate_of(&foreign)));
    // `ssh-keygen` changes the list that the issuer wrote.
    revoke("id: foreign-id\n", &["-u"]);
    state(1);
    assert!(is_revoked(&certificate_of(&foreign)));
    // The issuer changes the list that `ssh-keygen` wrote.
    for revoked in [2, 3] {
        service.revoke(&certificates[revoked - 1].1).await;
        state(revoked);
    }
    assert!(is_revoked(&certificate_of(&foreign)));
}
