//! `cargo xtask features`: checks which packages a package depends on with a choice of its features, and that the
//! package compiles with this choice.
//!
//! A user who leaves a feature out wants to leave the packages of the feature out, too. The build of the whole
//! workspace does not show whether that works: there, a feature that one package requests is on for all packages.

use std::collections::BTreeSet;

use crate::{Failure, cargo, expect_no_more};

/// A package with exactly these features.
struct Choice {
    package: &'static str,
    features: &'static str,
    /// The packages of the workspace on which the package then depends, each with its features.
    brings: &'static [&'static str],
}

/// The contracts that depend on the core only. A plugin that implements one of them brings at most [`MOST_PACKAGES`]
/// packages with it, including external ones.
const CONTRACTS: [&str; 3] = ["keyway-certificates", "keyway-credentials", "keyway-issuers"];
const MOST_PACKAGES: usize = 60;

const CHOICES: [Choice; 26] = [
    Choice { package: "keyway", features: "", brings: &["keyway-core"] },
    Choice {
        package: "keyway",
        features: "client",
        brings: &["keyway-client", "keyway-core", "keyway-files", "keyway-seal", "keyway-secrets"],
    },
    Choice {
        package: "keyway",
        features: "secrets",
        brings: &[
            "keyway-core",
            "keyway-files",
            "keyway-host[secrets]",
            "keyway-seal",
            "keyway-secrets",
            "keyway-storage",
        ],
    },
    Choice {
        package: "keyway",
        features: "certificates",
        brings: &[
            "keyway-certificates[pkcs10]",
            "keyway-core",
            "keyway-files",
            "keyway-host[certificates,secrets]",
            "keyway-seal",
            "keyway-secrets",
            "keyway-storage",
            "keyway-x509[encrypted-keys]",
        ],
    },
    Choice {
        package: "keyway",
        features: "credentials",
        brings: &[
            "keyway-core",
            "keyway-credentials",
            "keyway-files",
            "keyway-host[credentials]",
            "keyway-seal",
            "keyway-storage",
        ],
    },
    Choice {
        package: "keyway",
        features: "sqlite",
        brings: &["keyway-core", "keyway-files", "keyway-storage[sqlite]"],
    },
    Choice {
        package: "keyway",
        features: "issuers,sqlite",
        brings: &[
            "keyway-core",
            "keyway-files",
            "keyway-host[issuers]",
            "keyway-issuers",
            "keyway-seal",
            "keyway-storage[sqlite]",
        ],
    },
    Choice {
        package: "keyway-generic",
        features: "",
        brings: &["keyway-core", "keyway-files", "keyway-seal", "keyway-secrets", "keyway-storage"],
    },
    // `keyway-passdb` needs the records of `keyway-generic`, without the plugin.
    Choice {
        package: "keyway-passdb",
        features: "",
        brings: &[
            "keyway-core",
            "keyway-files",
            "keyway-generic",
            "keyway-passwords",
            "keyway-seal",
            "keyway-secrets",
            "keyway-storage",
        ],
    },
    Choice {
        package: "keyway-acme",
        features: "",
        brings: &[
            "keyway-certificates[pkcs10]",
            "keyway-core",
            "keyway-files",
            "keyway-http",
            "keyway-seal",
            "keyway-storage",
            "keyway-x509",
        ],
    },
    // The plugin without its server for tests.
    Choice {
        package: "keyway-locker",
        features: "",
        brings: &[
            "keyway-client[locker]",
            "keyway-core",
            "keyway-files",
            "keyway-http",
            "keyway-seal",
            "keyway-secrets",
        ],
    },
    // The library for programs that choose their own plugins.
    Choice {
        package: "keyway-locker-sdk",
        features: "",
        brings: &[
            "keyway-client[locker]",
            "keyway-core",
            "keyway-files",
            "keyway-host[secrets]",
            "keyway-seal",
            "keyway-secrets",
            "keyway-storage[sqlite]",
            "keyway-toml",
        ],
    },
    Choice { package: "keyway-x509", features: "", brings: &["keyway-core"] },
    Choice {
        package: "keyway-local-ca",
        features: "",
        brings: &[
            "keyway-certificates[pkcs10]",
            "keyway-core",
            "keyway-files",
            "keyway-seal",
            "keyway-storage",
            "keyway-x509[issuing]",
        ],
    },
    Choice { package: "keyway-certificates", features: "", brings: &["keyway-core"] },
    Choice { package: "keyway-credentials", features: "", brings: &["keyway-core"] },
    Choice { package: "keyway-issuers", features: "", brings: &["keyway-core"] },
    Choice { package: "keyway-storage", features: "", brings: &["keyway-core"] },
    Choice { package: "keyway-conformance", features: "", brings: &["keyway-core"] },
    Choice { package: "keyway-conformance", features: "storage", brings: &["keyway-core", "keyway-storage"] },
    Choice {
        package: "keyway-conformance",
        features: "secrets",
        brings: &[
            "keyway-core",
            "keyway-files",
            "keyway-passwords",
            "keyway-seal",
            "keyway-secrets",
            "keyway-storage",
        ],
    },
    Choice {
        package: "keyway-conformance",
        features: "client",
        brings: &[
            "keyway-client[locker]",
            "keyway-core",
            "keyway-files",
            "keyway-passwords",
            "keyway-seal",
            "keyway-secrets",
            "keyway-storage",
        ],
    },
    Choice {
        package: "keyway-conformance",
        features: "certificates",
        brings: &["keyway-certificates", "keyway-core", "keyway-x509[issuing]"],
    },
    Choice {
        package: "keyway-conformance",
        features: "credentials",
        brings: &["keyway-core", "keyway-credentials"],
    },
    Choice { package: "keyway-conformance", features: "issuers", brings: &["keyway-core", "keyway-issuers"] },
    Choice {
        package: "keyway-conformance",
        features: "executables",
        brings: &[
            "keyway-core",
            "keyway-files",
            "keyway-issuers",
            "keyway-process",
            "keyway-run",
            "keyway-seal",
        ],
    },
];

