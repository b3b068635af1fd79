//! Tests the issuer `ssh-authorized-keys` on real files.
#![cfg(unix)]

use keyway_core::{Effect, PluginError};
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use keyway_issuers::{
    Configuration, Context, CredentialRef, CredentialRequest, IntendedEffect, IntentId, Issued, Issuer as _,
    IssuerError, Json, Parameters, PartKind, Reconciled, Reconciliation, RequestOutcome, Revocation,
    UserInfo,
};
use keyway_ssh::AuthorizedKeys;
use pollster::block_on;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
const FOREIGN: &str = "# mine\n\nrestrict,command=\"echo  x\" ssh-rsa AAAA\tjoe@laptop \r\nno line at all";

struct Account {
    _folder: tempfile::TempDir,
    file: PathBuf,
}

impl Account {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().canonicalize().unwrap().join("authorized_keys");
        Self { _folder: folder, file }
    }

    fn with_foreign_lines() -> Self {
        let account = Self::new();
        fs::write(&account.file, FOREIGN).unwrap();
        account
    }

    fn content(&self) -> String {
        fs::read_to_string(&self.file).unwrap()
    }

    fn context(&self, intent: Option<&str>) -> Context {
        self.context_with(intent, &[])
    }

    fn context_with(&self, intent: Option<&str>, settings: &[(&str, &str)]) -> Context {
        let file = ("authorized_keys_file", self.file.to_str().unwrap());
        let configured: Vec<_> =
            [file].iter().chain(settings).map(|(name, value)| (*name, Json::text(*value))).collect();
        let context = Context::new(UserInfo::new("https://issuer.example.com", "joe"))
            .with_configuration(resolved(configured.iter().map(|(name, value)| (*name, value))));
        match intent {
            Some(intent) => context.with_intent(IntentId::new(intent).unwrap()),
            None => context,
        }
    }

    /// Lists the other files in the directory of the `authorized_keys` file.
    fn neighbours(&self) -> Vec<String> {
        let directory = self.file.parent().unwrap();
        let names =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name != "authorized_keys").collect();
        names.sort();
        names
    }
}

fn resolved<'a>(configured: impl Iterator<Item = (&'a str, &'a Json)>) -> Configuration {
    block_on(AuthorizedKeys.describe()).unwrap().resolve_configuration(configured).unwrap()
}

fn ask(context: Context, key: Option<&str>) -> Result<Issued, IssuerError> {
    let parameters = key.map_or_else(Parameters::new, |key| Parameters::new().with("pub_key", key));
    match block_on(AuthorizedKeys.request(&CredentialRequest::new(context).with_parameters(parameters)))? {
        RequestOutcome::Issued(issued) => Ok(issued),
        RequestOutcome::LoginRequired(_) => panic!("it asks for no login"),
    }
}

fn revoke(context: Context, state: &CredentialRef) -> Result<(), IssuerError> {
    block_on(AuthorizedKeys.revoke(&Revocation::new(context, state.clone())))
}

#[test]
fn a_given_key_becomes_a_line_until_it_is_revoked() {
    let account = Account::with_foreign_lines();
    let options = [("key_options", "restrict,pty"), ("login_name", "cluster"), ("host", "login.example.org")];
    let context = account.context_with(None, &options);
    let issued = ask(context.clone(), Some(&format!("{KEY} joe@home"))).unwrap();
    let shown: Vec<_> =
        issued.credential.iter().map(|part| (part.name.as_str(), part.expose_value())).collect();
    assert_eq!(
        shown,
        [
            ("login name", "cluster"),
            ("host", "login.example.org"),
            ("fingerprint", "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ"),
        ]
    );
    let state = issued.state;
    assert_eq!(account.content(), format!("{FOREIGN}\nrestrict,pty {KEY} {}\n", state.as_str()));
    for _ in 0..2 {
        revoke(context.clone(), &state).unwrap();
        assert_eq!(account.content(), format!("{FOREIGN}\n"));
    }
    assert_eq!(account.neighbours(), [".authorized_keys.keyway-lock"]);
}

