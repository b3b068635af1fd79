//! Checks files of OpenSSH, and the public keys of users.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use keyway_core::Resources;
use keyway_issuers::{
    Context, CredentialRef, CredentialRequest, IntentId, Issuer, IssuerError, IssuerPlugin as _, Issuers,
    Json, OpenContext, Parameters, RequestOutcome, Revocation, ServiceName, UserInfo, wire,
};
use keyway_ssh::{AuthorizedKeys, CertificateAuthorityKey, CertificateAuthorityPlugin};
use pollster::block_on;

use super::scratch::Scratch;
use super::silence::shows_nothing;

/// A public key whose private key does not exist any more.
const PUBLIC_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
/// The intent of the request. The state of the credential ends with it.
const INTENT: &str = "intent-1";
/// The reference to the credential (`state` on the wire).
const STATE: &str = "KEYWAY_intent-1";

/// Returns the context of a call, with one of the issuer's files configured.
fn context(issuer: &dyn Issuer, setting: &str, file: &Path) -> Context {
    let path = Json::text(file.to_str().expect("the path is text"));
    let description = block_on(issuer.describe()).expect("it describes itself");
    let configuration = description.resolve_configuration([(setting, &path)]).expect("a path");
    Context::new(UserInfo::new("https://issuer.example.com", "joe"))
        .with_configuration(configuration)
        .with_intent(IntentId::new(INTENT).expect("an id"))
}

fn request(issuer: &dyn Issuer, context: &Context, key: &str) -> Result<CredentialRef, IssuerError> {
    let parameters = Parameters::new().with("pub_key", key);
    let request = CredentialRequest::new(context.clone()).with_parameters(parameters);
    match block_on(issuer.request(&request))? {
        RequestOutcome::Issued(credential) => Ok(credential.state),
        RequestOutcome::LoginRequired(_) => panic!("it asks for no login"),
    }
}

fn revoke(issuer: &dyn Issuer, context: &Context) -> Result<(), IssuerError> {
    block_on(issuer.revoke(&Revocation::new(context.clone(), CredentialRef::new(STATE))))
}

/// Checks an `authorized_keys` file written by others.
///
/// Adding and removing a key keeps all lines of others, byte for byte and in order; repeating
/// either changes nothing, and a removed key is not added again.
pub fn authorized_keys(data: &[u8]) {
    let folder = Scratch::new();
    let path = folder.file("authorized_keys", data);
    let read = || fs::read(&path).expect("the file is there");
    let context = context(&AuthorizedKeys, "authorized_keys_file", &path);

    let state = request(&AuthorizedKeys, &context, PUBLIC_KEY).expect("a key is added");
    assert_eq!(state.as_str(), STATE);
    let added = read();
    let line = format!("{PUBLIC_KEY} {STATE}");
    assert_eq!(lines(&added).filter(|found| *found == line.as_bytes()).count(), 1, "its line is there");
    assert_eq!(others(&added), others(data), "other lines stay");
    request(&AuthorizedKeys, &context, PUBLIC_KEY).expect("a repeated request succeeds");
    assert!(read() == added, "a repeated request changes nothing");

    revoke(&AuthorizedKeys, &context).expect("it is taken away");
    let left = read();
    assert!(lines(&left).all(|found| found != line.as_bytes()), "its line is gone");
    assert_eq!(others(&left), others(data), "other lines stay");
    if !data.windows(STATE.len()).any(|window| window == STATE.as_bytes()) {
        let note = format!("# keyway: {STATE} was revoked\n");
        let before = left.strip_suffix(note.as_bytes()).expect("the revocation is noted");
        assert!(before == data || before == [data, b"\n"].concat(), "the rest of the file is as it was");
    }
    revoke(&AuthorizedKeys, &context).expect("a repeated revocation succeeds");
    assert!(read() == left, "a repeated revocation changes nothing");
    let late = request(&AuthorizedKeys, &context, PUBLIC_KEY).expect_err("a late request is refused");
    assert!(matches!(late, IssuerError::Refused { .. }), "{late}");
    assert!(read() == left, "a late request changes nothing");
}

