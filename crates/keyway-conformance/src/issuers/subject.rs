//! Describes the subject of the suite: an issuer plugin, and a request that it answers.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use keyway_core::{PluginMetadata, Registration, Resources, Version};
use keyway_issuers::wire::{Profile, WireOptions};
use keyway_issuers::{
    Capabilities, CredentialRef, Description, Features, Issuer, IssuerError, IssuerPlugin, Issuers, Json,
    OpenContext, ParameterDescriptor, ParameterSet, ServiceName,
};

use super::example::IssuerExample;
use super::executable::{Executable, WireIssuer};
use super::fixture::IssuerFixture;
use crate::notation::Fixture as _;
use crate::runtime::runtime;
use crate::{Broken, History, Subject, Trial};

type Opening = dyn Fn(&OpenContext) -> Result<Arc<dyn Issuer>, IssuerError> + Send + Sync;
type Configuration = dyn Fn(&Path) -> Json + Send + Sync;
type Lending = dyn Fn(Resources, &Path) -> Resources + Send + Sync;
type Runner = dyn Fn(&str, &[String]) -> Result<Arc<dyn Issuer>, IssuerError> + Send + Sync;
type Listing = dyn Fn(&Path) -> Vec<CredentialRef> + Send + Sync;

/// Describes an issuer under test.
///
/// Every rule opens it again with its own scratch folder. Credentials that a rule makes are revoked
/// when the rule ends.
///
/// ```no_run
/// # fn subject(plugin: &'static dyn keyway_issuers::IssuerPlugin, metadata: keyway_core::PluginMetadata) {
/// use keyway_conformance::issuers::{IssuerExample, IssuerSubject};
///
/// let subject = IssuerSubject::new("my-issuer", plugin, metadata)
///     .configuration(|scratch| serde_json::json!({ "directory": scratch }))
///     .example(IssuerExample::new().parameter("name", "joe"));
/// # }
/// ```
pub struct IssuerSubject {
    name: String,
    opening: Box<Opening>,
    metadata: PluginMetadata,
    configuration: Box<Configuration>,
    lending: Box<Lending>,
    pub(super) example: IssuerExample,
    pub(super) refused: Option<IssuerExample>,
    pub(super) listing: Option<Box<Listing>>,
    pub(super) executable: Option<Arc<dyn Executable>>,
    pub(super) runner: Option<Box<Runner>>,
    pub(super) profile: Profile,
    pub(super) options: WireOptions,
    /// Whether requests go as padded base64 in an argument, without further options, as the seed
    /// describes.
    pub(super) follows_seed: bool,
    /// The capabilities and the description, asked for once.
    asked: OnceLock<(Capabilities, Option<Description>)>,
}

impl IssuerSubject {
    /// Makes a subject of a plugin, its name in reports, and its metadata. By default its
    /// configuration is empty, and its example is [`IssuerExample::new`].
    pub fn new(name: impl Into<String>, plugin: &'static dyn IssuerPlugin, metadata: PluginMetadata) -> Self {
        let mut subject = Self::of_the_kit(name, |context| {
            plugin.check_configuration(&context.configuration)?;
            plugin.open(context)
        });
        subject.metadata = metadata;
        subject
    }

    /// Makes a subject of a registered plugin. Returns `None` for another kind of plugin or another
    /// version of the contract.
    pub fn of(registration: &Registration) -> Option<Self> {
        let plugin = registration.plugin::<Issuers>()?;
        Some(Self::new(registration.id(), plugin, registration.metadata().clone()))
    }

    /// Makes a subject of an executable, however it is run. Its requests go through standard input
    /// if it declares to read it, and otherwise through an argument.
    pub fn executable(name: impl Into<String>, executable: Arc<dyn Executable>, profile: Profile) -> Self {
        let options = WireOptions::new("1.6.1");
        let (asked, sent) = (Arc::clone(&executable), options.clone());
        let issuer = WireIssuer { executable: asked, options: sent, profile, features: OnceLock::new() };
        let mut subject = Self::of_the_kit(name, move |_| Ok(Arc::new(issuer.clone())));
        (subject.executable, subject.profile, subject.options) = (Some(executable), profile, options);
        subject
    }

