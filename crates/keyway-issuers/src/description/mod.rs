//! An issuer's description of itself.

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

/// An issuer's description of itself (WaTTS seed, "Listing The Supported Parameter").
///
/// A description is always valid: names are `[a-z0-9_]+` and unique, and defaults fit their types (decision W4). If an
/// issuer declares no set of parameters, its description gets one set without parameters, as in the real WaTTS host.
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

/// The optional wire features of a plugin.
///
/// The keys are those of `features` in the answer to `parameter`; unknown keys are ignored
/// (decisions W1 and W2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Features {
    /// The plugin reads its input from standard input, which other users of the machine cannot see.
    pub stdin: bool,
    /// The plugin reads the key `intent_id`, and makes one credential for one intent, also if that credential was
    /// revoked.
    ///
    /// The real WaTTS host knows neither the feature nor the key. A host of this project sends the key only to plugins
    /// with the feature.
    pub idempotent: bool,
}

impl Features {
    /// The declaration without any feature.
    pub const NONE: Self = Self { stdin: false, idempotent: false };

    /// Sets whether the plugin reads standard input.
    #[must_use]
    pub const fn stdin(mut self, stdin: bool) -> Self {
        self.stdin = stdin;
        self
    }

    /// Sets whether the plugin reads `intent_id`.
    #[must_use]
    pub const fn idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = idempotent;
        self
    }
}

impl Description {
    /// Starts the description of an issuer with this version.
    pub fn builder(version: impl Into<String>) -> DescriptionBuilder {
        DescriptionBuilder::new(version.into())
    }

    /// Returns the issuer's version, which may be any text.
    ///
    /// When the version changes, the host asks for the description again (decision W4).
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the developer's address.
    pub fn developer_email(&self) -> Option<&str> {
        self.developer_email.as_deref()
    }

    /// Returns the configuration parameters, in the issuer's order.
    pub fn configuration(&self) -> &[ConfigurationDescriptor] {
        &self.configuration
    }

    /// Returns the sets of parameters, in the issuer's order. There is at least one set.
    pub fn parameter_sets(&self) -> &[ParameterSet] {
        &self.parameter_sets
    }

    /// Returns the plugin's optional wire features.
    pub const fn features(&self) -> Features {
        self.features
    }

    /// Replaces the optional wire features of the description.
    #[must_use]
    pub const fn with_features(mut self, features: Features) -> Self {
        self.features = features;
        self
    }

    /// Resolves an operator's configuration against this description (decision W4):
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
    /// Returns all violations at once. They name the described parameter, and never repeat a value.
    pub fn resolve_configuration<'a>(
        &self,
        configured: impl IntoIterator<Item = (&'a str, &'a Json)>,
    ) -> Result<Configuration, Violations> {
        configuration::resolve(&self.configuration, configured)
    }

    /// Returns the index of the first set into which the parameters of a request fit.
    ///
    /// See decision W5.
    ///
    /// # Errors
    /// [`FitsNoSet`](crate::Rule::FitsNoSet), or [`Type`](crate::Rule::Type) when the keys fit a set, but a value does
    /// not have the described type.
    pub fn fitting_set(&self, parameters: &Parameters) -> Result<usize, Violation> {
        fitting_set(&self.parameter_sets, parameters)
    }

    /// Returns the facts that a user interface needs.
    ///
    /// See decision W9.
    pub fn user_interface(&self) -> UserInterface<'_> {
        UserInterface::of(&self.parameter_sets)
    }
}

/// Tells whether a name has the form `[a-z0-9_]+`, which names of parameters must have (WaTTS seed).
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}
