//! Reads from `docs/real-plugins.md` which rules each plugin breaks.

use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../docs/real-plugins.md");

/// Returns the rules that a plugin breaks, according to the page.
pub(crate) fn broken_rules(plugin: &str) -> BTreeSet<String> {
    let rows = rows().filter(|(of, _)| *of == plugin);
    let rules: Vec<_> = rows.map(|(_, rule)| rule.to_owned()).collect();
    assert!(!rules.is_empty(), "the page says nothing of {plugin}");
    rules.into_iter().filter(|rule| rule != "none").collect()
}

/// Returns the plugin and the rule of each row of the page's table.
fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    PAGE.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        let plugin = cells.next()?.strip_suffix('`')?;
        Some((plugin, cells.next()?))
    })
}

#[test]
fn every_row_names_a_rule_of_the_suite() {
    let suite = keyway_conformance::issuers::suite();
    let mut plugins = BTreeSet::new();
    for (plugin, rule) in rows() {
        plugins.insert(plugin);
        assert!(rule == "none" || suite.rules.iter().any(|known| known.id == rule), "{plugin}: {rule}");
    }
    assert_eq!(
        plugins,
        BTreeSet::from(["info.py", "main.py", "opennebula.py", "ssh.py", "test_plugin.py", "x509.py"])
    );
}
