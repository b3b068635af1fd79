//! An executable under test, and an issuer that asks it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use keyway_issuers::wire::{Ended, Profile, WireOptions, host};
use keyway_issuers::{
    Capabilities, CredentialRequest, Description, Features, Issuer, IssuerError, IssuerPlugin, OpenContext,
    RequestOutcome, Revocation, SecretText, async_trait,
};

/// What an executable gets.
#[derive(Clone, Debug)]
pub enum ExecutableInput {
    /// As its last argument.
    Argument(SecretText),
    /// On standard input, which then ends.
    Standard(SecretText),
}

/// What a run of an executable brought. `Debug` shows sizes only.
#[non_exhaustive]
pub struct Printed {
    /// All that it wrote to standard output.
    pub output: Vec<u8>,
    /// How it ended.
    pub ended: Ended,
    /// What it wrote to its error output, or the end of that.
    pub errors: Vec<u8>,
    /// How many processes it left behind.
    pub left_behind: usize,
}

impl Printed {
    /// A run that printed this, wrote nothing else, and ended well.
    pub const fn new(output: Vec<u8>) -> Self {
        Self { output, ended: Ended::SUCCESS, errors: Vec::new(), left_behind: 0 }
    }

    /// Sets how it ended.
    #[must_use]
    pub const fn ended(mut self, ended: Ended) -> Self {
        self.ended = ended;
        self
    }

    /// Sets what it wrote to its error output.
    #[must_use]
    pub fn errors(mut self, errors: Vec<u8>) -> Self {
        self.errors = errors;
        self
    }

    /// Sets how many processes it left behind.
    #[must_use]
    pub const fn left_behind(mut self, processes: usize) -> Self {
        self.left_behind = processes;
        self
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

/// A way to run one executable, once for each call.
///
/// The feature `executables` runs real ones
/// (`IssuerSubject::process`).
#[async_trait]
pub trait Executable: fmt::Debug + Send + Sync {
    /// Runs it to its end.
    ///
    /// # Errors
    /// Why there is nothing to judge: it could not be started, or had to be killed.
    async fn run(&self, input: ExecutableInput) -> Result<Printed, String>;
}

/// The plugin of an executable that somebody else knows how to run.
#[derive(Debug)]
pub(super) struct WirePlugin {
    pub(super) executable: Arc<dyn Executable>,
    pub(super) options: WireOptions,
    pub(super) profile: Profile,
    pub(super) idempotent: bool,
}

impl IssuerPlugin for WirePlugin {
    fn open(&self, _: &OpenContext) -> Result<Arc<dyn Issuer>, IssuerError> {
        Ok(Arc::new(WireIssuer {
            executable: Arc::clone(&self.executable),
            options: self.options.clone(),
            profile: self.profile,
            idempotent: self.idempotent,
            features: Mutex::new(None),
        }))
    }
}

#[derive(Debug)]
struct WireIssuer {
    executable: Arc<dyn Executable>,
    options: WireOptions,
    profile: Profile,
    idempotent: bool,
    features: Mutex<Option<Features>>,
}

impl WireIssuer {
    async fn run(&self, input: ExecutableInput) -> Result<Printed, IssuerError> {
        self.executable.run(input).await.map_err(|reason| IssuerError::Program {
            reason,
            note: String::new(),
            source: None,
        })
    }

    async fn features(&self) -> Result<Features, IssuerError> {
        let known = *self.features.lock().unwrap_or_else(PoisonError::into_inner);
        match known {
            Some(features) => Ok(features),
            None => Ok(self.describe().await?.features()),
        }
    }

    async fn ask(
        &self,
        encode: impl FnOnce(&WireOptions) -> SecretText + Send,
    ) -> Result<Printed, IssuerError> {
        let features = self.features().await?;
        let sent = encode(&self.options.clone().with_intent_id(features.idempotent));
        let input =
            if features.stdin { ExecutableInput::Standard(sent) } else { ExecutableInput::Argument(sent) };
        self.run(input).await
    }
}

#[async_trait]
impl Issuer for WireIssuer {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.idempotent(self.idempotent)
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        let input = ExecutableInput::Argument(host::encode_parameter(&self.options));
        let printed = self.run(input).await?;
        let description = host::decode_description(&printed.output, printed.ended, self.profile)?;
        *self.features.lock().unwrap_or_else(PoisonError::into_inner) = Some(description.features());
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
