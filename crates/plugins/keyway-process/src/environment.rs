//! Defines the environment variables that an executable gets.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;

/// The variables that an executable gets. It inherits no others from the host.
///
/// See decision W7.
///
/// Every run also gets [`RUN_MARK`](Self::RUN_MARK), by which the processes that it leaves behind are found.
///
/// Every process of the same user can read the values, so they must not be secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

/// A variable that cannot be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {name:?} {reason}")]
pub struct EnvironmentError {
    /// The requested name.
    pub name: String,
    /// The fault.
    pub reason: &'static str,
}

impl Environment {
    /// The variables passed on from the host's own environment, if the host has them.
    pub const PASSED_ON: [&'static str; 4] = ["PATH", "HOME", "LANG", "TZ"];

    /// The variable that marks a run. It has a new value for each run, and the processes of the run inherit it.
    pub const RUN_MARK: &'static str = "KEYWAY_RUN";

    /// The value of `PATH` for a program if the host's own environment has no `PATH`.
    pub const DEFAULT_PATH: &'static str = "/usr/local/bin:/usr/bin:/bin";

    /// Takes the variables of [`PASSED_ON`](Self::PASSED_ON) from the host.
    pub fn of_the_host() -> Self {
        let mut variables: BTreeMap<OsString, OsString> = Self::PASSED_ON
            .iter()
            .filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)))
            .collect();
        variables.entry("PATH".into()).or_insert_with(|| Self::DEFAULT_PATH.into());
        Self { variables }
    }

    /// Makes an environment without variables.
    pub const fn empty() -> Self {
        Self { variables: BTreeMap::new() }
    }

    /// Adds a variable, replacing an earlier one of this name.
    ///
    /// # Errors
    /// [`EnvironmentError`] for an empty name, a name with `=`, a zero byte, and for
    /// [`RUN_MARK`](Self::RUN_MARK).
    pub fn with(
        mut self,
        name: impl Into<OsString>,
        value: impl Into<OsString>,
    ) -> Result<Self, EnvironmentError> {
        let (name, value) = (name.into(), value.into());
        let bytes = name.as_encoded_bytes();
        let reason = if bytes.is_empty() {
            "has no name"
        } else if bytes.contains(&b'=') {
            "has an equals sign in its name"
        } else if bytes.contains(&0) || value.as_encoded_bytes().contains(&0) {
            "holds a zero byte"
        } else if name == Self::RUN_MARK {
            "is set by Keyway itself"
        } else {
            self.variables.insert(name, value);
            return Ok(self);
        };
        Err(EnvironmentError { name: name.to_string_lossy().into_owned(), reason })
    }

    /// Returns the value of a variable.
    pub fn get(&self, name: impl AsRef<OsStr>) -> Option<&OsStr> {
        self.variables.get(name.as_ref()).map(OsString::as_os_str)
    }

    /// Iterates over all variables, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> + Clone {
        self.variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

impl fmt::Debug for Environment {
    /// Shows names only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Environment;

    #[test]
    fn only_four_variables_come_from_the_host() {
        let environment = Environment::of_the_host();
        assert!(environment.get("PATH").is_some());
        for (name, _) in environment.iter() {
            assert!(Environment::PASSED_ON.iter().any(|passed| name == *passed), "{name:?}");
        }
        assert!(std::env::vars_os().count() > 4, "the test has other variables, too");
    }

    #[test]
    fn an_invalid_variable_is_refused() {
        for (name, value) in [("", "x"), ("A=B", "x"), ("A\0", "x"), ("A", "\0"), ("KEYWAY_RUN", "x")] {
            assert!(Environment::empty().with(name, value).is_err(), "{name:?}");
        }
        let environment = Environment::empty().with("A", "secret?").unwrap();
        assert_eq!(environment.get("A").unwrap(), "secret?");
        assert_eq!(format!("{environment:?}"), "{\"A\"}");
    }
}
