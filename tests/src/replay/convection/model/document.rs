//! The conditions under which a document may be read.
//!
//! See decisions C1, C3, C4.

pub(in crate::replay::convection) use super::settings::Specification;
use crate::replay::Class;
use crate::replay::convection::node::Node;
use crate::replay::oracle::version::{Compatibility, Version};

/// The versions that the running plugins read.
const READS: &str = ">=:1.0,<:2.0";
pub(super) const WRITES: &str = "1.0.0";

const TYPES: [&str; 4] = ["Secret", "Certificate", "Credential", "Issuer"];

/// The reason why a document must not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::replay::convection) struct Problem {
    /// The decision that refuses the document, or `None` if upstream refuses it too.
    pub(in crate::replay::convection) decision: Option<&'static str>,
    /// The permitted classes of the refusal.
    pub(in crate::replay::convection) classes: &'static [Class],
    /// True if only the settings have the problem.
    pub(super) only_settings: bool,
    /// True if only the counters have the problem.
    pub(super) only_counters: bool,
}

impl Problem {
    pub(super) const fn new(decision: Option<&'static str>, classes: &'static [Class]) -> Self {
        Self { decision, classes, only_settings: false, only_counters: false }
    }

    const fn corrupt(decision: Option<&'static str>) -> Self {
        Self::new(decision, &[Class::Corrupt])
    }
}

/// Returns the reason why `document` must not be read, or `None` if it may.
pub(in crate::replay::convection) fn problem(
    specification: &Specification,
    document: &Node,
) -> Option<Problem> {
    // The writer (its version, name and type) is checked first, because a document of another version may have another
    // layout.
    let Some(metadata) = table(document, "metadata") else { return Some(Problem::corrupt(None)) };
    let version = match metadata.get("version") {
        None => return Some(Problem::corrupt(None)),
        Some(Node::Text(version)) => Version::read(version),
        // Upstream accepts a number, and converts it to text. Decision C3 refuses numbers.
        Some(_) => return Some(Problem::corrupt(Some("C3"))),
    };
    let Some(version) = version else { return Some(Problem::corrupt(Some("C1"))) };
    let Some(plugin) = table(metadata, "plugin") else { return Some(Problem::corrupt(None)) };
    let (Some(Node::Text(name)), Some(Node::Text(kind))) = (plugin.get("name"), plugin.get("type")) else {
        return Some(Problem::corrupt(Some("C3")));
    };
    if !TYPES.contains(&kind.as_str()) {
        return Some(Problem::corrupt(Some("C3")));
    }
    let reads = Compatibility::read(READS).is_some_and(|reads| reads.admits(&version));
    if kind != "Secret" || name != specification.name || !reads {
        return Some(Problem::new(Some("C4"), &[Class::Incompatible]));
    }
    let sections = [table(document, "config"), table(document, "store")];
    let [Some(config), Some(_)] = sections else { return Some(Problem::corrupt(None)) };
    let stats = table(document, "stats");
    let is_count = |name| matches!(stats.and_then(|stats| stats.get(name)), Some(Node::Integer(count)) if count.parse::<i64>().is_ok());
    if !is_count("reads") || !is_count("writes") {
        return Some(Problem { only_counters: true, ..Problem::corrupt(None) });
    }
    specification
        .stored_is_broken(config)
        .then_some(Problem { only_settings: true, ..Problem::corrupt(None) })
}

fn table<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    node.get(name).filter(|node| matches!(node, Node::Table(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[metadata]\nversion = \"1.0.0\"\n[metadata.plugin]\nname = \"Generic\"\ntype = \"Secret\"\n\
                        [config.data]\n[store]\n[stats]\nreads = 1\nwrites = 1\n";

    fn found(text: &str) -> Option<Problem> {
        problem(&Specification::named("generic"), &Node::from_toml(text).unwrap())
    }

    #[test]
    fn each_fault_has_its_decision() {
        assert_eq!(found(GOOD), None);
        for (from, to, expected) in [
            ("1.0.0", "2.0.0", Some("C4")),
            ("1.0.0", "v1", Some("C1")),
            ("\"1.0.0\"", "1.5", Some("C3")),
            ("Generic", "Other", Some("C4")),
            ("Secret", "AccessMode", Some("C3")),
            ("[store]", "[stored]", None),
            ("reads = 1", "reads = \"x\"", None),
            ("[config.data]", "[config.default]", None),
        ] {
            assert_eq!(found(&GOOD.replace(from, to)).unwrap().decision, expected, "{from} {to}");
        }
    }
}
