//! Makes the subjects of store mutants: the reference store with some operations overridden.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyway_core::{SecretValue, Table};
use keyway_secrets::{Json, OpenContext, SecretAddress, SecretStore, SecretStorePlugin, StoreError};

use crate::secrets::reference::{Habits, ReferencePlugin, ReferenceStore};

/// The result of an overridden operation.
pub(super) type StoreResult<T> = Result<T, StoreError>;

/// Makes the subject of a mutant for `mutants!`. The kind names the variant of the reference store.
/// The change is
///
/// * a block of overridden operations of `SecretStoreLayer`;
/// * `(given |value| ...)` or `(made |recipe, mutant| ...)`: replaces a given value, or a generated
///   one;
/// * `(|store| ...)`: changes the store when it is opened;
/// * `unchecked`: its plugin accepts any configuration.
macro_rules! store_mutant {
    ($name:ident $({ $($operation:tt)+ })? $(($($opened:tt)+))? $($word:ident)?) => {
        store_mutant!($name FULL $({ $($operation)+ })? $(($($opened)+))? $($word)?)
    };
    ($name:ident $habits:ident { $($operation:tt)+ }) => {{
        #[derive(Debug)]
        struct $name($crate::secrets::mutants::plugin::Mutated);

        impl std::ops::Deref for $name {
            type Target = $crate::secrets::mutants::plugin::Mutated;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl keyway_secrets::SecretStoreLayer for $name {
            type Inner = $crate::secrets::reference::ReferenceStore;

            fn inner(&self) -> &Self::Inner {
                &self.0.store
            }

            $($operation)+
        }

        store_mutant!(@subject $name $habits true, |store| {
            let notes = $crate::secrets::mutants::plugin::Notes::default();
            let mutated = $crate::secrets::mutants::plugin::Mutated { store, notes };
            std::sync::Arc::new(keyway_secrets::Layered($name(mutated)))
        })
    }};
    ($name:ident $habits:ident (given |$value:ident| $written:expr)) => {
        store_mutant!(@written $name $habits Given |_mutant, $value| keyway_secrets::NewValue::Given($written))
    };
    ($name:ident $habits:ident (made |$recipe:ident, $mutant:ident| $written:expr)) => {
        store_mutant!(@written $name $habits Generated |$mutant, $recipe| $written)
    };
    (@written $name:ident $habits:ident $kind:ident |$mutant:ident, $value:ident| $written:expr) => {
        store_mutant!($name $habits {
            async fn create(
                &self,
                mut secret: keyway_secrets::NewSecret,
            ) -> Result<keyway_secrets::SecretHeader, keyway_secrets::StoreError> {
                let $mutant = self;
                if let keyway_secrets::NewValue::$kind($value) = secret.value {
                    secret.value = $written;
                }
                keyway_secrets::SecretStore::create(&self.store, secret).await
            }

            async fn modify(
                &self,
                address: &keyway_secrets::SecretAddress,
                mut change: keyway_secrets::SecretChange,
            ) -> Result<keyway_secrets::SecretHeader, keyway_secrets::StoreError> {
                let $mutant = self;
                if let Some(keyway_secrets::NewValue::$kind($value)) = change.value {
                    change.value = Some($written);
                }
                keyway_secrets::SecretStore::modify(&self.store, address, change).await
            }
        })
    };
    ($name:ident $habits:ident (|$store:ident| $opened:expr)) => {
        store_mutant!(@subject $name $habits true, |mut store| {
            let $store = &mut store;
            $opened;
            std::sync::Arc::new(store)
        })
    };
    ($name:ident $habits:ident unchecked) => {
        store_mutant!(@subject $name $habits false, |store| std::sync::Arc::new(store))
    };
    (@subject $name:ident $habits:ident $checks:literal, $open:expr) => {{
        static PLUGIN: $crate::secrets::mutants::plugin::MutantPlugin =
            $crate::secrets::mutants::plugin::MutantPlugin {
                habits: $crate::secrets::reference::Habits::$habits,
                checks: $checks,
                open: $open,
            };
        || std::sync::Arc::new($crate::secrets::reference::subject(stringify!($name), &PLUGIN))
    }};
}

pub(super) use store_mutant;

/// Opens the stores of a mutant.
#[derive(Debug)]
pub(super) struct MutantPlugin {
    pub(super) habits: Habits,
    pub(super) checks: bool,
    pub(super) open: fn(ReferenceStore) -> Arc<dyn SecretStore>,
}

impl SecretStorePlugin for MutantPlugin {
    fn check_configuration(&self, configuration: &Json) -> Result<(), StoreError> {
        if self.checks { ReferencePlugin(self.habits).check_configuration(configuration) } else { Ok(()) }
    }

    fn open(&self, context: &OpenContext) -> Result<Arc<dyn SecretStore>, StoreError> {
        self.check_configuration(&context.configuration)?;
        Ok((self.open)(ReferenceStore::new(self.habits, context)?))
    }
}

/// A handle of a mutant.
#[derive(Debug)]
pub(super) struct Mutated {
    pub(super) store: ReferenceStore,
    pub(super) notes: Notes,
}

/// Remembers state that a handle of a mutant needs later.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) flag: AtomicBool,
    text: Mutex<String>,
    values: Mutex<BTreeMap<SecretAddress, Option<SecretValue>>>,
    settings: Mutex<Option<Table>>,
}

impl Notes {
    pub(super) fn text(&self) -> MutexGuard<'_, String> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn values(&self) -> MutexGuard<'_, BTreeMap<SecretAddress, Option<SecretValue>>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn settings(&self) -> MutexGuard<'_, Option<Table>> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
