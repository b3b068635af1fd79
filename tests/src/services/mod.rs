//! Provides the real programs that some tests run against.
//!
//! A machine with nothing but Rust runs every test that it can. Other tests are reported, not silently passed:
//! [`OrSkip::or_skip`] appends a line to the file that `KEYWAY_SKIP_REPORT` names, and `cargo xtask test` prints these
//! lines at its end. With `KEYWAY_REQUIRE_SERVICES=1` (`cargo xtask test --require-services`), a test whose program is
//! missing panics instead.
//!
//! The report has one line for each skip: the program, a tab, the skipped test, a tab, and the reason.

mod convection;
mod interpreter;
mod python;
mod skip;
mod watts_plugin;

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub use convection::ConvectionPlugin;
pub use interpreter::{BARE, python};
pub use python::{CONVECTION, LOCKER, PythonPackages, SPS, python_with};
pub use skip::{CHANGE_VARIABLE, OrSkip, REPORT_VARIABLE, REQUIRE_VARIABLE, Skip, may_change_system};
pub use watts_plugin::watts_plugin;

/// Finds a program on the search path, such as `valgrind`; it must answer `--version`.
///
/// # Errors
/// A [`Skip`] if the program is missing or fails.
pub fn program(name: &str) -> Result<PathBuf, Skip> {
    let answer = Command::new(name)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match answer {
        Ok(status) if status.success() => Ok(PathBuf::from(name)),
        Ok(status) => Err(Skip::new(name, format!("`{name} --version` ended with {status}"))),
        Err(error) => Err(Skip::new(name, format!("it does not start: {error}"))),
    }
}

/// Finds a program without a version option, such as `sshd`: a file of this name on the search
/// path, or in the folders of programs for administrators.
///
/// # Errors
/// A [`Skip`] if there is no such file.
pub fn system_program(name: &str) -> Result<PathBuf, Skip> {
    let search_path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&search_path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|file: &PathBuf| Path::is_file(file))
        .ok_or_else(|| Skip::new(name, "there is no such file on the search path"))
}
