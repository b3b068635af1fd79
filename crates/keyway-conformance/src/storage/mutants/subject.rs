//! Makes the subjects of mutants: the correct engine with other `Habits`, or with overridden operations.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};

use keyway_storage::{Record, Storage};

use super::engine::Engine;
use crate::storage::StorageSubject;

/// Makes the subject of a mutant for `mutants!`. The optional kind is the name of the function that makes the subject,
/// `in_memory` or `with_journal`. The change is one of:
///
/// * `(get |mutant, key| ..., ...)`: overridden operations of `StorageLayer`, or a block of its other methods;
/// * `(|engine| ...)`: a closure that changes the habits of the engine.
macro_rules! engine_mutant {
    ($name:ident $change:tt) => {
        engine_mutant!($name in_memory $change)
    };
    ($name:ident $kind:ident ($($operation:ident |$($argument:ident),+| $body:expr),+)) => {
        engine_mutant!($name $kind { $(operation!($operation |$($argument),+| $body);)+ })
    };
    ($name:ident $kind:ident { $($item:tt)+ }) => {{
        #[derive(Debug)]
        struct $name(super::subject::Mutated);

        impl keyway_storage::StorageLayer for $name {
            type Inner = super::engine::Engine;

            fn inner(&self) -> &Self::Inner {
                &self.0.engine
            }

            $($item)+
        }

        || std::sync::Arc::new(super::subject::$kind(stringify!($name), |_| {}, |engine| {
            let mutated = super::subject::Mutated { engine, ..Default::default() };
            std::sync::Arc::new(keyway_storage::Layered($name(mutated)))
        }))
    }};
    ($name:ident $kind:ident ($change:expr)) => {
        || std::sync::Arc::new(super::subject::$kind(stringify!($name), $change, |engine| std::sync::Arc::new(engine)))
    };
}

pub(super) use engine_mutant;

/// A function that wraps an engine in its overridden operations.
type Wrap = fn(Engine) -> Arc<dyn Storage>;

/// Makes a subject whose data is lost when its handle is dropped.
pub(super) fn in_memory(name: &str, change: fn(&mut Engine), wrap: Wrap) -> StorageSubject {
    StorageSubject::new(name, move |_| {
        let mut engine = Engine::default();
        change(&mut engine);
        Ok(wrap(engine))
    })
}

/// Makes a subject with a journal.
pub(super) fn with_journal(name: &str, change: fn(&mut Engine), wrap: Wrap) -> StorageSubject {
    let subject = StorageSubject::new(name, move |folder| {
        let mut engine = Engine::default();
        change(&mut engine);
        Ok(wrap(engine.open(folder)?))
    });
    subject.persistent().shared().copyable()
}

/// A handle of a mutant: the engine, and what the handle remembers.
#[derive(Debug, Default)]
pub(super) struct Mutated {
    pub(super) engine: Engine,
    pub(super) busy: AtomicBool,
    /// The first key of the first batch that this handle committed.
    pub(super) first: OnceLock<Vec<u8>>,
    pub(super) text: Mutex<String>,
    pub(super) read: Mutex<HashMap<Vec<u8>, Option<Record>>>,
    /// How many records a scan had returned at the end of a page, by the last key of the page.
    pub(super) passed: Mutex<HashMap<Vec<u8>, usize>>,
}
