//! The machine's Python.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use super::Skip;

/// What Python is started with for a script that needs its standard library alone: most of the time that a
/// small script takes goes to packages that somebody installed.
pub const BARE: [&str; 3] = ["-E", "-s", "-S"];

/// The Python 3 of the search path: the program itself, where a script stands that looks for it, as version
/// managers put there. Such a script takes longer than a plugin. Blocks the first time.
///
/// # Errors
/// A [`Skip`] when there is none.
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
