//! Implements decisions C1 and C2: the grammar and meaning of versions and compatibility strings.
//! Precedence is that of the crate `semver`.

use std::cmp::Ordering;

/// The longest text that is parsed, in bytes.
const LONGEST: usize = 1024;

/// A version of the grammar of decision C1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The version with missing numbers as 0.
    full: semver::Version,
    /// The number of written components.
    written: usize,
}

impl Version {
    /// Parses a version, if the text is one.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        if let Ok(full) = semver::Version::parse(text) {
            return Some(Self { full, written: 3 });
        }
        let written = text.split('.').count();
        let missing = match written {
            1 => ".0.0",
            2 => ".0",
            _ => return None,
        };
        // A valid tail after the numbers was parsed above.
        let only_numbers = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let full = semver::Version::parse(&format!("{text}{missing}")).ok().filter(|_| only_numbers)?;
        Some(Self { full, written })
    }

    /// Returns the written components.
    pub fn numbers(&self) -> Vec<u64> {
        [self.full.major, self.full.minor, self.full.patch][..self.written].to_vec()
    }

    /// Tells whether there is a pre-release or build part.
    pub fn has_tail(&self) -> bool {
        !self.full.pre.is_empty() || !self.full.build.is_empty()
    }

    /// Compares by precedence: build parts do not count.
    pub fn compare(&self, other: &Self) -> Ordering {
        self.full.cmp_precedence(&other.full)
    }
}

/// A compatibility string of the grammar of decision C1.
#[derive(Clone, Debug)]
pub struct Compatibility(Vec<(String, Version)>);

impl Compatibility {
    /// Parses a compatibility string. Returns `None` if the string is not well-formed.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let clause = |clause: &str| {
            let (comparator, version) = clause.split_once(':')?;
            let known = [">=", "<=", "==", "!=", ">", "<"].contains(&comparator);
            known.then_some(())?;
            Some((comparator.to_owned(), Version::read(version)?))
        };
        text.split(',').map(clause).collect::<Option<_>>().map(Self)
    }

    /// Tells whether `version` satisfies every clause.
    ///
    /// See decision C2.
    pub fn admits(&self, version: &Version) -> bool {
        self.0.iter().all(|(comparator, bound)| {
            let order = version.compare(bound);
            match comparator.as_str() {
                ">=" => order.is_ge(),
                "<=" => order.is_le(),
                "==" => order.is_eq(),
                "!=" => order.is_ne(),
                ">" => order.is_gt(),
                // `<:X` also excludes the pre-releases of X, unless X itself is a pre-release.
                _ => {
                    order.is_lt()
                        && !(bound.full.pre.is_empty()
                            && !version.full.pre.is_empty()
                            && same_numbers(version, bound))
                }
            }
        })
    }

    /// Returns the clauses, for a caller that checks whether a single clause decides.
    pub fn clauses(&self) -> impl Iterator<Item = (&str, &Version)> {
        self.0.iter().map(|(comparator, version)| (comparator.as_str(), version))
    }
}

fn same_numbers(a: &Version, b: &Version) -> bool {
    (a.full.major, a.full.minor, a.full.patch) == (b.full.major, b.full.minor, b.full.patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar() {
        for text in ["0", "1.0", "1.2.3", "1.0.0-rc.1+b.01", "18446744073709551615"] {
            assert!(Version::read(text).is_some(), "{text}");
        }
        for text in [
            "",
            " 1",
            "01",
            "1.",
            ".1",
            "1.0-rc1",
            "1.0+b",
            "1.2.3.4",
            "v1",
            "1.0.0-01",
            "18446744073709551616",
            "\u{663}",
        ] {
            assert!(Version::read(text).is_none(), "{text}");
        }
        for text in ["", ",", ">=:1,", "=:1", ">= :1", ">=:1, <:2", ">=::1", ">=1"] {
            assert!(Compatibility::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_meaning() {
        let admits = |range: &str, version: &str| {
            Compatibility::read(range).unwrap().admits(&Version::read(version).unwrap())
        };
        assert!(admits(">=:1.0,<:2.0", "1.10") && admits("<=:1.0.0", "1"));
        assert!(
            !admits("<:2.0", "2.0.0-rc.1")
                && admits("<:2.0", "1.9.9-rc.1")
                && admits("<:2.0.0-rc.2", "2.0.0-rc.1")
        );
        assert!(admits("==:1.0.0+a", "1.0.0+b"));
    }
}
