//! In what the files of Convection's two plugins differ.

use keyway_core::{Structured, Table};
use keyway_secrets::{NewValue, Recipe, StoreError};

use crate::{passdb, settings};

/// Whose files they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// Those of the Generic plugin.
    Generic,
    /// Those of the PassDB plugin, which also makes passwords.
    PassDb,
}

impl Flavour {
    /// The folder, in Convection's storage folder, where its stores are.
    pub(crate) const fn folder(self) -> &'static str {
        match self {
            Self::Generic => "secrets",
            Self::PassDb => "passdb",
        }
    }

    /// The settings that a new store begins with if nothing is said.
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

    /// Checks settings that a file holds.
    pub(crate) fn check_stored_settings(self, settings: &Table) -> Result<(), StoreError> {
        match self {
            Self::Generic => settings::check(settings),
            Self::PassDb => passdb::check_stored(settings),
        }
    }

    /// The settings in force when a file holds these.
    pub(crate) fn settings_in_force(self, settings: Table) -> Table {
        match self {
            Self::Generic => settings::in_force(settings),
            Self::PassDb => passdb::in_force(&settings),
        }
    }

    /// Whether its stores make values.
    pub(crate) const fn generates_values(self) -> bool {
        matches!(self, Self::PassDb)
    }

    /// Makes a value.
    pub(crate) fn generate(self, settings: &Table, recipe: &Recipe) -> Result<Structured, StoreError> {
        match self {
            Self::Generic => Err(NewValue::unsupported()),
            Self::PassDb => passdb::generate(settings, recipe),
        }
    }
}
