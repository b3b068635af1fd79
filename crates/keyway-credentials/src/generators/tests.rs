//! Tests of the built-in generators.

use proptest::prelude::*;

use super::*;
use crate::SessionId;

fn connection(values: [Option<&str>; 4]) -> Connection {
    let [hostname, ip, domain, username] = values.map(|value| value.map(str::to_owned));
    let mut connection = Connection::new(SessionId::new("s").unwrap());
    (connection.server_hostname, connection.server_ip) = (hostname, ip);
    (connection.server_domain, connection.server_username) = (domain, username);
    connection
}

fn names(rules: &AssetRules, connection: &Connection) -> Vec<String> {
    let name = |source| match source {
        AssetSource::Asset(asset) => asset.to_string(),
        AssetSource::Own(name) => format!("own {name}"),
    };
    rules.assets(connection).map(name).collect()
}

#[test]
fn the_default_is_the_order_of_the_upstream_system() {
    let rules = AssetRules::default().with_mapping("EXAMPLE.com", "dc9");
    let full = connection([Some("web1"), Some("192.0.2.7"), Some("example.COM"), None]);
    assert_eq!(names(&rules, &full), ["web1", "192.0.2.7", "example.COM", "dc9"]);
    let bare = connection([Some(""), Some("192.0.2.7"), None, None]);
    assert_eq!(names(&rules, &bare), ["192.0.2.7"]);
}

#[test]
fn a_suffix_follows_names_and_domains_that_exist_and_no_mapping() {
    let rules = AssetRules { domain_suffix: "lan".into(), ..AssetRules::default() };
    let rules = rules.with_mapping("corp", "dc1").with_mapping("corp.lan", "wrong");
    let full = connection([Some("web1"), Some("192.0.2.7"), Some("corp"), None]);
    assert_eq!(names(&rules, &full), ["web1.lan", "192.0.2.7", "corp.lan", "dc1"]);
    assert_eq!(names(&rules, &connection([None, Some("192.0.2.7"), Some(""), None])), ["192.0.2.7"]);
}

#[test]
fn duplicates_come_once_and_own_generators_keep_their_place() {
    let generators = ["ip", "mine", "hostname", "ip", "mine", "IP"].map(AssetGenerator::from_name).to_vec();
    let rules = AssetRules { generators, ..AssetRules::default() };
    let same = connection([Some("192.0.2.7"), Some("192.0.2.7"), None, None]);
    assert_eq!(names(&rules, &same), ["192.0.2.7", "own mine", "own IP"]);
}

#[test]
fn a_name_has_its_prefix_and_suffix_only_if_it_exists() {
    let rule = AccountRule { prefix: "p_".into(), suffix: "@x".into() };
    let account = |name| rule.account(&connection([None, None, None, name])).map(|it| it.to_string());
    assert_eq!(account(Some("dom\\bob")), Some("p_dom\\bob@x".into()));
    assert_eq!((account(None), account(Some("")), account(Some("a\nb"))), (None, None, None));
}

/// Returns values that may be missing, empty, unfit, or equal to each other.
fn value() -> impl Strategy<Value = Option<String>> {
    prop::option::of(prop_oneof!["[a-c]{0,2}", any::<String>()])
}

proptest! {
    #[test]
    fn each_asset_is_that_of_a_generator_once(
        values in [value(), value(), value()],
        suffix in "[a-c]{0,2}",
        order in prop::collection::vec(
            prop::sample::select(AssetGenerator::BUILT_IN.to_vec()), 0..8,
        ),
        mapped in value(),
    ) {
        let [hostname, ip, domain] = values.each_ref().map(Option::as_deref);
        let connection = connection([hostname, ip, domain, None]);
        let mut rules = AssetRules { generators: order.clone(), domain_suffix: suffix, ..AssetRules::default() };
        if let (Some(domain), Some(mapped)) = (domain, mapped) {
            rules = rules.with_mapping(domain, mapped);
        }
        let all = names(&rules, &connection);
        // The oracle asks one generator at a time, and keeps the first occurrence of each asset.
        let mut expected: Vec<String> = Vec::new();
        for generator in order {
            let alone = names(&AssetRules { generators: vec![generator], ..rules.clone() }, &connection);
            prop_assert!(alone.len() <= 1);
            expected.extend(alone.into_iter().filter(|name| !expected.contains(name)).collect::<Vec<_>>());
        }
        prop_assert!(all.iter().all(|name| !name.is_empty() && !name.contains(char::is_control)));
        prop_assert_eq!(all, expected);
    }

    #[test]
    fn an_account_is_the_name_in_its_frame(name in value(), prefix in "[a-c]{0,2}", suffix in "[a-c]{0,2}") {
        let connection = connection([None, None, None, name.as_deref()]);
        let account = AccountRule { prefix: prefix.clone(), suffix: suffix.clone() }.account(&connection);
        let fits = |name: &String| {
            !name.is_empty() && !name.contains(char::is_control)
                && name.len() + prefix.len() + suffix.len() <= Account::MAX_BYTES
        };
        let expected = name.filter(fits).map(|name| prefix.clone() + &name + &suffix);
        prop_assert_eq!(account.map(|it| it.to_string()), expected);
    }
}