#[test]
fn only_the_public_half_of_a_new_pair_is_kept() {
    let account = Account::new();
    let issued = ask(account.context(None), None).unwrap();
    let [_, private, public] = issued.credential.as_slice() else { panic!("{issued:?}") };
    let PartKind::Textfile { save_as, .. } = &private.kind else { panic!("{:?}", private.kind) };
    assert_eq!(save_as.as_deref(), Some("id_ed25519"));
    assert!(private.expose_value().starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
    assert_eq!(account.content(), format!("{} {}\n", public.expose_value(), issued.state.as_str()));
    assert_eq!(fs::metadata(&account.file).unwrap().mode() & 0o7777, 0o600);
    issued.state.check_keeps_no_secret(&issued.credential).unwrap();
}

#[test]
fn a_repeated_intent_has_one_line_and_the_last_answer_counts() {
    let account = Account::with_foreign_lines();
    let context = account.context(Some("i-1"));
    let first = ask(context.clone(), None).unwrap();
    let second = ask(context.clone(), None).unwrap();
    assert_eq!((first.state.as_str(), &first.state), ("KEYWAY_i-1", &second.state));
    let line = format!("{} KEYWAY_i-1\n", second.credential[2].expose_value());
    assert_eq!(account.content(), format!("{FOREIGN}\n{line}"));
    // With a key of the user's own, the second call writes nothing.
    ask(context.clone(), Some(KEY)).unwrap();
    let written = fs::metadata(&account.file).unwrap().ino();
    ask(context, Some(KEY)).unwrap();
    assert_eq!(fs::metadata(&account.file).unwrap().ino(), written);
    assert_eq!(account.content(), format!("{FOREIGN}\n{KEY} KEYWAY_i-1\n"));
}

#[test]
fn reconciling_tells_the_outcome_of_an_intent() {
    let account = Account::new();
    let tell = |intent: Option<&str>, effect| {
        block_on(AuthorizedKeys.reconcile(&Reconciliation::new(account.context(intent), effect))).unwrap()
    };
    assert_eq!(tell(Some("a"), IntendedEffect::Request), Reconciled::NothingHappened);
    assert_eq!(tell(None, IntendedEffect::Request), Reconciled::Unknown);
    let void = "# keyway: KEYWAY_a was never issued\n";
    assert_eq!(account.content(), void);
    let late = ask(account.context(Some("a")), Some(KEY)).unwrap_err();
    assert!(matches!(late, IssuerError::Refused { .. }), "{late:?}");
    assert_eq!(tell(Some("a"), IntendedEffect::Request), Reconciled::NothingHappened);
    assert_eq!(account.content(), void);
    let state = ask(account.context(Some("c")), Some(KEY)).unwrap().state;
    assert_eq!(tell(Some("c"), IntendedEffect::Request), Reconciled::Made(state.clone()));
    assert_eq!(tell(Some("b"), IntendedEffect::Revoke(state.clone())), Reconciled::NothingHappened);
    revoke(account.context(Some("b")), &state).unwrap();
    assert_eq!(tell(Some("b"), IntendedEffect::Revoke(state)), Reconciled::Destroyed);
}

/// A host that was suspended while it asked may wake up after another host has repeated the request, and the user has
/// revoked the credential.
#[test]
fn a_late_request_brings_no_revoked_line_back() {
    let account = Account::with_foreign_lines();
    let context = account.context(Some("a"));
    let state = ask(context.clone(), None).unwrap().state;
    let revocation = account.context(Some("a.revoke"));
    let revoked = format!("{FOREIGN}\n# keyway: KEYWAY_a was revoked\n");
    for _ in 0..2 {
        revoke(revocation.clone(), &state).unwrap();
        assert_eq!(account.content(), revoked);
        let late = ask(context.clone(), Some(KEY)).unwrap_err();
        assert!(matches!(late, IssuerError::Refused { .. }), "{late:?}");
    }
    let question = Reconciliation::new(context, IntendedEffect::Request);
    assert_eq!(block_on(AuthorizedKeys.reconcile(&question)).unwrap(), Reconciled::Destroyed);
    assert_eq!(account.content(), revoked);
    // The line may be gone already, if the user removed it, or if no request was carried out yet.
    revoke(revocation, &CredentialRef::new("KEYWAY_b")).unwrap();
    assert!(matches!(ask(account.context(Some("b")), Some(KEY)), Err(IssuerError::Refused { .. })));
    assert_eq!(account.content(), format!("{revoked}# keyway: KEYWAY_b was revoked\n"));
}

#[test]
fn revocations_push_out_no_note_of_a_request_that_was_never_carried_out() {
    let account = Account::new();
    let asked = |intent: &str| ask(account.context(Some(intent)), Some(KEY));
    let question = Reconciliation::new(account.context(Some("never")), IntendedEffect::Request);
    assert_eq!(block_on(AuthorizedKeys.reconcile(&question)).unwrap(), Reconciled::NothingHappened);
    for number in 0..70 {
        let state = asked(&format!("r{number}")).unwrap().state;
        revoke(account.context(Some("r")), &state).unwrap();
    }
    for intent in ["never", "r69", "r6"] {
        assert!(matches!(asked(intent), Err(IssuerError::Refused { .. })), "{intent}");
    }
    assert_eq!(account.content().lines().count(), 65, "the notes of the first revocations are gone");
}

#[test]
fn foreign_lines_cannot_be_revoked() {
    let account = Account::new();
    let content = format!("{KEY} joe@laptop\n");
    fs::write(&account.file, &content).unwrap();
    for state in ["joe@laptop", "", "KEYWAY_", "OTHER_1"] {
        let error = revoke(account.context(None), &CredentialRef::new(state)).unwrap_err();
        assert!(matches!(error, IssuerError::Refused { .. }), "{error:?}");
    }
    assert_eq!(account.content(), content);
}

#[test]
fn mode_and_owner_stay() {
    let account = Account::with_foreign_lines();
    fs::set_permissions(&account.file, Permissions::from_mode(0o640)).unwrap();
    // Only root can change the owner of a file. Without root, the owner stays in any case.
    let root = fs::metadata(&account.file).unwrap().uid() == 0;
    if root {
        std::os::unix::fs::chown(&account.file, Some(12_345), Some(54_321)).unwrap();
    }
    let before = fs::metadata(&account.file).unwrap();
    let rights = |of: &fs::Metadata| (of.mode(), of.uid(), of.gid());
    let state = ask(account.context(None), Some(KEY)).unwrap().state;
    let after = fs::metadata(&account.file).unwrap();
    assert_eq!(rights(&after), rights(&before));
    assert_ne!(after.ino(), before.ino(), "it is replaced and not overwritten");
    revoke(account.context(None), &state).unwrap();
    assert_eq!(rights(&fs::metadata(&account.file).unwrap()), rights(&before));
    if root {
        // A new file belongs to the owner of the directory.
        let home = Account::new();
        std::os::unix::fs::chown(home.file.parent().unwrap(), Some(12_345), Some(54_321)).unwrap();
        ask(home.context(None), Some(KEY)).unwrap();
        let made = fs::metadata(&home.file).unwrap();
        assert_eq!((made.mode() & 0o7777, made.uid(), made.gid()), (0o600, 12_345, 54_321));
    } else if let Some(report) = std::env::var_os("KEYWAY_SKIP_REPORT") {
        // Reports the skipped part to `cargo xtask test`.
        let mut report = fs::File::options().create(true).append(true).open(report).unwrap();
        report.write_all(b"root\tauthorized_keys of others\tonly root gives files away\n").unwrap();
    }
}

fn is_refused_untouched(account: &Account, victim: &Path) {
    let before = fs::read_to_string(victim).ok();
    let error = ask(account.context(None), Some(KEY)).unwrap_err();
    assert!(error.effect() == Effect::None, "{error:?}");
    assert!(!error.user_message().contains('/'), "{}", error.user_message());
    assert_eq!(fs::read_to_string(victim).ok(), before);
}

#[test]
fn links_are_not_followed() {
    let account = Account::new();
    let folder = account.file.parent().unwrap().to_owned();
    let victim = folder.join("victim");
    fs::write(&victim, "root's\n").unwrap();
    symlink(&victim, &account.file).unwrap();
    is_refused_untouched(&account, &victim);
    // A broken link is not a missing file.
    fs::remove_file(&account.file).unwrap();
    symlink(folder.join("nowhere"), &account.file).unwrap();
    is_refused_untouched(&account, &folder.join("nowhere"));
    // A link in the path is refused.
    fs::create_dir(folder.join("real")).unwrap();
    symlink(folder.join("real"), folder.join("link")).unwrap();
    let way = Account { file: folder.join("link/authorized_keys"), ..Account::new() };
    is_refused_untouched(&way, &folder.join("real/authorized_keys"));
    // A link in place of the lock creates no file elsewhere.
    fs::remove_file(&account.file).unwrap();
    fs::remove_file(folder.join(".authorized_keys.keyway-lock")).unwrap();
    symlink(folder.join("nowhere"), folder.join(".authorized_keys.keyway-lock")).unwrap();
    is_refused_untouched(&account, &folder.join("nowhere"));
}

#[test]
fn a_path_that_is_no_file_is_refused() {
    let account = Account::new();
    fs::create_dir(&account.file).unwrap();
    is_refused_untouched(&account, Path::new("/nowhere"));
    fs::remove_dir(&account.file).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &account.file, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    is_refused_untouched(&account, Path::new("/nowhere"));
    let gone =
        Account { file: account.file.parent().unwrap().join("gone/authorized_keys"), ..Account::new() };
    is_refused_untouched(&gone, Path::new("/nowhere"));
    // A missing home may be on a disk that comes back, so the revocation fails.
    assert!(revoke(gone.context(None), &CredentialRef::new("KEYWAY_1")).is_err());
}

#[test]
fn a_wrong_setting_is_reported_without_its_value() {
    let account = Account::new();
    for (name, value) in [
        ("authorized_keys_file", "needle"),
        ("authorized_keys_file", "/home/../needle"),
        ("state_prefix", "needle needle"),
        ("key_options", "needle needle"),
        ("key_types", "needle"),
        ("login_name", "needle\nneedle"),
    ] {
        let error = ask(account.context_with(None, &[(name, value)]), Some(KEY)).unwrap_err();
        assert!(matches!(error, IssuerError::Invalid { .. }), "{error:?}");
        assert!(
            error.to_string().contains(name) && !format!("{error} {error:?}").contains("needle"),
            "{error}"
        );
    }
    assert!(!account.file.exists());
}

#[test]
fn a_leftover_of_a_crash_does_not_disturb() {
    let account = Account::with_foreign_lines();
    let left = account.file.with_file_name(".authorized_keys.keyway-new");
    fs::write(&left, "half a li").unwrap();
    ask(account.context(Some("a")), Some(KEY)).unwrap();
    assert_eq!(account.content(), format!("{FOREIGN}\n{KEY} KEYWAY_a\n"));
    assert!(!left.exists());
}

#[test]
fn concurrent_calls_lose_no_line() {
    let account = Account::with_foreign_lines();
    std::thread::scope(|scope| {
        for worker in 0..6 {
            let account = &account;
            scope.spawn(move || {
                for round in 0..8 {
                    let context = account.context(Some(&format!("{worker}-{round}")));
                    let state = ask(context.clone(), Some(KEY)).unwrap().state;
                    if round % 2 == 0 {
                        revoke(context, &state).unwrap();
                    }
                }
            });
        }
    });
    let content = account.content();
    assert!(content.starts_with(&format!("{FOREIGN}\n")));
    let mut left: Vec<_> =
        content.lines().filter_map(|line| line.split_once("KEYWAY_")).map(|(_, id)| id).collect();
    left.sort_unstable();
    let kept = |worker, round| match round % 2 {
        0 => format!("{worker}-{round} was revoked"),
        _ => format!("{worker}-{round}"),
    };
    let expected: Vec<_> = (0..6).flat_map(|worker| (0..8).map(move |round| kept(worker, round))).collect();
    assert_eq!(left, expected);
}
