//! Makes runtimes for the threads of the kit.

use tokio::runtime::{Builder, Runtime};

use crate::{Broken, broken};

/// Makes a single-threaded runtime with timers.
pub(crate) fn runtime() -> Result<Runtime, Broken> {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.map_err(|error| broken("a runtime to run on", error.to_string()))
}
