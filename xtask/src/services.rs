//! Installs the real programs that some tests run against.

use std::{
    fs,
    process::{Child, Command, Stdio},
};

use crate::{Failure, cargo, expect_no_more};

/// The Debian packages that tests need. For each set of packages, a program and its arguments check whether the set is
/// installed.
const DEBIAN_PACKAGES: &[(&str, &[&str], &[&str])] = &[
    ("python3", &["-c", "import venv, ensurepip"], &["python3", "python3-venv", "python3-pip"]),
    ("strace", &["--version"], &["strace"]),
    ("ssh", &["-V"], &["openssh-client"]),
    // Not every version of `sshd` has a version option. Instead, the program is looked up by its file (`-x`).
    ("test", &["-x", "/usr/sbin/sshd"], &["openssh-server"]),
    // The programs of Pebble have no version option.
    ("test", &["-x", "/usr/bin/pebble"], &["pebble"]),
];

/// The program of keyway-tests that creates the virtual environments.
const PROGRAM: &str = "install-python-packages";

/// Runs the task.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    expect_no_more(arguments)?;
    install()
}

fn install() -> Result<(), Failure> {
    begin()?.end()
}

/// An installation in the background.
pub(crate) struct Installation(Child);

/// Installs the missing Debian packages, and starts to install the Python packages into the virtual
/// environments of the tests.
pub(crate) fn begin() -> Result<Installation, Failure> {
    for (program, question, packages) in DEBIAN_PACKAGES {
        if cargo::answers(program, question) {
            println!("{} is there", packages[0]);
        } else {
            install_debian_packages(packages)?;
        }
    }
    forget_failed_environments();
    // Builds the installer together with the tests: alone, its dependencies have other features and are compiled twice.
    let build = ["--quiet", "--workspace", "--bin", PROGRAM];
    if !cargo::succeeds(cargo::cargo(&["build"]).args(build))? {
        return Err(format!("{PROGRAM} does not compile"));
    }
    let program =
        cargo::target_directory().join("debug").join(PROGRAM).with_extension(std::env::consts::EXE_EXTENSION);
    let child = Command::new(&program)
        .current_dir(cargo::workspace_root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{} does not start: {error}", program.display()))?;
    Ok(Installation(child))
}

impl Installation {
    /// Waits for the end of the installation, and prints its output.
    pub(crate) fn end(self) -> Result<(), Failure> {
        let output = self.0.wait_with_output().map_err(|error| format!("{PROGRAM}: {error}"))?;
        print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() {
            Ok(())
        } else {
            Err("the Python packages could not be installed".to_owned())
        }
    }
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
        if !cargo::succeeds(command.args(&arguments).env("DEBIAN_FRONTEND", "noninteractive"))? {
            return Err(format!(
                "apt-get {} failed; as root, run: apt-get install {}",
                arguments.join(" "),
                packages.join(" ")
            ));
        }
    }
    Ok(())
}

/// Removes the marks of failed environments. A test process that could not create an environment leaves a mark,
/// so that other processes of the same run do not wait for the network again. A new run tries again.
pub(crate) fn forget_failed_environments() {
    let directory = cargo::target_directory().join("python-environments");
    let Ok(environments) = fs::read_dir(directory) else { return };
    for environment in environments.flatten() {
        // An error is ignored, because most environments have no mark.
        let _ = fs::remove_file(environment.path().join("failed"));
    }
}
