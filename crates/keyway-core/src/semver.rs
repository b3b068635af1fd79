//! Conversions from and to the types of the crate `semver`, for hosts that also use that crate.
//!
//! A range can be converted if both grammars can express it. The original and the result match the same versions,
//! except pre-releases: `semver` matches a pre-release only if the range names a pre-release of the same three numbers.

use ::semver::{Comparator, Op, VersionReq};

use crate::{Compatibility, ParseError, Version};

/// The error for a version or a range that the other grammar cannot express.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotExpressible {
    /// The range contains `!=`, and `semver` has no comparator that excludes a single version.
    #[error("a semver range cannot leave one version out (`!=`): write the ranges below and above it")]
    NotEqual,
    /// A text is longer than Keyway allows, or has a number beyond 64 bits.
    #[error("it does not fit a version or a compatibility string: {0}")]
    Ours(#[from] ParseError),
    /// `semver` refuses the text, for example a range of more than 32 clauses.
    #[error("it does not fit the crate semver: {0}")]
    Theirs(String),
}

impl TryFrom<&::semver::Version> for Version {
    type Error = NotExpressible;

    fn try_from(version: &::semver::Version) -> Result<Self, NotExpressible> {
        Ok(Self::parse(&version.to_string())?)
    }
}

impl TryFrom<&Version> for ::semver::Version {
    type Error = NotExpressible;

    /// Converts the version. Missing numbers become 0.
    fn try_from(version: &Version) -> Result<Self, NotExpressible> {
        Self::parse(&in_full(version)).map_err(theirs)
    }
}

impl TryFrom<&Compatibility> for VersionReq {
    type Error = NotExpressible;

    fn try_from(range: &Compatibility) -> Result<Self, NotExpressible> {
        let mut clauses = Vec::new();
        for clause in range.to_string().split(',') {
            let Some((comparator, version)) = clause.split_once(':') else { continue };
            let comparator = match comparator {
                "!=" => return Err(NotExpressible::NotEqual),
                "==" => "=",
                other => other,
            };
            clauses.push(format!("{comparator}{}", in_full(&Version::parse(version)?)));
        }
        Self::parse(&clauses.join(",")).map_err(theirs)
    }
}

impl TryFrom<&VersionReq> for Compatibility {
    type Error = NotExpressible;

    fn try_from(range: &VersionReq) -> Result<Self, NotExpressible> {
        let clauses: Vec<_> = range.comparators.iter().map(clauses).collect();
        let text = if clauses.is_empty() { ">=:0".to_owned() } else { clauses.join(",") };
        Ok(Self::parse(&text)?)
    }
}

/// Converts a comparator of `semver` to clauses. Usually there are two clauses: the lower bound is the lowest version
/// that the comparator matches, and the upper bound is the first version above all matches.
fn clauses(comparator: &Comparator) -> String {
    let Comparator { op, major, minor, patch, pre } = comparator;
    let tail = if pre.is_empty() { String::new() } else { format!("-{pre}") };
    let lowest = format!("{major}.{}.{}{tail}", minor.unwrap_or(0), patch.unwrap_or(0));
    let after_written = match (minor, patch) {
        (None, _) => next([*major, 0, 0], 0),
        (Some(minor), None) => next([*major, *minor, 0], 1),
        (Some(minor), Some(patch)) => next([*major, *minor, *patch], 2),
    };
    let is_whole = patch.is_some();
    match op {
        Op::Exact if is_whole => format!("==:{lowest}"),
        Op::Greater if is_whole => format!(">:{lowest}"),
        Op::LessEq if is_whole => format!("<=:{lowest}"),
        Op::Greater => format!(">=:{after_written}"),
        Op::GreaterEq => format!(">=:{lowest}"),
        Op::Less => format!("<:{lowest}"),
        Op::LessEq => format!("<:{after_written}"),
        Op::Tilde => {
            let place = usize::from(minor.is_some());
            format!(">=:{lowest},<:{}", next([*major, minor.unwrap_or(0), 0], place))
        }
        Op::Caret => {
            let numbers = [*major, minor.unwrap_or(0), patch.unwrap_or(0)];
            let written = 1 + usize::from(minor.is_some()) + usize::from(is_whole);
            let place = numbers.iter().position(|number| *number > 0).unwrap_or(2).min(written - 1);
            format!(">=:{lowest},<:{}", next(numbers, place))
        }
        // This covers `=1.2`, `1.2.*`, and comparators that later versions of the crate `semver` may add.
        _ => format!(">=:{lowest},<:{after_written}"),
    }
}

/// Returns the version with the number at `place` raised by one, and zeros after it.
fn next(mut numbers: [u64; 3], place: usize) -> String {
    numbers[place] = numbers[place].saturating_add(1);
    numbers[place + 1..].fill(0);
    numbers.map(|number| number.to_string()).join(".")
}

fn in_full(version: &Version) -> String {
    let mut text = format!("{}.{}.{}", version.major(), version.minor(), version.patch());
    for (sign, part) in [('-', version.pre_release()), ('+', version.build())] {
        text.extend(part.map(|part| format!("{sign}{part}")));
    }
    text
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err passes it")]
fn theirs(error: ::semver::Error) -> NotExpressible {
    NotExpressible::Theirs(error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_come_back() {
        for text in ["1.2.3", "0.0.0-rc.1+build", "1.0.0-alpha"] {
            let theirs = ::semver::Version::try_from(&Version::parse(text).unwrap()).unwrap();
            assert_eq!(Version::try_from(&theirs).unwrap().to_string(), text);
        }
        assert_eq!(::semver::Version::try_from(&Version::parse("1").unwrap()).unwrap().to_string(), "1.0.0");
    }

    #[test]
    fn an_inexpressible_range_is_refused() {
        let range = Compatibility::parse(">=:1,!=:1.5").unwrap();
        assert_eq!(VersionReq::try_from(&range), Err(NotExpressible::NotEqual));
        let long = format!(">={}", "1".repeat(18));
        let range = VersionReq::parse(&[&*long; 32].join(",")).unwrap();
        assert!(Compatibility::try_from(&range).is_ok());
        let many = vec![">=:1"; 40].join(",");
        let range = Compatibility::parse(&many).unwrap();
        assert!(matches!(VersionReq::try_from(&range), Err(NotExpressible::Theirs(_))));
    }

    proptest! {
        #[test]
        fn ranges_of_theirs_match_the_same(
            op in prop::sample::select(vec!["", "=", ">", ">=", "<", "<=", "~", "^"]),
            written in prop::collection::vec(0..4_u64, 1..=3),
            versions in prop::collection::vec(prop::array::uniform3(0..5_u64), 20),
        ) {
            let written: Vec<_> = written.iter().map(u64::to_string).collect();
            let theirs = VersionReq::parse(&format!("{op}{}", written.join("."))).unwrap();
            let ours = Compatibility::try_from(&theirs).unwrap();
            let back = VersionReq::try_from(&ours).unwrap();
            for [major, minor, patch] in versions {
                let version = ::semver::Version::new(major, minor, patch);
                let matches = theirs.matches(&version);
                prop_assert_eq!(ours.matches(&Version::new(major, minor, patch)), matches, "{} {} {}", theirs, ours, version);
                prop_assert_eq!(back.matches(&version), matches, "{} {}", back, version);
            }
        }
    }
}
