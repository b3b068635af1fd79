//! Real executables under test, through the plugin `process`.

use std::sync::Arc;
use std::time::Duration;

use keyway_issuers::wire::WireOptions;
use keyway_issuers::{IssuerError, SecretText, async_trait};
use keyway_process::{Environment, Input, Limits, ProcessConfiguration, ProcessIssuer, Program, Runner};
use zeroize::Zeroizing;

use super::executable::{Executable, ExecutableInput, Printed};
use super::subject::IssuerSubject;

impl IssuerSubject {
    /// Takes a WaTTS executable. Rules ask it through the plugin `process` with this configuration; rules about the
    /// boundary of the process run it directly, with the same command, environment and limits.
    ///
    /// # Errors
    /// [`Invalid`](IssuerError::Invalid) for a command or a variable that cannot be.
    pub fn process(
        name: impl Into<String>,
        configuration: &ProcessConfiguration,
    ) -> Result<Self, IssuerError> {
        // Lets the plugin refuse a wrong configuration.
        ProcessIssuer::new(configuration)?;
        let executable = Arc::new(RealExecutable(runner(configuration)?));
        let configured = configuration.clone();
        let mut subject = Self::of_the_kit(name, move |_| Ok(Arc::new(ProcessIssuer::new(&configured)?)));
        subject.executable = Some(executable);
        subject.profile = configuration.profile.into();
        subject.options = WireOptions::new(&configuration.watts_version);
        Ok(subject)
    }
}

fn runner(configuration: &ProcessConfiguration) -> Result<Runner, IssuerError> {
    let invalid = |error: &dyn std::fmt::Display| {
        IssuerError::invalid("the configuration of the plugin", error.to_string())
    };
    let program = Program::new(&configuration.command).map_err(|error| invalid(&error))?;
    let program = configuration.arguments.iter().fold(program, Program::argument);
    let mut environment = Environment::of_the_host();
    for (name, value) in &configuration.environment {
        environment = environment.with(name, value).map_err(|error| invalid(&error))?;
    }
    let limits = Limits {
        deadline: Duration::from_millis(configuration.deadline_ms.get()),
        output_bytes: configuration.output_limit_bytes.get(),
        ..Limits::DEFAULT
    };
    Ok(Runner::new(program, environment, limits, configuration.parallel))
}

#[derive(Debug)]
struct RealExecutable(Runner);

#[async_trait]
impl Executable for RealExecutable {
    async fn run(&self, input: ExecutableInput) -> Result<Printed, String> {
        let bytes = |text: SecretText| Zeroizing::new(text.expose().as_bytes().to_vec());
        let input = match input {
            ExecutableInput::Argument(text) => Input::Argument(bytes(text)),
            ExecutableInput::Standard(text) => Input::Standard(bytes(text)),
        };
        let finished = self.0.run(input).await.map_err(|error| error.to_string())?;
        Ok(Printed {
            output: finished.output.to_vec(),
            ended: finished.ended,
            errors: finished.errors.bytes().to_vec(),
            left_behind: finished.left_behind,
        })
    }
}
