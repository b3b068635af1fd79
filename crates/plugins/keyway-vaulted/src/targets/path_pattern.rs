//! A pattern of paths, which gives the path of each account's file.

use keyway_credentials::{Candidate, CredentialError};
use keyway_files::{FilePath, PathFault};

const ACCOUNT: &str = "{account}";
const ASSET: &str = "{asset}";

/// The path of an account's file, with placeholders for the account and the asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathPattern(String);

/// The reason why a text is not a pattern of paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathPatternError {
    /// The pattern is not a path.
    #[error("the pattern is not a path: {0}")]
    Path(#[from] PathFault),
    /// The pattern has no placeholder for the account, so all accounts would have one file.
    #[error("the pattern has no {{account}}, so all accounts would have one file")]
    NoAccount,
    /// The pattern has a brace that belongs to no placeholder.
    #[error("the pattern has a brace that belongs to no placeholder: use {{account}} and {{asset}}")]
    Brace,
    /// A part of the path has two placeholders, so different names could give the same path.
    #[error("a part of the pattern has two placeholders: put a slash between them")]
    TwoInAPart,
}

impl PathPattern {
    pub(super) fn new(pattern: &str) -> Result<Self, PathPatternError> {
        FilePath::new(pattern)?;
        for part in pattern.split('/') {
            let placeholders = [ACCOUNT, ASSET].map(|name| part.matches(name).count()).iter().sum::<usize>();
            if part.matches(['{', '}']).count() != 2 * placeholders {
                return Err(PathPatternError::Brace);
            }
            if placeholders > 1 {
                return Err(PathPatternError::TwoInAPart);
            }
        }
        if !pattern.contains(ACCOUNT) {
            return Err(PathPatternError::NoAccount);
        }
        Ok(Self(pattern.to_owned()))
    }

    /// Returns the path of an account's file. It lies below the part of the pattern before the first placeholder.
    pub(super) fn path(&self, candidate: &Candidate) -> Result<FilePath, CredentialError> {
        let (account, asset) = (candidate.account.as_str(), candidate.asset.as_str());
        let parts = self.0.split('/').map(|part| {
            // The placeholder of a part is replaced in one pass, because a name may look like a placeholder.
            if let Some((before, behind)) = part.split_once(ACCOUNT) {
                Ok([before, name("the account", account)?, behind].concat())
            } else if let Some((before, behind)) = part.split_once(ASSET) {
                Ok([before, name("the asset", asset)?, behind].concat())
            } else {
                Ok(part.to_owned())
            }
        });
        let path = parts.collect::<Result<Vec<_>, CredentialError>>()?.join("/");
        FilePath::new(&path)
            .map_err(|fault| CredentialError::invalid("the path of the account", fault.to_string()))
    }
}

/// Checks that a name stays within its part of a path. A dot at the beginning is refused, because lock files beside the
/// files have such names.
fn name<'a>(what: &'static str, name: &'a str) -> Result<&'a str, CredentialError> {
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
        return Err(CredentialError::invalid(
            what,
            "as a part of a path it must have no slash, and not begin with a dot",
        ));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use keyway_credentials::{Account, Asset};

    use super::*;

    fn path(pattern: &str, account: &str, asset: &str) -> Option<std::path::PathBuf> {
        let candidate = Candidate::new(Account::new(account).unwrap(), Asset::new(asset).unwrap());
        PathPattern::new(pattern).unwrap().path(&candidate).ok().map(|path| path.path())
    }

    #[test]
    fn names_take_the_place_of_their_placeholders() {
        const BOTH: &str = "/srv/{asset}/of-{account}/keys";
        assert_eq!(path(BOTH, "joe", "web1").unwrap(), Path::new("/srv/web1/of-joe/keys"));
        assert_eq!(path(BOTH, "{asset}", "{account}").unwrap(), Path::new("/srv/{account}/of-{asset}/keys"));
        assert_eq!(path("/home/{account}/k", "ü..", "-").unwrap(), Path::new("/home/ü../k"));
    }

    #[test]
    fn no_name_leaves_its_part_of_the_path() {
        for pattern in ["/srv/{account}/{asset}", "/srv/x{account}/x{asset}y"] {
            for name in [".", "..", "/", "a/b", "../a", "/etc", ".ssh", ".joe.keyway-lock", "a/../b"] {
                assert_eq!(path(pattern, name, "web1"), None, "{name}");
                assert_eq!(path(pattern, "joe", name), None, "{name}");
            }
        }
    }

    #[test]
    fn a_faulty_pattern_is_refused() {
        for (pattern, error) in [
            ("", PathPatternError::Path(PathFault::Empty)),
            ("srv/{account}", PathPatternError::Path(PathFault::Relative)),
            ("/srv/../{account}", PathPatternError::Path(PathFault::Detour)),
            ("/srv/{account}/", PathPatternError::Path(PathFault::Detour)),
            ("/srv/{asset}/keys", PathPatternError::NoAccount),
            ("/srv/keys", PathPatternError::NoAccount),
            ("/srv/{user}/{account}", PathPatternError::Brace),
            ("/srv/{account", PathPatternError::Brace),
            ("/srv/{{account}}", PathPatternError::Brace),
            ("/srv/{asset}-{account}", PathPatternError::TwoInAPart),
        ] {
            assert_eq!(PathPattern::new(pattern), Err(error), "{pattern}");
        }
    }
}
