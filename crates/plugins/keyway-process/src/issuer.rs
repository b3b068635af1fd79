//! Implements an issuer that runs an executable for each call.

use keyway_core::Wiped;
use keyway_core::{CallError, Effect};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use keyway_core::PluginError as _;
use keyway_issuers::wire::{Ended, MAX_INPUT, Profile, WireOptions, host};
use keyway_issuers::{
    Action, Capabilities, Context, CredentialPart, CredentialRequest, Description, Features, Issuer,
    IssuerError, Json, RequestOutcome, Revocation, Rule, SecretText, Violation,
};

use crate::configuration::{ProcessConfiguration, invalid};
use crate::run::{Finished, Input, RunError};
use crate::runner::Runner;

/// An executable that speaks the wire format of WaTTS, as an [`Issuer`].
///
/// See decision W7.
///
/// Each operation is one run. The futures need no runtime. They block the polling thread only while the system
/// loads the executable.
///
/// # Cancel safety
/// Dropping a future kills the run ([`Runner::run`]). The executable may have completed its work.
#[derive(Debug)]
pub struct ProcessIssuer {
    runner: Runner,
    options: WireOptions,
    profile: Profile,
    allow_argv: bool,
    /// Set if requests go by argument even if the executable reads standard input.
    always_by_argument: bool,
    idempotent: bool,
    /// The features that the executable declared last.
    features: Mutex<Option<Features>>,
}

impl ProcessIssuer {
    /// Makes an issuer. Does no I/O: a missing executable shows in the first call.
    ///
    /// # Errors
    /// [`Invalid`](IssuerError::Invalid) for an invalid command or variable.
    pub fn new(configuration: &ProcessConfiguration) -> Result<Self, IssuerError> {
        let (program, environment) = (configuration.program()?, configuration.environment()?);
        let runner = Runner::new(program, environment, configuration.limits(), configuration.parallel);
        let runner = match configuration.configured_helper()? {
            // The mode in force is known only after the first start of the helper, and is logged then.
            #[cfg(target_os = "linux")]
            Some(helper) => runner.with_helper(helper),
            #[cfg(not(target_os = "linux"))]
            Some(never) => match never {},
            None => {
                let in_force = if cfg!(target_os = "linux") { "marks" } else { "process group" };
                let program = runner.program().command().display();
                tracing::info!(%program, in_force, "how the processes of an executable are held together");
                runner
            }
        };
        Ok(Self {
            runner,
            options: configuration.wire_options(),
            profile: configuration.profile.into(),
            allow_argv: configuration.allow_argv,
            always_by_argument: configuration.always_by_argument()?,
            idempotent: configuration.idempotent,
            features: Mutex::new(None),
        })
    }

    /// Returns the runner of the executable, for runs beside the operations of the contract.
    pub const fn runner(&self) -> &Runner {
        &self.runner
    }

    async fn ask_for_description(&self) -> Result<Description, IssuerError> {
        let sent = host::encode_parameter(&self.options);
        let mut finished = self.run(Action::Parameter, Input::Argument(bytes(&sent)), Vec::new).await?;
        let description = host::decode_description(&finished.output, finished.ended, self.profile)
            .map_err(|error| refused(error, &mut finished, &[]))?;
        self.log(Action::Parameter, &finished, Vec::new);

        let features = description.features();
        self.input_of(features, Wiped::default())?;
        if self.idempotent && !features.idempotent {
            let text = "it is configured to be idempotent, so this must be true";
            let violation = Violation::new("features.idempotent", Rule::Other { text });
            return Err(IssuerError::violation(Action::Parameter, violation));
        }
        *self.features.lock().unwrap_or_else(PoisonError::into_inner) = Some(features);
        Ok(description)
    }

    /// Returns the features of the executable. If they are not known yet, asks the executable for its description. A
    /// failure is reported as one without an effect, because the request or the revocation was not sent yet.
    async fn features(&self) -> Result<Features, IssuerError> {
        let known = *self.features.lock().unwrap_or_else(PoisonError::into_inner);
        match known {
            Some(features) => Ok(features),
            None => match self.ask_for_description().await {
                Ok(description) => Ok(description.features()),
                Err(error) if error.effect() == Effect::None => Err(error),
                Err(error) => Err(IssuerError::Unavailable {
                    what: "the description of the executable",
                    retry_after: None,
                    // Adds the end of the program's error output.
                    source: Some(error.detail().into()),
                }),
            },
        }
    }

    /// Chooses the channel of a request or a revocation.
    ///
    /// See decision W1.
    fn input_of(&self, features: Features, sent: Wiped<Vec<u8>>) -> Result<Input, IssuerError> {
        match (features.stdin && !self.always_by_argument, self.allow_argv) {
            (true, _) => Ok(Input::Standard(sent)),
            (false, true) => Ok(Input::Argument(sent)),
            (false, false) => Err(invalid(
                &"the executable does not read standard input, and as an argument every user of the machine \
                  could read what it gets: set `allow_argv` if that is acceptable",
            )),
        }
    }

