//! The plugin's configuration.

use std::collections::BTreeMap;
use std::fmt;
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use keyway_issuers::IssuerError;
use keyway_issuers::wire::{Alphabet, Profile, WireOptions};
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
/// }))?;
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
    /// Arguments that it always gets. Every user of the machine can read them.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Whether requests and revocations may go by argument when the executable does not
    /// read standard input. Every user of the machine can read them there, access tokens
    /// among them.
    #[serde(default)]
    pub allow_argv: bool,
    /// The alphabet of base64.
    #[serde(default)]
    pub alphabet: AlphabetChoice,
    /// What is let pass of what the executable prints.
    #[serde(default)]
    pub profile: ProfileChoice,
    /// Which version of WaTTS the executable is told that it runs under.
    #[serde(default = "defaults::watts_version")]
    pub watts_version: String,
    /// How long a run may take, in milliseconds. Waiting for a free place is not counted.
    #[serde(default = "defaults::deadline_ms")]
    pub deadline_ms: NonZeroU64,
    /// How much the executable may print, in bytes.
    #[serde(default = "defaults::output_limit_bytes")]
    pub output_limit_bytes: NonZeroUsize,
    /// Variables that its environment has beyond `PATH`, `HOME`, `LANG` and `TZ`, which
    /// are the host's, or replaces among these. Never a secret: others may read it.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// How many may run at once. More wait.
    #[serde(default = "defaults::parallel")]
    pub parallel: NonZeroUsize,
    /// The absolute path of the helper `keyway-run`, which holds all together that the executable starts, and
    /// ends it with the host. Without it, see "What is left behind" at the front page. Linux only.
    #[serde(default)]
    pub helper: Option<String>,
    /// The folder of a cgroup v2 that the host may make cgroups in, one that systemd delegated to it
    /// (`Delegate=`). The helper then holds each run in a cgroup of its own. Needs `helper`.
    #[serde(default)]
    pub cgroup: Option<String>,
    /// Whether the executable makes one credential for one intent however often it is
    /// asked. It must say so too, in its features.
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
    /// `+` and `/`, with padding, as the documents of WaTTS were once understood.
    Standard,
}

/// The profile, as the configuration names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schemars", derive(keyway_core::configuration::schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(crate = "keyway_core::configuration::schemars"))]
#[serde(rename_all = "snake_case")]
pub enum ProfileChoice {
    /// What the WaTTS seed documents.
    #[default]
    Strict,
    /// What the real host lets pass too, for old executables.
    Lenient,
}

impl From<ProfileChoice> for Profile {
    fn from(choice: ProfileChoice) -> Self {
        match choice {
            ProfileChoice::Strict => Self::Strict,
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

    /// The last version of the real host.
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
    /// The defaults for a command.
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

    pub(crate) fn read(configuration: &serde_json::Value) -> Result<Self, IssuerError> {
        keyway_core::read_configuration(configuration).map_err(|error| invalid(&error))
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

    /// The helper, where one is configured.
    #[cfg(target_os = "linux")]
    pub(crate) fn configured_helper(&self) -> Result<Option<Helper>, IssuerError> {
        let Some(path) = &self.helper else {
            return match self.cgroup {
                Some(_) => Err(invalid(&"`cgroup`: it needs `helper`")),
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

    /// There is none for this system.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn configured_helper(&self) -> Result<Option<std::convert::Infallible>, IssuerError> {
        match (&self.helper, &self.cgroup) {
            (None, None) => Ok(None),
            _ => Err(invalid(&"`helper` and `cgroup`: there are none on this system")),
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            deadline: Duration::from_millis(self.deadline_ms.get()),
            output_bytes: self.output_limit_bytes.get(),
            ..Limits::DEFAULT
        }
    }

    pub(crate) fn wire_options(&self) -> WireOptions {
        WireOptions::new(&self.watts_version).with_alphabet(match self.alphabet {
            AlphabetChoice::UrlSafe => Alphabet::UrlSafe,
            AlphabetChoice::Standard => Alphabet::Standard,
        })
    }
}

impl fmt::Debug for ProcessConfiguration {
    /// Shows names of variables only, and how many arguments there are: somebody may have
    /// put a password there in spite of the warnings.
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
    fn its_debugging_text_shows_no_value() {
        let mut configuration = ProcessConfiguration::new("/bin/true");
        configuration.arguments.push("n33dle".to_owned());
        configuration.environment.insert("TOKEN".to_owned(), "n33dle".to_owned());
        let shown = format!("{configuration:?}");
        assert!(shown.contains("TOKEN") && !shown.contains("n33dle"), "{shown}");
    }
}
