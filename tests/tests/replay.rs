//! Replays golden vectors, and tests that the replay notices faults.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output};

use keyway_tests::replay::{
    Adapter, Class, Demand, Expected, Input, Observed, Report, Ruling, Scope, StepOutcome, UpstreamStep,
    Vector, Verdict, assert_rulings_hold, decided_table, golden_path, judge, read_file, replay, scope_of,
    vector_files,
};
use serde_json::{Value, json};

fn vectors() -> Vec<(String, Vec<Vector>)> {
    let files = vector_files().unwrap();
    assert!(files.len() >= 2, "{files:?}");
    let named = |file: std::path::PathBuf| {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        (name, read_file(&file).unwrap())
    };
    files.into_iter().map(named).collect()
}

/// Lists the replayed vectors, each with its adapter.
fn replayed() -> Vec<(Vector, &'static dyn Adapter)> {
    let all = vectors().into_iter().flat_map(|(_, vectors)| vectors);
    all.filter_map(|vector| match scope_of(&vector.kind) {
        Some(Scope::Replayed(adapter)) if !adapter.is_out_of_scope(&vector.input) => Some((vector, adapter)),
        _ => None,
    })
    .collect()
}

#[test]
fn every_vector_comes_out_as_it_should_and_decisions_overrule_no_more_than_is_known() {
    let reports: Vec<(String, Report)> =
        vectors().into_iter().map(|(name, vectors)| (name, replay(&vectors))).collect();
    for (name, report) in &reports {
        assert!(report.is_success(), "{name}\n{report}");
    }
    let golden = fs::read_to_string(golden_path()).unwrap();
    assert_eq!(decided_table(&reports), golden, "run `cargo xtask replay --update` if that is meant");
}

/// An adapter that does not run the code under test, but reports the wrong outcome `observed`.
struct Wrong<'a> {
    adapter: &'a dyn Adapter,
    observed: Observed,
}

impl Adapter for Wrong<'_> {
    fn run(&self, _: &Input) -> Observed {
        self.observed.clone()
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        self.adapter.rulings(input)
    }

    fn demands(&self, input: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        self.adapter.demands(input, expected)
    }
}

/// Tests that a wrong outcome of any step of any vector fails its replay.
#[test]
fn another_outcome_fails() {
    let refused: fn(&StepOutcome) -> StepOutcome = |outcome| match outcome {
        StepOutcome::Ok(_) => StepOutcome::Refused(Class::Internal),
        StepOutcome::Refused(_) => StepOutcome::Ok(json!("not refused")),
    };
    let other: fn(&StepOutcome) -> StepOutcome = |outcome| match outcome {
        StepOutcome::Ok(value) => StepOutcome::Ok(json!([value])),
        StepOutcome::Refused(_) => StepOutcome::Ok(Value::Null),
    };
    let panicked: fn(&StepOutcome) -> StepOutcome = |_| StepOutcome::Refused(Class::Panicked);
    let mut wrong = BTreeMap::<String, usize>::new();
    for (vector, adapter) in replayed() {
        let rulings = adapter.rulings(&vector.input);
        let demands = adapter.demands(&vector.input, &vector.expected).unwrap();
        let right = adapter.run(&vector.input);
        for step in 0..rulings.len() {
            let says_nothing = rulings[step].is_none() && matches!(demands[step].observed, Demand::Nothing);
            let distortions = if says_nothing { &[panicked][..] } else { &[refused, other, panicked] };
            for distortion in distortions {
                let mut observed = right.clone();
                observed.0[step].outcome = distortion(&observed.0[step].outcome);
                let verdict = judge(&Wrong { adapter, observed }, &vector);
                assert!(matches!(verdict, Verdict::Failed { .. }), "{} step {step}: {verdict:?}", vector.id);
                *wrong.entry(vector.kind.clone()).or_default() += 1;
            }
        }
    }
    assert!(wrong.values().all(|count| *count >= 3) && wrong.len() >= 20, "{wrong:?}");
}

/// Tests, with the vectors of a single step, that upstream's outcome is demanded wherever no decision rules.
#[test]
fn another_expectation_fails_where_no_decision_rules() {
    let mut failed = 0;
    for (mut vector, adapter) in replayed() {
        let rulings = adapter.rulings(&vector.input);
        if rulings.len() != 1 || rulings[0].is_some() {
            continue;
        }
        let was_error = vector.expected.get("error") != &Value::Null;
        let other =
            if was_error { json!({ "ok": { "bytes_hex": "00" } }) } else { json!({ "error": "ValueError" }) };
        vector.expected = Expected::new(other);
        let verdict = judge(adapter, &vector);
        assert!(matches!(verdict, Verdict::Failed { .. }), "{}: {verdict:?}", vector.id);
        failed += 1;
    }
    assert!(failed > 50, "{failed}");
}

