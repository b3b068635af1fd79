//! Reads files of other projects' repositories, and converts Python 2 to Python 3.

use std::path::Path;
use std::process::{Command, Stdio};

use keyway_tests::services::python;

/// Reads a file from the folder of clones. If there is no such folder, reports that and returns `None`.
pub(crate) fn file(repository: &str, path: &str) -> Option<Vec<u8>> {
    let Some(clones) = std::env::var_os("KEYWAY_WATTS_PLUGINS") else {
        use std::io::Write as _;
        let _ =
            writeln!(std::io::stderr(), "{path} did not run: KEYWAY_WATTS_PLUGINS names no folder of clones");
        return None;
    };
    let clones = Path::new(&clones);
    let found = find(clones, repository, path);
    Some(found.unwrap_or_else(|| panic!("no clone of {repository} with {path} is in {}", clones.display())))
}

/// Finds a file of a clone, with or without a work tree.
fn find(clones: &Path, repository: &str, path: &str) -> Option<Vec<u8>> {
    let owned = ["indigo-dc", "watts-kit"].map(|owner| format!("{owner}+{repository}/repo"));
    let plain = [repository.to_owned(), format!("{repository}.git")];
    plain.into_iter().chain(owned).map(|name| clones.join(name)).find_map(|clone| {
        let in_work_tree = std::fs::read(clone.join(path)).ok();
        in_work_tree.or_else(|| {
            [clone.join(".git"), clone].iter().filter(|folder| folder.is_dir()).find_map(|folder| {
                let shown = Command::new("git")
                    .arg("--git-dir")
                    .arg(folder)
                    .args(["show", &format!("HEAD:{path}")])
                    .stderr(Stdio::null())
                    .output()
                    .ok()?;
                shown.status.success().then_some(shown.stdout)
            })
        })
    })
}

/// Converts a script from Python 2 to Python 3.
pub(crate) fn convert(script: &Path) {
    let converted = Command::new(python().unwrap())
        .args(["-W", "ignore", "-m", "lib2to3", "--write", "--nobackups", "--no-diffs"])
        .arg(script)
        .output()
        .expect("python3 is there");
    let said = String::from_utf8_lossy(&converted.stderr);
    assert!(converted.status.success(), "python3 with lib2to3 (up to 3.12) is needed: {said}");
    mend(
        script,
        &[
            (
                "json.loads(str(base64.urlsafe_b64decode(Json)))",
                "json.loads(base64.urlsafe_b64decode(Json).decode())",
            ),
            (
                "json.loads(str(base64.urlsafe_b64decode(json_data)))",
                "json.loads(base64.urlsafe_b64decode(json_data).decode())",
            ),
            ("base64.urlsafe_b64encode(Json)", "base64.urlsafe_b64encode(Json.encode()).decode()"),
        ],
    );
}

/// Replaces texts in a script, at least one of which must occur.
pub(crate) fn mend(script: &Path, lines: &[(&str, &str)]) {
    let text = std::fs::read_to_string(script).unwrap();
    let mended = lines.iter().fold(text.clone(), |text, (wrong, right)| text.replace(wrong, right));
    assert_ne!(mended, text, "the lines that are mended are there");
    std::fs::write(script, mended).unwrap();
}
