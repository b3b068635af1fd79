//! Mutants that are executables, and one executable that is unusual but correct.

use keyway_issuers::wire::{Ended, plugin};

use super::program::{self, Run, SECRET, Step, printed};
use super::{IssuerSubject, mutants};
use crate::issuers::executable::Printed;

/// Makes the subject of a mutant for `mutants!`. The arguments are the steps in which the program prints something
/// wrong, and the output in these steps.
macro_rules! program_mutant {
    ($name:ident ($step:pat, |$run:ident| $printed:expr)) => {
        || {
            std::sync::Arc::new(program::subject(stringify!($name), |$run| match $run.step {
                $step => $printed,
                #[allow(unreachable_patterns)] // Some change every step.
                _ => $run.right(),
            }))
        }
    };
}

mutants! {
    for IssuerSubject, by program_mutant;
    PrintsNothing breaks ["ISS-001"] "prints nothing where it should describe itself"
        (Step::Describe, |_run| printed(""))
    PrintsCapitals breaks ["ISS-002"] "describes a name with a capital letter"
        (Step::Describe, |run| run.with("\"name\":\"prefix\"", "\"name\":\"Prefix\""))
    PrintsNamesTwice breaks ["ISS-002"] "describes two settings of the same name"
        (Step::Describe, |run| run.with("\"name\":\"loud\"", "\"name\":\"prefix\""))
    PrintsKeysTwice breaks ["ISS-002"] "describes two parameters of the same key in one set"
        (Step::Describe, |run| run.with("\"request_params\":[[", &format!("\"request_params\":[[{PARAMETER},")))
    LeavesOutMandatory breaks ["ISS-003"] "does not say whether a parameter is mandatory"
        (Step::Describe, |run| run.with("\"mandatory\":true,", ""))
    PrintsUnknownTypes breaks ["ISS-003"] "describes a parameter of an unknown type"
        (Step::Describe, |run| run.with("\"type\":\"textarea\"", "\"type\":\"password\""))
    PrintsSetsAsObject breaks ["ISS-003"] "describes a set of parameters as an object"
        (Step::Describe, |run| run.with("[]]", "{}]"))
    PrintsDefaultsOfNoType breaks ["ISS-004"] "describes a truth value with a text as default"
        (Step::Describe, |run| run.with("\"default\":false", "\"default\":\"perhaps\""))
    PrintsNumbersAsState breaks ["ISS-020"] "answers with a number as state"
        (Step::Request, |run| run.with("\"state\":\"program-", "\"state\":7,\"was\":\""))
    PrintsNoState breaks ["ISS-020"] "answers without a state"
        (Step::Request, |run| run.with("\"state\":", "\"stata\":"))
    PrintsUnknownParts breaks ["ISS-024"] "answers with a part of an unknown type"
        (Step::Request, |run| run.with("\"type\":\"text\"", "\"type\":\"hologram\""))
    PrintsNumbersAsValues breaks ["ISS-024"] "answers with a number as the value of a part"
        (Step::Request, |run| run.with(&format!("\"value\":\"{SECRET}\""), "\"value\":12345"))
    PrintsHalf breaks ["ISS-101"] "prints half of its description"
        (Step::Describe, |run| printed(&run.text[..run.text.len() / 2]))
    PrintsTwice breaks ["ISS-101"] "prints its description twice"
        (Step::Describe, |run| printed(&format!("{0}\n{0}", run.text)))
    PrintsALineFirst breaks ["ISS-101"] "prints a line before its description"
        (Step::Describe, |run| printed(&format!("starting\n{}", run.text)))
    PrintsOnRevoke breaks ["ISS-101"] "prints a line before the answer to a revocation"
        (Step::Revoke, |run| printed(&format!("revoked\n{}", run.text)))
    EndsBadly breaks ["ISS-102"] "ends with status 2 after its description"
        (Step::Describe, |run| Printed { ended: Ended::Status(2), ..run.right() })
    EndsBadlyAfterRequests breaks ["ISS-102"] "is killed by a signal after its answer to a request"
        (Step::Request, |run| Printed { ended: Ended::Signal(9), ..run.right() })
    TakesAnyAction breaks ["ISS-103"] "answers an unknown action with ok"
        (Step::UnknownAction, |_run| printed(plugin::encode_revoked().expose()))
    DiesOfUnknownActions breaks ["ISS-103"] "ends without an answer to an unknown action"
        (Step::UnknownAction, |run| run.read_if(false))
    DiesOfNoInput breaks ["ISS-104"] "ends without an answer to input that it cannot read"
        (Step::NoInput, |run| run.read_if(false))
    ReadsOnlyPadded breaks ["ISS-105"] "reads base64 only if its length is a multiple of four"
        (_, |run| run.read_if(run.sent.len().is_multiple_of(4)))
    ReadsOnlyUrlSafe breaks ["ISS-105"] "reads only base64url without padding"
        (_, |run| run.read_if(is_url_safe(run)))
    ReadsPaddedOnInput breaks ["ISS-106"] "reads only base64url without padding on standard input"
        (_, |run| run.read_if(run.by_argument || is_url_safe(run)))
    ReadsArgumentsAlone breaks ["ISS-106"] "says that it reads standard input, and does not"
        (_, |run| run.read_if(run.by_argument))
    NeedsTheVersion breaks ["ISS-107"] "refuses a host of a later version"
        (_, |run| run.refused_if(run.json.contains("99.0.0")))
    NeedsToKnowAllKeys breaks ["ISS-108"] "refuses an input with an unknown key"
        (_, |run| run.refused_if(run.json.contains("no_such_key")))
    LeavesADaemon breaks ["ISS-109"] "leaves a process behind after a request"
        (Step::Request, |run| Printed { left_behind: 1, ..run.right() })
    PrintsTheSubjectFile breaks ["ISS-033"] "writes a file named as the subject of the user"
        (Step::Request, |run| {
            run.touch("/user_info/sub", |path| drop(std::fs::write(path, "seen")));
            run.right()
        })
    OverwritesTheParameter breaks ["ISS-034"] "writes a file named as what was entered"
        (Step::Request, |run| {
            run.touch("/params/pass_phrase", |path| drop(std::fs::write(path, "seen")));
            run.right()
        })
    EmptiesTheState breaks ["ISS-035"] "removes a folder or a file named as the state"
        (Step::Revoke, |run| {
            run.touch("/cred_state", |path| {
                drop(std::fs::remove_dir_all(path));
                drop(std::fs::remove_file(path));
            });
            run.right()
        })
    EchoesItsInput breaks ["ISS-110"] "writes its input to its error output"
        (Step::Request, |run| Printed { errors: format!("got {}", run.json).into_bytes(), ..run.right() })
    EchoesWhatItMade breaks ["ISS-110"] "writes the credential to its error output"
        (Step::Request, |run| Printed { errors: format!("made {SECRET}").into_bytes(), ..run.right() })
}

/// A second description of a parameter that the program already describes.
const PARAMETER: &str =
    r#"{"description":"d","key":"pass_phrase","mandatory":true,"name":"n","type":"textarea"}"#;

fn is_url_safe(run: &Run<'_>) -> bool {
    !run.sent.contains(['+', '/', '='])
}

/// Makes a subject whose behaviour is allowed, but rare among executables.
pub(super) fn strange() -> IssuerSubject {
    program::subject("Strange", |run| match run.step {
        Step::Describe => {
            let more = "\"features\":{\"taste\":null,\"stdin\":false";
            let more = format!("\"colours\":[1,2],{more}");
            let printed_so = run.with("\"features\":{\"stdin\":true", &more);
            Printed::new([b" \n\t", &printed_so.output[..], b"\r\n\n"].concat())
        }
        Step::Request => {
            Printed { errors: b"still here\n".to_vec(), ..printed(&format!("\n{}\n", run.text)) }
        }
        Step::Revoke => run.right(),
        Step::UnknownAction | Step::NoInput => Printed { ended: Ended::Status(3), ..run.right() },
    })
}
