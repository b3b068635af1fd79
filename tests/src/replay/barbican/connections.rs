//! Starts a host with connections. A connection is a name in the configuration of the host, and the certificate plugin
//! behind it.

use std::sync::Arc;

use keyway_certificates::{AuthorityName, CertificateAuthority};
use keyway_core::{Plugins, plugins};
use keyway_host::orders::Authority;
use keyway_host::{Host, HostError};
use keyway_seal::{Key, KeyRing};
use keyway_storage::Memory;
use serde_json::json;

use super::script::Scripted;
use super::stage::run;
use crate::replay::{Class, StepOutcome};

/// A plugin that cannot be opened here, because it needs keys, and this host passes none.
const PLUGINS: Plugins = plugins! { keyway_local_ca };

/// A connection, by its name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Connection<'a> {
    /// Its plugin works.
    Works(&'a str),
    /// Its plugin does not exist.
    Missing(&'a str),
    /// Its plugin cannot be opened.
    Fails(&'a str),
}

impl<'a> Connection<'a> {
    pub(super) const fn name(&self) -> &'a str {
        match self {
            Self::Works(name) | Self::Missing(name) | Self::Fails(name) => name,
        }
    }
}

/// Starts a host with these connections, and returns the names of those that work.
pub(super) fn loaded(connections: &[Connection<'_>]) -> StepOutcome {
    let started = run(async {
        let registry = PLUGINS.registry().map_err(|_| Class::Internal)?;
        let key = Key::generate().map_err(|_| Class::Internal)?;
        let keys = KeyRing::new([key]).map_err(|_| Class::Internal)?;
        let mut builder = Host::builder(registry, Arc::new(Memory::new()), keys);
        for connection in connections {
            let name = AuthorityName::new(connection.name()).map_err(|_| Class::Invalid)?;
            builder = builder.authority(match connection {
                Connection::Works(_) => {
                    let authority = Arc::new(Scripted::new([])) as Arc<dyn CertificateAuthority>;
                    Authority::with_authority(name, authority)
                }
                Connection::Missing(_) => Authority::new(name, "missing"),
                Connection::Fails(_) => Authority::new(name, "local-ca"),
            });
        }
        match builder.start().await {
            Ok(host) => Ok(host),
            Err(HostError::DuplicateAuthority { .. }) => Err(Class::Invalid),
            Err(_) => Err(Class::Internal),
        }
    });
    match started {
        Ok(host) => {
            let views = host.orders().authorities();
            let works = views.iter().filter(|view| view.capabilities.is_ok());
            StepOutcome::Ok(json!(works.map(|view| view.name.as_str()).collect::<Vec<_>>()))
        }
        Err(class) => StepOutcome::Refused(class),
    }
}
