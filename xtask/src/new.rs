//! `cargo xtask new`: creates the crate of a new plugin, which compiles and passes its suite.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{Failure, cargo};

mod names;

const USAGE: &str =
    "Usage: cargo xtask new secret-store|issuer|certificate-plugin|credential-store NAME [--path DIR]";

/// The files of a crate: paths and contents.
type Files = &'static [(&'static str, &'static str)];

/// The templates by name.
const TEMPLATES: [(&str, Files); 4] = [
    ("secret-store", SECRET_STORE),
    ("issuer", ISSUER),
    ("certificate-plugin", CERTIFICATE_PLUGIN),
    ("credential-store", CREDENTIAL_STORE),
];

const SECRET_STORE: Files = &[
    ("Cargo.toml", include_str!("../templates/secret-store/Cargo.toml.template")),
    ("README.md", include_str!("../templates/secret-store/README.md.template")),
    ("src/lib.rs", include_str!("../templates/secret-store/src/lib.rs.template")),
    ("src/plugin.rs", include_str!("../templates/secret-store/src/plugin.rs.template")),
    ("src/settings.rs", include_str!("../templates/secret-store/src/settings.rs.template")),
    ("src/document.rs", include_str!("../templates/secret-store/src/document.rs.template")),
    ("src/codec.rs", include_str!("../templates/secret-store/src/codec.rs.template")),
    ("tests/conformance.rs", include_str!("../templates/secret-store/tests/conformance.rs.template")),
];

const ISSUER: Files = &[
    ("Cargo.toml", include_str!("../templates/issuer/Cargo.toml.template")),
    ("README.md", include_str!("../templates/issuer/README.md.template")),
    ("src/lib.rs", include_str!("../templates/issuer/src/lib.rs.template")),
    ("src/main.rs", include_str!("../templates/issuer/src/main.rs.template")),
    ("src/plugin.rs", include_str!("../templates/issuer/src/plugin.rs.template")),
    ("src/issuer.rs", include_str!("../templates/issuer/src/issuer.rs.template")),
    ("src/tickets.rs", include_str!("../templates/issuer/src/tickets.rs.template")),
    ("tests/conformance.rs", include_str!("../templates/issuer/tests/conformance.rs.template")),
];

const CERTIFICATE_PLUGIN: Files = &[
    ("Cargo.toml", include_str!("../templates/certificate-plugin/Cargo.toml.template")),
    ("README.md", include_str!("../templates/certificate-plugin/README.md.template")),
    ("src/lib.rs", include_str!("../templates/certificate-plugin/src/lib.rs.template")),
    ("src/plugin.rs", include_str!("../templates/certificate-plugin/src/plugin.rs.template")),
    ("src/authority.rs", include_str!("../templates/certificate-plugin/src/authority.rs.template")),
    ("src/remote.rs", include_str!("../templates/certificate-plugin/src/remote.rs.template")),
    ("tests/conformance.rs", include_str!("../templates/certificate-plugin/tests/conformance.rs.template")),
];

const CREDENTIAL_STORE: Files = &[
    ("Cargo.toml", include_str!("../templates/credential-store/Cargo.toml.template")),
    ("README.md", include_str!("../templates/credential-store/README.md.template")),
    ("src/lib.rs", include_str!("../templates/credential-store/src/lib.rs.template")),
    ("src/plugin.rs", include_str!("../templates/credential-store/src/plugin.rs.template")),
    ("src/store.rs", include_str!("../templates/credential-store/src/store.rs.template")),
    ("src/remote.rs", include_str!("../templates/credential-store/src/remote.rs.template")),
    ("tests/conformance.rs", include_str!("../templates/credential-store/tests/conformance.rs.template")),
];

/// The options for the kit if a plugin needs only one of its suites.
const CLIENT: &str = ", default-features = false, features = [\"client\"]";
const CERTIFICATES: &str = ", default-features = false, features = [\"certificates\"]";
const CREDENTIALS: &str = ", default-features = false, features = [\"credentials\"]";
const EXECUTABLES: &str = ", default-features = false, features = [\"executables\"]";

