//! The executable file and its fixed arguments.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use crate::environment::Environment;

/// An executable and its fixed arguments. There is no shell (decision W7): arguments are not expanded or split.
///
/// The command is an absolute path, or a name without a slash that is looked up in the `PATH` of the executable
/// itself. A relative path is refused, because its meaning depends on the working directory of the host.
///
/// ```
/// use keyway_process::Program;
///
/// let program = Program::new("/usr/bin/python3")?.argument("/srv/plugins/info.py");
/// assert!(Program::new("python3").is_ok(), "looked up in PATH");
/// assert!(Program::new("./info.py").is_err());
/// # Ok::<(), keyway_process::ProgramError>(())
/// ```
pub struct Program {
    command: PathBuf,
    arguments: Vec<OsString>,
    found: OnceLock<PathBuf>,
}

/// A command that cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// The command is empty, a relative path, or holds a zero byte.
    #[error("the command must be an absolute path, or a name without a slash that is looked up in PATH")]
    NotAbsolute,
    /// No folder of `PATH` has an executable file of this name. Relative folders are skipped.
    #[error("no folder of PATH has an executable file named {}: give its absolute path", .name.display())]
    NotInPath {
        /// The name.
        name: PathBuf,
    },
}

impl Program {
    /// Makes a program without arguments. Does not check that the file exists: the first run does.
    ///
    /// # Errors
    /// [`NotAbsolute`](ProgramError::NotAbsolute).
    pub fn new(command: impl Into<PathBuf>) -> Result<Self, ProgramError> {
        let command = command.into();
        let has_zero = command.as_os_str().as_encoded_bytes().contains(&0);
        let mut components = command.components();
        let plain_name = matches!((components.next(), components.next()), (Some(Component::Normal(name)), None)
            if name == command.as_os_str());
        if has_zero || !(command.is_absolute() || plain_name) {
            return Err(ProgramError::NotAbsolute);
        }
        Ok(Self { command, arguments: Vec::new(), found: OnceLock::new() })
    }

    /// Adds an argument, before those of a request.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Returns the command as it was given.
    pub fn command(&self) -> &Path {
        &self.command
    }

    /// Returns the fixed arguments.
    pub fn arguments(&self) -> &[OsString] {
        &self.arguments
    }

    /// Finds the file to run. Looks a name up only once.
    pub(crate) fn locate(&self, environment: &Environment) -> Result<&Path, ProgramError> {
        if self.command.is_absolute() {
            return Ok(&self.command);
        }
        if let Some(found) = self.found.get() {
            return Ok(found);
        }
        let path = environment.get("PATH").unwrap_or_default();
        let found = std::env::split_paths(path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(&self.command))
            .find(|file| is_executable(file))
            .ok_or_else(|| ProgramError::NotInPath { name: self.command.clone() })?;
        Ok(self.found.get_or_init(|| found))
    }
}

fn is_executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

impl fmt::Debug for Program {
    /// Shows the command only: an operator may have written a password into an argument.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Program({}, {} arguments)", self.command.display(), self.arguments.len())
    }
}

#[cfg(test)]
mod tests {
    use super::{Program, ProgramError};
    use crate::environment::Environment;

    #[test]
    fn only_absolute_paths_and_plain_names_are_commands() {
        for good in ["/bin/sh", "sh", "/a/../b"] {
            Program::new(good).unwrap();
        }
        for bad in ["", ".", "..", "./sh", "bin/sh", "sh/", "../sh", "a\0b", "/a\0b"] {
            assert_eq!(Program::new(bad).unwrap_err(), ProgramError::NotAbsolute, "{bad:?}");
        }
    }

    #[test]
    fn a_name_is_looked_up_in_absolute_folders_of_the_childs_path() {
        let found = Environment::empty().with("PATH", "/nowhere:/bin").unwrap();
        let program = Program::new("sh").unwrap();
        assert_eq!(program.locate(&found).unwrap(), std::path::Path::new("/bin/sh"));

        for path in ["", "/nowhere", "bin:.:", "."] {
            let environment = Environment::empty().with("PATH", path).unwrap();
            let error = Program::new("sh").unwrap().locate(&environment).unwrap_err();
            assert!(matches!(error, ProgramError::NotInPath { .. }), "{path}");
        }
        assert!(Program::new("sh").unwrap().locate(&Environment::empty()).is_err());
    }

    #[test]
    fn debug_shows_no_argument() {
        let program = Program::new("/bin/tool").unwrap().argument("--password=hunter2");
        assert_eq!(format!("{program:?}"), "Program(/bin/tool, 1 arguments)");
    }
}
