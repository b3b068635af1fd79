//! The process whose power is cut: it requests and revokes keys and certificates.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, fchown};
use std::path::Path;
use std::sync::Arc;

use keyway_core::{Plugins, Resources, plugins};
use keyway_issuers::{
    Context, CredentialRef, CredentialRequest, IntentId, Issuer, Issuers, Json, OpenContext, Parameters,
    Revocation, ServiceName, UserInfo,
};
use keyway_ssh::CertificateAuthorityKey;
use pollster::block_on;

use super::{FOREIGN, KEYS, LIST, MODE, NEW, OLD, OWNER};
use crate::torture::line::{Line, State, say};

const PLUGINS: Plugins = plugins! { keyway_ssh };

/// The number of credentials of each kind. Every second one is revoked.
const CREDENTIALS: usize = 8;

/// Changes the files in a folder, and acknowledges each change.
///
/// # Errors
/// Any error, as a text.
pub fn write(folder: &Path) -> Result<(), String> {
    change(OLD, State::of("file"), || make_old(folder).map_err(|error| error.to_string()))?;
    let keys = open("ssh-authorized-keys", Resources::new())?;
    let key = CertificateAuthorityKey::generate().map_err(|error| error.to_string())?;
    let authority = open("ssh-ca", Resources::new().with(key))?;
    say_made(LIST);
    keyway_ssh::set_up_revocation_list(folder.join(LIST)).map_err(|error| error.to_string())?;
    say_there(LIST);
    for number in 0..CREDENTIALS {
        for name in [OLD, NEW] {
            let settings = [("authorized_keys_file", folder.join(name).display().to_string())];
            let (label, line) = KEYS[number % 2];
            say_made(name);
            let cell = format!("{name}/k{number}");
            change(&cell, State::of(label), || request(&*keys, &settings, number, line))?;
            say_there(name);
            // A second request with the same intent, but with another key, replaces the first key.
            if number % 3 == 0 {
                let (label, line) = KEYS[(number + 1) % 2];
                change(&cell, State::of(label), || request(&*keys, &settings, number, line))?;
            }
            if number % 2 == 0 {
                change(&cell, State::Absent, || revoke(&*keys, &settings, number))?;
            }
        }
        let settings = settings_of_list(folder);
        request(&*authority, &settings, number, KEYS[0].1)?;
        if number % 2 == 0 {
            change(&format!("{LIST}/k{number}"), State::of("revoked"), || {
                revoke(&*authority, &settings, number)
            })?;
        }
    }
    Ok(())
}

/// Makes the issuer use the list and the record that remain after a cut. If the list is behind its record, the issuer
/// first repairs the list.
///
/// # Errors
/// When the issuer refuses.
pub(super) fn use_again(folder: &Path) -> Result<(), String> {
    let key = CertificateAuthorityKey::generate().map_err(|error| error.to_string())?;
    let authority = open("ssh-ca", Resources::new().with(key))?;
    request(&*authority, &settings_of_list(folder), CREDENTIALS, KEYS[0].1)
}

fn settings_of_list(folder: &Path) -> [(&'static str, String); 2] {
    [("krl_file", folder.join(LIST).display().to_string()), ("principals", "deploy".to_owned())]
}

fn make_old(folder: &Path) -> std::io::Result<()> {
    let beside = folder.join("beside");
    let mut file = File::create_new(&beside)?;
    file.write_all(FOREIGN.as_bytes())?;
    // Only a process with the right to change owners can give the file away. Otherwise the owner is not tested.
    let _ = fchown(&file, Some(OWNER), Some(OWNER));
    file.set_permissions(std::fs::Permissions::from_mode(MODE))?;
    file.sync_all()?;
    std::fs::rename(beside, folder.join(OLD))?;
    File::open(folder)?.sync_all()
}

/// Reports that a file is about to exist: after a cut it may exist or not. The first call of the issuer creates the
/// file, unless it exists already.
fn say_made(name: &str) {
    say(&Line::Begun { task: 1, cell: name.to_owned(), state: State::of("file") });
}

fn say_there(name: &str) {
    say_made(name);
    say(&Line::Acknowledged { task: 1 });
}

fn change(cell: &str, state: State, change: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    say(&Line::Begun { task: 0, cell: cell.to_owned(), state });
    change()?;
    say(&Line::Acknowledged { task: 0 });
    Ok(())
}

fn open(plugin: &str, resources: Resources) -> Result<Arc<dyn Issuer>, String> {
    let registry = PLUGINS.registry().map_err(|faults| faults.to_string())?;
    let plugin = registry.get::<Issuers>(plugin).map_err(|error| error.to_string())?;
    let service = ServiceName::new("cluster").map_err(|error| error.to_string())?;
    let opening = OpenContext::new(service, plugin.metadata().clone()).with_resources(resources);
    plugin.open(&opening).map_err(|error| error.to_string())
}

fn context(issuer: &dyn Issuer, settings: &[(&str, String)], number: usize) -> Result<Context, String> {
    let description = block_on(issuer.describe()).map_err(|error| error.to_string())?;
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, Json::text(value.as_str()))).collect();
    let settings = settings.iter().map(|(name, value)| (*name, value));
    let configuration = description.resolve_configuration(settings).map_err(|faults| faults.to_string())?;
    let intent = IntentId::new(format!("k{number}")).ok_or("an intent of the torture is valid")?;
    let user = UserInfo::new("https://issuer.example.com", "joe");
    Ok(Context::new(user).with_configuration(configuration).with_intent(intent))
}

fn request(issuer: &dyn Issuer, settings: &[(&str, String)], number: usize, key: &str) -> Result<(), String> {
    let request = CredentialRequest::new(context(issuer, settings, number)?)
        .with_parameters(Parameters::new().with("pub_key", key));
    block_on(issuer.request(&request)).map(|_| ()).map_err(|error| error.to_string())
}

fn revoke(issuer: &dyn Issuer, settings: &[(&str, String)], number: usize) -> Result<(), String> {
    let state = CredentialRef::new(format!("KEYWAY_k{number}"));
    let revocation = Revocation::new(context(issuer, settings, number)?, state);
    block_on(issuer.revoke(&revocation)).map_err(|error| error.to_string())
}
