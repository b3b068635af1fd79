//! Builds small workspaces during a test, for code that must not compile, and for effects that occur only between
//! separate crates.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A workspace in a folder of the target directory.
pub(crate) struct Project {
    folder: PathBuf,
}

impl Project {
    /// Makes an empty workspace with these members. Overwrites the files of an earlier run.
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
        // Copies this repository's lock file: without a network, only the versions in that file are available.
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
        if let Ok(lock) = std::fs::read_to_string(lock) {
            project.write("Cargo.lock", &lock);
        }
        project
    }

    /// Writes the `Cargo.toml` of a package of the workspace. The package uses the lints that plugin crates have.
    pub(crate) fn package(&self, folder: &str, name: &str, version: &str, dependencies: &str) {
        self.write(
            &format!("{folder}/Cargo.toml"),
            &format!(
                "[package]\nname = {name:?}\nversion = {version:?}\nedition = \"2024\"\ndescription = \"of {folder}\"\n\
                 [lints]\nworkspace = true\n[dependencies]\n{dependencies}\n"
            ),
        );
    }

    /// Returns a dependency on the crate under test, as a line of Cargo.toml.
    pub(crate) fn core() -> String {
        format!("keyway-core = {{ path = {:?} }}", env!("CARGO_MANIFEST_DIR"))
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Runs cargo in the workspace. All projects share one target directory, so that the crate under test is built only
    /// once.
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
