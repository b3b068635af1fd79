//! Measures the cost of an answer in which everything is wrong.

use keyway_issuers::wire::{Ended, Profile, host, plugin};
use keyway_issuers::{Description, Json, Rule, Violation, Violations};

/// Makes an answer in which every part is wrong.
fn answer(parts: usize) -> String {
    let parts = vec!["{}"; parts].join(",");
    format!(r#"{{"result":"ok","state":"s","credential":[{parts}]}}"#)
}

#[test]
fn an_answer_of_faults_takes_little_more_than_one_without() {
    let answer = answer(32_000);
    let mut faults = 0;
    let used = allocation_counter::measure(|| {
        let error = host::decode_outcome(answer.as_bytes(), Ended::SUCCESS, Profile::Strict).unwrap_err();
        faults = error.violations().len();
        assert_eq!(error.orphan().unwrap().as_str(), "s");
    });
    // The list of the JSON values alone takes twenty-five times the memory of the text.
    assert!(used.bytes_max < 4_000_000, "{} bytes for {} of text", used.bytes_max, answer.len());
    assert_eq!(faults, Violations::MOST_KEPT);
}

#[test]
fn an_answer_of_too_many_parts_is_refused_before_they_fill_the_memory() {
    let answer = answer(340_000);
    let used = allocation_counter::measure(|| {
        assert!(host::decode_outcome(answer.as_bytes(), Ended::SUCCESS, Profile::Strict).is_err());
    });
    assert!(used.bytes_max < 10_000_000, "{} bytes for {} of text", used.bytes_max, answer.len());
}

#[test]
fn all_of_them_are_counted() {
    let error = host::decode_outcome(answer(1000).as_bytes(), Ended::SUCCESS, Profile::Strict).unwrap_err();
    // Each part lacks its name, type and value.
    assert!(error.to_string().ends_with("; and 2990 more"), "{error}");
    assert_eq!(error.violations().len(), Violations::MOST_KEPT);
}

#[test]
fn so_are_those_of_a_host_and_of_a_configuration() {
    let missing = || Violation::new("a", Rule::Missing);
    let found = Violations::none_or(std::iter::repeat_with(missing).take(1000).collect(), ()).unwrap_err();
    assert_eq!((found.as_slice().len(), found.count()), (Violations::MOST_KEPT, 1000));
    assert_eq!(found.into_iter().count(), Violations::MOST_KEPT);

    let names: Vec<String> = (0..1000).map(|number| format!("name_{number}")).collect();
    let value = Json::text("x");
    let description = Description::builder("1").build().unwrap();
    let configured = names.iter().map(|name| (name.as_str(), &value));
    let found = description.resolve_configuration(configured).unwrap_err();
    assert_eq!((found.as_slice().len(), found.count()), (Violations::MOST_KEPT, 1000));

    let parameters: Vec<String> = (0..1000).map(|number| format!("\"NAME{number}\":\"x\"")).collect();
    let input = format!(
        r#"{{"action":"request","watts_version":"1","cred_state":"undefined","watts_userid":"x","params":{{{}}}}}"#,
        parameters.join(",")
    );
    let found = plugin::decode_json(input.as_bytes()).unwrap_err();
    assert!(found.count() >= 1000 && found.as_slice().len() <= Violations::MOST_KEPT, "{found}");
}
