//! Changes credentials by an executable.

use async_trait::async_trait;
use keyway_core::Json;
use keyway_credentials::{Changer, CredentialChange, CredentialError};
use keyway_process::Runner;

use super::order::Order;
use super::run::run;

/// Changes credentials by an executable, such as a script around `chpasswd` or around the client of a database.
///
/// # The order
/// The executable gets one JSON object and a line feed on its standard input, never an argument or a variable:
///
/// | entry | value |
/// | --- | --- |
/// | `version` | `1` |
/// | `action` | `"change"` |
/// | `account`, `asset` | texts that users may have chosen: check them before you use them |
/// | `intent` | the id of the change, the same when it is ordered again |
/// | `kind` | `"password"` or `"private_key"` |
/// | `old`, `new` | `{"password": ".."}`, or `{"private_key": ".."}` as PEM, with `"passphrase"` if it has one |
///
/// # The answer
/// The executable prints one word, and exits with status 0:
///
/// | word | it says | the store |
/// | --- | --- | --- |
/// | `changed` | the target accepts the new credential, and not the old one any more | checks that |
/// | `refused` | the target does not take the new credential, such as a password that is too short; nothing changed, and the same order would be refused again | gives the new credential up |
/// | `unchanged` | nothing changed, and the same order may succeed later | tries again later |
///
/// Any other result means that the effect is unknown: another status, another output, a signal, a passed deadline. So a
/// script may simply fail in the middle. The same order may come again, even after it was carried out. The executable
/// then answers `changed`.
///
/// ```
/// use std::num::NonZeroUsize;
///
/// use keyway_core::IntentId;
/// use keyway_credentials::{Account, Asset, Candidate, Changer, CredentialChange, Password, TargetCredential};
/// use keyway_process::{Environment, Limits, Program, Runner};
/// use keyway_vaulted::targets::CommandChanger;
///
/// // This target is a file. A real script decodes the JSON, such as with `jq`, and passes the password on by standard
/// // input again: `printf '%s' "$order" | jq -j '.account, ":", .new.password, "\n"' | chpasswd`.
/// # let folder = tempfile::tempdir()?;
/// let script = folder.path().join("change.sh");
/// std::fs::write(&script, r#"
///     set -eu
///     order=$(cat)
///     case $order in
///     *'"account":"joe"'*) ;;
///     *) echo unchanged; exit ;;
///     esac
///     new=$(printf '%s' "$order" | sed 's/.*"new":{"password":"\([^"]*\)"}.*/\1/')
///     if [ ${#new} -lt 8 ]; then echo refused; exit; fi
///     printf '%s' "$new" > "$1"
///     echo changed
/// "#)?;
/// let target = folder.path().join("target");
/// let program = Program::new("/bin/sh")?.argument(&script).argument(&target);
/// let runner = Runner::new(program, Environment::of_the_host(), Limits::DEFAULT, NonZeroUsize::MIN);
/// let changer = CommandChanger::new(runner);
///
/// let password = |text: &str| TargetCredential::Password(Password::new(text));
/// let change = CredentialChange::new(
///     IntentId::new("intent-1").ok_or("an id")?,
///     Candidate::new(Account::new("joe")?, Asset::new("web1")?),
///     password("old secret"),
///     password("new secret"),
/// );
/// pollster::block_on(changer.change(&change))?;
/// assert_eq!(std::fs::read_to_string(&target)?, "new secret");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cancel safety
/// Dropping a future kills the executable. It may have changed the credential.
#[derive(Debug)]
pub struct CommandChanger(Runner);

impl CommandChanger {
    /// Changes credentials by the program of a runner, with its deadline and its limit of the output.
    pub const fn new(runner: Runner) -> Self {
        Self(runner)
    }
}

#[async_trait]
impl Changer for CommandChanger {
    async fn change(&self, change: &CredentialChange) -> Result<(), CredentialError> {
        const WORDS: [&str; 3] = ["changed", "refused", "unchanged"];
        let mut order = Order::new("change", &change.candidate, &change.new)?;
        order.set("intent", Json::text(change.intent.as_str()));
        order.set_credential("old", &change.old)?;
        order.set_credential("new", &change.new)?;
        let answer = run(&self.0, &order, &WORDS).await?;
        match answer.word {
            Some("changed") => Ok(()),
            Some("refused") => Err(CredentialError::refused(
                "The target does not take the new credential.",
                format!("the command refused a new credential; {}", answer.note),
            )),
            Some(_) => Err(CredentialError::Unavailable {
                what: "the target of a command",
                retry_after: None,
                source: Some(answer.note.into()),
            }),
            None => Err(CredentialError::failed(
                "Whether the credential was changed is not known.",
                format!("the command did not say whether it changed a credential; {}", answer.note),
            )),
        }
    }
}
