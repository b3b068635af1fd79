//! The program `locker-sdk`, with the secret store plugins of this project.

use std::process::ExitCode;

use keyway_core::{Plugins, plugins};

const PLUGINS: Plugins = plugins! { keyway_convection, keyway_generic, keyway_locker, keyway_passdb };

fn main() -> ExitCode {
    keyway_locker_sdk::run(&PLUGINS)
}
