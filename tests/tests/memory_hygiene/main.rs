//! Tests that closing a store leaves none of its secrets in the memory of the process.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
#[test]
fn no_secret_is_left_in_memory() {
    let skip =
        keyway_tests::services::Skip::new("/proc", "the memory of a process is looked at on Linux only");
    skip.report("secrets that are left in memory");
}