/// The crates of this workspace that a plugin depends on, and their options.
const DEPENDENCIES: [(&str, &str, &str, &str); 10] = [
    ("secret-store", "keyway-secrets", "crates/keyway-secrets", ""),
    ("secret-store", "keyway-storage", "crates/keyway-storage", ", default-features = false"),
    ("secret-store", "keyway-conformance", "crates/keyway-conformance", CLIENT),
    ("issuer", "keyway-issuers", "crates/keyway-issuers", ""),
    ("issuer", "keyway-executable", "crates/keyway-executable", ""),
    ("issuer", "keyway-conformance", "crates/keyway-conformance", EXECUTABLES),
    ("certificate-plugin", "keyway-certificates", "crates/keyway-certificates", ""),
    ("certificate-plugin", "keyway-conformance", "crates/keyway-conformance", CERTIFICATES),
    ("credential-store", "keyway-credentials", "crates/keyway-credentials", ""),
    ("credential-store", "keyway-conformance", "crates/keyway-conformance", CREDENTIALS),
];

/// Runs the task.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let (mut words, mut folder) = (Vec::new(), None);
    while let Some(argument) = arguments.next().map_err(|error| error.to_string())? {
        match argument {
            lexopt::Arg::Value(word) => words.push(word.to_string_lossy().into_owned()),
            lexopt::Arg::Long("path") => {
                let path = arguments.value().map_err(|error| error.to_string())?;
                folder = Some(PathBuf::from(path));
            }
            other => return Err(format!("{}\n{USAGE}", other.unexpected())),
        }
    }
    let (kind, files, name) = match words.as_slice() {
        [kind, name] => {
            let found = TEMPLATES.into_iter().find(|(template, _)| template == kind);
            let (kind, files) = found.ok_or_else(|| {
                let names = TEMPLATES.map(|(template, _)| template).join(", ");
                format!("there is no template {kind:?}, only {names}\n{USAGE}")
            })?;
            (kind, files, name.clone())
        }
        _ => return Err(USAGE.to_owned()),
    };
    check_name(&name)?;
    let manifest = files.iter().find(|(path, _)| *path == "Cargo.toml").map_or("", |(_, text)| *text);
    names::check_free(&name, kind, manifest)?;
    let folder = match folder {
        Some(folder) => std::path::absolute(&folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?
            .join(&name),
        None => cargo::workspace_root().join("crates/plugins").join(&name),
    };
    make(kind, files, &name, &folder)
}

/// Checks that a name is a registry id: kebab case.
fn check_name(name: &str) -> Result<(), Failure> {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.split('-').all(word)
    {
        return Ok(());
    }
    Err(format!(
        "{name:?} is not a name for a plugin: use words of a-z and 0-9 joined by `-`, such as `team-vault`"
    ))
}

fn make(kind: &str, files: Files, name: &str, folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        return Err(format!("{} is there already: choose another name or path", folder.display()));
    }
    let root = cargo::workspace_root();
    let inside = folder.starts_with(&root);
    let root_from_there = if inside {
        let depth = folder.strip_prefix(&root).map_or(0, |path| path.components().count());
        PathBuf::from(vec![".."; depth].join("/"))
    } else {
        root.clone()
    };
    let manifest = root.join("Cargo.toml");
    let mut before = Vec::new();
    for file in [manifest.clone(), root.join("Cargo.lock")] {
        let content = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        before.push((file, content));
    }
    let write = || {
        for (path, template) in files {
            let file = folder.join(path);
            let parent = file.parent().unwrap_or(folder);
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&file, filled(kind, template, name, &root_from_there, inside)))
                .map_err(|error| format!("{}: {error}", file.display()))?;
        }
        if let Ok(member) = folder.strip_prefix(&root) {
            names::check_member(name)?;
            add_member(&manifest, &member.display().to_string())?;
        }
        check_workspace(folder)
    };
    write().inspect_err(|_| {
        // Undoes the changes, because a workspace that cargo cannot read would stop all work in it.
        let _ = fs::remove_dir_all(folder);
        for (file, content) in &before {
            let _ = fs::write(file, content);
        }
    })?;
    println!("{} is made. Search it for FILL IN; `cargo test` there runs the suite.", folder.display());
    // Formats the crate in the style of its folder. Without rustfmt, the files stay as they are in the templates.
    let formatted = ["src/lib.rs", "src/main.rs", "tests/conformance.rs"];
    let formatted = formatted.into_iter().filter(|path| folder.join(path).exists());
    let _ = Command::new("rustfmt")
        .args(["--edition", "2024", "--quiet"])
        .args(formatted)
        .current_dir(folder)
        .status();
    Ok(())
}

/// Lets cargo read the new crate with its workspace, and add it to the lock file, which `--locked`
/// needs.
fn check_workspace(folder: &Path) -> Result<(), Failure> {
    let mut said = Vec::new();
    for more in [&["--offline"][..], &[]] {
        let mut command = cargo::unlocked(&["metadata", "--format-version", "1"]);
        let read = cargo::output(command.args(more).current_dir(folder))?;
        if read.status.success() {
            return Ok(());
        }
        said = read.stderr;
    }
    Err(format!("cargo does not read the new crate, which is removed: {}", String::from_utf8_lossy(&said)))
}

