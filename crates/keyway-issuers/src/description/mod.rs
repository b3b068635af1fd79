//! How an issuer describes itself, and what follows from that.

mod builder;
mod configuration;
mod interface;
mod parameters;

pub use builder::DescriptionBuilder;
pub(crate) use builder::check_names;
pub(crate) use configuration::truth;
pub use configuration::{Configuration, ConfigurationDescriptor, ConfigurationType, ConfigurationValue};
pub use interface::UserInterface;
pub use parameters::{ParameterDescriptor, ParameterSet, ParameterType, fitting_set};

use crate::{Json, Parameters, Violation, Violations};

/// How an issuer describes itself (WaTTS seed, "Listing The Supported Parameter").
///
/// What exists is valid: names are `[a-z0-9_]+` and there is none twice, defaults fit their
/// types (decision W4). An issuer that offers no set of parameters has the empty one, as in
/// the real host.
///
/// ```
/// use keyway_issuers::{Description, ParameterDescriptor};
///
/// let description = Description::builder("1.2.0")
///     .text("state_prefix", "KEYWAY_")
///     .boolean("full_access", false)
///     .set([ParameterDescriptor::mandatory("pub_key", "public key", "the key to upload")])
///     .set([])
///     .build()?;
/// assert!(description.user_interface().without_parameters);
///
/// let wrong = Description::builder("1").text("CredentialRef Prefix", "").text("a", "").text("a", "").build();
/// assert_eq!(wrong.unwrap_err().iter().count(), 2);
/// # Ok::<(), keyway_issuers::Violations>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    version: String,
    developer_email: Option<String>,
    configuration: Vec<ConfigurationDescriptor>,
    parameter_sets: Vec<ParameterSet>,
    features: Features,
}

/// What else a plugin can do on the wire (decisions W1 and W2). The keys are those of
/// `features` in the answer to `parameter`; keys that nobody here knows are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Features {
    /// Reads its input from standard input, out of sight of other users of the machine.
    pub stdin: bool,
    /// Reads the key `intent_id`, and makes one credential for one intent. The real host
    /// knows neither; a host of this project sends the key to such a plugin only.
    pub idempotent: bool,
}

impl Features {
    /// None of them.
    pub const NONE: Self = Self { stdin: false, idempotent: false };

    /// Sets whether it reads standard input.
    #[must_use]
    pub const fn stdin(mut self, stdin: bool) -> Self {
        self.stdin = stdin;
        self
    }

    /// Sets whether it reads `intent_id`.
    #[must_use]
    pub const fn idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = idempotent;
        self
    }
}

impl Description {
    /// A description of an issuer of this version.
    pub fn builder(version: impl Into<String>) -> DescriptionBuilder {
        DescriptionBuilder::new(version.into())
    }

    /// The issuer's version: any text. When it changes, the host asks for the description
    /// anew (decision W4).
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Where to reach the developer.
    pub fn developer_email(&self) -> Option<&str> {
        self.developer_email.as_deref()
    }

    /// What an operator can configure, in the issuer's order.
    pub fn configuration(&self) -> &[ConfigurationDescriptor] {
        &self.configuration
    }

    /// The sets of parameters, in the issuer's order; at least one.
    pub fn parameter_sets(&self) -> &[ParameterSet] {
        &self.parameter_sets
    }

    /// What else the plugin can do on the wire.
    pub const fn features(&self) -> Features {
        self.features
    }

    /// The same with other features.
    #[must_use]
    pub const fn with_features(mut self, features: Features) -> Self {
        self.features = features;
        self
    }

    /// What an operator configured, resolved against this description (decision W4):
    ///
    /// | type | configured | resolved |
    /// | --- | --- | --- |
    /// | either | nothing | the default |
    /// | string | text | that text |
    /// | boolean | `true`, `"true"`, `"True"`, `1` | true |
    /// | boolean | `false`, `"false"`, `"False"`, `0` | false |
    /// | | anything else, or a name that is not described | a violation |
    ///
    /// # Errors
    /// All violations at once. They name the parameter where it is described, and never
    /// repeat a value.
    pub fn resolve_configuration<'a>(
        &self,
        configured: impl IntoIterator<Item = (&'a str, &'a Json)>,
    ) -> Result<Configuration, Violations> {
        configuration::resolve(&self.configuration, configured)
    }

    /// The index of the first set that the parameters of a request fit (decision W5).
    ///
    /// # Errors
    /// [`FitsNoSet`](crate::Rule::FitsNoSet), or a wrong type where the keys alone would
    /// have fit.
    pub fn fitting_set(&self, parameters: &Parameters) -> Result<usize, Violation> {
        fitting_set(&self.parameter_sets, parameters)
    }

    /// What a user interface needs to know (decision W9).
    pub fn user_interface(&self) -> UserInterface<'_> {
        UserInterface::of(&self.parameter_sets)
    }
}

/// Whether a name is `[a-z0-9_]+`, as those of parameters are (WaTTS seed).
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}
