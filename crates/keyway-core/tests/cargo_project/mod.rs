//! Builds small workspaces during a test: for code that must not compile, and for effects that only
//! occur between real crates.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A workspace in the target folder.
pub(crate) struct Project {
    folder: PathBuf,
}

impl Project {
    /// Makes an empty workspace with these members. It overwrites the files of an earlier run.
    pub(crate) fn new(name: &str, members: &[&str]) -> Self {
        let project = Self { folder: Path::new(env!("CARGO_TARGET_TMPDIR")).join(name) };
        let members: Vec<_> = members.iter().map(|member| format!("{member:?}")).collect();
        project.write(
            "Cargo.toml",
            &format!(
                "[workspace]\nresolver = \"3\"\nmembers = [{}]\n[workspace.lints.rust]\nunsafe_code = \"forbid\"\n\
                 [profile.dev]\ndebug = false\n\
                 [profile.fat]\ninherits = \"release\"\nlto = \"fat\"\ncodegen-units = 1\n",
                members.join(", ")
            ),
        );
        // Without a network, only the versions of this repository's lock file are available.
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
        if let Ok(lock) = std::fs::read_to_string(lock) {
            project.write("Cargo.lock", &lock);
        }
        project
    }

    /// Writes a package of the workspace, with the lints that plugin crates have.
    pub(crate) fn package(&self, folder: &str, name: &str, version: &str, dependencies: &str) {
        self.write(
            &format!("{folder}/Cargo.toml"),
            &format!(
                "[package]\nname = {name:?}\nversion = {version:?}\nedition = \"2024\"\ndescription = \"of {folder}\"\n\
                 [lints]\nworkspace = true\n[dependencies]\n{dependencies}\n"
            ),
        );
    }

    /// Returns the dependency on the crate under test.
    pub(crate) fn core() -> String {
        format!("keyway-core = {{ path = {:?} }}", env!("CARGO_MANIFEST_DIR"))
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Runs cargo in the workspace. All projects share one target folder, so that the crate under
    /// test is built once.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO"))
            .args(arguments)
            .arg("--offline")
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("target"))
            .env_remove("RUSTFLAGS")
            .output()
            .unwrap()
    }
}
