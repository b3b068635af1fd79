//! Makes the principals of a certificate: names that the operator configures, in which placeholders
//! stand for claims of the user's login.

use keyway_issuers::{IssuerError, UserInfo};

use crate::setting;

/// Names of accounts, with placeholders such as `{preferred_username}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Principals(Vec<Vec<Piece>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// The name of a claim.
    Claim(String),
}

impl Principals {
    pub(super) const SETTING: &'static str = "principals";
    /// The longest account name of the usual systems.
    const MAX_BYTES: usize = 64;
    const MAX_COUNT: usize = 64;

    /// Reads names, separated by white space or commas. Requires at least one: a certificate without principals
    /// is valid for every account.
    pub(super) fn read(text: &str) -> Result<Self, IssuerError> {
        let names = text.split(|character: char| character == ',' || character.is_whitespace());
        let names: Option<Vec<_>> = names.filter(|name| !name.is_empty()).map(pieces).collect();
        match names {
            Some(names) if (1..=Self::MAX_COUNT).contains(&names.len()) => Ok(Self(names)),
            _ => Err(setting::invalid(
                Self::SETTING,
                "name the accounts to log in to, separated by spaces: letters, digits, '.', '_', '-' and '@', \
                 and the names of claims in braces, for example `{preferred_username}`",
            )),
        }
    }

    /// Tells whether the names depend on the user.
    pub(super) fn name_claims(&self) -> bool {
        self.0.iter().flatten().any(|piece| matches!(piece, Piece::Claim(_)))
    }

    /// Returns the names for a user.
    ///
    /// # Errors
    /// A claim is missing or is not a plain account name, or a name would be `root`: users can
    /// often choose the value of a claim.
    pub(super) fn of(&self, user: &UserInfo) -> Result<Vec<String>, IssuerError> {
        let mut names: Vec<String> = Vec::new();
        for pieces in &self.0 {
            let mut name = String::new();
            for piece in pieces {
                match piece {
                    Piece::Text(text) => name.push_str(text),
                    Piece::Claim(claim) => {
                        let value = user.text(claim).filter(|value| is_account_name(value));
                        name.push_str(value.ok_or_else(|| refused(claim))?);
                    }
                }
            }
            let from_claims = pieces.iter().any(|piece| matches!(piece, Piece::Claim(_)));
            if name.len() > Self::MAX_BYTES || (from_claims && name == "root") {
                return Err(IssuerError::refused(
                    "Your login gives you no account here.",
                    "what the claims of this user make is `root` or too long",
                ));
            }
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(names)
    }
}

fn refused(claim: &str) -> IssuerError {
    IssuerError::refused(
        "Your login gives you no account here.",
        format!("the claim `{claim}` of this user is missing, or is no plain account name"),
    )
}

/// Tells whether a name is a plain account name on all systems, without any character that a list or a pattern
/// of `sshd` interprets.
fn is_account_name(name: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let other = |byte: u8| first(byte) || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    (1..=32).contains(&name.len()) && name.bytes().all(other) && name.bytes().next().is_some_and(first)
}

fn pieces(name: &str) -> Option<Vec<Piece>> {
    let is_text =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte));
    let is_claim = |claim: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        (1..=64).contains(&claim.len()) && claim.bytes().all(allowed)
    };
    let mut pieces = Vec::new();
    let mut rest = name;
    while let Some((text, behind)) = rest.split_once('{') {
        let (claim, behind) = behind.split_once('}')?;
        if !is_claim(claim) || !is_text(text) {
            return None;
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text.to_owned()));
        }
        pieces.push(Piece::Claim(claim.to_owned()));
        rest = behind;
    }
    if !is_text(rest) {
        return None;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    // A name that begins with a dash would be an option of some program.
    (!matches!(pieces.first(), Some(Piece::Text(text)) if text.starts_with('-'))).then_some(pieces)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn user() -> UserInfo {
        UserInfo::new("https://issuer", "sub-1")
            .with("name", "joe")
            .with("admin", "root")
            .with("bad", "joe,root")
    }

    fn of(text: &str) -> Result<Vec<String>, IssuerError> {
        Principals::read(text)?.of(&user())
    }

    #[test]
    fn names_are_made_of_texts_and_claims() {
        assert_eq!(of("deploy").unwrap(), ["deploy"]);
        assert_eq!(
            of(" deploy, {name}\tgrid-{name}.{sub} root ").unwrap(),
            ["deploy", "joe", "grid-joe.sub-1", "root"]
        );
        assert_eq!(of("joe {name}").unwrap(), ["joe"]);
        assert!(Principals::read("a {name}").unwrap().name_claims());
        assert!(!Principals::read("a b").unwrap().name_claims());
    }

    #[test]
    fn a_bad_template_is_refused() {
        for text in
            ["", " , ", "{", "{name", "name}", "{}", "{a b}", "a*", "a:b", "-o", "ä", "{{name}}", "a!"]
        {
            assert!(matches!(Principals::read(text), Err(IssuerError::Invalid { .. })), "{text:?}");
        }
        assert!(Principals::read(&"a ".repeat(65)).is_err());
    }

    #[test]
    fn claims_that_are_no_plain_name_are_refused() {
        for text in [
            "{missing}",
            "{bad}",
            "deploy {bad}",
            "{iss}",
            "{admin}",
            "x{name}{name}{name}{name}{name}{name}{name}{name}{name}{name}{name}{name}{name}{name}{name}{name}{name}{name}{name}{name}{name}{name}",
        ] {
            assert!(matches!(of(text), Err(IssuerError::Refused { .. })), "{text:?}");
        }
        // With a prefix, the value `root` of the claim makes the name of another account, which is allowed.
        assert_eq!(of("x{admin}").unwrap(), ["xroot"]);
    }

    proptest! {
        #[test]
        fn a_claim_never_makes_more_than_one_plain_name(claim in "\\PC{0,40}|[a-z0-9,_. -]{0,12}") {
            let user = UserInfo::new("i", "s").with("c", claim.as_str());
            if let Ok(names) = Principals::read("{c}").unwrap().of(&user) {
                prop_assert_eq!(names.as_slice(), std::slice::from_ref(&claim));
                prop_assert!(is_account_name(&claim) && claim != "root");
            }
        }
    }
}
