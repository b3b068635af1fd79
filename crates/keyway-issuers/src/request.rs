//! The requests that a host sends to a plugin: to make a credential, and to destroy one.

use std::fmt;

use keyway_core::IntentId;

use crate::{Configuration, CredentialRef, JsonObject, Requester};

/// The data that come with every request and every revocation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Context {
    /// The id of the intended effect. `None` only if the host, like WaTTS itself, keeps no intents.
    pub intent: Option<IntentId>,
    /// The user, as the host's login identified them.
    pub requester: Requester,
    /// The plugin's configuration, resolved against its [description](crate::Description::resolve_configuration).
    pub configuration: Configuration,
}

impl Context {
    /// Creates a context for a user, with an empty configuration.
    pub fn new(requester: impl Into<Requester>) -> Self {
        Self { intent: None, requester: requester.into(), configuration: Configuration::default() }
    }

    /// Sets the id of the intended effect.
    #[must_use]
    pub fn with_intent(mut self, intent: IntentId) -> Self {
        self.intent = Some(intent);
        self
    }

    /// Sets the configuration.
    #[must_use]
    pub fn with_configuration(mut self, configuration: Configuration) -> Self {
        self.configuration = configuration;
        self
    }
}

/// A request for a credential.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CredentialRequest {
    /// The user that asks, the plugin's configuration, and the id of the intended effect.
    pub context: Context,
    /// The parameters that the user entered. The host has checked that they fit one of the parameter sets that the
    /// plugin describes.
    ///
    /// See decision W5.
    pub parameters: Parameters,
}

impl CredentialRequest {
    /// Creates a request without parameters.
    pub fn new(context: Context) -> Self {
        Self { context, parameters: Parameters::default() }
    }

    /// Sets the parameters.
    #[must_use]
    pub fn with_parameters(mut self, parameters: Parameters) -> Self {
        self.parameters = parameters;
        self
    }
}

/// The parameters that a user entered for a request, by key. They may be secret: `Debug` shows keys
/// only.
///
/// ```
/// use keyway_issuers::Parameters;
///
/// let parameters = Parameters::new().with("pub_key", "ssh-ed25519 AAAA");
/// assert_eq!(parameters.text("pub_key"), Some("ssh-ed25519 AAAA"));
/// assert_eq!(format!("{parameters:?}"), r#"{"pub_key"}"#);
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Parameters(JsonObject);

impl Parameters {
    /// Creates empty parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a value, and replaces an earlier value of the same key.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<crate::Json>) -> Self {
        self.0.insert(key.into(), value.into());
        self
    }

    /// Returns the text entered for `key`.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(crate::Json::as_text)
    }

    /// Returns all values by key, whatever their JSON type.
    pub const fn values(&self) -> &JsonObject {
        &self.0
    }
}

impl From<JsonObject> for Parameters {
    fn from(values: JsonObject) -> Self {
        Self(values)
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The order to destroy a credential.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Revocation {
    /// The owner of the credential, the plugin's configuration, and the id of the intended effect.
    pub context: Context,
    /// The reference (`state` on the wire) that the plugin returned when it made the credential.
    pub state: CredentialRef,
}

impl Revocation {
    /// Creates a revocation of the credential to which `state` refers.
    pub const fn new(context: Context, state: CredentialRef) -> Self {
        Self { context, state }
    }
}

/// An action that a host can ask of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Describes the plugin (WaTTS seed, "Listing The Supported Parameter").
    Parameter,
    /// Makes a credential.
    Request,
    /// Destroys a credential.
    Revoke,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 3] = [Self::Parameter, Self::Request, Self::Revoke];

    /// Returns the word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Parameter => "parameter",
            Self::Request => "request",
            Self::Revoke => "revoke",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The question about the outcome of a request or a revocation, asked after a crash.
///
/// See decision R2.
pub type Reconciliation = keyway_core::Reconciliation<Context, CredentialRef>;

/// A request or a revocation that was intended.
pub type IntendedEffect = keyway_core::IntendedEffect<CredentialRef>;

/// The outcome of a request or a revocation that was intended.
pub type Reconciled = keyway_core::Reconciled<CredentialRef>;
