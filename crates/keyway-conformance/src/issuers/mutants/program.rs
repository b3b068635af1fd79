//! A small executable that keeps the whole contract, apart from the fault that it is given: what
//! it would print, without a process.

use std::sync::atomic::{AtomicU64, Ordering};

use keyway_issuers::wire::plugin::{self, Input, InputError};
use keyway_issuers::wire::{Ended, base64};
use keyway_issuers::{
    CredentialPart, Description, Features, Issued, IssuerError, ParameterDescriptor, async_trait,
};

use super::defect::Fault;
use crate::issuers::executable::{Executable, ExecutableInput, Printed};

#[derive(Debug)]
pub(super) struct Program {
    fault: Fault,
    runs: AtomicU64,
}

impl Program {
    pub(super) const fn new(fault: Fault) -> Self {
        Self { fault, runs: AtomicU64::new(0) }
    }

    fn description(&self) -> Description {
        let features = Features::NONE.stdin(self.fault != Fault::Strange);
        Description::builder("1.0.0")
            .text("prefix", "program-")
            .boolean("loud", false)
            .set([ParameterDescriptor::mandatory("pass_phrase", "pass phrase", "a phrase to remember")])
            .set([])
            .features(features)
            .build()
            .expect("the kit's own description is valid")
    }

    /// What it prints for an input, where nothing is wrong.
    fn answer(&self, input: &Input) -> String {
        let printed = match input {
            Input::Parameter => plugin::encode_description(&self.description()),
            Input::Request(request) => {
                let run = self.runs.fetch_add(1, Ordering::Relaxed);
                let prefix = request.context.configuration.text("prefix").unwrap_or_default();
                let issued = Issued::new(format!("{prefix}{run}"));
                plugin::encode_outcome(&issued.with(CredentialPart::text("secret", SECRET)).into())
            }
            Input::Revoke(_) => plugin::encode_revoked(),
        };
        printed.expose().to_owned()
    }

    /// Whether it reads this text at all.
    fn reads(&self, sent: &str, by_argument: bool) -> bool {
        let urlsafe = !sent.contains(['+', '/', '=']);
        match self.fault {
            Fault::ReadsOnlyPadded => sent.len().is_multiple_of(4),
            Fault::ReadsOnlyUrlSafe => urlsafe,
            Fault::ReadsPaddedOnInput => by_argument || urlsafe,
            Fault::ReadsArgumentsAlone => by_argument,
            _ => true,
        }
    }

    /// What it prints where the input is none.
    fn complaint(&self, error: InputError, sent: &str) -> Printed {
        let unknown_action = base64::decode(sent.as_bytes())
            .is_ok_and(|json| String::from_utf8_lossy(&json).contains("watts_version"));
        match self.fault {
            Fault::TakesAnyAction if unknown_action => printed(plugin::encode_revoked().expose()),
            Fault::DiesOfUnknownActions if unknown_action => died(),
            Fault::DiesOfNoInput if !unknown_action => died(),
            _ => {
                let complaint = printed(plugin::encode_error(&IssuerError::from(error)).expose());
                if self.fault == Fault::Strange { complaint.ended(Ended::Status(3)) } else { complaint }
            }
        }
    }
}

/// What every credential is.
const SECRET: &str = "correct secret battery";

fn printed(text: &str) -> Printed {
    Printed::new(text.as_bytes().to_vec())
}

/// As an interpreter ends that nobody told what to do.
fn died() -> Printed {
    Printed::new(Vec::new()).ended(Ended::Status(1)).errors(b"Traceback: KeyError".to_vec())
}

/// Replaces what stands there, which must be there.
fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in what is printed");
    text.replacen(from, to, 1)
}

