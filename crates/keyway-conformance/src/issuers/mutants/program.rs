//! A small, correct executable, implemented as a function without a process. Mutants change its answers.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keyway_issuers::wire::plugin::{self, Input};
use keyway_issuers::wire::{Ended, Profile, base64};
use keyway_issuers::{
    CredentialPart, Description, Features, Issued, IssuerError, ParameterDescriptor, async_trait,
};

use super::{IssuerExample, IssuerSubject};
use crate::issuers::executable::{Executable, ExecutableInput, Printed};

/// An executable that prints what `change` makes of each correct answer.
#[derive(Debug)]
struct Program {
    runs: AtomicU64,
    change: fn(&Run<'_>) -> Printed,
}

/// The kind of input of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Describe,
    Request,
    Revoke,
    UnknownAction,
    /// The input is not a JSON object with an action.
    NoInput,
}

/// One run of the program, with its input and the correct answer.
pub(super) struct Run<'r> {
    pub(super) step: Step,
    /// The input as the host sent it.
    pub(super) sent: &'r str,
    pub(super) by_argument: bool,
    /// The decoded input.
    pub(super) json: String,
    /// The correct answer.
    pub(super) text: String,
}

impl Run<'_> {
    pub(super) fn right(&self) -> Printed {
        printed(&self.text)
    }

    /// Prints the correct answer if `reads` is set. Otherwise ends as a script interpreter does when its script fails.
    pub(super) fn read_if(&self, reads: bool) -> Printed {
        if reads {
            return self.right();
        }
        let errors = b"Traceback: KeyError".to_vec();
        Printed { ended: Ended::Status(1), errors, ..printed("") }
    }

    /// Prints an error if `refuses` is set, and otherwise the correct answer.
    pub(super) fn refused_if(&self, refuses: bool) -> Printed {
        if !refuses {
            return self.right();
        }
        printed(plugin::encode_error(&IssuerError::refused("No.", "unknown input")).expose())
    }

    /// Joins a text of the input to the path of a folder that does not exist, and calls `touch` with the joined path.
    pub(super) fn touch(&self, pointer: &str, touch: fn(&Path)) {
        let input: serde_json::Value = serde_json::from_str(&self.json).unwrap_or_default();
        let text = input.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
        touch(&Path::new("/no-such-folder-of-the-kit").join(text));
    }

    /// Prints the correct answer with `to` instead of the first `from`. The answer must contain `from`.
    pub(super) fn with(&self, from: &str, to: &str) -> Printed {
        assert!(self.text.contains(from), "{from} is not in what is printed");
        printed(&self.text.replacen(from, to, 1))
    }
}

/// The secret value in every credential.
pub(super) const SECRET: &str = "correct secret battery";

pub(super) fn printed(text: &str) -> Printed {
    Printed::new(text.as_bytes().to_vec())
}

/// Makes a subject of the program. `change` makes the output of each run from the correct answer.
pub(super) fn subject(name: &str, change: fn(&Run<'_>) -> Printed) -> IssuerSubject {
    let program = Program { runs: AtomicU64::new(0), change };
    IssuerSubject::executable(name, Arc::new(program), Profile::Strict)
        .example(IssuerExample::new().parameter("pass_phrase", "correct horse battery"))
}

fn description() -> Description {
    Description::builder("1.0.0")
        .text("prefix", "program-")
        .boolean("loud", false)
        .set([ParameterDescriptor::mandatory("pass_phrase", "pass phrase", "a phrase to remember")])
        .set([])
        .features(Features::NONE.stdin(true))
        .build()
        .expect("the kit's own description is valid")
}

#[async_trait]
impl Executable for Program {
    async fn run(&self, input: ExecutableInput) -> Result<Printed, String> {
        let (sent, by_argument) = match &input {
            ExecutableInput::Argument(sent) => (sent.expose(), true),
            ExecutableInput::Standard(sent) => (sent.expose(), false),
        };
        let json = base64::decode(sent.as_bytes()).map(|json| String::from_utf8_lossy(&json).into_owned());
        let json = json.unwrap_or_default();
        let (step, answer) = match plugin::decode_input(sent.as_bytes()) {
            Ok(Input::Parameter) => (Step::Describe, plugin::encode_description(&description())),
            Ok(Input::Request(request)) => {
                let number = self.runs.fetch_add(1, Ordering::Relaxed);
                let prefix = request.context.configuration.text("prefix").unwrap_or_default();
                let issued = Issued::new(format!("{prefix}{number}"));
                let issued = issued.with(CredentialPart::text("secret", SECRET));
                (Step::Request, plugin::encode_outcome(&issued.into()))
            }
            Ok(Input::Revoke(_)) => (Step::Revoke, plugin::encode_revoked()),
            Err(error) => {
                let unknown = json.contains("watts_version");
                let step = if unknown { Step::UnknownAction } else { Step::NoInput };
                (step, plugin::encode_error(&IssuerError::from(error)))
            }
        };
        let text = answer.expose().to_owned();
        Ok((self.change)(&Run { step, sent, by_argument, json, text }))
    }
}
