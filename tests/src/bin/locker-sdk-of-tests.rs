//! The program `locker-sdk`, for tests that run Locker's official SDK.

fn main() -> std::process::ExitCode {
    keyway_locker_sdk::run(&keyway_tests::locker_sdk::PLUGINS)
}
