//! Measures a revocation in a list of 100,000 revocations, against a bare write of the list.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    time::Duration,
};

use keyway_core::{Plugins, plugins};
use keyway_issuers::{
    Context, CredentialRef, Issuer, Issuers, Json, OpenContext, Revocation, ServiceName, UserInfo,
};
use pollster::block_on;

use super::BenchError;
use crate::{
    measure::{Clock, Plan, compare},
    row::{Row, Target},
};

const PLUGINS: Plugins = plugins! { keyway_ssh };
const REVOKED: u32 = 100_000;
/// The plan. It uses the wall clock, because both sides wait for the disk.
const PLAN: Plan = Plan { clock: Clock::Wall, rounds: 31, batch: Duration::from_millis(50) };

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let folder = tempfile::tempdir()?;
    // The issuer refuses a path that contains a symbolic link.
    let folder = folder.path().canonicalize()?;
    let list = folder.join("krl");
    fs::write(&list, list_of(REVOKED))?;
    let registry = PLUGINS.registry()?;
    let plugin = registry.get::<Issuers>("ssh-ca")?;
    let issuer = plugin.open(&OpenContext::new(ServiceName::new("cluster")?, plugin.metadata().clone()))?;
    let context = context(&*issuer, &list)?;

    let mut number = REVOKED;
    let revoke = || {
        number += 1;
        let revocation = Revocation::new(context.clone(), CredentialRef::new(key_id(number)));
        block_on(issuer.revoke(&revocation)).expect("it is revoked");
    };
    let bytes = fs::read(&list)?;
    let peer = folder.join("peer");
    let bare_write = || {
        let mut file = File::create(&peer).expect("a file");
        file.write_all(&bytes).and_then(|()| file.sync_all()).expect("it is written");
    };
    let row = Row::compared(
        area,
        "revoking an SSH certificate among 100,000, peer a bare write and sync of the list",
        compare(PLAN, revoke, bare_write),
    );
    Ok(vec![row.must(Target::RatioAtMost(4.0))])
}

fn context(issuer: &dyn Issuer, list: &Path) -> Result<Context, BenchError> {
    let list = Json::text(list.to_str().ok_or("no path")?);
    let configuration = block_on(issuer.describe())?.resolve_configuration([("krl_file", &list)])?;
    Ok(Context::new(UserInfo::new("https://issuer.example.com", "joe")).with_configuration(configuration))
}

fn key_id(number: u32) -> String {
    format!("KEYWAY_{number:032x}")
}

/// Returns a list of revoked key ids, in the format of OpenSSH's own program. `count` is the number of ids.
fn list_of(count: u32) -> Vec<u8> {
    let string = |content: &[u8]| {
        let length = u32::try_from(content.len()).expect("a list is short").to_be_bytes();
        [&length[..], content].concat()
    };
    let key_ids: Vec<u8> = (0..count).flat_map(|number| string(key_id(number).as_bytes())).collect();
    let section = [string(b""), string(b""), vec![0x23], string(&key_ids)].concat();
    [&b"SSHKRL\n\0\0\0\0\x01"[..], &[0; 24], &string(b""), &string(b""), &[1], &string(&section)].concat()
}
