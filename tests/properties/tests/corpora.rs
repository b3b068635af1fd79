//! Runs every file of the fuzz corpora through its property, without a fuzzer.

use std::{collections::BTreeSet, fs, path::Path};

use keyway_properties::ALL;

fn fuzz() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

#[test]
fn every_file_has_its_property() {
    for (name, property) in ALL {
        let mut files = 0;
        for entry in fs::read_dir(fuzz().join("corpus").join(name)).expect(name) {
            let path = entry.expect("an entry").path();
            let data = fs::read(&path).expect("a file");
            let outcome = std::panic::catch_unwind(|| property(&data));
            assert!(outcome.is_ok(), "{} fails; what was expected stands above", path.display());
            files += 1;
        }
        assert!(files > 0, "the corpus {name} is empty");
    }
}

#[test]
fn the_corpus_of_keys_has_every_form() {
    let mut forms = BTreeSet::new();
    for entry in fs::read_dir(fuzz().join("corpus/credential_key")).expect("a corpus") {
        let text = fs::read_to_string(entry.expect("an entry").path()).expect("a text");
        if let Ok(facts) = keyway_credentials::KeyFacts::read(&text) {
            forms.insert(format!("{:?}, encrypted: {}", facts.form, facts.encrypted));
        }
    }
    // The corpus has keys in five forms, each of them also encrypted.
    assert_eq!(forms.len(), 10, "{forms:?}");
}

#[test]
fn every_property_has_a_target_and_a_corpus_and_the_other_way_round() {
    let properties: BTreeSet<String> = ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    let names = |folder: &str| -> BTreeSet<String> {
        fs::read_dir(fuzz().join(folder))
            .expect(folder)
            .map(|entry| entry.expect("an entry").path())
            .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
            .collect()
    };
    assert_eq!(names("corpus"), properties);
    assert_eq!(names("fuzz_targets"), properties);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).expect("a manifest");
    for name in properties {
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "Cargo.toml has no target {name}");
    }
}

/// Draws pseudorandom bytes, which are the same in every run.
fn drawn(state: &mut u64, length: usize) -> Vec<u8> {
    let next = |_| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..length).map(next).collect()
}

#[test]
fn random_bytes_have_every_property() {
    let mut state = 1;
    for length in 0..200 {
        let data = drawn(&mut state, length);
        for (_, property) in ALL {
            property(&data);
        }
    }
}

/// Runs the property of sessions, which needs more and shorter inputs than the properties of texts.
#[test]
fn sessions_keep_no_lease_under_random_events() {
    let mut state = 2;
    for _ in 0..300 {
        keyway_properties::session_machine(&drawn(&mut state, 63));
    }
}
