//! Mutants that run executables, and quote the executable's error output in their errors.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use keyway_issuers::{
    Capabilities, CredentialRequest, Description, Issuer, IssuerError, RequestOutcome, Revocation,
    async_trait,
};

use super::{IssuerResult, IssuerSubject, mutants};

/// Runs an executable for at most a third of a second, and always fails. With `if_killed`, the returned error quotes
/// what the executable wrote to standard error, but only if the executable had to be killed. Without `if_killed`, it
/// quotes this output only if the executable ended in time.
#[derive(Debug)]
struct Quoting {
    command: String,
    arguments: Vec<String>,
    if_killed: bool,
}

impl Quoting {
    fn run<T>(&self) -> IssuerResult<T> {
        let failed = |error| IssuerError::system("run an executable", error);
        let mut child = Command::new(&self.command);
        child.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = child.spawn().map_err(failed)?;
        sleep(Duration::from_millis(300));
        let killed = child.try_wait().map_err(failed)?.is_none();
        drop(child.kill());
        let mut errors = String::new();
        child.stderr.take().into_iter().for_each(|mut written| drop(written.read_to_string(&mut errors)));
        drop(child.wait());
        let note = if killed == self.if_killed { errors } else { String::new() };
        Err(IssuerError::Program { reason: "it does not answer".to_owned(), note, source: None })
    }
}

#[async_trait]
impl Issuer for Quoting {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.blocking(true)
    }

    async fn describe(&self) -> IssuerResult<Description> {
        self.run()
    }

    async fn request(&self, _: &CredentialRequest) -> IssuerResult<RequestOutcome> {
        self.run()
    }

    async fn revoke(&self, _: &Revocation) -> IssuerResult<()> {
        self.run()
    }
}

fn subject(name: &str, if_killed: bool) -> IssuerSubject {
    super::executable().name(name).running(move |command, arguments| {
        Ok(Arc::new(Quoting { command: command.to_owned(), arguments: arguments.to_vec(), if_killed }))
    })
}

/// Makes the subject of a mutant for `mutants!`.
macro_rules! runner_mutant {
    ($name:ident ($if_killed:literal)) => {
        || std::sync::Arc::new(subject(stringify!($name), $if_killed))
    };
}

mutants! {
    for IssuerSubject, by runner_mutant;
    QuotesRefusedAnswers breaks ["ISS-111"] "quotes the error output of an executable whose answer it refuses" (false)
    QuotesAtTheDeadline breaks ["ISS-111"] "quotes the error output of an executable whose time is up" (true)
}
