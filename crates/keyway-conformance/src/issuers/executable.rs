//! Executables under test, and an issuer that calls one over the wire format.

use std::fmt;
use std::sync::{Arc, OnceLock};

use keyway_issuers::wire::{Ended, Profile, WireOptions, host};
use keyway_issuers::{
    Capabilities, CredentialRequest, Description, Features, Issuer, IssuerError, RequestOutcome, Revocation,
    SecretText, async_trait,
};

/// The input of a run, and how it reaches the process.
#[derive(Clone, Debug)]
pub enum ExecutableInput {
    /// The input is the last argument.
    Argument(SecretText),
    /// The input is written to standard input, which is then closed.
    Standard(SecretText),
}

impl ExecutableInput {
    /// Chooses standard input if `stdin` is set, and otherwise an argument.
    pub(super) const fn new(sent: SecretText, stdin: bool) -> Self {
        if stdin { Self::Standard(sent) } else { Self::Argument(sent) }
    }
}

/// The outcome of a run of an executable. `Debug` shows sizes only.
pub struct Printed {
    /// The whole standard output.
    pub output: Vec<u8>,
    /// The exit status, or the signal that ended the executable.
    pub ended: Ended,
    /// The error output. If it is long, this is only its last part.
    pub errors: Vec<u8>,
    /// The number of processes that the executable left running.
    pub left_behind: usize,
}

impl Printed {
    /// Creates the outcome of a successful run with this output and without error output.
    pub const fn new(output: Vec<u8>) -> Self {
        Self { output, ended: Ended::SUCCESS, errors: Vec::new(), left_behind: 0 }
    }
}

impl fmt::Debug for Printed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Printed")
            .field("output", &self.output.len())
            .field("ended", &self.ended)
            .field("errors", &self.errors.len())
            .field("left_behind", &self.left_behind)
            .finish()
    }
}

/// An executable under test. Each call of [`run`](Self::run) runs it once. With the feature `executables`,
/// `IssuerSubject::process` runs real executables.
#[async_trait]
pub trait Executable: fmt::Debug + Send + Sync {
    /// Runs the executable to its end.
    ///
    /// # Errors
    /// The reason why there is no result to judge: the executable could not be started, or had to be killed.
    async fn run(&self, input: ExecutableInput) -> Result<Printed, String>;
}

/// An issuer that calls an [`Executable`] over the wire format.
#[derive(Clone, Debug)]
pub(super) struct WireIssuer {
    pub(super) executable: Arc<dyn Executable>,
    pub(super) options: WireOptions,
    pub(super) profile: Profile,
    pub(super) features: OnceLock<Features>,
}

impl WireIssuer {
    async fn run(&self, input: ExecutableInput) -> Result<Printed, IssuerError> {
        let program = |reason| IssuerError::Program { reason, note: String::new(), source: None };
        self.executable.run(input).await.map_err(program)
    }

    async fn ask(
        &self,
        encode: impl FnOnce(&WireOptions) -> SecretText + Send,
    ) -> Result<Printed, IssuerError> {
        let features = match self.features.get() {
            Some(features) => *features,
            None => self.describe().await?.features(),
        };
        let sent = encode(&self.options.clone().with_intent_id(features.idempotent));
        self.run(ExecutableInput::new(sent, features.stdin)).await
    }
}

#[async_trait]
impl Issuer for WireIssuer {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        let input = ExecutableInput::Argument(host::encode_parameter(&self.options));
        let printed = self.run(input).await?;
        let description = host::decode_description(&printed.output, printed.ended, self.profile)?;
        let _ = self.features.set(description.features());
        Ok(description)
    }

    async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        let printed = self.ask(|options| host::encode_request(request, options)).await?;
        host::decode_outcome(&printed.output, printed.ended, self.profile)
    }

    async fn revoke(&self, revocation: &Revocation) -> Result<(), IssuerError> {
        let printed = self.ask(|options| host::encode_revoke(revocation, options)).await?;
        host::decode_revoked(&printed.output, printed.ended, self.profile)
    }
}
