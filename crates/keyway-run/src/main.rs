//! Starts executables for a host, and ends all their processes.

#[cfg(target_os = "linux")]
mod group;
#[cfg(target_os = "linux")]
mod offspring;
#[cfg(target_os = "linux")]
mod serve;

/// Serves a host until the host is gone. Only a host starts this program; it is of no use on a
/// command line.
#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    serve::serve()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    std::process::ExitCode::FAILURE
}
