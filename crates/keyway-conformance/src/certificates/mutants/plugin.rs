//! The subjects of mutants: the scripted authority, with some of its operations overridden.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use keyway_certificates::{
    Capabilities, CertificateAuthority, CertificateError, CertificateOrder, CertificatePlugin, Json,
    JsonObject, OpenContext, OrderId, OrderMetadata, OrderOutcome, PluginMeta, Waiting,
};
use keyway_core::PluginMetadata;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::certificates::{CertificateSubject, OrderExample, ScriptedCa};
use crate::lock::locked;
pub(super) use crate::unique::new_intent;

/// Is the result of an overridden operation.
pub(super) type CaResult<T> = Result<T, CertificateError>;

/// Makes the subject of a mutant for `mutants!`: the kind names the capabilities of the scripted authority below, and the
/// change overrides operations of `CertificateAuthorityLayer`.
macro_rules! ca_mutant {
    ($name:ident $change:tt) => { ca_mutant!($name FULL $change) };
    ($name:ident $kind:ident ($($operation:ident |$($argument:ident),+| $body:expr),+)) => {{
        #[derive(Debug)]
        struct $name($crate::certificates::mutants::plugin::Mutated);

        impl keyway_certificates::CertificateAuthorityLayer for $name {
            type Inner = $crate::certificates::ScriptedCa;

            fn inner(&self) -> &Self::Inner {
                &self.0.ca
            }

            $(operation!($operation |$($argument),+| $body);)+
        }

        || {
            let capabilities = $crate::certificates::mutants::plugin::$kind;
            let open = |mutated| -> std::sync::Arc<dyn keyway_certificates::CertificateAuthority> {
                std::sync::Arc::new(keyway_certificates::Layered($name(mutated)))
            };
            let changed = move |ca: $crate::certificates::ScriptedCa| {
                let notes = $crate::certificates::mutants::plugin::Notes::default();
                open($crate::certificates::mutants::plugin::Mutated { ca, notes })
            };
            let ca = $crate::certificates::ScriptedCa::new().with_capabilities(capabilities);
            std::sync::Arc::new($crate::certificates::mutants::plugin::subject(stringify!($name), ca, changed))
        }
    }};
}

pub(super) use ca_mutant;

/// All capabilities.
pub(super) const FULL: Capabilities = ScriptedCa::CAPABILITIES;
/// All but those by which a call may be made again.
pub(super) const ONCE: Capabilities = FULL.idempotent(false).reconciles(false);
/// None.
pub(super) const MINIMAL: Capabilities = Capabilities::MINIMAL;

/// Is a handle of a mutant.
#[derive(Debug)]
pub(super) struct Mutated {
    pub(super) ca: ScriptedCa,
    pub(super) notes: Notes,
}

/// Remembers what a handle of a mutant needs later.
#[derive(Debug)]
pub(super) struct Notes {
    pub(super) flag: AtomicBool,
    pub(super) number: AtomicU64,
    pub(super) texts: Mutex<Vec<String>>,
    pub(super) orders: Mutex<Vec<CertificateOrder>>,
    pub(super) slot: Semaphore,
}

impl Default for Notes {
    fn default() -> Self {
        let (flag, number) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { flag, number, texts: Mutex::default(), orders: Mutex::default(), slot: Semaphore::new(1) }
    }
}

impl Mutated {
    /// Places an order that the caller did not ask for.
    pub(super) async fn place_another(&self) -> CaResult<OrderOutcome> {
        let id = OrderId::new(new_intent().as_str().to_owned())?;
        let meta = PluginMeta::new(JsonObject::new(), memory());
        self.ca.issue(&CertificateOrder::new(id, new_intent(), OrderMetadata::default(), meta)).await
    }

    /// Makes a call, and refuses all later ones if it is dropped.
    pub(super) async fn once_dropped<T>(
        &self,
        call: impl Future<Output = CaResult<T>> + Send,
    ) -> CaResult<T> {
        if self.notes.flag.swap(true, Ordering::SeqCst) {
            return Err(CertificateError::failed("It is busy.", "a call has not ended"));
        }
        let answer = call.await;
        self.notes.flag.store(false, Ordering::SeqCst);
        answer
    }
}

/// Makes a checkpoint in memory.
pub(super) fn memory() -> Arc<Mutex<JsonObject>> {
    Arc::default()
}

/// Changes what an outcome says about the next call.
pub(super) fn rewaited(
    outcome: CaResult<OrderOutcome>,
    change: impl Fn(Waiting) -> Waiting,
) -> CaResult<OrderOutcome> {
    Ok(match outcome? {
        OrderOutcome::WaitingForCa(waiting) => OrderOutcome::WaitingForCa(change(waiting)),
        other => other,
    })
}

/// Returns the name that an order is for.
pub(super) fn name_in(metadata: &OrderMetadata) -> &str {
    metadata.get("name").and_then(Json::as_text).unwrap_or_default()
}

type Opened = dyn Fn(ScriptedCa) -> Arc<dyn CertificateAuthority> + Send + Sync;

/// Opens one authority for each scratch folder, and a change of it.
struct Opening {
    ca: ScriptedCa,
    changed: Box<Opened>,
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening")
    }
}

impl CertificatePlugin for Opening {
    fn check_configuration(&self, _: &Json) -> CaResult<()> {
        Ok(())
    }

    fn open(&self, context: &OpenContext) -> CaResult<Arc<dyn CertificateAuthority>> {
        let folder = context.configuration.get("folder").and_then(Json::as_text).map(PathBuf::from);
        let folder = folder
            .ok_or_else(|| CertificateError::invalid("the configuration", "`folder` must be a path"))?;
        Ok((self.changed)(of_folder(&folder, &self.ca).with_clock(Arc::clone(&context.clock))))
    }
}

/// Returns the authority whose books belong to a scratch folder.
fn of_folder(folder: &Path, ca: &ScriptedCa) -> ScriptedCa {
    static BOOKS: LazyLock<Mutex<BTreeMap<PathBuf, ScriptedCa>>> = LazyLock::new(Mutex::default);
    let mut books = locked(&BOOKS);
    books.entry(folder.to_owned()).or_insert_with(|| ca.with_empty_books()).reopened()
}

/// Makes a subject of the scripted authority, changed.
pub(super) fn subject(
    name: &str,
    ca: ScriptedCa,
    changed: impl Fn(ScriptedCa) -> Arc<dyn CertificateAuthority> + Send + Sync + 'static,
) -> CertificateSubject {
    let metadata = PluginMetadata::from_json(
        r#"{"version": "1.0.0", "author": "The Keyway authors <keyway@example.org>", "updated": 20261129,
            "compatibility": ">=:1.0,<:2.0",
            "plugin": {"name": "Scripted", "type": "Certificate", "description": "an authority under test"}}"#,
    );
    let listed = ca.clone();
    // It is never freed, as a plugin that is registered.
    let plugin = Box::leak(Box::new(Opening { ca, changed: Box::new(changed) }));
    CertificateSubject::new(name, plugin, metadata.expect("the kit's own metadata is valid"))
        .configuration(|scratch| json!({ "folder": scratch }))
        .example(OrderExample::new(json!({ "name": "door.example.com" })))
        .refused(OrderExample::new(json!({ "name": "door.refused" })))
        .changed(OrderExample::new(json!({ "name": "gate.example.com" })))
        .listing(move |scratch| {
            of_folder(scratch, &listed).effects().iter().map(|effect| format!("{effect:?}")).collect()
        })
}
