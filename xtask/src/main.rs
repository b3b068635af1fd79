//! Tasks of the Keyway workspace, run as `cargo xtask TASK`.
//!
//! One file per task. This package compiles before anything else on a new machine, so it depends on an argument
//! parser and on JSON only, and on no crate of the workspace.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

mod arrows;
mod bench;
mod cargo;
mod conformance;
mod deny;
mod features;
mod fuzz;
mod instructions;
mod miri;
mod new;
mod replay;
mod rooms;
mod rules;
mod rust_paths;
mod services;
mod skips;
mod summary;
mod test;
mod tools;
mod torture;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask TASK [OPTIONS]

Tasks:
  test                        every test: unit, integration and documentation tests, and the example host
      --require-services      fail when a real program that a test needs is missing
      --install-services      install Debian packages and Python packages first; unavailable ones are skipped
  services                    install the real programs that some tests run against
  bench [AREA]                measure, and print each figure beside its target and its peer
      --json FILE             write the rows as JSON too
      --list                  print the areas
  arrows                      check the arrows in ARCHITECTURE.md against what cargo reports, and the rooms of keyway-host
  deny                        check the dependencies against deny.toml (installs cargo-deny)
  features                    check the dependencies of packages without some of their features
  conformance                 run the conformance suites over everything that is linked (--help says more)
      --mutants               prove the suites with plugins that are broken on purpose
  new secret-store NAME       make the crate of a new plugin that passes its suite
  new issuer NAME             the same of an issuer, which is also an executable
  new certificate-plugin NAME, new credential-store NAME
                              the same of the other kinds
      --path DIR              where (default: crates/plugins)
  replay FILE...              replay golden vectors: the recorded behaviour of upstream systems
      --update                replay the repository's, and write how many each decision overrules
  rules                       write docs/rules.md
  fuzz [TARGET]               run the fuzz targets for a short time (installs cargo-fuzz)
      --seconds N             how long each target runs (default 5)
  instructions                count the instructions of the hot paths against the baseline (needs valgrind)
      --update                make a new baseline
  torture AREA                kill processes that write, and check the rest; for secrets and grants, also simulate power loss (--help says more)
      --kills N               how many are killed (default 200)
      --seed S                the seed of all choices (default 1)
  miri                        the parser and the registry under miri (needs nightly and miri)
";

/// The failure of a task: a text for the person at the terminal.
type Failure = String;

fn main() -> ExitCode {
    let mut arguments = lexopt::Parser::from_env();
    let outcome = match arguments.next() {
        Ok(Some(lexopt::Arg::Value(task))) => match task.to_str() {
            Some("test") => test::run(arguments),
            Some("bench") => bench::run(arguments),
            Some("arrows") => arrows::run(arguments),
            Some("deny") => deny::run(arguments),
            Some("features") => features::run(arguments),
            Some("fuzz") => fuzz::run(arguments),
            Some("instructions") => instructions::run(arguments),
            Some("miri") => miri::run(arguments),
            Some("conformance") => conformance::run(arguments),
            Some("new") => new::run(arguments),
            Some("replay") => replay::run(arguments),
            Some("rules") => rules::run(arguments),
            Some("services") => services::run(arguments),
            Some("torture") => torture::run(arguments),
            Some("help") => help(),
            _ => Err(format!("no task is called {}\n\n{USAGE}", task.to_string_lossy())),
        },
        Ok(Some(lexopt::Arg::Long("help") | lexopt::Arg::Short('h'))) => help(),
        Ok(Some(other)) => Err(format!("{}\n\n{USAGE}", other.unexpected())),
        Ok(None) => Err(USAGE.to_owned()),
        Err(error) => Err(error.to_string()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Refuses arguments that a task does not know.
fn expect_no_more(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    match arguments.next().map_err(|error| error.to_string())? {
        None => Ok(()),
        Some(argument) => Err(argument.unexpected().to_string()),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "one of the tasks")]
fn help() -> Result<(), Failure> {
    print!("{USAGE}");
    Ok(())
}
