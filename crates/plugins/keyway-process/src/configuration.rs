//! The plugin's configuration.

use std::collections::BTreeMap;
use std::fmt;
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use keyway_issuers::wire::{Alphabet, Profile, WireOptions};
use keyway_issuers::{IssuerError, Json};
use serde::Deserialize;

use crate::environment::Environment;
#[cfg(target_os = "linux")]
use crate::helper::Helper;
use crate::program::Program;
use crate::run::Limits;

/// The configuration of the plugin `process`. Only `command` is required.
///
/// ```
/// # use keyway_process::ProcessConfiguration;
/// let configuration: ProcessConfiguration = keyway_issuers::core::read_configuration(&serde_json::json!({
///     "command": "/usr/bin/python3",
///     "arguments": ["/srv/plugins/info.py"],
///     "allow_argv": true,
///     "environment": {"INFO_MODE": "short"},
///     "parallel": 4,
/// }).into())?;
/// assert_eq!(configuration.deadline_ms.get(), 30_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schemars", derive(keyway_core::configuration::schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(crate = "keyway_core::configuration::schemars"))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ProcessConfiguration {
    /// The executable: an absolute path, or a name without a slash that is looked up in
    /// `PATH`.
    pub command: String,
    /// Arguments that come before all others. Every user of the machine can read them.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Set if requests and revocations may go by argument when the executable does not read standard input.
    /// Every user of the machine can then read them, including access tokens.
    #[serde(default)]
    pub allow_argv: bool,
    /// The alphabet of base64.
    #[serde(default)]
    pub alphabet: AlphabetChoice,
    /// The deviations from the wire format that are accepted in the output.
    #[serde(default)]
    pub profile: ProfileChoice,
    /// The version of WaTTS that is reported to the executable.
    #[serde(default = "defaults::watts_version")]
    pub watts_version: String,
    /// The time limit of a run, in milliseconds. Waiting for a permit does not count.
    #[serde(default = "defaults::deadline_ms")]
    pub deadline_ms: NonZeroU64,
    /// The limit of the output, in bytes.
    #[serde(default = "defaults::output_limit_bytes")]
    pub output_limit_bytes: NonZeroUsize,
    /// Variables of the executable's environment, in addition to or in place of the host's `PATH`, `HOME`, `LANG` and
    /// `TZ`. Never put a secret here: other processes may read it.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The maximum number of runs at once. Further runs wait.
    #[serde(default = "defaults::parallel")]
    pub parallel: NonZeroUsize,
    /// The absolute path of the helper `keyway-run`, which ends all processes that the executable starts, also
    /// when the host dies. See "Processes left behind" on the front page for runs without it. Linux only.
    #[serde(default)]
    pub helper: Option<String>,
    /// The folder of a cgroup v2 in which the host may create cgroups, such as one that systemd delegated to it
    /// (`Delegate=`). The helper then runs each program in a cgroup of its own. Needs `helper`.
    #[serde(default)]
    pub cgroup: Option<String>,
    /// Set if the executable creates only one credential for an intent, even if the request is repeated, also after
    /// that credential was revoked. The executable must also declare this in its features.
    #[serde(default)]
    pub idempotent: bool,
}

/// The alphabet of base64, as the configuration names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schemars", derive(keyway_core::configuration::schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(crate = "keyway_core::configuration::schemars"))]
#[serde(rename_all = "snake_case")]
pub enum AlphabetChoice {
    /// `-` and `_`, without padding, as the real host writes it.
    #[default]
    UrlSafe,
    /// `+` and `/`, with padding, as the WaTTS documents were understood earlier.
    Standard,
}

/// The profile, as the configuration names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schemars", derive(keyway_core::configuration::schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(crate = "keyway_core::configuration::schemars"))]
#[serde(rename_all = "snake_case")]
pub enum ProfileChoice {
    /// Only the format that the WaTTS seed describes.
    #[default]
    Strict,
    /// Everything that the real host accepts, for old executables.
    Lenient,
    /// The WaTTS seed taken literally, for executables that were written from its text: every request is an argument,
    /// in padded standard base64. The real host sends base64url without padding, and uses standard input if the
    /// executable reads it. Needs `allow_argv`; `alphabet` is ignored.
    Seed,
}

impl ProfileChoice {
    /// All profiles.
    pub const ALL: [Self; 3] = [Self::Strict, Self::Lenient, Self::Seed];

    /// Returns the word for this profile in configurations: `strict`, `lenient` or `seed`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Lenient => "lenient",
            Self::Seed => "seed",
        }
    }
}

impl From<ProfileChoice> for Profile {
    fn from(choice: ProfileChoice) -> Self {
        match choice {
            ProfileChoice::Strict | ProfileChoice::Seed => Self::Strict,
            ProfileChoice::Lenient => Self::Lenient,
        }
    }
}

impl From<Profile> for ProfileChoice {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Strict => Self::Strict,
            Profile::Lenient => Self::Lenient,
        }
    }
}

mod defaults {
    use std::num::{NonZeroU64, NonZeroUsize};

    /// Returns the default of `watts_version`: the last version of WaTTS.
    pub(super) fn watts_version() -> String {
        "1.6.1".to_owned()
    }

