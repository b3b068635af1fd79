//! The measured areas, one file each.

mod certificates;
pub mod compatibility;
pub mod convection;
mod credentials;
mod executables;
mod footprint;
mod grants;
mod host;
pub mod issuers;
mod leases;
mod local_ca;
mod locker;
mod locker_project;
mod order_parts;
pub mod registry;
pub mod seal;
pub mod secrets;
mod secrets_client;
mod secrets_many;
mod ssh;
mod vaulted;

use crate::row::Row;

/// An error that prevents measuring an area.
pub type BenchError = Box<dyn std::error::Error>;

/// A group of figures that are measured together.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    /// The area's name on the command line.
    pub name: &'static str,
    /// The area's purpose in one line.
    pub about: &'static str,
    /// Measures the area. The first argument is its name.
    pub run: fn(&'static str) -> Result<Vec<Row>, BenchError>,
}

/// Every area, in the order in which they run.
pub const AREAS: &[Area] = &[
    Area { name: "compatibility", about: "parsing and matching of version ranges", run: compatibility::run },
    Area { name: "registry", about: "collecting and looking up a hundred plugins", run: registry::run },
    Area { name: "seal", about: "sealing and opening of Fernet tokens", run: seal::run },
    Area {
        name: "secrets",
        about: "the generic store with 100,000 secrets, and the client on it",
        run: secrets::run,
    },
    Area {
        name: "secrets-many",
        about: "bulk writes, imports and `info` beside a million secrets, creates by 64 tasks",
        run: secrets_many::run,
    },
    Area {
        name: "locker",
        about: "the program that Locker's SDKs start, and the plugin for Locker's service",
        run: locker::run,
    },
    Area { name: "convection", about: "processor time against the real Python plugin", run: convection::run },
    Area { name: "issuers", about: "the wire of issuers, grants, and executables", run: issuers_and_grants },
    Area {
        name: "certificates",
        about: "steps of certificate orders, orders that wait, and the local CA",
        run: certificates::run,
    },
    Area {
        name: "credentials",
        about: "sessions at credential stores, their commits, and leases that end",
        run: credentials::run,
    },
    Area { name: "host", about: "reads, timers and waiting work of a host", run: host::run },
    Area { name: "ssh", about: "revoking a certificate among 100,000", run: ssh::run },
    Area { name: "footprint", about: "how many crates a plugin compiles", run: footprint::run },
];

/// Measures the grant engine, the wire format of issuers, and executables.
fn issuers_and_grants(area: &'static str) -> Result<Vec<Row>, BenchError> {
    // The grant engine is measured first, while the process is fresh. After the other measurements it would be a third
    // slower.
    let mut rows = grants::run(area)?;
    rows.extend(issuers::run(area)?);
    Ok(rows)
}