    /// Sends a request or a revocation to the executable, and decodes its answer. Hides the secrets that the executable
    /// writes to its error output: `secrets` returns the secrets of the request, and `revealed` the secrets of the
    /// answer.
    async fn ask<'a, T>(
        &self,
        action: Action,
        encode: impl FnOnce(&WireOptions) -> SecretText,
        decode: impl FnOnce(&[u8], Ended, Profile) -> Result<T, IssuerError>,
        secrets: impl Fn() -> Vec<&'a str>,
        revealed: impl Fn(&T) -> Vec<&str>,
    ) -> Result<T, IssuerError> {
        let features = self.features().await?;
        let sent = encode(&self.options.clone().with_intent_id(features.idempotent));
        if sent.expose().trim_end_matches('=').len() > MAX_INPUT {
            let reason = format!("it is longer than an input may be: {MAX_INPUT} characters of base64");
            return Err(IssuerError::invalid("what was passed", reason));
        }
        let input = self.input_of(features, bytes(&sent))?;
        let all = || {
            let mut secrets = secrets();
            secrets.push(sent.expose());
            secrets
        };
        let mut finished = self.run(action, input, all).await?;
        match decode(&finished.output, finished.ended, self.profile) {
            Ok(answer) => {
                self.log(action, &finished, || [all(), revealed(&answer)].concat());
                Ok(answer)
            }
            Err(error) => Err(refused(error, &mut finished, &all())),
        }
    }

    async fn run<'a>(
        &self,
        action: Action,
        input: Input,
        secrets: impl Fn() -> Vec<&'a str>,
    ) -> Result<Finished, IssuerError> {
        self.runner.run(input).await.map_err(|error| self.failed(action, error, &secrets()))
    }

    /// Converts the failure of a run to an error of the contract.
    fn failed(&self, action: Action, error: RunError, secrets: &[&str]) -> IssuerError {
        let note = error.errors().map(|errors| errors.for_log(secrets.iter().copied())).unwrap_or_default();
        let reason = match &error {
            RunError::ArgumentTooLong { .. } => {
                return IssuerError::invalid("what was passed", error.to_string());
            }
            RunError::Program(_) | RunError::Start { .. } => {
                return IssuerError::NotStarted { source: Box::new(error) };
            }
            RunError::Deadline { deadline, .. } => {
                let deadline = *deadline;
                // This error has no field for the error output, so only the log gets the output.
                let program = self.runner.program().command().display();
                tracing::warn!(%program, %action, ?deadline, errors = note.as_str(), "killed: it did not end in time");
                return CallError::DeadlineExceeded { operation: action.word(), deadline }.into();
            }
            RunError::OutputTooLarge { .. } => "its output is too large",
            RunError::Cancelled | RunError::System { .. } => "it did not complete",
        };
        IssuerError::Program {
            reason: reason.to_owned(),
            note: note.to_string(),
            source: Some(Box::new(error)),
        }
    }

    fn log<'a>(&self, action: Action, finished: &Finished, secrets: impl FnOnce() -> Vec<&'a str>) {
        let program = self.runner.program().command().display();
        if finished.left_behind > 0 {
            let processes = finished.left_behind;
            tracing::warn!(%program, %action, processes, "killed what it left behind");
        }
        if !finished.errors.is_empty() && tracing::enabled!(tracing::Level::DEBUG) {
            let errors = finished.errors.for_log(secrets());
            tracing::debug!(%program, %action, errors = errors.as_str(), "it wrote to its error output");
        }
    }
}

#[async_trait]
impl Issuer for ProcessIssuer {
    /// Declares the executable idempotent if the configuration says so. An executable cannot be asked about the outcome
    /// of an intent. Its concurrency is that of the configuration.
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.idempotent(self.idempotent).max_concurrency(self.runner.parallel())
    }

    /// Asks the executable for its description. The question always goes by argument, because it is not secret.
    ///
    /// See decision W1.
    ///
    /// # Errors
    /// The failure of the executable; [`Invalid`](IssuerError::Invalid) if it reads no standard input and
    /// `allow_argv` is not set.
    async fn describe(&self) -> Result<Description, IssuerError> {
        self.ask_for_description().await
    }

    async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        self.ask(
            Action::Request,
            |options| host::encode_request(request, options),
            host::decode_outcome,
            || {
                let mut secrets = secrets_of(&request.context);
                request.parameters.values().values().for_each(|value| collect(value, &mut secrets));
                secrets
            },
            |outcome| match outcome {
                RequestOutcome::Issued(issued) => {
                    issued.credential.iter().map(CredentialPart::expose_value).collect()
                }
                RequestOutcome::LoginRequired(_) => Vec::new(),
            },
        )
        .await
    }

    async fn revoke(&self, revocation: &Revocation) -> Result<(), IssuerError> {
        self.ask(
            Action::Revoke,
            |options| host::encode_revoke(revocation, options),
            host::decode_revoked,
            || secrets_of(&revocation.context),
            |()| Vec::new(),
        )
        .await
    }
}

/// Makes the error for a refused answer, with the end of the error output. Both the secrets of the call and the whole
/// answer are hidden in this output. The host cannot tell the secret parts of the answer from the others.
fn refused(error: IssuerError, finished: &mut Finished, secrets: &[&str]) -> IssuerError {
    finished.errors.hide_output(&finished.output);
    error.with_note(&finished.errors.for_log(secrets.iter().copied()))
}

fn bytes(sent: &SecretText) -> Wiped<Vec<u8>> {
    Wiped::new(sent.expose().as_bytes().to_vec())
}

/// Returns the texts of a context that are or may be secret.
fn secrets_of(context: &Context) -> Vec<&str> {
    let logins = context.requester.additional_logins.iter().filter_map(|login| login.access_token.as_ref());
    let mut secrets: Vec<_> =
        context.requester.access_token.iter().chain(logins).map(SecretText::expose).collect();
    let configured = context.configuration.iter();
    secrets.extend(configured.filter_map(|(name, _)| context.configuration.text(name)));
    secrets
}

/// Collects every text in a value.
fn collect<'a>(value: &'a Json, texts: &mut Vec<&'a str>) {
    match value {
        Json::Text(text) => texts.push(text.expose()),
        Json::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Json::Object(entries) => entries.values().for_each(|entry| collect(entry, texts)),
        _ => {}
    }
}
