//! The subject of the suite: an issuer plugin, and a request that it answers.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use keyway_core::{PluginMetadata, Resources};
use keyway_issuers::wire::{Profile, WireOptions};
use keyway_issuers::{
    Capabilities, CredentialRef, Description, Features, Issuer, IssuerError, IssuerPlugin, Issuers, Json,
    OpenContext, ParameterDescriptor, ParameterSet, ServiceName,
};

use super::example::IssuerExample;
use super::executable::{Executable, WireIssuer};
use super::fixture::IssuerFixture;
use crate::asked::Asked;
use crate::notation::Fixture as _;
use crate::runtime::runtime;
use crate::{Broken, PluginSubject, Suite, TestedContract, Trial};

type IssuerResult = Result<Arc<dyn Issuer>, IssuerError>;
type Runner = dyn Fn(&str, &[String]) -> IssuerResult + Send + Sync;
type Listing = dyn Fn(&Path) -> Vec<CredentialRef> + Send + Sync;

/// An issuer under test.
///
/// Every rule opens the issuer again with its own scratch folder. The kit revokes the credentials of a rule when the
/// rule ends.
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
pub type IssuerSubject = PluginSubject<Issuers>;

impl TestedContract for Issuers {
    type Told = ToldOfIssuers;

    fn suite() -> Suite<IssuerSubject> {
        super::suite()
    }
}

/// The facts that the author of the test tells the suite about a plugin for issuers.
#[expect(missing_debug_implementations, reason = "its subject has a name to show")]
pub struct ToldOfIssuers {
    pub(super) example: IssuerExample,
    pub(super) refused: Option<IssuerExample>,
    pub(super) listing: Option<Box<Listing>>,
    pub(super) executable: Option<Arc<dyn Executable>>,
    pub(super) runner: Option<Box<Runner>>,
    pub(super) profile: Profile,
    pub(super) options: WireOptions,
    /// Whether the kit sends requests as padded base64 in an argument and without any options, as the seed describes.
    pub(super) follows_seed: bool,
    /// The capabilities and the description that the issuer returned when the kit first asked.
    pub(super) asked: Asked<(Capabilities, Option<Description>)>,
}

impl Default for ToldOfIssuers {
    fn default() -> Self {
        Self {
            example: IssuerExample::new(),
            refused: None,
            listing: None,
            executable: None,
            runner: None,
            profile: Profile::Strict,
            options: WireOptions::new("1.6.1"),
            follows_seed: false,
            asked: Asked::default(),
        }
    }
}

/// A plugin that opens issuers with a function, and ignores the configuration.
struct Opening<F>(F);

impl<F> fmt::Debug for Opening<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening")
    }
}

impl<F: Fn(&OpenContext) -> IssuerResult + Send + Sync> IssuerPlugin for Opening<F> {
    fn check_configuration(&self, _: &Json) -> Result<(), IssuerError> {
        Ok(())
    }

    fn open(&self, context: &OpenContext) -> IssuerResult {
        (self.0)(context)
    }
}

impl IssuerSubject {
    /// Makes a subject of an executable. Requests go through standard input if the executable declares that it reads
    /// standard input, and otherwise through an argument.
    pub fn executable(name: impl Into<String>, executable: Arc<dyn Executable>, profile: Profile) -> Self {
        let options = WireOptions::new("1.6.1");
        let (asked, sent) = (Arc::clone(&executable), options.clone());
        let issuer = WireIssuer { executable: asked, options: sent, profile, features: OnceLock::new() };
        let mut subject = Self::of_the_kit(name, move |_| Ok(Arc::new(issuer.clone())));
        (subject.told.executable, subject.told.profile, subject.told.options) =
            (Some(executable), profile, options);
        subject
    }