    pub(super) const fn deadline_ms() -> NonZeroU64 {
        NonZeroU64::new(30_000).expect("is not zero")
    }

    pub(super) const fn output_limit_bytes() -> NonZeroUsize {
        NonZeroUsize::new(1024 * 1024).expect("is not zero")
    }

    pub(super) const fn parallel() -> NonZeroUsize {
        NonZeroUsize::MIN
    }
}

impl ProcessConfiguration {
    /// Makes a configuration with this command and the defaults.
    pub fn new(command: impl Into<String>) -> Self {
        Self {
            command: command.into(),
            arguments: Vec::new(),
            allow_argv: false,
            alphabet: AlphabetChoice::default(),
            profile: ProfileChoice::default(),
            watts_version: defaults::watts_version(),
            deadline_ms: defaults::deadline_ms(),
            output_limit_bytes: defaults::output_limit_bytes(),
            environment: BTreeMap::new(),
            parallel: defaults::parallel(),
            helper: None,
            cgroup: None,
            idempotent: false,
        }
    }

    pub(crate) fn read(configuration: &Json) -> Result<Self, IssuerError> {
        keyway_core::read_configuration(configuration).map_err(|error| invalid(&error))
    }

    /// Tells whether every request goes by argument. If not, the features of the executable decide.
    pub(crate) fn always_by_argument(&self) -> Result<bool, IssuerError> {
        match (self.profile, self.allow_argv) {
            (ProfileChoice::Seed, false) => Err(invalid(
                &"`profile`: `seed` sends requests as arguments, which every user of the machine can read: set \
                  `allow_argv` if that is acceptable",
            )),
            (profile, _) => Ok(profile == ProfileChoice::Seed),
        }
    }

    pub(crate) fn program(&self) -> Result<Program, IssuerError> {
        if self.arguments.iter().any(|argument| argument.contains('\0')) {
            return Err(invalid(&"`arguments` holds a zero byte, which no argument can"));
        }
        let program =
            Program::new(&self.command).map_err(|error| invalid(&format_args!("`command`: {error}")))?;
        Ok(self.arguments.iter().fold(program, Program::argument))
    }

    pub(crate) fn environment(&self) -> Result<Environment, IssuerError> {
        self.environment.iter().try_fold(Environment::of_the_host(), |environment, (name, value)| {
            environment.with(name, value).map_err(|error| invalid(&format_args!("`environment`: {error}")))
        })
    }

    /// Reads the helper, if one is configured.
    #[cfg(target_os = "linux")]
    pub(crate) fn configured_helper(&self) -> Result<Option<Helper>, IssuerError> {
        let Some(path) = &self.helper else {
            return match self.cgroup {
                Some(_) => Err(invalid(&"`cgroup`: set `helper`, too")),
                None => Ok(None),
            };
        };
        let helper = Helper::new(path).map_err(|error| invalid(&format_args!("`helper`: {error}")))?;
        Ok(Some(match &self.cgroup {
            Some(folder) => {
                helper.in_cgroup(folder).map_err(|error| invalid(&format_args!("`cgroup`: {error}")))?
            }
            None => helper,
        }))
    }

    /// Refuses a helper, because helpers need Linux.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn configured_helper(&self) -> Result<Option<std::convert::Infallible>, IssuerError> {
        match (&self.helper, &self.cgroup) {
            (None, None) => Ok(None),
            _ => Err(invalid(&"`helper` and `cgroup`: remove them, this system has none")),
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            deadline: Duration::from_millis(self.deadline_ms.get()),
            output_bytes: self.output_limit_bytes.get(),
            ..Limits::DEFAULT
        }
    }

    /// Returns the options with which the input of the executable is encoded, including the alphabet of base64.
    pub fn wire_options(&self) -> WireOptions {
        WireOptions::new(&self.watts_version).with_alphabet(match (self.profile, self.alphabet) {
            (ProfileChoice::Seed, _) | (_, AlphabetChoice::Standard) => Alphabet::Standard,
            (_, AlphabetChoice::UrlSafe) => Alphabet::UrlSafe,
        })
    }
}

impl fmt::Debug for ProcessConfiguration {
    /// Shows only the names of variables and the number of arguments. In spite of the warnings, a value may hold a
    /// password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessConfiguration")
            .field("command", &self.command)
            .field("arguments", &self.arguments.len())
            .field("environment", &self.environment.keys())
            .field("profile", &self.profile)
            .field("parallel", &self.parallel)
            .finish_non_exhaustive()
    }
}

pub(crate) fn invalid(reason: &dyn std::fmt::Display) -> IssuerError {
    IssuerError::invalid("the configuration of the plugin", reason.to_string())
}

#[cfg(test)]
mod tests {
    use super::ProcessConfiguration;

    #[test]
    fn debug_shows_no_value() {
        let mut configuration = ProcessConfiguration::new("/bin/true");
        configuration.arguments.push("n33dle".to_owned());
        configuration.environment.insert("TOKEN".to_owned(), "n33dle".to_owned());
        let shown = format!("{configuration:?}");
        assert!(shown.contains("TOKEN") && !shown.contains("n33dle"), "{shown}");
    }
}
