//! Replays the vectors `v2.dotenv`: a secret as a line of dotenv.

use keyway_client::Bundle;
use serde_json::Value;

use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

/// The names of a shell's own variables.
const KEPT: &str = "_ BASHOPTS BASHPID BASH_ARGC BASH_ARGV BASH_COMMAND BASH_COMPAT BASH_LINENO BASH_SOURCE \
    BASH_SUBSHELL BASH_VERSINFO BASH_XTRACEFD DIRSTACK EPOCHREALTIME EPOCHSECONDS EUID FUNCNAME GROUPS HISTCMD \
    LINENO OPTIND PIPESTATUS PPID RANDOM SECONDS SHELLOPTS SRANDOM UID";

pub(super) struct Dotenv;

impl Adapter for Dotenv {
    fn run(&self, input: &Input) -> Observed {
        let mut bundle = Bundle::new();
        let pushed = bundle.push(input.text("key"), input.text("value"));
        let outcome = match pushed.and_then(|()| bundle.to_dotenv()) {
            Ok(text) => StepOutcome::Ok(text.expose().into()),
            Err(_) => StepOutcome::Refused(Class::Invalid),
        };
        Observed::one("dotenv", outcome)
    }

    /// Demands a line that a POSIX shell reads back to the same value: a shell does not know `\n`, and expands `$` and
    /// backticks.
    ///
    /// See decision H16.
    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let (key, value) = (input.text("key"), input.text("value"));
        let begins = key.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let in_shell = |character: char| character.is_ascii_alphanumeric() || character == '_';
        if !begins || !key.chars().all(|character| in_shell(character) || ".-".contains(character)) {
            return vec![None];
        }
        // A shell cannot have a variable with this name (decision H74).
        if !key.chars().all(in_shell) || KEPT.split_whitespace().any(|kept| kept == key) {
            return vec![Some(Ruling::refused("H74", &[Class::Invalid]))];
        }
        if value.contains('\0') {
            return vec![Some(Ruling::refused("H16", &[Class::Invalid]))];
        }
        if !value.contains(|character: char| character.is_control() || "$`".contains(character)) {
            return vec![None];
        }
        let mut text = value.to_owned();
        for special in ['\\', '"', '$', '`'] {
            text = text.replace(special, &format!("\\{special}"));
        }
        vec![Some(Ruling::new("H16", Demand::Exactly(format!("{key}=\"{text}\"\n").into())))]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let demand = match (expected.value().get("ok"), expected.value().get("error")) {
            (Some(text @ Value::String(_)), None) => Demand::Exactly(text.clone()),
            (None, Some(_)) => Demand::AnyRefusal,
            _ => return Err("neither a text `ok` nor `error`".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}
