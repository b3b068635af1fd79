//! Installs the real programs that some tests run against, and what the fuzz targets need.

use std::{fs, process::Command};

use crate::{Failure, cargo, fuzz};

/// Debian packages by the program they bring, and the question that tells whether it is there.
const DEBIAN_PACKAGES: &[(&str, &[&str], &[&str])] = &[
    ("python3", &["-c", "import venv, ensurepip"], &["python3", "python3-venv", "python3-pip"]),
    ("strace", &["--version"], &["strace"]),
    ("ssh", &["-V"], &["openssh-client"]),
    // `sshd` answers no question in every version; `-x` is one about its file.
    ("test", &["-x", "/usr/sbin/sshd"], &["openssh-server"]),
];

/// Runs the task.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    match arguments.next().map_err(|error| error.to_string())? {
        None => {
            // Either one without the other is of use.
            let (programs, fuzzer) = (install(), install_fuzzer());
            programs.and(fuzzer)
        }
        Some(other) => Err(other.unexpected().to_string()),
    }
}

/// Installs what is missing: first the Debian packages, then, in the virtual environments that the
/// tests use, the Python packages.
pub(crate) fn install() -> Result<(), Failure> {
    for (program, question, packages) in DEBIAN_PACKAGES {
        if cargo::answers(program, question) {
            println!("{} is there", packages[0]);
        } else {
            install_debian_packages(packages)?;
        }
    }
    forget_failed_environments();
    let installed = cargo::cargo()
        .args(["run", "--quiet", "--package", "keyway-tests", "--bin", "install-python-packages"])
        .status()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if installed.success() { Ok(()) } else { Err("the Python packages could not be installed".to_owned()) }
}

/// Installs cargo-fuzz, which takes a minute or so.
fn install_fuzzer() -> Result<(), Failure> {
    if fuzz::is_installed() {
        println!("cargo-fuzz is there");
        return Ok(());
    }
    println!("installing cargo-fuzz");
    let installed = cargo::cargo()
        .args(fuzz::INSTALL)
        .arg("--quiet")
        .status()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if installed.success() { Ok(()) } else { Err("cargo-fuzz could not be installed".to_owned()) }
}

fn install_debian_packages(packages: &[&str]) -> Result<(), Failure> {
    println!("installing the Debian packages {}", packages.join(", "));
    if !cargo::answers("apt-get", &["--version"]) {
        return Err(format!(
            "this system has no apt-get; install by hand what corresponds to the Debian packages {}",
            packages.join(", ")
        ));
    }
    let root = cargo::answers("sh", &["-c", "test \"$(id -u)\" = 0"]);
    for arguments in [vec!["update"], [&["install", "--yes", "--no-install-recommends"], packages].concat()] {
        let mut command = if root {
            Command::new("apt-get")
        } else {
            let mut command = Command::new("sudo");
            command.args(["--non-interactive", "apt-get"]);
            command
        };
        let status = command
            .args(&arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .status()
            .map_err(|error| format!("apt-get does not start: {error}"))?;
        if !status.success() {
            return Err(format!(
                "apt-get {} failed; as root, run: apt-get install {}",
                arguments.join(" "),
                packages.join(" ")
            ));
        }
    }
    Ok(())
}

/// A test process that could not make an environment leaves a mark, so that the other processes of
/// the same run do not all wait for the network again. A new run tries again.
pub(crate) fn forget_failed_environments() {
    let directory = cargo::target_directory().join("python-environments");
    let Ok(environments) = fs::read_dir(directory) else { return };
    for environment in environments.flatten() {
        // Not there is what is wanted.
        let _ = fs::remove_file(environment.path().join("failed"));
    }
}
