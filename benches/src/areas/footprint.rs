//! Counts the crates that a plugin compiles when it depends on one contract crate.

use std::{collections::BTreeSet, path::Path, process::Command};

use super::BenchError;
use crate::row::{Row, Target};

/// The contract crates that a plugin may depend on.
const CONTRACTS: &[&str] = &["keyway-secrets", "keyway-certificates"];

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let mut rows = Vec::new();
    for contract in CONTRACTS {
        let crates = crates_in_tree(contract)?;
        // The count includes the plugin's own crate.
        let value = f64::from(u32::try_from(crates.len() + 1)?);
        rows.push(
            Row::alone(area, format!("crates of a plugin on {contract}"), value, "crates")
                .must(Target::ValueAtMost(60.0)),
        );
    }
    Ok(rows)
}

/// Returns every crate that is compiled for a package: its dependencies, procedural macros, build
/// scripts, and itself.
fn crates_in_tree(package: &str) -> Result<BTreeSet<String>, BenchError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--edges", "normal,build", "--prefix", "none", "--no-dedupe", "--package", package])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()?;
    if !output.status.success() {
        return Err(format!("cargo tree failed: {}", String::from_utf8_lossy(&output.stderr).trim()).into());
    }
    Ok(names(&String::from_utf8(output.stdout)?))
}

/// Returns the name and version from each line of the output of `cargo tree`, without the source.
fn names(tree: &str) -> BTreeSet<String> {
    tree.lines()
        .map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{crates_in_tree, names};

    #[test]
    fn each_crate_counts_once_and_each_version_by_itself() {
        let tree = "a v1.0.0 (/somewhere)\nb v1.0.0 (proc-macro)\nb v2.0.0\n\nb v1.0.0 (proc-macro) (*)\n";
        assert_eq!(names(tree).into_iter().collect::<Vec<_>>(), ["a v1.0.0", "b v1.0.0", "b v2.0.0"]);
    }

    #[test]
    fn a_contract_crate_stands_on_keyway_core() {
        let crates = crates_in_tree("keyway-secrets").expect("a tree");
        assert!(crates.iter().any(|name| name.starts_with("keyway-core ")));
        assert!(crates_in_tree("no-such-package").is_err());
    }
}
