//! The issuer `ssh-ca` as a WaTTS executable, and the command that creates its list: `keyway-ssh-ca set-up
//! FILE`.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use keyway_core::{PluginError as _, Plugins, plugins};

const PLUGINS: Plugins = plugins! { keyway_ssh };

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    // A host sends an object in Base64, which never begins with `set-up`.
    if arguments.next().is_some_and(|first| first == "set-up") {
        return set_up(&arguments.collect::<Vec<_>>());
    }
    keyway_executable::run(|| Ok(keyway_executable::open(&PLUGINS, Some("ssh-ca"), serde_json::json!({}))?))
}

const USAGE: &str = "usage: keyway-ssh-ca set-up FILE

Makes the empty list of revoked certificates that `krl_file` names.";

fn set_up(files: &[OsString]) -> ExitCode {
    let (said, code) = match files {
        [file] => match keyway_ssh::set_up_revocation_list(file) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => (format!("keyway-ssh-ca: {}", error.detail()), ExitCode::FAILURE),
        },
        _ => (USAGE.to_owned(), ExitCode::from(2)),
    };
    // A failed write of the message is ignored, because the exit code reports the failure, too.
    let _ = writeln!(std::io::stderr(), "{said}");
    code
}
