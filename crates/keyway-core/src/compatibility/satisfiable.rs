//! Decides whether any version satisfies a compatibility string.

use std::fmt::Write;

use super::{Comparator, Compatibility};
use crate::version::{Version, precedence};

/// Tells whether any version satisfies a range.
///
/// The answer is exact. Each version has an immediate successor, and every clause except `!=` allows an interval of
/// versions. So it is enough to find the least version that satisfies the lower bounds and the `!=` clauses: if this
/// version breaks an upper bound, every greater version breaks the same bound.
pub(super) fn is_satisfiable(range: &Compatibility) -> bool {
    let Some(mut candidate) = least(range) else { return false };
    // Each `!=` excludes one version, so the loop takes at most one step for each clause.
    while is_excluded(range, &candidate) {
        let Some(next) = successor(&candidate) else { return false };
        candidate = next;
    }
    range.matches(&candidate)
}

/// Returns the least version that the lower bounds allow, or `None` if it would be beyond the greatest version.
fn least(range: &Compatibility) -> Option<Version> {
    let mut least = Version::from_static("0.0.0-0");
    for clause in range.clauses() {
        let bound = clause_version(range, &clause.version);
        let bound = match clause.comparator {
            Comparator::AtLeast | Comparator::Equal => bound,
            Comparator::Above => successor(&bound)?,
            Comparator::AtMost | Comparator::Below | Comparator::NotEqual => continue,
        };
        least = least.max(bound);
    }
    Some(least)
}

fn is_excluded(range: &Compatibility, version: &Version) -> bool {
    range.clauses().iter().any(|clause| {
        clause.comparator == Comparator::NotEqual
            && precedence::compare(version.parts(), version.bytes(), &clause.version, range.bytes()).is_eq()
    })
}

/// Returns the least version above `version`. For a pre-release, this is the same pre-release with the lowest
/// identifier appended. For a release, it is the lowest pre-release of the next numbers: 1.0.1-0 after 1.0.0.
fn successor(version: &Version) -> Option<Version> {
    if let Some(pre) = version.pre_release() {
        return Some(with_pre(version.parts().numbers, &format!("{pre}.0")));
    }
    let mut numbers = version.parts().numbers;
    for number in numbers.iter_mut().rev() {
        match number.checked_add(1) {
            Some(next) => {
                *number = next;
                return Some(with_pre(numbers, "0"));
            }
            None => *number = 0,
        }
    }
    None
}

fn with_pre([major, minor, patch]: [u64; 3], pre: &str) -> Version {
    let mut text = format!("{major}.{minor}.{patch}");
    if !pre.is_empty() {
        let _ = write!(text, "-{pre}");
    }
    Version::parse(&text).expect("numbers and identifiers come from versions")
}

/// Returns the version of a clause as an owned value, without its build part.
fn clause_version(range: &Compatibility, parts: &crate::version::grammar::Parts) -> Version {
    let pre = std::str::from_utf8(parts.pre(range.bytes())).unwrap_or_default();
    with_pre(parts.numbers, pre)
}
