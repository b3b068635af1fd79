//! Describes the subject of the suite: a plugin's id, kind and metadata document.

use std::fmt;

use keyway_core::{PluginKind, PluginMetadata, Registration, Version, WrittenBy};

use crate::Subject;

/// A plugin, described by its metadata. The document is text, so that it can contain any fault.
pub trait MetadataSubject: Subject + fmt::Debug {
    /// Returns the id under which the plugin is registered.
    fn id(&self) -> String;

    /// Returns the metadata document, as JSON.
    fn document(&self) -> String;

    /// Returns the kind of the contract that the plugin implements.
    fn contract(&self) -> PluginKind;

    /// Tells whether the plugin would read data that carries this stamp.
    fn reads(&self, stamp: &WrittenBy) -> bool {
        PluginMetadata::from_json(&self.document()).is_ok_and(|metadata| metadata.check(stamp).is_ok())
    }
}

/// A plugin of the registry.
///
/// ```
/// use keyway_conformance::metadata::RegisteredPlugin;
/// use keyway_conformance::{Candidate, RunOptions};
/// use keyway_core::Registry;
///
/// for registration in Registry::linked()?.iter() {
///     assert!(Candidate::from(RegisteredPlugin::from(registration)).run(&RunOptions::default()).succeeded());
/// }
/// # Ok::<(), keyway_core::RegistryFaults>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RegisteredPlugin(&'static Registration);

impl From<&'static Registration> for RegisteredPlugin {
    fn from(registration: &'static Registration) -> Self {
        Self(registration)
    }
}

impl Subject for RegisteredPlugin {
    fn name(&self) -> String {
        self.0.id().to_owned()
    }

    fn version(&self) -> Version {
        self.0.metadata().version().clone()
    }
}

impl MetadataSubject for RegisteredPlugin {
    fn id(&self) -> String {
        self.0.id().to_owned()
    }

    fn document(&self) -> String {
        self.0.metadata().to_json()
    }

    fn contract(&self) -> PluginKind {
        self.0.kind()
    }

    fn reads(&self, stamp: &WrittenBy) -> bool {
        self.0.metadata().check(stamp).is_ok()
    }
}

/// A plugin known only by its document, for example a plugin of another program.
#[derive(Clone, Debug)]
pub struct DescribedPlugin {
    /// The id.
    pub id: String,
    /// The kind of contract that the plugin implements.
    pub contract: PluginKind,
    /// The document, as JSON.
    pub document: String,
}

impl Subject for DescribedPlugin {
    fn name(&self) -> String {
        self.id.clone()
    }

    fn version(&self) -> Version {
        let metadata = PluginMetadata::from_json(&self.document);
        metadata.map_or_else(|_| Version::new(0, 0, 0), |metadata| metadata.version().clone())
    }
}

impl MetadataSubject for DescribedPlugin {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn document(&self) -> String {
        self.document.clone()
    }

    fn contract(&self) -> PluginKind {
        self.contract
    }
}
