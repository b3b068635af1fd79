//! The golden file: the number of vectors that each decision overrules. A test compares the file with a new replay, so
//! that no number changes by accident.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::Report;

/// Returns the path of the file.
pub fn golden_path() -> PathBuf {
    folder().join("decided.txt")
}

/// Returns the files of vectors in the repository, ordered by name.
///
/// # Errors
/// The errors of the file system.
pub fn vector_files() -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        let is_fixtures = path.to_string_lossy().ends_with("-fixtures.json");
        if path.extension().is_some_and(|extension| extension == "json") && !is_fixtures {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Returns the content of the golden file for these reports.
pub fn decided_table(reports: &[(String, Report)]) -> String {
    let mut table = String::from(
        "# How many vectors of each kind a decision overrules. Written by `cargo xtask replay --update`.\n\
         # file kind: replayed, decided; decision and count\n",
    );
    for (file, report) in reports {
        for (kind, counts) in &report.kinds {
            let replayed = counts.passed + counts.decided + counts.failed.len();
            if replayed == 0 {
                continue;
            }
            let _ = write!(table, "{file} {kind}: {replayed}, {}", counts.decided);
            for (decision, count) in &counts.decisions {
                let _ = write!(table, "; {decision} {count}");
            }
            table.push('\n');
        }
    }
    table
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}
