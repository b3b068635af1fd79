//! Any WaTTS executable as an issuer.

mod cancel;
mod configuration;
mod environment;
mod issuer;
mod plugin;
mod program;
mod run;
mod runner;
mod workers;

pub use configuration::{AlphabetChoice, ProcessConfiguration, ProfileChoice};
pub use environment::{Environment, EnvironmentError};
pub use issuer::ProcessIssuer;
pub use plugin::ProcessPlugin;
pub use program::{Program, ProgramError};
pub use run::{ErrorOutput, Finished, Input, Limits, RunError};
pub use runner::Runner;

keyway_core::register! {
    keyway_issuers::Issuers {
        id: "process",
        name: "Keyway Process",
        version: "1.0.0",
        author: "The Keyway authors <keyway@example.org>",
        updated: 20261122,
        compatibility: ">=:1.0,<:2.0",
        plugin: ProcessPlugin,
    }
}
