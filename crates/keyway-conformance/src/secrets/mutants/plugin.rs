//! Makes the subjects of store mutants. A mutant is the reference store with some overridden operations.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use keyway_core::{SecretValue, Table};
use keyway_secrets::{Json, OpenContext, SecretAddress, SecretStore, SecretStorePlugin, StoreError};

use crate::secrets::reference::{Habits, ReferencePlugin, ReferenceStore};

/// The result of an overridden operation.
pub(super) type StoreResult<T> = Result<T, StoreError>;

/// Makes the subject of a mutant for `mutants!`. The optional kind is a constant of `Habits`, such as `FULL`, which is
/// the default. The change is one of:
///
/// * `(get |mutant, address| ..., ...)`: overridden operations of `SecretStoreLayer`;
/// * `(given |value| ...)` or `(made |recipe, mutant| ...)`: replaces a given value, or a generated value;
/// * `(|store| ...)`: changes the store when it is opened;
/// * `unchecked`: the plugin accepts any configuration.
macro_rules! store_mutant {
    ($name:ident $(($($change:tt)+))? $($word:ident)?) => {
        store_mutant!($name FULL $(($($change)+))? $($word)?)
    };
    ($name:ident $habits:ident (given |$value:ident| $written:expr)) => {
        store_mutant!(@written $name $habits Given |_mutant, $value| keyway_secrets::NewValue::Given($written))
    };
    ($name:ident $habits:ident (made |$recipe:ident, $mutant:ident| $written:expr)) => {
        store_mutant!(@written $name $habits Generated |$mutant, $recipe| $written)
    };
    (@written $name:ident $habits:ident $kind:ident |$mutant:ident, $value:ident| $written:expr) => {
        store_mutant!($name $habits (create |$mutant, secret| {
            if let keyway_secrets::NewValue::$kind($value) = secret.value {
                secret.value = $written;
            }
            keyway_secrets::SecretStore::create(&$mutant.store, secret).await
        },
        modify |$mutant, address, change| {
            if let Some(keyway_secrets::NewValue::$kind($value)) = change.value {
                change.value = Some($written);
            }
            keyway_secrets::SecretStore::modify(&$mutant.store, address, change).await
        }))
    };
    ($name:ident $habits:ident (|$store:ident| $opened:expr)) => {
        store_mutant!(@subject $name $habits true, |mut store| {
            let $store = &mut store;
            $opened;
            std::sync::Arc::new(store)
        })
    };
    ($name:ident $habits:ident ($($operation:ident |$($argument:ident),+| $body:expr),+)) => {{
        #[derive(Debug)]
        struct $name($crate::secrets::mutants::plugin::Mutated);

        impl keyway_secrets::SecretStoreLayer for $name {
            type Inner = $crate::secrets::reference::ReferenceStore;

            fn inner(&self) -> &Self::Inner {
                &self.0.store
            }

            $(operation!($operation |$($argument),+| $body);)+
        }

        store_mutant!(@subject $name $habits true, |store| {
            let notes = $crate::secrets::mutants::plugin::Notes::default();
            let mutated = $crate::secrets::mutants::plugin::Mutated { store, notes };
            std::sync::Arc::new(keyway_secrets::Layered($name(mutated)))
        })
    }};
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

/// The plugin that opens the stores of a mutant.
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

/// The state that a handle of a mutant keeps between calls.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) flag: AtomicBool,
    pub(super) text: Mutex<String>,
    pub(super) values: Mutex<BTreeMap<SecretAddress, Option<SecretValue>>>,
    pub(super) settings: Mutex<Option<Table>>,
}
