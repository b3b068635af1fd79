//! Logs in to a real `sshd` over the files of the accounts.

use std::path::Path;

use keyway_credentials::{Candidate, PrivateKey};

use super::accounts::{candidates, file};
use crate::services::OrSkip as _;
use crate::sshd::{OpenSsh, Server, write_private};

/// Tells, for each account, whether a real server lets the account's key log in. Reports a missing `sshd`, and then
/// returns nothing. Blocks.
pub(super) fn opened(
    folder: &Path,
    accounts: &[(Candidate, PrivateKey)],
) -> Result<Vec<(Candidate, bool)>, String> {
    let found = OpenSsh::find().or_skip("logins at a real sshd in the torture of sessions");
    let Some(programs) = found else { return Ok(Vec::new()) };
    // At that server, one user stands for all accounts, with the files of all accounts. An accepted key still shows its
    // account, because no key is in the files of two accounts.
    let files = candidates().map(|candidate| file(folder, &candidate).display().to_string());
    let settings = format!("AuthorizedKeysFile {}", files.collect::<Vec<_>>().join(" "));
    let server = Server::start(&programs, &settings);
    let keys = tempfile::tempdir().map_err(|error| error.to_string())?;
    let opened = accounts.iter().zip(0..).map(|((candidate, key), number)| {
        let saved = keys.path().join(format!("{number}"));
        write_private(&saved, key.expose_pem());
        (candidate.clone(), server.lets_in(&saved, None))
    });
    Ok(opened.collect())
}
