//! Runs real executables under test through the plugin `process`.

use std::num::NonZeroU64;
use std::sync::Arc;

use keyway_core::Wiped;
use keyway_issuers::{IssuerError, SecretText, async_trait};
use keyway_process::{Input, ProcessConfiguration, ProcessIssuer, ProfileChoice};

use super::executable::{Executable, ExecutableInput, Printed};
use super::subject::IssuerSubject;

/// The deadline for an executable of the kit, in milliseconds.
const DEADLINE_MS: NonZeroU64 = NonZeroU64::new(1000).expect("it is not zero");

impl IssuerSubject {
    /// Makes a subject of a WaTTS executable. Most rules call the executable through the plugin `process` with this
    /// configuration. Rules about the boundary of the process run the executable directly, with the same configuration.
    ///
    /// # Errors
    /// [`Invalid`](IssuerError::Invalid) if the command or a variable is not valid.
    pub fn process(
        name: impl Into<String>,
        configuration: &ProcessConfiguration,
    ) -> Result<Self, IssuerError> {
        let executable = Arc::new(RealExecutable(ProcessIssuer::new(configuration)?));
        let configured = configuration.clone();
        let mut subject = Self::of_the_kit(name, move |_| Ok(Arc::new(ProcessIssuer::new(&configured)?)));
        subject.told.executable = Some(executable);
        subject.told.profile = configuration.profile.into();
        subject.told.options = configuration.wire_options();
        subject.told.follows_seed = configuration.profile == ProfileChoice::Seed;
        let configured = configuration.clone();
        Ok(subject.running(move |command, arguments| {
            let mut changed = configured.clone();
            command.clone_into(&mut changed.command);
            changed.arguments = arguments.to_vec();
            changed.deadline_ms = DEADLINE_MS;
            Ok(Arc::new(ProcessIssuer::new(&changed)?))
        }))
    }
}

#[derive(Debug)]
struct RealExecutable(ProcessIssuer);

#[async_trait]
impl Executable for RealExecutable {
    async fn run(&self, input: ExecutableInput) -> Result<Printed, String> {
        let bytes = |text: SecretText| Wiped::new(text.expose().as_bytes().to_vec());
        let input = match input {
            ExecutableInput::Argument(text) => Input::Argument(bytes(text)),
            ExecutableInput::Standard(text) => Input::Standard(bytes(text)),
        };
        let finished = self.0.runner().run(input).await.map_err(|error| error.to_string())?;
        Ok(Printed {
            output: finished.output.to_vec(),
            ended: finished.ended,
            errors: finished.errors.bytes().to_vec(),
            left_behind: finished.left_behind,
        })
    }
}
