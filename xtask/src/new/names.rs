//! Names that a crate cannot have.

use std::fs;

use crate::{Failure, cargo};

/// The keywords of Rust, of any edition. A crate with such a name cannot be used.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "try", "type", "typeof", "union", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

/// Crates that come with Rust, and folders of cargo's target directory that a program would overwrite.
const TAKEN: &[&str] = &[
    "alloc",
    "bench",
    "build",
    "core",
    "deps",
    "doc",
    "examples",
    "incremental",
    "main",
    "proc-macro",
    "std",
    "test",
];

/// File names that Windows reserves.
const DEVICES: &[&str] = &["aux", "con", "nul", "prn"];

/// Checks that a crate of this name compiles with the dependencies of its manifest.
pub(super) fn check_free(name: &str, kind: &str, manifest: &str) -> Result<(), Failure> {
    let reason = if KEYWORDS.contains(&name) {
        "is a keyword of Rust"
    } else if TAKEN.contains(&name) {
        "is taken by Rust or cargo"
    } else if DEVICES.contains(&name) {
        "is not a file name on Windows"
    } else if dependencies(manifest).any(|dependency| dependency.replace('-', "_") == name.replace('-', "_"))
    {
        "is a dependency of the new crate"
    } else if kind.strip_suffix("-plugin").unwrap_or(kind) == name {
        "gives the type of the plugin the same name as its trait"
    } else {
        return Ok(());
    };
    Err(format!("{name:?} {reason}: choose another name, such as `team-{name}`"))
}

/// Checks that no package in the lock file of the workspace has the name already. Otherwise cargo would not know which
/// package is meant.
pub(super) fn check_member(name: &str) -> Result<(), Failure> {
    let lock = cargo::workspace_root().join("Cargo.lock");
    let text = fs::read_to_string(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    if text
        .lines()
        .any(|line| line.strip_prefix("name = ").is_some_and(|found| found.trim_matches('"') == name))
    {
        return Err(format!(
            "{name:?} is a package of this workspace: choose another name, such as `team-{name}`"
        ));
    }
    Ok(())
}

/// Returns the names of all dependencies in a manifest.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let mut is_dependencies = false;
    manifest.lines().filter_map(move |line| {
        if line.starts_with('[') {
            is_dependencies = line.contains("dependencies");
        }
        line.split_once('=').filter(|_| is_dependencies).map(|(name, _)| name.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::{check_free, check_member};
    use crate::new::TEMPLATES;

    #[test]
    fn names_that_would_not_compile_are_refused() {
        for (kind, files) in TEMPLATES {
            let manifest = files[0].1;
            for name in
                ["async", "type", "self", "std", "test", "build", "deps", "examples", "incremental", "con"]
            {
                assert!(check_free(name, kind, manifest).is_err(), "{kind} {name}");
            }
            let own = match kind {
                "issuer" => "keyway-issuers",
                "certificate-plugin" => "keyway-certificates",
                "credential-store" => "keyway-credentials",
                _ => "keyway-secrets",
            };
            let of_trait = kind.strip_suffix("-plugin").unwrap_or(kind);
            assert!(check_free(of_trait, kind, manifest).unwrap_err().contains("trait"), "{kind}");
            assert!(check_free(own, kind, manifest).unwrap_err().contains("dependency"), "{kind}");
            assert!(check_free("team-vault", kind, manifest).is_ok(), "{kind}");
            assert!(
                check_free("serde-json", kind, manifest).is_err() || kind == "issuer",
                "the same name in code"
            );
        }
        for name in ["keyway-ssh", "serde", "xtask"] {
            assert!(check_member(name).is_err(), "{name}");
        }
        assert!(check_member("team-vault").is_ok());
    }
}
