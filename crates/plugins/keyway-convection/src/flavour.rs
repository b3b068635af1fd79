//! Lists the differences between the files of Convection's two plugins.

use keyway_core::{Structured, Table};
use keyway_secrets::{NewValue, Recipe, StoreError};

use crate::{passdb, settings};

/// The Convection plugin to which a file belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// The Generic plugin.
    Generic,
    /// The PassDB plugin, which also generates passwords.
    PassDb,
}

impl Flavour {
    /// Returns the folder of the plugin's stores within Convection's storage folder.
    pub(crate) const fn folder(self) -> &'static str {
        match self {
            Self::Generic => "secrets",
            Self::PassDb => "passdb",
        }
    }

    /// Returns the default settings of a new store.
    pub(crate) fn initial_settings(self) -> Table {
        match self {
            Self::Generic => settings::initial(),
            Self::PassDb => passdb::in_force(&Table::new()),
        }
    }

    /// Checks settings that are to be stored.
    pub(crate) fn check_settings(self, settings: &Table) -> Result<(), StoreError> {
        match self {
            Self::Generic => settings::check(settings),
            Self::PassDb => passdb::check(settings),
        }
    }

    /// Checks the settings of a file.
    pub(crate) fn check_stored_settings(self, settings: &Table) -> Result<(), StoreError> {
        match self {
            Self::Generic => settings::check(settings),
            Self::PassDb => passdb::check_stored(settings),
        }
    }

    /// Returns the settings in force for a file that holds `settings`.
    pub(crate) fn settings_in_force(self, settings: Table) -> Table {
        match self {
            Self::Generic => settings::in_force(settings),
            Self::PassDb => passdb::in_force(&settings),
        }
    }

    /// Tells whether stores of this plugin generate values.
    pub(crate) const fn generates_values(self) -> bool {
        matches!(self, Self::PassDb)
    }

    /// Generates a value.
    pub(crate) fn generate(self, settings: &Table, recipe: &Recipe) -> Result<Structured, StoreError> {
        match self {
            Self::Generic => Err(NewValue::unsupported()),
            Self::PassDb => passdb::generate(settings, recipe),
        }
    }
}
