//! The authority with storage in memory that replaces upstream's snake-oil authority.

use std::sync::{Arc, Mutex};

use keyway_certificates::{
    AuthorityName, CaId, CertificateAuthorities, CertificateOrder, CreateCa, IntentId, JsonObject,
    OpenContext, OrderId, OrderMetadata, Owner, PluginMeta, RequestContext,
};
use keyway_core::{Clock, Json, Plugins, Resources, plugins};
use keyway_local_ca::LocalCa;
use keyway_seal::{Key, KeyRing};
use keyway_storage::{Memory, Storage};
use keyway_x509::IssuedFacts;
use serde_json::{Value, json};

use super::stage::{Still, class};
use crate::replay::Class;
use crate::replay::oracle::barbican::{issued, subject};

const PLUGINS: Plugins = plugins! { keyway_local_ca };

/// The storage, the key and the clock of an authority. The clock stands still at the time of its creation, so the
/// certificates are already valid for a host that starts later.
pub(super) struct Desk {
    storage: Arc<dyn Storage>,
    keys: KeyRing,
    clock: Arc<Still>,
}

impl Desk {
    pub(super) fn new() -> Result<Self, Class> {
        let key = Key::generate().map_err(|_| Class::Internal)?;
        let keys = KeyRing::new([key]).map_err(|_| Class::Internal)?;
        Ok(Self { storage: Arc::new(Memory::new()), keys, clock: Still::at_present() })
    }

    /// Opens the authority, as each process does.
    pub(super) fn open(&self) -> Result<Arc<LocalCa>, Class> {
        let registry = PLUGINS.registry().map_err(|_| Class::Internal)?;
        let plugin = registry.get::<CertificateAuthorities>("local-ca").map_err(|_| Class::Internal)?;
        let name = AuthorityName::new("snakeoil").map_err(|_| Class::Internal)?;
        let context = OpenContext::new(name, plugin.metadata().clone())
            .with_configuration(Json::from(json!({
                "root": { "subject": issued::ROOT, "days": 2 * issued::AUTHORITY_DAYS, "path_length": 5 },
                "days": issued::DAYS,
                "most_days": issued::DAYS,
                "authority_days": issued::AUTHORITY_DAYS,
                "backdate_minutes": 0,
            })))
            .with_clock(Arc::clone(&self.clock) as Arc<dyn Clock>)
            .with_resources(Resources::new().with(Arc::clone(&self.storage)).with(self.keys.clone()));
        LocalCa::new(&context).map(Arc::new).map_err(|error| class(&error))
    }
}

fn intent(text: &str) -> Result<IntentId, Class> {
    IntentId::new(text).ok_or(Class::Internal)
}

/// Makes an order of a client, for the authority `ca`, or for the default authority if `ca` is `None`.
pub(super) fn order(metadata: &Value, ca: Option<CaId>) -> Result<CertificateOrder, Class> {
    let metadata = OrderMetadata::from_json(metadata.to_string().as_bytes()).map_err(|_| Class::Invalid)?;
    let meta = PluginMeta::new(JsonObject::new(), Arc::new(Mutex::new(JsonObject::new())));
    let id = OrderId::new("order-1").map_err(|_| Class::Internal)?;
    let context = ca.map_or_else(RequestContext::new, |ca| RequestContext::new().with_ca(ca));
    Ok(CertificateOrder::new(id, intent("order-1")?, metadata, meta).with_context(context))
}

/// Makes the request for a subordinate authority.
pub(super) fn new_ca(name: &str, subject: &str, parent: &str) -> Result<CreateCa, Class> {
    let parent = CaId::new(parent).map_err(|_| Class::Invalid)?;
    let owner = Owner::new("project").map_err(|_| Class::Internal)?;
    Ok(CreateCa::new(intent(name)?, name, subject, parent, owner))
}

/// Returns the facts of a certificate, in the form of the vectors.
pub(super) fn facts(certificate: &str) -> Result<Value, Class> {
    let facts = IssuedFacts::read(certificate).map_err(|_| Class::Invalid)?;
    let milliseconds = facts.not_after.as_milliseconds() - facts.not_before.as_milliseconds();
    Ok(json!({
        "subject": subject::encoded(&facts.subject.to_string()),
        "issuer": subject::encoded(&facts.issuer.to_string()),
        "days": issued::whole_days(milliseconds / 1000),
        "serial_is_one": facts.serial_bytes() == [1],
        "serial_bits_max_128": facts.serial_bytes().len() <= 16,
    }))
}
