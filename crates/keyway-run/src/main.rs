//! The helper: starts executables for a host, and ends all that they start.

#[cfg(target_os = "linux")]
mod group;
#[cfg(target_os = "linux")]
mod offspring;
#[cfg(target_os = "linux")]
mod serve;

/// Runs until the host is gone. A host starts it; there is nothing for a user to do with it.
#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    serve::serve()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    std::process::ExitCode::FAILURE
}