#[async_trait]
impl Executable for Program {
    async fn run(&self, input: ExecutableInput) -> Result<Printed, String> {
        use Fault as F;
        let (sent, by_argument) = match &input {
            ExecutableInput::Argument(sent) => (sent.expose(), true),
            ExecutableInput::Standard(sent) => (sent.expose(), false),
        };
        if !self.reads(sent, by_argument) {
            return Ok(died());
        }
        let json = base64::decode(sent.as_bytes()).map(|json| String::from_utf8_lossy(&json).into_owned());
        let json = json.unwrap_or_default();
        if self.fault == F::NeedsTheVersion && json.contains("99.0.0")
            || self.fault == F::NeedsToKnowAllKeys && json.contains("no_such_key")
        {
            return Ok(printed(plugin::encode_error(&IssuerError::refused("No.", "unknown input")).expose()));
        }
        let input = match plugin::decode_input(sent.as_bytes()) {
            Ok(input) => input,
            Err(error) => return Ok(self.complaint(error, sent)),
        };
        let right = self.answer(&input);
        Ok(match input {
            Input::Parameter => self.describe(&right),
            Input::Request(_) => self.issue(&right, &json),
            Input::Revoke(_) => match self.fault {
                F::PrintsOnRevoke => printed(&format!("revoked\n{right}")),
                _ => printed(&right),
            },
        })
    }
}

impl Program {
    fn describe(&self, right: &str) -> Printed {
        use Fault as F;
        match self.fault {
            F::PrintsCapitals => printed(&with(right, "\"name\":\"prefix\"", "\"name\":\"Prefix\"")),
            F::PrintsNamesTwice => printed(&with(right, "\"name\":\"loud\"", "\"name\":\"prefix\"")),
            F::PrintsKeysTwice => {
                let parameter = "{\"description\":\"d\",\"key\":\"pass_phrase\",\"mandatory\":true,\"name\":\"n\",\"type\":\"textarea\"}";
                printed(&with(right, "\"request_params\":[[", &format!("\"request_params\":[[{parameter},")))
            }
            F::LeavesOutMandatory => printed(&with(right, "\"mandatory\":true,", "")),
            F::PrintsUnknownTypes => printed(&with(right, "\"type\":\"textarea\"", "\"type\":\"password\"")),
            F::PrintsSetsAsObject => printed(&with(right, "[]]", "{}]")),
            F::PrintsDefaultsOfNoType => {
                printed(&with(right, "\"default\":false", "\"default\":\"perhaps\""))
            }
            F::PrintsNothing => printed(""),
            F::PrintsHalf => printed(&right[..right.len() / 2]),
            F::PrintsTwice => printed(&format!("{right}\n{right}")),
            F::PrintsALineFirst => printed(&format!("starting\n{right}")),
            F::EndsBadly => printed(right).ended(Ended::Status(2)),
            F::Strange => {
                let more = with(right, "\"features\":{", "\"colours\":[1,2],\"features\":{\"taste\":null,");
                printed(&format!(" \n\t{more}\r\n\n"))
            }
            _ => printed(right),
        }
    }

    fn issue(&self, right: &str, json: &str) -> Printed {
        use Fault as F;
        match self.fault {
            F::PrintsNumbersAsState => {
                printed(&with(right, "\"state\":\"program-", "\"state\":7,\"was\":\""))
            }
            F::PrintsNoState => printed(&with(right, "\"state\":", "\"stata\":")),
            F::PrintsUnknownParts => printed(&with(right, "\"type\":\"text\"", "\"type\":\"hologram\"")),
            F::PrintsNumbersAsValues => {
                printed(&with(right, &format!("\"value\":\"{SECRET}\""), "\"value\":12345"))
            }
            F::EndsBadlyAfterRequests => printed(right).ended(Ended::Signal(9)),
            F::LeavesADaemon => printed(right).left_behind(1),
            F::EchoesItsInput => printed(right).errors(format!("got {json}").into_bytes()),
            F::EchoesWhatItMade => printed(right).errors(format!("made {SECRET}").into_bytes()),
            F::Strange => printed(&format!("\n{right}\n")).errors(b"still here\n".to_vec()),
            _ => printed(right),
        }
    }
}
