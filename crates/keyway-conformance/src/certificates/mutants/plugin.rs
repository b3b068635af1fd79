//! The subjects of mutants: the scripted authority, with some of its operations overridden.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use keyway_certificates::{
    Capabilities, CertificateAuthority, CertificateError, CertificateOrder, CertificatePlugin, Json,
    JsonObject, OpenContext, OrderId, OrderMetadata, OrderOutcome, PluginMeta, Waiting,
};
use keyway_core::PluginMetadata;
use serde_json::json;

use crate::certificates::{CertificateSubject, OrderExample, ScriptedCa};
use crate::mutated::{self, ByFolder};
pub(super) use crate::unique::new_intent;

/// The result of an overridden operation.
pub(super) type CaResult<T> = Result<T, CertificateError>;

/// Makes the subject of a mutant for `mutants!`. `$kind` is the constant with the capabilities of the scripted
/// authority (`FULL` if it is omitted). The other arguments override operations of `CertificateAuthorityLayer`.
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
/// All capabilities except those by which a host repeats a call or asks for the call's outcome.
pub(super) const ONCE: Capabilities = FULL.idempotent(false).reconciles(false);
/// Only custom requests, and no other capability.
pub(super) const MINIMAL: Capabilities = Capabilities::MINIMAL.prompt(true);

/// A handle of a mutant.
#[derive(Debug)]
pub(super) struct Mutated {
    pub(super) ca: ScriptedCa,
    pub(super) notes: Notes,
}

pub(super) type Notes = mutated::Notes<CertificateOrder>;

impl Mutated {
    /// Places an order that the caller did not request.
    pub(super) async fn place_another(&self) -> CaResult<OrderOutcome> {
        let id = OrderId::new(new_intent().as_str().to_owned())?;
        let meta = PluginMeta::new(JsonObject::new(), memory());
        self.ca.issue(&CertificateOrder::new(id, new_intent(), OrderMetadata::default(), meta)).await
    }
}

/// Makes a storage for checkpoints in memory.
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

/// Returns the name for which the certificate is ordered, or an empty text if the metadata have no name.
pub(super) fn name_in(metadata: &OrderMetadata) -> &str {
    metadata.get("name").and_then(Json::as_text).unwrap_or_default()
}

type Opened = dyn Fn(ScriptedCa) -> Arc<dyn CertificateAuthority> + Send + Sync;

/// Opens one authority for each scratch folder, with the change of the mutant.
struct Opening {
    ca: ScriptedCa,
    all: ByFolder<ScriptedCa>,
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
        let folder = mutated::folder_in(&context.configuration)
            .ok_or_else(|| CertificateError::invalid("the configuration", "`folder` must be a path"))?;
        let ca = of_folder(&self.all, &folder, &self.ca);
        Ok((self.changed)(ca.with_clock(Arc::clone(&context.clock))))
    }
}

/// Returns a new handle of the authority that belongs to a scratch folder. Each folder has an authority with books of
/// its own.
fn of_folder(all: &ByFolder<ScriptedCa>, folder: &Path, ca: &ScriptedCa) -> ScriptedCa {
    all.of(folder, || ca.with_empty_books()).reopened()
}

/// Makes a subject: the scripted authority with the change of a mutant.
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
    let (listed, all) = (ca.clone(), ByFolder::default());
    let opened = all.clone();
    // The plugin is never freed, just as a registered plugin.
    let plugin = Box::leak(Box::new(Opening { ca, all, changed: Box::new(changed) }));
    CertificateSubject::new(name, plugin, metadata.expect("the kit's own metadata is valid"))
        .configuration(|scratch| json!({ "folder": scratch }))
        .example(OrderExample::new(json!({ "name": "door.example.com" })))
        .refused(OrderExample::new(json!({ "name": "door.refused" })))
        .changed(OrderExample::new(json!({ "name": "gate.example.com" })))
        .listing(move |scratch| {
            of_folder(&opened, scratch, &listed)
                .effects()
                .iter()
                .map(|effect| format!("{effect:?}"))
                .collect()
        })
}
