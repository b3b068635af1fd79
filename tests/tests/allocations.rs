//! Tests that hot paths do not allocate.

use keyway_core::{Compatibility, Version};

#[test]
fn matching_allocates_nothing() {
    let ranges = [">=:1.0,<:2.0", "!=:1.4.2,>:1.0.0-rc.1,<=:1.9", "==:1.2.3-alpha.1+build", ">=:3"]
        .map(|text| Compatibility::parse(text).expect(text));
    let versions = ["1.4.2", "1.0.0-rc.2", "1.2.3-alpha.1", "2.0.0", "3.1.0"]
        .map(|text| Version::parse(text).expect(text));
    let mut matched = 0;
    let allocated = allocation_counter::measure(|| {
        for range in &ranges {
            matched += versions.iter().filter(|version| range.matches(version)).count();
        }
    });
    assert_eq!(allocated.count_total, 0);
    assert!(matched > 0, "something matches");
}

#[test]
fn the_counter_counts() {
    let allocated = allocation_counter::measure(|| drop(Compatibility::parse(">=:1.0,<:2.0")));
    assert!(allocated.count_total > 0, "parsing keeps its clauses somewhere");
}