/// Adds the crate to the members of the workspace.
fn add_member(manifest: &Path, member: &str) -> Result<(), Failure> {
    let named = |error| format!("{}: {error}", manifest.display());
    let text = fs::read_to_string(manifest).map_err(named)?;
    match with_member(&text, member) {
        Some(text) => {
            fs::write(manifest, text).map_err(named)?;
            println!("It is a member of the workspace now.");
        }
        None => println!("Add {member:?} to the members in {}.", manifest.display()),
    }
    Ok(())
}

/// Returns the manifest with one more member after the existing plugins.
fn with_member(manifest: &str, member: &str) -> Option<String> {
    let last = manifest.rfind("    \"crates/plugins/")?;
    let end = last + manifest[last..].find('\n')? + 1;
    let (before, after) = manifest.split_at(end);
    before.trim_end().ends_with(',').then(|| format!("{before}    {member:?},\n{after}"))
}

fn filled(kind: &str, template: &str, name: &str, root: &Path, inside: bool) -> String {
    let words = || {
        name.split('-').map(|word| {
            let (first, rest) = word.split_at(1);
            first.to_uppercase() + rest
        })
    };
    // The crate becomes a workspace of its own, so that cargo does not search for a Cargo.toml
    // above it.
    let workspace = if inside { "\n[lints]\nworkspace = true" } else { "\n[workspace]" };
    let mut text = template
        .replace("@NAME@", name)
        .replace("@CRATE@", &name.replace('-', "_"))
        .replace("@TYPE@", &(words().collect::<String>() + "Plugin"))
        .replace("@TITLE@", &words().collect::<Vec<_>>().join(" "))
        .replace("@TODAY@", &today().to_string())
        .replace("@ROOT@", &root.display().to_string())
        .replace("@WORKSPACE@", workspace);
    for (_, package, folder, more) in DEPENDENCIES.into_iter().filter(|(of, ..)| *of == kind) {
        let path = root.join(folder).display().to_string();
        let path = path.replace('\\', "/");
        text = text.replace(&format!("@{package}@"), &format!("{{ path = {path:?}{more} }}"));
    }
    text
}

/// Returns today's date in UTC as the number YYYYMMDD.
fn today() -> u64 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
    date(seconds / 86_400)
}

/// Converts the days since 1 January 1970 to the number YYYYMMDD.
fn date(mut days: u64) -> u64 {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    year * 10_000 + month * 100 + days + 1
}

#[cfg(test)]
mod tests {
    use super::{TEMPLATES, check_name, date, filled, with_member};
    use std::path::Path;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let days = [(0, 19700101), (58, 19700228), (59, 19700301), (789, 19720229), (11_016, 20000229)];
        for (day, expected) in days.into_iter().chain([(20_778, 20261121), (20_818, 20261231)]) {
            assert_eq!(date(day), expected);
        }
    }

    #[test]
    fn names_are_ids() {
        assert!(["a", "demo", "team-vault-2"].into_iter().all(|name| check_name(name).is_ok()));
        let bad = ["", "Demo", "a--b", "-a", "a-", "a_b", "2a", "../a", "é"];
        assert!(bad.into_iter().all(|name| check_name(name).is_err()));
    }

    #[test]
    fn members_are_added_behind_the_other_plugins() {
        let manifest = "members = [\n    \"a\",\n    \"crates/plugins/b\",\n    \"c\",\n]\n";
        let expected =
            "members = [\n    \"a\",\n    \"crates/plugins/b\",\n    \"crates/plugins/x\",\n    \"c\",\n]\n";
        assert_eq!(with_member(manifest, "crates/plugins/x").as_deref(), Some(expected));
        assert_eq!(with_member("members = []", "x"), None);
    }

    #[test]
    fn no_placeholder_is_left() {
        for (kind, files) in TEMPLATES {
            for (path, template) in files {
                for inside in [false, true] {
                    let text = filled(kind, template, "team-vault", Path::new("/somewhere"), inside);
                    let left = text.split('@').any(|part| {
                        !part.is_empty()
                            && part.len() < 20
                            && part.bytes().all(|byte| byte.is_ascii_uppercase())
                    });
                    assert!(!left && !text.contains("@keyway-"), "{path}: {text}");
                }
            }
        }
    }
}
