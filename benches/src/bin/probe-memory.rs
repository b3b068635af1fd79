//! Runs the memory probe of the area `secrets` in a process of its own, so that its memory can be measured.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

use std::{env, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let [file, keys] = arguments.as_slice() else {
        eprintln!("usage: probe-memory STORE KEYS");
        return ExitCode::FAILURE;
    };
    match keyway_benches::areas::secrets::probe_memory(Path::new(file), Path::new(keys)) {
        Ok(Some(kibibytes)) => println!("{kibibytes}"),
        Ok(None) => println!("unknown"),
        Err(trouble) => {
            eprintln!("{trouble}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
