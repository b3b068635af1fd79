//! Tests that `docs/rules.md` agrees with the suites.

use std::path::Path;

#[test]
fn the_page_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/rules.md");
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == keyway_tests::rules_page::page(),
        "{} is out of date: run `cargo xtask rules`",
        path.display()
    );
}

#[test]
fn every_clause_has_a_rule() {
    let (coverage, whole) = keyway_tests::rules_page::coverage();
    assert!(whole, "{coverage}");
    assert!(coverage.lines().count() > 20, "{coverage}");
}
