//! Creates the virtual environments for the tests; `cargo xtask test --install-services` runs it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

use std::process::ExitCode;

use keyway_tests::services::{CONVECTION, LOCKER, SPS, python_with};

fn main() -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for packages in [CONVECTION, LOCKER, SPS] {
        match python_with(&packages) {
            Ok(python) => println!("the Python packages {} are there: {}", packages.name, python.display()),
            Err(skip) => {
                eprintln!("{skip}");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}
