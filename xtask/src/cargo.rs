//! Runs cargo and other programs.

use std::{
    env,
    ffi::OsStr,
    io::{BufRead as _, BufReader, IsTerminal as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::Failure;

/// Returns the root of a workspace: the workspace of the package that cargo runs, or else the workspace of the current
/// folder. The path at compile time is not used, because clones of the repository may share a target folder.
pub(crate) fn workspace_root() -> PathBuf {
    let start = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).or_else(|| env::current_dir().ok());
    let start = start.unwrap_or_default();
    let is_root = |folder: &&Path| folder.join("xtask/Cargo.toml").is_file();
    start.ancestors().find(is_root).unwrap_or(&start).to_path_buf()
}

/// Returns cargo's target directory.
pub(crate) fn target_directory() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => workspace_root().join(directory),
        None => workspace_root().join("target"),
    }
}

/// Prepares a subcommand of the cargo that runs this task, in the root of the workspace. It builds only the versions of
/// the lock file.
pub(crate) fn cargo(subcommand: &[&str]) -> Command {
    let mut command = unlocked(subcommand);
    command.arg("--locked");
    command
}

/// Prepares cargo as [`cargo`] does, for a subcommand without `--locked`.
pub(crate) fn unlocked(subcommand: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(subcommand).current_dir(workspace_root());
    command
}

/// Prepares the cargo of another toolchain, by rustup: under `cargo xtask`, `cargo` is the stable cargo itself and does
/// not know `+toolchain`.
pub(crate) fn rustup_cargo(toolchain: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", toolchain, "cargo"]).current_dir(workspace_root());
    // The variables that the outer cargo set for its own toolchain would mislead the cargo of the other toolchain.
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(variable);
    }
    command
}

/// Tells whether a program runs with these arguments.
pub(crate) fn answers<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> bool {
    Command::new(program)
        .args(arguments)
        .current_dir(workspace_root())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Prepares a program of keyway-tests, which links the crates of the workspace. The caller adds its arguments.
pub(crate) fn program_of_tests(name: &str) -> Command {
    let mut command = cargo(&["run"]);
    command.args(["--quiet", "--package", "keyway-tests", "--bin", name, "--"]);
    command
}

/// Tells whether a command succeeds, whatever it prints.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool, Failure> {
    command.status().map(|status| status.success()).map_err(|error| does_not_start(command, &error))
}

/// Returns the output of a command.
pub(crate) fn output(command: &mut Command) -> Result<Output, Failure> {
    command.output().map_err(|error| does_not_start(command, &error))
}

/// Runs a command that reports its failure itself. If it fails, this process ends with a failure and prints nothing
/// more.
pub(crate) fn hand_over_to(command: &mut Command) -> Result<(), Failure> {
    if succeeds(command)? { Ok(()) } else { std::process::exit(1) }
}

fn does_not_start(command: &Command, error: &std::io::Error) -> Failure {
    format!("{} does not start: {error}", command.get_program().display())
}

/// The output of a program, and its success.
pub(crate) struct Ran {
    pub(crate) success: bool,
    /// Every line of both streams, without colours.
    pub(crate) lines: Vec<String>,
}

/// Runs a program, forwards its output, and keeps the lines.
pub(crate) fn run_and_keep(command: &mut Command) -> Result<Ran, Failure> {
    if std::io::stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| does_not_start(command, &error))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (mut lines, more) = std::thread::scope(|scope| {
        let err = scope.spawn(|| err.map(|stream| pass_on(stream, std::io::stderr())).unwrap_or_default());
        let out = out.map(|stream| pass_on(stream, std::io::stdout())).unwrap_or_default();
        (out, err.join().unwrap_or_default())
    });
    lines.extend(more);
    let status = child.wait().map_err(|error| error.to_string())?;
    Ok(Ran { success: status.success(), lines })
}

fn pass_on(from: impl std::io::Read, mut to: impl std::io::Write) -> Vec<String> {
    let mut from = BufReader::new(from);
    let mut lines = Vec::new();
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        // A closed terminal must not stop the tests.
        let _ = to.write_all(&line).and_then(|()| to.flush());
        lines.push(without_colours(String::from_utf8_lossy(&line).trim_end()));
        line.clear();
    }
    lines
}

/// Removes terminal control sequences (`ESC [ ... letter`).
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            characters.next();
            characters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::without_colours;

    #[test]
    fn colours_are_removed_and_text_is_kept() {
        assert_eq!(without_colours("\u{1b}[32;1m     Summary\u{1b}[0m [1s] é"), "     Summary [1s] é");
        assert_eq!(without_colours("\u{1b}"), "");
        assert_eq!(without_colours("plain [0m"), "plain [0m");
    }
}