    /// Makes a subject that opens an unregistered issuer.
    pub(super) fn of_the_kit(
        name: impl Into<String>,
        opening: impl Fn(&OpenContext) -> Result<Arc<dyn Issuer>, IssuerError> + Send + Sync + 'static,
    ) -> Self {
        let metadata = PluginMetadata::from_json(
            r#"{"version": "1.0.0", "author": "The Keyway authors <keyway@example.org>", "updated": 20261122,
                "compatibility": ">=:1.0,<:2.0",
                "plugin": {"name": "Executable", "type": "Issuer", "description": "an executable under test"}}"#,
        );
        Self {
            name: name.into(),
            opening: Box::new(opening),
            metadata: metadata.expect("the kit's own metadata is valid"),
            configuration: Box::new(|_| Json::default()),
            lending: Box::new(|resources, _| resources),
            example: IssuerExample::new(),
            refused: None,
            listing: None,
            executable: None,
            runner: None,
            profile: Profile::Strict,
            options: WireOptions::new("1.6.1"),
            follows_seed: false,
            asked: OnceLock::new(),
        }
    }

    /// Wraps the issuer of the subject.
    pub(super) fn layered(mut self, layer: fn(Arc<dyn Issuer>) -> Arc<dyn Issuer>) -> Self {
        let opening = self.opening;
        self.opening = Box::new(move |context| opening(context).map(layer));
        self
    }

    /// Sets the name in reports.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the plugin's configuration, given a folder that is fresh for each rule and removed
    /// after it.
    #[must_use]
    pub fn configuration<C: Into<Json>>(
        mut self,
        configuration: impl Fn(&Path) -> C + Send + Sync + 'static,
    ) -> Self {
        self.configuration = Box::new(move |scratch| configuration(scratch).into());
        self
    }

    /// Lends the plugin the resources that it asks for.
    #[must_use]
    pub fn lending(
        mut self,
        lending: impl Fn(Resources, &Path) -> Resources + Send + Sync + 'static,
    ) -> Self {
        self.lending = Box::new(lending);
        self
    }

    /// Sets a request that the issuer answers with a credential. If it has logins, the kit expects
    /// the issuer to ask for one.
    #[must_use]
    pub fn example(mut self, example: IssuerExample) -> Self {
        self.example = example;
        self
    }

    /// Sets a request that the issuer refuses. Without one, the rules about refusals are skipped.
    #[must_use]
    pub fn refused(mut self, refused: IssuerExample) -> Self {
        self.refused = Some(refused);
        self
    }

    /// Lets the kit list the existing credentials by their states. Without it, the rules about
    /// effects are skipped, and only answers are judged.
    #[must_use]
    pub fn listing(mut self, listing: impl Fn(&Path) -> Vec<CredentialRef> + Send + Sync + 'static) -> Self {
        self.listing = Some(Box::new(listing));
        self
    }

    /// Sets how the plugin runs an executable of the kit: a command with arguments, with a deadline
    /// of a few seconds at most. Without it, the rules about running executables are skipped.
    /// `IssuerSubject::process` sets it.
    #[must_use]
    pub fn running(
        mut self,
        runner: impl Fn(&str, &[String]) -> Result<Arc<dyn Issuer>, IssuerError> + Send + Sync + 'static,
    ) -> Self {
        self.runner = Some(Box::new(runner));
        self
    }

    pub(super) fn open(&self, scratch: &Path) -> Result<Arc<dyn Issuer>, IssuerError> {
        let service = ServiceName::new("kit").map_err(|error| IssuerError::system("be opened", error))?;
        let context = OpenContext::new(service, self.metadata.clone())
            .with_configuration((self.configuration)(scratch))
            .with_resources((self.lending)(Resources::new(), scratch));
        (self.opening)(&context)
    }

    /// Returns the capabilities of the issuer, which is asked once.
    ///
    /// # Panics
    /// If the plugin opens no issuer, since there is nothing to test; the suite reports it.
    pub fn capabilities(&self) -> Capabilities {
        self.asked().0
    }

    /// Returns the features of the issuer's description; none if it does not describe itself.
    pub(super) fn features(&self) -> Features {
        self.asked().1.as_ref().map(Description::features).unwrap_or_default()
    }

    /// Tells whether some parameter satisfies the condition. Also true if the issuer does not
    /// describe itself.
    pub(super) fn describes(&self, is_such: impl Fn(&ParameterDescriptor) -> bool) -> bool {
        let all = |description: &Description| {
            description.parameter_sets().iter().flat_map(ParameterSet::parameters).any(&is_such)
        };
        self.asked().1.as_ref().is_none_or(all)
    }

    fn asked(&self) -> &(Capabilities, Option<Description>) {
        self.asked.get_or_init(|| {
            // The runtime starts on its own thread, since the caller may already be on a runtime.
            let asked = std::thread::scope(|scope| scope.spawn(|| self.ask()).join());
            match asked {
                Ok(Ok(asked)) => asked,
                Ok(Err(broken)) => panic!("it does not open, so nothing can be asked of it: {broken:?}"),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    fn ask(&self) -> Result<(Capabilities, Option<Description>), Broken> {
        let history = History::default();
        let trial = Trial::new(self, 1, &history);
        let issuer = IssuerFixture::new(&trial)?.open()?;
        let description = runtime()?.block_on(issuer.describe());
        Ok((issuer.capabilities(), description.ok()))
    }
}

impl Subject for IssuerSubject {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn version(&self) -> Version {
        self.metadata.version().clone()
    }
}

impl fmt::Debug for IssuerSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerSubject").field("name", &self.name).finish_non_exhaustive()
    }
}