/// Tests inputs that were not recorded: the inputs of the vectors, mixed with each other and damaged. Nothing may
/// panic, and the outcome must follow the decisions even without a vector.
#[test]
fn the_decisions_hold_for_unrecorded_inputs() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut by_kind = BTreeMap::<String, Vec<(Vector, &dyn Adapter)>>::new();
    // The calls of `v2.retry` wait for real, so a mixture of them would take minutes.
    for (vector, adapter) in replayed().into_iter().filter(|(vector, _)| vector.kind != "v2.retry") {
        by_kind.entry(vector.kind.clone()).or_default().push((vector, adapter));
    }
    let mut ruled = 0;
    for vectors in by_kind.values() {
        for _ in 0..100 {
            let (vector, adapter) = &vectors[random.below(vectors.len())];
            let (other, _) = &vectors[random.below(vectors.len())];
            let mut input = vector.input.value().clone();
            for _ in 0..=random.below(3) {
                random.cross(&mut input, other.input.value());
            }
            ruled += assert_rulings_hold(*adapter, &Input::in_situation(input, vector.input.situation()));
        }
    }
    assert!(ruled > 1000, "{ruled}");
}

/// A small generator of random numbers with a fixed seed, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    /// Changes a part of `value`, possibly to a part of `other`.
    fn cross(&mut self, value: &mut Value, other: &Value) {
        match (value, other) {
            (Value::Object(ours), Value::Object(theirs)) if !ours.is_empty() => {
                // The plugin and the store of a vector are kept, because they decide how the vector is read.
                let keys: Vec<_> =
                    ours.keys().filter(|key| *key != "plugin" && *key != "world").cloned().collect();
                if keys.is_empty() {
                    return;
                }
                let key = &keys[self.below(keys.len())];
                let their = theirs.get(key).unwrap_or(&Value::Null);
                if self.below(3) == 0 && !their.is_null() && key != "ops" {
                    ours.insert(key.clone(), their.clone());
                } else {
                    self.cross(&mut ours[key], their);
                }
            }
            (Value::Array(ours), Value::Array(theirs)) if !ours.is_empty() && !theirs.is_empty() => {
                match self.below(4) {
                    // The following steps come from another vector.
                    0 => ours.extend(theirs.iter().skip(1).cloned()),
                    1 => {
                        let at = self.below(ours.len() + 1);
                        ours.insert(at, theirs[self.below(theirs.len())].clone());
                    }
                    2 if ours.len() > 1 => {
                        let at = 1 + self.below(ours.len() - 1);
                        ours.remove(at);
                    }
                    _ => {
                        let (at, from) = (self.below(ours.len()), self.below(theirs.len()));
                        if self.below(2) == 0 {
                            self.cross(&mut ours[at], &theirs[from]);
                        } else {
                            ours[at] = theirs[from].clone();
                        }
                    }
                }
            }
            (Value::String(text), _) => {
                let mut characters: Vec<char> = text.chars().collect();
                let at = self.below(characters.len() + 1);
                let inserted =
                    ['0', '9', '.', ':', '=', '_', 'a', ' ', '\n', 'é', '/', '"', '$'][self.below(13)];
                match self.below(3) {
                    0 => characters.insert(at, inserted),
                    1 if at < characters.len() => characters[at] = inserted,
                    _ if at < characters.len() => drop(characters.remove(at)),
                    _ => {}
                }
                *text = characters.into_iter().collect();
            }
            (value, _) => {
                *value = [json!(0), json!(true), json!("x"), json!(-7), json!(1.5)][self.below(5)].clone();
            }
        }
    }
}

fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_replay")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> (String, Option<i32>) {
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
}

#[test]
fn the_command_tells_how_it_went() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("some.json");
    let write = |text: &str| fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();

    write(
        r#"{"vectors": [
        {"id": "1", "kind": "compat", "input": {"compatibility": ">=:1.0", "version": "1.0"}, "expected": {"upstream": "match"}},
        {"id": "2", "kind": "compat", "input": {"compatibility": "<:1.8", "version": "1.6"}, "expected": {"upstream": "no_match"}},
        {"id": "3", "kind": "acl", "input": {}, "expected": {}}]}"#,
    );
    let (text, status) = said(&program(&[path]));
    assert!(
        text.contains("compat  1 passed, 1 decided (C2 1)") && text.contains("acl     1 out of scope"),
        "{text}"
    );
    assert!(text.ends_with("\n2 passed, 0 failed\n"), "{text}");
    assert_eq!(status, Some(0));

    write(
        r#"[{"id": "go.lookup.1", "input": {"key": "A", "environment": null, "world": {"environments": [], "secrets": []}},
               "expected": {"ok": {"environment_name": null, "key": "A", "value": "1"}}}]"#,
    );
    let (text, status) = said(&program(&[path]));
    assert!(text.contains("FAILED go.lookup.1") && text.contains("refused: NotFound"), "{text}");
    assert!(text.ends_with("\n0 passed, 1 failed\n"), "{text}");
    assert_eq!(status, Some(1));

    for bad in ["[]", "nothing", r#"{"vectors": []}"#, r#"[{"id": "cheese.1", "input": 1, "expected": 1}]"#] {
        write(bad);
        assert_eq!(program(&[path]).status.code(), Some(1), "{bad}");
    }
    let missing = program(&["/nowhere/vectors.json"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/nowhere/vectors.json"));
    assert_eq!(program(&[]).status.code(), Some(1));
}
