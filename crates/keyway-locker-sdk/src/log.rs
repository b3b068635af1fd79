//! The log, on standard error.

use keyway_client::LogLevel;

/// Writes events of this level and above to standard error from now on. A second call changes nothing.
pub(crate) fn start(level: LogLevel) {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level.as_tracing())
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .finish();
    // An error means that a log is already running.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
