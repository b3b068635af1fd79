//! A trap for plugins that use a name as a path: files that no correct plugin touches.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::scratch::scratch_folder;
use crate::{Broken, broken, ensure};

/// The file endings in the trap. A plugin may add one of them to a name.
const ENDINGS: [&str; 6] = ["", ".json", ".txt", ".pub", ".key", ".toml"];

/// The number of `..` steps in a path; enough to reach the root from any folder.
const STEPS: usize = 24;

/// A folder of files that a plugin must not read, write or remove. The kit gives plugins paths to it, absolute or with
/// `..`. Each path leads into this folder from any working folder, so that a faulty plugin harms no other files.
#[derive(Debug)]
pub(crate) struct PathTrap {
    folder: TempDir,
    content: String,
    before: Vec<(PathBuf, Option<Vec<u8>>)>,
}

impl PathTrap {
    /// Makes the files, each with this content.
    pub(crate) fn new(content: String) -> Result<Self, Broken> {
        let folder = scratch_folder()?;
        let failed =
            |error: std::io::Error| broken("a folder with files to guard", format!("it failed: {error}"));
        fs::create_dir(folder.path().join("folder")).map_err(failed)?;
        for ending in ENDINGS {
            for name in ["file", "folder/file"] {
                fs::write(folder.path().join(format!("{name}{ending}")), &content).map_err(failed)?;
            }
        }
        let before = listed(folder.path());
        Ok(Self { folder, content, before })
    }

    /// Lists paths to the files, each with the name of its form.
    pub(crate) fn names(&self) -> Vec<(&'static str, String)> {
        let [file, folder] =
            ["file", "folder"].map(|name| self.folder.path().join(name).display().to_string());
        let up = "..".to_owned() + &"/..".repeat(STEPS - 1);
        let dots = "/.".repeat(20);
        vec![
            ("an absolute path", file.clone()),
            ("a path with `..`", format!("{up}{file}")),
            ("an absolute path to a folder", folder.clone()),
            ("a path with `..` to a folder", format!("{up}{folder}")),
            ("an absolute path to nothing", format!("{file}-new")),
            ("a path with `..` to nothing", format!("{up}{file}-new")),
            ("a long path", format!("{dots}{file}")),
        ]
    }

    /// Lists paths that cannot be names in a store: one with a NUL byte, and a very long one.
    #[cfg(feature = "issuers")]
    pub(crate) fn odd_names(&self) -> [(&'static str, String); 2] {
        let file = self.folder.path().join("file").display().to_string();
        let dots = "/.".repeat(1500);
        [("a path with a NUL byte", format!("{file}\0.json")), ("a very long path", format!("{dots}{file}"))]
    }

    /// Demands that a call with a path of this form neither showed nor touched a file. `answer` contains every text
    /// that the call returned.
    #[cfg(any(feature = "certificates", feature = "credentials"))]
    pub(crate) fn is_harmless(&self, answer: &str, of: &str, form: &str) -> Result<(), Broken> {
        let by = format!("a call with {form}");
        self.is_unread(answer, of, &by)?;
        self.is_untouched(of, &by)
    }

    /// Demands that no file was made, changed or removed.
    pub(crate) fn is_untouched(&self, of: &str, by: &str) -> Result<(), Broken> {
        let same = self.before == listed(self.folder.path());
        let expected = format!("that {of} is not a path");
        ensure(same, expected, format!("a file that it leads to was made, changed or removed by {by}"))
    }

    /// Demands that an answer does not show a file's content.
    pub(crate) fn is_unread(&self, answer: &str, of: &str, by: &str) -> Result<(), Broken> {
        let shown = answer.contains(&self.content);
        ensure(!shown, format!("that {of} is not a path"), format!("{by} answered the file that it leads to"))
    }
}

/// Lists the entries of a folder and its subfolders, with the content of files.
fn listed(folder: &Path) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(listed(&path));
        }
        let content = fs::read(&path).ok();
        all.push((path, content));
    }
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_leads_into_the_trap_from_any_folder() {
        let trap = PathTrap::new("kept".to_owned()).unwrap();
        let inside = trap.folder.path().canonicalize().unwrap();
        let deep = tempfile::tempdir().unwrap();
        fs::create_dir_all(deep.path().join("a/b/c")).unwrap();
        for base in [Path::new("/"), deep.path(), &deep.path().join("a/b/c")] {
            for (form, name) in trap.names() {
                let path = base.join(name);
                let folder = path.parent().unwrap().canonicalize().unwrap();
                assert!(folder.starts_with(&inside), "{form}: {}", path.display());
            }
        }
    }

    #[test]
    fn each_way_to_touch_a_file_is_seen() {
        for touch in [
            |path: &Path| fs::write(path, "other"),
            |path: &Path| fs::write(path.with_extension("new"), ""),
            |path: &Path| fs::remove_file(path),
            |path: &Path| fs::remove_dir_all(path.with_file_name("folder")),
        ] {
            let trap = PathTrap::new("kept".to_owned()).unwrap();
            trap.is_untouched("it", "it").unwrap();
            touch(&trap.folder.path().join("file")).unwrap();
            trap.is_untouched("it", "it").unwrap_err();
        }
    }
}