    /// Makes a subject that opens an unregistered issuer.
    pub(super) fn of_the_kit(
        name: impl Into<String>,
        opening: impl Fn(&OpenContext) -> IssuerResult + Send + Sync + 'static,
    ) -> Self {
        let metadata = PluginMetadata::from_json(
            r#"{"version": "1.0.0", "author": "The Keyway authors <keyway@example.org>", "updated": 20261122,
                "compatibility": ">=:1.0,<:2.0",
                "plugin": {"name": "Executable", "type": "Issuer", "description": "an executable under test"}}"#,
        );
        // The plugin is never freed, like a registered plugin.
        let plugin = Box::leak(Box::new(Opening(opening)));
        Self::new(name, plugin, metadata.expect("the kit's own metadata is valid"))
    }

    /// Wraps the issuer of the subject in a layer.
    pub(super) fn layered(mut self, layer: fn(Arc<dyn Issuer>) -> Arc<dyn Issuer>) -> Self {
        let plugin = self.plugin;
        self.plugin =
            Box::leak(Box::new(Opening(move |context: &OpenContext| plugin.open(context).map(layer))));
        self
    }

    /// Sets a request that the issuer answers with a credential. If the example has additional logins, the kit expects
    /// that the issuer asks for another login when a request lacks them.
    #[must_use]
    pub fn example(mut self, example: IssuerExample) -> Self {
        self.told.example = example;
        self
    }

    /// Sets a request that the issuer refuses. Without one, the rules about refusals are skipped.
    #[must_use]
    pub fn refused(mut self, refused: IssuerExample) -> Self {
        self.told.refused = Some(refused);
        self
    }

    /// Sets a function that lists the references (`state` on the wire) to the existing credentials. Without it, the
    /// rules about effects are skipped, and the other rules judge only answers.
    #[must_use]
    pub fn listing(mut self, listing: impl Fn(&Path) -> Vec<CredentialRef> + Send + Sync + 'static) -> Self {
        self.told.listing = Some(Box::new(listing));
        self
    }

    /// Sets a function that opens the plugin for an executable of the kit, and returns the issuer. The function gets
    /// the command and its arguments, and must set a deadline of at most a few seconds. Without this function, the
    /// rules about running executables are skipped. `IssuerSubject::process` sets it.
    #[must_use]
    pub fn running(
        mut self,
        runner: impl Fn(&str, &[String]) -> IssuerResult + Send + Sync + 'static,
    ) -> Self {
        self.told.runner = Some(Box::new(runner));
        self
    }

    pub(super) fn open(&self, scratch: &Path) -> IssuerResult {
        let service = ServiceName::new("kit").map_err(|error| IssuerError::system("be opened", error))?;
        let context = OpenContext::new(service, self.metadata.clone())
            .with_configuration((self.configuration)(scratch))
            .with_resources((self.lending)(Resources::new(), scratch));
        self.plugin.check_configuration(&context.configuration)?;
        self.plugin.open(&context)
    }

    /// Returns the capabilities of the issuer. The kit asks the issuer only once.
    ///
    /// # Panics
    /// If the plugin does not open an issuer, or does not describe it in time. The suite also reports this fault.
    pub fn capabilities(&self) -> Capabilities {
        self.asked().0
    }

    /// Returns the features in the issuer's description. If there is no description, no feature is set.
    pub(super) fn features(&self) -> Features {
        self.asked().1.as_ref().map(Description::features).unwrap_or_default()
    }

    /// Tells whether the issuer describes a parameter that satisfies the condition. Returns true if the issuer does not
    /// describe itself.
    pub(super) fn describes(&self, is_such: impl Fn(&ParameterDescriptor) -> bool) -> bool {
        let all = |description: &Description| {
            description.parameter_sets().iter().flat_map(ParameterSet::parameters).any(&is_such)
        };
        self.asked().1.as_ref().is_none_or(all)
    }

    fn asked(&self) -> &(Capabilities, Option<Description>) {
        self.asked.must(self, ask)
    }
}

fn ask(trial: &Trial<'_, IssuerSubject>) -> Result<(Capabilities, Option<Description>), Broken> {
    let issuer = IssuerFixture::new(trial)?.open()?;
    let description = runtime()?.block_on(issuer.describe());
    Ok((issuer.capabilities(), description.ok()))
}
