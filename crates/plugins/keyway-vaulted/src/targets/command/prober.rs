//! Checks credentials by an executable.

use async_trait::async_trait;
use keyway_credentials::{Candidate, CredentialError, Probed, Prober, TargetCredential};
use keyway_process::Runner;

use super::order::Order;
use super::run::run;

/// Checks credentials by an executable that logs in to the target, and out again.
///
/// The order has the entries `version`, `account`, `asset` and `kind` of the order of a
/// [`CommandChanger`](super::CommandChanger). Its `action` is `"probe"`, and its `credential` has the same form as
/// `old` and `new` in that order. The executable prints one word, and exits with status 0:
///
/// | word | it says |
/// | --- | --- |
/// | `opens` | the target accepts the credential |
/// | `refused` | the target was asked, and refuses the credential |
///
/// Any other result means that the target could not be asked. Print `refused` only if the target certainly refused the
/// credential: an account that refuses its old and its new credential counts as diverged.
///
/// ```
/// use std::num::NonZeroUsize;
///
/// use keyway_credentials::{Account, Asset, Candidate, Password, Probed, Prober, TargetCredential};
/// use keyway_process::{Environment, Limits, Program, Runner};
/// use keyway_vaulted::targets::CommandProber;
///
/// // This target knows one password. A real script logs in.
/// let script = r#"case $(cat) in
///     *'"credential":{"password":"correct horse"}'*) echo opens ;;
///     *) echo refused ;;
///     esac"#;
/// let program = Program::new("/bin/sh")?.argument("-c").argument(script);
/// let runner = Runner::new(program, Environment::of_the_host(), Limits::DEFAULT, NonZeroUsize::MIN);
/// let prober = CommandProber::new(runner);
///
/// let candidate = Candidate::new(Account::new("joe")?, Asset::new("web1")?);
/// for (password, probed) in [("correct horse", Probed::Opens), ("wrong", Probed::Refused)] {
///     let credential = TargetCredential::Password(Password::new(password));
///     assert_eq!(pollster::block_on(prober.probe(&candidate, &credential))?, probed);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cancel safety
/// Dropping a future kills the executable.
#[derive(Debug)]
pub struct CommandProber(Runner);

impl CommandProber {
    /// Checks credentials by the program of a runner, with its deadline and its limit of the output.
    pub const fn new(runner: Runner) -> Self {
        Self(runner)
    }
}

#[async_trait]
impl Prober for CommandProber {
    async fn probe(
        &self,
        candidate: &Candidate,
        credential: &TargetCredential,
    ) -> Result<Probed, CredentialError> {
        let mut order = Order::new("probe", candidate, credential)?;
        order.set_credential("credential", credential)?;
        let answer = run(&self.0, &order, &["opens", "refused"]).await?;
        match answer.word {
            Some("opens") => Ok(Probed::Opens),
            Some(_) => Ok(Probed::Refused),
            None => Err(CredentialError::Unavailable {
                what: "the target of a command",
                retry_after: None,
                source: Some(answer.note.into()),
            }),
        }
    }
}
