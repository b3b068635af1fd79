//! Makes virtual environments with real Python packages.

use std::{
    env, fs,
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use super::Skip;

/// Python packages that tests run against.
#[derive(Clone, Copy, Debug)]
pub struct PythonPackages {
    /// The name of the virtual environment.
    pub name: &'static str,
    /// Requirements in pip's form, with pinned versions.
    pub requirements: &'static str,
    /// Modules that must be importable; otherwise the environment is useless.
    pub modules: &'static [&'static str],
    /// Whether pip also installs the dependencies of the requirements. If not, the requirements list all that is
    /// needed.
    pub with_dependencies: bool,
}

/// The real Convection plugins, Generic and `PassDB`, and `cryptography`.
pub const CONVECTION: PythonPackages = PythonPackages {
    name: "convection",
    requirements: include_str!("../../python/convection.txt"),
    modules: &[
        "convection.plugins.secrets.generic",
        "convection.plugins.secrets.passdb",
        "cryptography.fernet",
    ],
    with_dependencies: true,
};

/// The real SDK of SPS for credential-store plugins.
///
/// One of the SDK's dependencies is built from C, and needs the headers of LDAP. The plugins of the tests do not need
/// that dependency, so it is left out.
pub const SPS: PythonPackages = PythonPackages {
    name: "sps",
    requirements: include_str!("../../python/sps.txt"),
    modules: &["safeguard.sessions.plugin"],
    with_dependencies: false,
};

/// Locker's official SDK of the second generation.
pub const LOCKER: PythonPackages = PythonPackages {
    name: "locker",
    requirements: include_str!("../../python/locker.txt"),
    modules: &["locker"],
    with_dependencies: false,
};

/// The time after a failed attempt during which other test processes do not try again. A new run of `cargo xtask test`
/// tries at once.
const FAILURE_COUNTS_FOR: Duration = Duration::from_secs(300);

/// Returns the interpreter of a virtual environment with these packages.
///
/// The environment is made once, under `target/python-environments`, and again when the
/// requirements change. Blocks: the first call may take a minute, and other test processes wait for
/// it.
///
/// # Errors
/// A [`Skip`] that names the missing part: Python, its `venv` module, or the network.
pub fn python_with(packages: &PythonPackages) -> Result<PathBuf, Skip> {
    let directory = environments_directory().join(packages.name);
    environment_in(&directory, packages, &install)
}

fn environment_in(
    directory: &Path,
    packages: &PythonPackages,
    install: &dyn Fn(&Path, &PythonPackages) -> Result<(), Skip>,
) -> Result<PathBuf, Skip> {
    let failed_here =
        |error: std::io::Error| Skip::new("python3 environment", format!("{}: {error}", directory.display()));
    let python = directory.join(if cfg!(windows) { "venv/Scripts/python.exe" } else { "venv/bin/python" });
    let stamp = directory.join("ready");
    let failed = directory.join("failed");
    fs::create_dir_all(directory).map_err(failed_here)?;
    let lock = File::create(directory.join("lock")).map_err(failed_here)?;
    // The lock ends with the file handle, even if this process is killed.
    lock.lock().map_err(failed_here)?;
    let ready = fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == packages.requirements);
    if ready && python.exists() {
        return Ok(python);
    }
    if let Some(skip) = recent_failure(&failed) {
        return Err(skip);
    }
    for left in [directory.join("venv"), stamp.clone()] {
        let removed = if left.is_dir() { fs::remove_dir_all(&left) } else { fs::remove_file(&left) };
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed_here(error)),
            _ => {}
        }
    }
    fs::write(directory.join("requirements.txt"), packages.requirements).map_err(failed_here)?;
    match install(directory, packages) {
        Ok(()) => {
            fs::write(&stamp, packages.requirements).map_err(failed_here)?;
            Ok(python)
        }
        Err(skip) => {
            fs::write(&failed, format!("{}\n{}", skip.program, skip.reason)).map_err(failed_here)?;
            Err(skip)
        }
    }
}