/// Runs the task.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    expect_no_more(arguments)?;
    for choice in &CHOICES {
        let shown = match choice.features {
            "" => format!("{} without features", choice.package),
            features => format!("{} with {features}", choice.package),
        };
        let tree = cargo::output(
            choice
                .cargo("tree")
                .args(["--edges", "normal,build", "--prefix", "none", "--format", "{p} [{f}]"])
                .stderr(std::process::Stdio::inherit()),
        )?;
        if !tree.status.success() {
            return Err(format!("{shown}: cargo tree failed"));
        }
        let faults = differences(choice, &String::from_utf8_lossy(&tree.stdout));
        if !faults.is_empty() {
            return Err(format!("{shown}:\n  {}", faults.join("\n  ")));
        }
        if choice.is_compiled_by_the_scaffold() {
            println!("{shown}: brings what it should");
            continue;
        }
        if !cargo::succeeds(choice.cargo("clippy").args(["--quiet", "--", "-D", "warnings"]))? {
            return Err(format!("{shown}: it does not compile without warnings"));
        }
        println!("{shown}: as it should be");
    }
    Ok(())
}

impl Choice {
    /// Tells whether the tests of `cargo xtask new` compile the package with this choice. They do that in workspaces of
    /// their own, so no other package adds features.
    fn is_compiled_by_the_scaffold(&self) -> bool {
        self.package == "keyway-conformance"
            && ["certificates", "client", "credentials", "executables"].contains(&self.features)
    }

    fn cargo(&self, command: &str) -> std::process::Command {
        let mut cargo = cargo::cargo(&[command]);
        cargo.args(["--package", self.package, "--no-default-features", "--features", self.features]);
        cargo
    }
}

/// Lists the differences between a choice and the output of `cargo tree`, one per line.
fn differences(choice: &Choice, tree: &str) -> Vec<String> {
    let is: BTreeSet<String> =
        tree.lines().filter_map(member).filter(|(name, _)| *name != choice.package).map(spelled).collect();
    let wanted: BTreeSet<String> = choice.brings.iter().map(ToString::to_string).collect();
    let too_many = is.difference(&wanted).map(|name| format!("it brings {name}"));
    let missing = wanted.difference(&is).map(|name| format!("it does not bring {name}"));
    let packages = packages(tree);
    let heavy = (CONTRACTS.contains(&choice.package) && packages > MOST_PACKAGES)
        .then(|| format!("it is {packages} packages, and a contract at most {MOST_PACKAGES}"));
    too_many.chain(missing).chain(heavy).collect()
}

/// Counts the packages of a tree, including the first one.
fn packages(tree: &str) -> usize {
    let name_and_version = |line: &str| line.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" ");
    tree.lines().map(name_and_version).collect::<BTreeSet<_>>().len()
}

/// Reads name and features of a package of the workspace from a line such as `keyway-storage v0.1.0
/// (/folder/crates/keyway-storage) [sqlite] (*)`.
fn member(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.split_once(' ').filter(|(name, _)| name.starts_with("keyway"))?;
    let (_, features) = rest.rsplit_once(" [")?;
    Some((name, features.split_once(']')?.0))
}

fn spelled((name, features): (&str, &str)) -> String {
    if features.is_empty() { name.to_owned() } else { format!("{name}[{features}]") }
}

#[cfg(test)]
mod tests {
    use super::{Choice, differences};

    const TREE: &str = "\
keyway-host v0.1.0 (/w/host) [sqlite]
keyway-core v0.1.0 (/w/core) []
serde v1.0.0 [derive]
serde_derive v1.0.0 (proc-macro) [default]
keyway-storage v0.1.0 (/w/storage) [sqlite]
keyway-core v0.1.0 (/w/core) [] (*)
";

    fn faults(brings: &'static [&'static str]) -> Vec<String> {
        differences(&Choice { package: "keyway-host", features: "sqlite", brings }, TREE)
    }

    #[test]
    fn wrong_packages_are_faults() {
        assert_eq!(faults(&["keyway-core", "keyway-storage[sqlite]"]), Vec::<String>::new());
        assert_eq!(faults(&["keyway-storage[sqlite]"]), ["it brings keyway-core"]);
        assert_eq!(
            faults(&["keyway-core", "keyway-secrets", "keyway-storage[sqlite]"]),
            ["it does not bring keyway-secrets"]
        );
    }

    #[test]
    fn a_feature_that_was_not_requested_is_a_fault() {
        assert_eq!(
            faults(&["keyway-core", "keyway-storage"]),
            ["it brings keyway-storage[sqlite]", "it does not bring keyway-storage"]
        );
    }
}
