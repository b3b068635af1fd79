//! Finds the machine's Python.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use super::Skip;

/// The options for a script that needs only Python's standard library. Without them, a small script spends most of its
/// time on loading the installed packages.
pub const BARE: [&str; 3] = ["-E", "-s", "-S"];

/// Returns the path of Python 3. If the search path has a wrapper script of a version manager, returns the program
/// behind the wrapper, because the wrapper is slow: it takes longer than a plugin of the tests. Blocks the first time.
///
/// # Errors
/// A [`Skip`] if there is no Python 3.
pub fn python() -> Result<String, Skip> {
    static FOUND: LazyLock<Result<String, Skip>> = LazyLock::new(find);
    FOUND.clone()
}

fn find() -> Result<String, Skip> {
    let missing = |reason: &str| Skip::new("python3", reason);
    let asked = Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .map_err(|error| missing(&format!("it does not start: {error}")))?;
    let said = String::from_utf8(asked.stdout).map_err(|_| missing("its path is not UTF-8"))?;
    let path = PathBuf::from(said.trim_end_matches('\n'));
    match path.to_str() {
        Some(path) if asked.status.success() && !path.is_empty() => Ok(path.to_owned()),
        _ => Err(missing("it does not say where it is")),
    }
}