fn recent_failure(file: &Path) -> Option<Skip> {
    let age = fs::metadata(file).ok()?.modified().ok()?.elapsed().unwrap_or_default();
    if age > FAILURE_COUNTS_FOR {
        return None;
    }
    let text = fs::read_to_string(file).ok()?;
    let (program, reason) = text.split_once('\n')?;
    Some(Skip::new(program, reason))
}

fn install(directory: &Path, packages: &PythonPackages) -> Result<(), Skip> {
    let venv = directory.join("venv");
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))
        .map_err(|reason| Skip::new("python3 with venv and pip", reason))?;
    let python = venv.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let missing = |reason| Skip::new(format!("the Python packages {}", packages.name), reason);
    let dependencies: &[&str] = if packages.with_dependencies { &[] } else { &["--no-deps"] };
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"])
        .args(["--retries", "2", "--timeout", "20", "--only-binary", "cryptography"])
        .args(dependencies)
        .arg("--requirement")
        .arg(directory.join("requirements.txt")))
    .map_err(missing)?;
    let imports = format!("import {}", packages.modules.join(", "));
    run(Command::new(&python).args(["-c", &imports])).map_err(missing)
}

/// Runs a program. On failure, returns the last line of its output as the reason.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{} does not start: {error}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    Err(format!("{} ended with {}: {last}", command.get_program().display(), output.status))
}

fn environments_directory() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = package.parent().unwrap_or(package);
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    workspace.join(target).join("python-environments")
}

#[cfg(test)]
mod tests {
    use super::{PythonPackages, environment_in};
    use crate::services::Skip;
    use std::{cell::Cell, fs, path::Path};

    const PACKAGES: PythonPackages = PythonPackages {
        name: "test",
        requirements: "one==1.0\n",
        modules: &["one"],
        with_dependencies: true,
    };

    #[expect(clippy::unnecessary_wraps, reason = "stands for the real installation")]
    fn makes_an_interpreter(directory: &Path, _: &PythonPackages) -> Result<(), Skip> {
        fs::create_dir_all(directory.join("venv/bin")).expect("a directory");
        fs::write(directory.join("venv/bin/python"), "").expect("a file");
        Ok(())
    }

    #[test]
    #[cfg(unix)]
    fn an_environment_is_made_once_and_again_when_the_requirements_change() {
        let directory = tempfile::tempdir().expect("a directory");
        let times = Cell::new(0);
        let install = |directory: &Path, packages: &PythonPackages| {
            times.set(times.get() + 1);
            assert!(!directory.join("venv").exists(), "nothing is left of the one before");
            makes_an_interpreter(directory, packages)
        };
        for packages in [PACKAGES, PACKAGES, PythonPackages { requirements: "one==2.0\n", ..PACKAGES }] {
            let python = environment_in(directory.path(), &packages, &install).expect("an environment");
            assert!(python.exists());
        }
        assert_eq!(times.get(), 2);
    }

    #[test]
    #[cfg(unix)]
    fn a_failure_is_remembered_until_its_mark_is_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let fails = |_: &Path, _: &PythonPackages| Err(Skip::new("python3", "no network"));
        let skip = environment_in(directory.path(), &PACKAGES, &fails).expect_err("no environment");
        let again = environment_in(directory.path(), &PACKAGES, &makes_an_interpreter);
        assert_eq!(again.expect_err("not tried again"), skip);
        fs::remove_file(directory.path().join("failed")).expect("the mark");
        assert!(environment_in(directory.path(), &PACKAGES, &makes_an_interpreter).is_ok());
    }

    #[test]
    #[cfg(unix)]
    fn an_interrupted_installation_is_started_anew() {
        let directory = tempfile::tempdir().expect("a directory");
        makes_an_interpreter(directory.path(), &PACKAGES).expect("an interpreter");
        let times = Cell::new(0);
        let install = |directory: &Path, packages: &PythonPackages| {
            times.set(times.get() + 1);
            makes_an_interpreter(directory, packages)
        };
        environment_in(directory.path(), &PACKAGES, &install).expect("an environment");
        assert_eq!(times.get(), 1, "an interpreter without the stamp is not trusted");
    }
}
