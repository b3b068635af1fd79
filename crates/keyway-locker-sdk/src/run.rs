//! The commands of the program.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::panic;
use std::process::ExitCode;

use keyway_client::LogLevel;
use keyway_core::{Plugins, read_standard_input, with_causes, write_standard_output};
use keyway_secrets::StoreName;

use crate::envelope::MAX_BYTES;
use crate::{Configuration, ConfigurationError, answer, log, make_stores, new_key};

const HELP: &str = "\
locker-sdk answers Locker's official SDKs from a store of this machine.

  locker-sdk sdk             answers the request on standard input (what an SDK runs)
  locker-sdk init            makes the stores of the configuration that do not exist yet
  locker-sdk new-key STORE   prints a new access key for a store
  locker-sdk help            prints this text

The configuration is $XDG_CONFIG_HOME/keyway/locker-sdk.toml (or below ~/.config), for its owner only:

  log = \"warning\"

  [stores.web]
  plugin = \"generic\"
  keys = \"/etc/keyway/web.keys\"
  sqlite = \"/var/lib/keyway/web.db\"

  [[access]]               the four lines that new-key prints
  id = \"...\"
  secret_sha256 = \"...\"
  store = \"web\"

Set LOCKER_CLI_PATH to this program.
";

/// Runs the program with these plugins: reads its arguments, and returns its status.
///
/// The command `sdk` ends with success whenever it wrote an answer, even if the answer reports an error. A panic of a
/// plugin prints its place and omits its text. Blocks.
pub fn run(plugins: &Plugins) -> ExitCode {
    panic::set_hook(Box::new(|panicked| {
        // The hook reports the place and omits the text, which may hold a secret.
        let place = panicked.location().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(io::stderr(), "locker-sdk: panicked at {place}");
    }));
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<_> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let done = match words[..] {
        ["sdk"] => serve(plugins),
        ["init"] => init(plugins),
        ["new-key", store] => match StoreName::new(store) {
            Ok(store) => new_key::write_new_key(&store, &mut io::stdout()),
            Err(error) => Err(io::Error::other(error)),
        },
        ["help" | "--help" | "-h"] => io::stdout().write_all(HELP.as_bytes()),
        ["--version"] => writeln!(io::stdout(), "locker-sdk {}", env!("CARGO_PKG_VERSION")),
        _ => {
            let fault = match words.first() {
                None => "name a command".to_owned(),
                Some(&"new-key") => "name the one store that the new key opens".to_owned(),
                Some(other) => format!("`{other}` is not a command, or has wrong arguments"),
            };
            let _ = writeln!(io::stderr(), "locker-sdk: {fault}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "locker-sdk: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(plugins: &Plugins) -> io::Result<()> {
    // One byte over the limit shows that the request is too long.
    let request = read_standard_input(MAX_BYTES + 1)?;
    write_standard_output(answer(&request, plugins, configuration).as_bytes())
}

/// Reads the configuration, and starts the log at its level.
fn configuration() -> Result<Configuration, ConfigurationError> {
    let read = Configuration::read();
    log::start(read.as_ref().map_or(LogLevel::default(), |configuration| configuration.log));
    read
}

/// Makes the stores that do not exist yet.
fn init(plugins: &Plugins) -> io::Result<()> {
    let configuration = configuration().map_err(|error| io::Error::other(with_causes(&error)))?;
    let stores = make_stores(plugins, &configuration)?;
    if stores.is_empty() {
        return Err(io::Error::other("the configuration has no stores"));
    }
    for (name, made) in stores {
        writeln!(io::stdout(), "{name}: {}", if made { "made" } else { "there already" })?;
    }
    Ok(())
}