fn lines(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    content.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

/// Returns the lines that the issuer cannot have written.
fn others(content: &[u8]) -> Vec<&[u8]> {
    let is_other = |line: &&[u8]| !line.windows(STATE.len()).any(|window| window == STATE.as_bytes());
    lines(content).filter(is_other).collect()
}

/// Checks a user's public key.
///
/// An accepted key becomes one line of type, key and state. The line has exactly the given key, and nothing else gets
/// into the file. A refused key becomes no line, and no message repeats it.
pub fn public_key(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let folder = Scratch::new();
    let path = folder.path().join("authorized_keys");
    let context = context(&AuthorizedKeys, "authorized_keys_file", &path);
    match request(&AuthorizedKeys, &context, text) {
        Ok(_) => {
            let line = fs::read_to_string(&path).expect("the file is there");
            let fields: Vec<_> = line.strip_suffix('\n').expect("a line").split(' ').collect();
            let [kind, key, STATE] = fields[..] else { panic!("{} fields", fields.len()) };
            let mut keys =
                text.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#'));
            let mut sent = keys.next().expect("a line").split_ascii_whitespace();
            assert_eq!(
                (sent.next(), sent.next()),
                (Some(kind), Some(key)),
                "the file has exactly the key that was sent"
            );
            let blob = wire::base64::decode(key.as_bytes()).expect("base64");
            let (length, named) = blob.split_first_chunk().expect("a length");
            let length = usize::try_from(u32::from_be_bytes(*length)).expect("small");
            assert_eq!(named.get(..length), Some(kind.as_bytes()), "the key has the named type");
        }
        Err(error) => {
            assert!(matches!(error, IssuerError::Refused { .. }), "{error}");
            shows_nothing(&error, data);
            assert!(!path.exists(), "a refused key leaves no file");
        }
    }
}

/// Checks a key revocation list written by others.
///
/// After a set-up with this list, a revocation adds to the list and removes nothing. Repeating the revocation changes
/// nothing. A refused list stays as it is, byte for byte.
pub fn revocation_list(data: &[u8]) {
    let issuer = authority(None);
    let folder = Scratch::new();
    let path = folder.file("krl", data);
    let read = || fs::read(&path).expect("the file is there");
    let context = context(&*issuer, "krl_file", &path);
    let taken_over = keyway_ssh::set_up_revocation_list(&path);
    if let Err(error) = taken_over.and_then(|()| revoke(&*issuer, &context)) {
        shows_nothing(&error, data);
        assert!(read() == data, "a list that is refused stays");
        return;
    }
    let revoked = read();
    revoke(&*issuer, &context).expect("a repeated revocation succeeds");
    assert!(read() == revoked, "a repeated revocation changes nothing");
    if revoked == data {
        assert!(data.windows(STATE.len()).any(|window| window == STATE.as_bytes()), "it was revoked before");
        return;
    }
    let is_blank = !data.starts_with(b"SSHKRL");
    let (before, after) = (List::read(if is_blank { EMPTY } else { data }), List::read(&revoked));
    assert_eq!((before.flags, before.texts[1]), (after.flags, after.texts[1]));
    // The field `reserved` may have the time of the last change, unless another program uses it.
    let is_ours = |text: &[u8]| text.is_empty() || text.starts_with(b"keyway last change ");
    let [reserved, changed] = [before.texts[0], after.texts[0]];
    assert!(reserved == changed || (is_ours(reserved) && is_ours(changed)), "{reserved:?} {changed:?}");
    assert_eq!(after.version, before.version.saturating_add(1));
    assert!(after.sections.len() >= before.sections.len());
    let mut grown = after.sections.len() - before.sections.len();
    for (one, other) in before.sections.iter().zip(&after.sections) {
        if one != other {
            grown += 1;
            assert!(one.0 == 1 && other.0 == 1 && other.1.len() > one.1.len(), "only certificates are added");
        }
    }
    assert_eq!(grown, 1, "one section is new or longer");
}

/// The encoded list without any revocation.
const EMPTY: &[u8; 44] =
    b"SSHKRL\n\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// A key revocation list, parsed by `PROTOCOL.krl` down to its sections.
struct List<'a> {
    version: u64,
    flags: &'a [u8],
    texts: [&'a [u8]; 2],
    sections: Vec<(u8, &'a [u8])>,
}

impl<'a> List<'a> {
    fn read(bytes: &'a [u8]) -> Self {
        let string = |rest: &mut &'a [u8]| {
            let (length, behind) = rest.split_first_chunk().expect("a length");
            let (string, behind) = behind.split_at(u32::from_be_bytes(*length).try_into().expect("small"));
            *rest = behind;
            string
        };
        let version = u64::from_be_bytes(bytes[12..20].try_into().expect("eight bytes"));
        let mut rest = &bytes[36..];
        let texts = [string(&mut rest), string(&mut rest)];
        let mut sections = Vec::new();
        while let Some((kind, behind)) = rest.split_first() {
            rest = behind;
            sections.push((*kind, string(&mut rest)));
        }
        Self { version, flags: &bytes[28..36], texts, sections }
    }
}

/// Checks the file of an authority's key.
///
/// Neither `Debug` nor an error shows a key, whether it is accepted or refused. With an accepted key, the issuer makes
/// a certificate, or returns an error.
pub fn authority_key(data: &[u8]) {
    let key = match CertificateAuthorityKey::from_openssh(data) {
        Ok(key) => key,
        Err(error) => return shows_nothing(&error, data),
    };
    let shown = format!("{key:?}");
    let is_base64 = |line: &&str| line.len() > 40 && !line.contains(' ');
    let text = String::from_utf8_lossy(data);
    assert!(text.lines().filter(is_base64).all(|line| !shown.contains(line)), "Debug shows no key");
    let issuer = authority(Some(key.clone()));
    let folder = Scratch::new();
    let list = folder.path().join("krl");
    keyway_ssh::set_up_revocation_list(&list).expect("a list");
    let context = context(&*issuer, "krl_file", &list);
    match request(&*issuer, &context, PUBLIC_KEY) {
        Ok(state) => assert_eq!(state.as_str(), STATE),
        Err(error) => shows_nothing(&error, data),
    }
}

/// Returns the issuer of certificates.
fn authority(key: Option<CertificateAuthorityKey>) -> Arc<dyn Issuer> {
    let registry = keyway_core::plugins! { keyway_ssh }.registry().expect("its plugins");
    let metadata = registry.get::<Issuers>("ssh-ca").expect("that plugin").metadata().clone();
    let resources = key.into_iter().fold(Resources::new(), Resources::with);
    let opening =
        OpenContext::new(ServiceName::new("door").expect("a name"), metadata).with_resources(resources);
    CertificateAuthorityPlugin.open(&opening).expect("it opens")
}
