//! Replays the vectors `go.crypto`: stored texts, keys, and secret access keys.

use keyway_locker::double::PlainSecret;
use pollster::block_on;
use serde_json::{Value, json};

use super::native::{demand, read};
use super::project::Project;
use super::store::class_of;
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

/// The key of the secret whose stored text is replaced.
const KEY: &str = "Z";

/// The names whose hashes are observed. The empty text is not a name (decision C9).
const NAMES: [&str; 3] = ["A", "prod", "\u{e9}"];

/// The forms of the vectors: a stored text, the keys of the project, a secret access key that is not the project's, or
/// a malformed one.
enum Form<'a> {
    Stored(&'a str),
    Keys,
    Wrong,
    Malformed,
}

impl<'a> Form<'a> {
    fn of(input: &'a Input) -> Self {
        match input.get("stored").as_str() {
            Some(stored) => Self::Stored(stored),
            None if input.get("profile_key").is_string() => Self::Keys,
            None if input.situation().starts_with("malformed") => Self::Malformed,
            None => Self::Wrong,
        }
    }
}

/// Tests the cryptography of the plugin.
pub(super) struct Cipher;

/// Returns a project with a secret that has this stored text.
fn with_stored(stored: &str) -> Project {
    let project = Project::new();
    let id = project.double.put_secret(KEY, None, "replaced", "");
    let mut texts = project.double.raw_secret(&id).expect("it was just put");
    stored.clone_into(&mut texts.value);
    project.double.replace_raw_secret(&id, texts);
    project
}

/// Opens a project with a secret access key that is not the project's own, and then reads a secret.
fn opened_with(secret_access_key: &str) -> Observed {
    let project = Project::new();
    let (opened, answer) = match project.open(secret_access_key, &Value::Null) {
        Ok(client) => (StepOutcome::Ok("init".into()), read(&client, "A", None)),
        Err(class) => (StepOutcome::Refused(class), StepOutcome::Refused(class)),
    };
    Observed::steps([("init", opened), ("get", answer)])
}

/// Returns the hashes in the plugin's requests, and tells whether the texts that the plugin writes open with the
/// project's keys.
fn keys(input: &Input) -> Observed {
    let project = Project::new();
    let names = ["hashes", "a secret that it writes opens"];
    let own = input.text("secret_access_key_b64");
    let Ok(client) = project.open(own, &Value::Null) else {
        return Observed::steps(names.map(|name| (name, StepOutcome::Refused(Class::Internal))));
    };
    let mut hashes = json!({});
    for name in NAMES {
        let _ = read(&client, name, None);
        let seen = project.requests("GET", "/v1/secrets");
        hashes[name] = seen.first().and_then(|seen| seen.query.get("hash").cloned()).into();
    }
    let written = match block_on(client.create("NEW", "hunter2")) {
        Ok(_) => {
            let opens = |secret: &PlainSecret| secret.key == "NEW" && secret.value == "hunter2";
            StepOutcome::Ok(project.double.secrets().iter().any(opens).into())
        }
        Err(error) => StepOutcome::Refused(class_of(&error)),
    };
    Observed::steps(names.into_iter().zip([StepOutcome::Ok(hashes), written]))
}

impl Adapter for Cipher {
    fn run(&self, input: &Input) -> Observed {
        match Form::of(input) {
            Form::Stored(stored) => {
                let project = with_stored(stored);
                let client = project.client(&Value::Null);
                let outcome = client.map_or_else(StepOutcome::Refused, |client| read(&client, KEY, None));
                Observed::one("get", outcome)
            }
            Form::Keys => keys(input),
            // A wrong key. It has 32 bytes, as the key of the project has.
            Form::Wrong => opened_with("//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA="),
            Form::Malformed => opened_with("!!!"),
        }
    }

    /// Demands that a stored text is refused if strict decryption fails, as it does for plaintext, for wrong padding,
    /// for bytes that are not UTF-8, and for extra bytes at the end (L9). A secret access key that is not the project's
    /// is a wrong key (H276).
    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        match Form::of(input) {
            Form::Stored(stored) => {
                // The double decrypts strictly. For a text that cannot be decrypted, the double shows the stored text
                // itself.
                let shown = with_stored(stored).double.secrets();
                let is_shut = shown.iter().any(|secret| secret.key == KEY && secret.value == stored);
                vec![is_shut.then(|| Ruling::refused("L9", &[Class::Corrupt]))]
            }
            Form::Keys | Form::Malformed => vec![None, None],
            Form::Wrong => vec![None, Some(Ruling::refused("H276", &[Class::WrongKey]))],
        }
    }

    fn demands(&self, input: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        match Form::of(input) {
            Form::Stored(_) => Ok(vec![demand(expected.value())?.into()]),
            Form::Keys => {
                let recorded = expected.get("hash").as_object().ok_or("no `hash`")?;
                let hashes: Value = recorded
                    .iter()
                    .filter(|(name, _)| NAMES.contains(&name.as_str()))
                    .map(|(name, hash)| (name.clone(), hash.clone()))
                    .collect::<serde_json::Map<_, _>>()
                    .into();
                Ok(vec![Demand::Exactly(hashes).into(), Demand::Exactly(true.into()).into()])
            }
            Form::Wrong | Form::Malformed => {
                Ok(vec![demand(expected.get("init"))?.into(), demand(expected.get("get"))?.into()])
            }
        }
    }
}
