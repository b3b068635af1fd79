//! Counts of reads and writes.

use crate::replay::convection::node::Node;

/// Counts reads and writes as upstream does: each handle has its own counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) reads: i64,
    pub(super) writes: i64,
}

pub(super) fn counts(node: &Node) -> Counts {
    let count = |name| match node.get("stats").and_then(|stats| stats.get(name)) {
        Some(Node::Integer(count)) => count.parse().unwrap_or(0),
        _ => 0,
    };
    Counts { reads: count("reads"), writes: count("writes") }
}

pub(super) fn set_counts(node: &mut Node, reads: i64, writes: i64) {
    node.set(&["stats", "reads"], Some(Node::Integer(reads.to_string())));
    node.set(&["stats", "writes"], Some(Node::Integer(writes.to_string())));
}
