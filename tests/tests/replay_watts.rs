//! Compares the oracle of the issuers' vectors with the wire format and the engine, for answers that were not recorded.
//! These are recorded answers in which some parts were changed, added or removed. In addition, the text of some answers
//! was cut off, or got a repeated key or more text around the object.

use keyway_issuers::wire::{Ended, Profile, host};
use keyway_issuers::{IssuerError, RequestOutcome, Rule};
use keyway_tests::replay::oracle::watts::answer::{Printed, request, revocation};
use keyway_tests::replay::oracle::watts::{Answer, description};
use keyway_tests::replay::{
    Adapter, Class, Input, Scope, Vector, assert_rulings_hold, read_file, scope_of, vector_files,
};
use serde_json::{Map, Value, json};

/// Returns the vectors of the real host.
fn vectors() -> Vec<Vector> {
    let files = vector_files().unwrap();
    let file = files.iter().find(|file| file.ends_with("watts.json")).expect("they are in the repository");
    read_file(file).unwrap()
}

fn adapter(vector: &Vector) -> Option<&'static dyn Adapter> {
    match scope_of(&vector.kind) {
        Some(Scope::Replayed(adapter)) => Some(adapter),
        _ => None,
    }
}

/// A small generator of random numbers with a fixed seed, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    /// Returns a random value, of any type.
    fn value(&mut self) -> Value {
        let values = [
            json!(null),
            json!(true),
            json!("true"),
            json!(0),
            json!(1),
            json!(-7),
            json!(1.0),
            json!(1e20),
            json!(0.001),
            json!(9_007_199_254_740_994.0),
            json!(4_294_967_296_u64),
            json!(""),
            json!("4"),
            json!("text"),
            json!("textfile"),
            json!("correct horse battery"),
            json!("id correct horse battery"),
            json!("a\"\\\n\u{1b}\u{7f}"),
            json!("\u{e9}\u{2603}"),
            json!([]),
            json!([72, 105]),
            json!([72, 300]),
            json!(["a", ["b", null], 1.5]),
            json!({}),
            json!({"a": 1, "B": ["c"]}),
            json!("error"),
            json!("oidc_login"),
            json!("ok"),
        ];
        values[self.below(values.len())].clone()
    }

    /// Changes, adds or removes a part of the value.
    fn change(&mut self, value: &mut Value) {
        const NAMES: [&str; 23] = [
            "name",
            "type",
            "value",
            "rows",
            "cols",
            "save_as",
            "state",
            "credential",
            "result",
            "user_msg",
            "log_msg",
            "provider",
            "msg",
            "features",
            "stdin",
            "mandatory",
            "default",
            "key",
            "description",
            "developer_email",
            "version",
            "error",
            "unknown",
        ];
        match value {
            Value::Object(entries) => match self.below(6) {
                0 => {
                    entries.insert(NAMES[self.below(NAMES.len())].to_owned(), self.value());
                }
                1 if !entries.is_empty() => {
                    let name = entries.keys().nth(self.below(entries.len())).unwrap().clone();
                    entries.remove(&name);
                }
                _ if !entries.is_empty() => {
                    let at = self.below(entries.len());
                    self.change(entries.values_mut().nth(at).unwrap());
                }
                _ => {}
            },
            Value::Array(items) if !items.is_empty() && self.below(4) > 0 => {
                let at = self.below(items.len());
                match self.below(4) {
                    0 => items.push(items[at].clone()),
                    1 => items[at] = self.value(),
                    _ => self.change(&mut items[at]),
                }
            }
            value => *value = self.value(),
        }
    }

    /// Writes the value as text, sometimes with parts that only a lenient reader accepts.
    fn text(&mut self, value: &Value) -> String {
        let text = value.to_string();
        match self.below(12) {
            0 => format!("{text} done."),
            1 => format!("\n {text}\n"),
            2 => text.replacen('{', r#"{"state": "first", "state": 5, "#, 1),
            3 => text.replacen("\"name\"", r#""value": "twice", "name""#, 1),
            4 => text[..text.len() - 1].to_owned(),
            _ => text,
        }
    }
}

/// Makes random variants of the recorded answers to one action.
fn answers(random: &mut Random, action: &str, count: usize) -> Vec<(String, Ended)> {
    let printed: Vec<Value> = vectors()
        .iter()
        .filter(|vector| vector.kind == action)
        .filter_map(|vector| serde_json::from_str(vector.input.text("stdout")).ok())
        .collect();
    assert!(printed.len() > 5, "{action}");
    (0..count)
        .map(|_| {
            let mut value = printed[random.below(printed.len())].clone();
            for _ in 0..=random.below(3) {
                random.change(&mut value);
            }
            let ended = [Ended::SUCCESS, Ended::SUCCESS, Ended::Status(1), Ended::Signal(9)][random.below(4)];
            (random.text(&value), ended)
        })
        .collect()
}

fn is_of_class(error: &IssuerError, class: Class) -> bool {
    let rules = || error.violations().iter().map(|violation| (violation.key.as_str(), &violation.rule));
    match class {
        Class::Program => matches!(error, IssuerError::Program { .. }),
        Class::Denied => matches!(error, IssuerError::Refused { .. }),
        Class::BadJson => rules().any(|(_, rule)| matches!(rule, Rule::Json { .. })),
        Class::NotAnObject => rules().any(|(key, rule)| key.is_empty() && matches!(rule, Rule::Type { .. })),
        Class::MissingResult => rules().any(|(key, rule)| key == "result" && *rule == Rule::Missing),
        Class::BadError => rules().any(|(key, _)| key == "user_msg" || key == "log_msg"),
        _ => !error.violations().is_empty(),
    }
}

#[test]
fn the_wire_reads_answers_as_the_oracle_does() {
    let mut random = Random(7);
    let (mut good, mut departing) = (0, 0);
    for (text, ended) in answers(&mut random, "request", 20_000) {
        for profile in Profile::ALL {
            let success = ended == Ended::SUCCESS;
            let reading = request(Printed { text: &text, success, lenient: profile == Profile::Lenient });
            let at = format!("{profile:?} {ended} {text}\n{reading:?}");
            departing += usize::from(reading.decision.is_some());
            match (host::decode_outcome(text.as_bytes(), ended, profile), reading.answer) {
                (Ok(RequestOutcome::Issued(issued)), Answer::Issued(parts, state)) => {
                    good += 1;
                    assert_eq!(issued.state.as_str(), state, "{at}");
                    issued.state.check_keeps_no_secret(&issued.credential).unwrap();
                    let told = |part: &keyway_issuers::CredentialPart| {
                        json!([part.name, part.kind.word(), part.expose_value()])
                    };
                    let told: Vec<_> = issued.credential.iter().map(told).collect();
                    let parts: Vec<_> =
                        parts.iter().map(|part| json!([part["name"], part["type"], part["value"]])).collect();
                    assert_eq!(told, parts, "{at}");
                }
                (Ok(RequestOutcome::Issued(issued)), Answer::Leaking(state)) => {
                    assert_eq!(issued.state.as_str(), state, "{at}");
                    assert!(issued.state.check_keeps_no_secret(&issued.credential).is_err(), "{at}");
                }
                (Ok(RequestOutcome::LoginRequired(login)), Answer::Login(told)) => {
                    assert_eq!(json!({ "provider": login.provider, "msg": login.message }), told, "{at}");
                }
                (Err(IssuerError::Refused { user_message, log_message }), Answer::TransitionError(told)) => {
                    assert_eq!(json!({ "user_msg": user_message, "log_msg": log_message }), told, "{at}");
                }
                (Err(error), Answer::Broken(class, orphan)) => {
                    assert!(is_of_class(&error, class), "{at}\n{error:?}");
                    assert_eq!(error.orphan().map(|state| state.as_str().to_owned()), orphan, "{at}");
                }
                (outcome, _) => panic!("{at}\n{outcome:?}"),
            }
        }
    }
    assert!(good > 2000 && departing > 4000, "{good} {departing}");
}

#[test]
fn the_wire_reads_revocations_as_the_oracle_does() {
    let mut random = Random(8);
    for (text, ended) in answers(&mut random, "revoke", 5000) {
        for profile in Profile::ALL {
            let success = ended == Ended::SUCCESS;
            let reading = revocation(Printed { text: &text, success, lenient: profile == Profile::Lenient });
            let at = format!("{profile:?} {ended} {text}\n{reading:?}");
            match (host::decode_revoked(text.as_bytes(), ended, profile), reading.answer) {
                (Ok(()), Answer::Revoked) => {}
                (Err(IssuerError::Refused { user_message, log_message }), Answer::TransitionError(told)) => {
                    assert_eq!(json!({ "user_msg": user_message, "log_msg": log_message }), told, "{at}");
                }
                (Err(error), Answer::Broken(class, _)) => {
                    assert!(is_of_class(&error, class), "{at}\n{error:?}");
                }
                (outcome, _) => panic!("{at}\n{outcome:?}"),
            }
        }
    }
}

#[test]
fn the_wire_reads_descriptions_as_the_oracle_does() {
    let mut random = Random(9);
    let mut good = 0;
    for (text, ended) in answers(&mut random, "parameter", 20_000) {
        for profile in Profile::ALL {
            let printed = Printed {
                text: &text,
                success: ended == Ended::SUCCESS,
                lenient: profile == Profile::Lenient,
            };
            let service = description::service(printed, &Map::new(), true);
            let at = format!("{profile:?} {ended} {text}\n{service:?}");
            match (host::decode_description(text.as_bytes(), ended, profile), service.enabled) {
                (Ok(described), Ok(told)) => {
                    good += 1;
                    assert_eq!(described.version(), told["version"], "{at}");
                    assert_eq!(described.features().stdin, told["stdin"], "{at}");
                    let keys = |set: &keyway_issuers::ParameterSet| {
                        let parameters = set.parameters().iter();
                        let keys: Vec<_> = parameters.map(|each| json!([each.key, each.mandatory])).collect();
                        json!(keys)
                    };
                    let ours: Vec<_> = described.parameter_sets().iter().map(keys).collect();
                    let theirs = told["sets"].as_array().unwrap().iter().map(|set| {
                        let parameters = set.as_array().unwrap().iter();
                        let keys: Vec<_> =
                            parameters.map(|each| json!([each["key"], each["mandatory"]])).collect();
                        json!(keys)
                    });
                    assert_eq!(ours, theirs.collect::<Vec<_>>(), "{at}");
                }
                (Err(error), Err(class)) => assert!(is_of_class(&error, class), "{at}\n{error:?}"),
                (outcome, _) => panic!("{at}\n{outcome:?}"),
            }
        }
    }
    assert!(good > 2000, "{good}");
}

/// Tests whole vectors with random variants of their answers. Nothing may panic, and the engine must follow the
/// decisions.
#[test]
fn the_engine_does_what_decisions_demand_of_answers_that_nobody_recorded() {
    let mut random = Random(10);
    let vectors = vectors();
    let mut ruled = 0;
    for kind in ["request", "revoke", "race"] {
        let vectors: Vec<_> = vectors.iter().filter(|vector| vector.kind == kind).collect();
        let action = if kind == "revoke" { "revoke" } else { "request" };
        for (text, ended) in answers(&mut random, action, 400) {
            let vector = vectors[random.below(vectors.len())];
            let mut input = vector.input.value().clone();
            // A program that hangs takes much time and shows little, so it is left out.
            input.as_object_mut().unwrap().remove("sleep");
            input["stdout"] = text.into();
            match ended {
                Ended::Status(status) => input["exit"] = status.into(),
                Ended::Signal(_) => input["killed_by_signal"] = "KILL".into(),
            }
            if random.below(4) == 0 {
                input["preload"] = json!(["st1", "text", "first"]);
                input["service"] = json!({ "allow_same_state": random.below(2) == 0 });
            }
            ruled += assert_rulings_hold(adapter(vector).unwrap(), &Input::new(input));
        }
    }
    assert!(ruled > 1000, "{ruled}");
}
