//! Measures the parsing and matching of compatibility strings, against `semver::VersionReq` on the same ranges.
//!
//! Matching must not allocate memory. A test of keyway-tests checks that, because counting allocations here would slow
//! both sides down.

use std::hint::black_box;

use keyway_core::{Compatibility, Version};
use semver::VersionReq;

use super::BenchError;
use crate::{
    measure::{Plan, compare},
    row::{Row, Target},
};

/// A range in Keyway's language and in the peer's.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// The distinguishing feature of the range.
    pub name: &'static str,
    /// The range as a compatibility string.
    pub ours: &'static str,
    /// The range as a requirement of the peer.
    pub peer: &'static str,
    /// A version that the last clause of the range refuses.
    pub unfit: &'static str,
}

/// The ranges: one clause, the seed's own example, three clauses, and a pre-release. No range has the comparator `!=`,
/// because the peer does not have it.
pub const RANGES: &[Range] = &[
    Range { name: "one clause", ours: ">=:1.2.3", peer: ">=1.2.3", unfit: "1.2.2" },
    Range { name: "the seed's example", ours: ">=:1.0,<:2.0", peer: ">=1.0, <2.0", unfit: "2.0.1" },
    Range {
        name: "three clauses",
        ours: ">=:1.10.0,<:2.0.0,>:1.10.7",
        peer: ">=1.10.0, <2.0.0, >1.10.7",
        unfit: "1.10.7",
    },
    Range {
        name: "a pre-release",
        ours: ">=:1.0.0-rc.1,<:2.0.0",
        peer: ">=1.0.0-rc.1, <2.0.0",
        unfit: "2.0.0",
    },
];

/// A version that every one of [`RANGES`] contains.
pub const FITTING: &str = "1.11.0";

/// A parsed range and versions, on both sides.
#[derive(Debug)]
pub struct Setup {
    /// Keyway's range and versions.
    pub ours: (Compatibility, [Version; 2]),
    /// The peer's range and versions.
    pub peer: (VersionReq, [semver::Version; 2]),
}

impl Setup {
    /// Parses the range and the versions on both sides.
    ///
    /// # Errors
    /// When a side cannot parse the range or a version, or does not match the versions as expected: [`FITTING`] fits,
    /// and `unfit` does not.
    pub fn new(range: &Range) -> Result<Self, BenchError> {
        let ours = Compatibility::parse(range.ours)?;
        let peer = VersionReq::parse(range.peer)?;
        let (fitting, unfit) = (FITTING, range.unfit);
        let our_versions = [Version::parse(fitting)?, Version::parse(unfit)?];
        let peer_versions = [semver::Version::parse(fitting)?, semver::Version::parse(unfit)?];
        for (our, (peer_version, fits)) in our_versions.iter().zip(peer_versions.iter().zip([true, false])) {
            if ours.matches(our) != fits || peer.matches(peer_version) != fits {
                return Err(format!("{}: the two sides disagree about {our}", range.ours).into());
            }
        }
        Ok(Self { ours: (ours, our_versions), peer: (peer, peer_versions) })
    }

    /// Matches both versions with Keyway, and returns the number of versions that fit.
    pub fn matches(&self) -> usize {
        let (range, versions) = black_box(&self.ours);
        versions.iter().filter(|version| range.matches(version)).count()
    }

    /// Matches both versions with the peer, and returns the number of versions that fit.
    pub fn peer_matches(&self) -> usize {
        let (range, versions) = black_box(&self.peer);
        versions.iter().filter(|version| range.matches(version)).count()
    }
}

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let mut rows = Vec::new();
    for range in RANGES {
        let parsing = compare(
            Plan::COMPUTATION,
            || Compatibility::parse(black_box(range.ours)),
            || VersionReq::parse(black_box(range.peer)),
        );
        rows.push(
            Row::compared(area, format!("parse {}, peer semver", range.name), parsing)
                .must(Target::RatioAtMost(1.0)),
        );
        let setup = Setup::new(range)?;
        let matching = compare(Plan::COMPUTATION, || setup.matches(), || setup.peer_matches());
        rows.push(
            Row::compared(area, format!("match {} twice, peer semver", range.name), matching)
                .must(Target::RatioAtMost(1.0)),
        );
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::{RANGES, Setup};

    #[test]
    fn both_sides_agree_about_every_range() {
        for range in RANGES {
            let setup = Setup::new(range).expect(range.name);
            assert_eq!((setup.matches(), setup.peer_matches()), (1, 1), "{}", range.name);
        }
    }
}
