//! Makes and recognizes the states of the two issuers. A state is the reference to a credential (`state` on the wire).

use keyway_issuers::{Configuration, Context, CredentialPart, CredentialRef, Issued, IssuerError};

use crate::setting;

/// The prefix of all states of a service, by which the service recognizes its own states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StatePrefix(String);

impl StatePrefix {
    pub(crate) const SETTING: &'static str = "state_prefix";
    pub(crate) const DEFAULT: &'static str = "KEYWAY_";
    const MAX_BYTES: usize = 64;

    pub(crate) fn read(configuration: &Configuration) -> Result<Self, IssuerError> {
        let prefix = setting::text(configuration, Self::SETTING);
        if !(1..=Self::MAX_BYTES).contains(&prefix.len()) || !prefix.bytes().all(is_allowed) {
            return Err(setting::invalid(
                Self::SETTING,
                "use 1 to 64 letters, digits, '.', '_' and '-', for example `KEYWAY_`",
            ));
        }
        Ok(Self(prefix.to_owned()))
    }

    /// Returns the state, which is the reference to the credential of this call. Repeated calls with one intent get the
    /// same state. If the host sends no intent, the state is random.
    pub(crate) fn state(&self, context: &Context) -> Result<String, IssuerError> {
        if let Some(intent) = &context.intent {
            return Ok(format!("{}{intent}", self.0));
        }
        let mut random = [0; 16];
        fill(&mut random)?;
        Ok(format!("{}{:032x}", self.0, u128::from_be_bytes(random)))
    }

    /// Returns the text of a state, if the state belongs to this service.
    ///
    /// # Errors
    /// A state is refused if it does not consist of the prefix of this service and at least one more character, all of
    /// them letters, digits, `.`, `_` or `-`. Such a state does not belong to this service, or the prefix was changed.
    pub(crate) fn own<'a>(&self, state: &'a CredentialRef) -> Result<&'a str, IssuerError> {
        let text = state.as_str();
        let rest = text.strip_prefix(&self.0).unwrap_or_default();
        if rest.is_empty() || !rest.bytes().all(is_allowed) {
            return Err(IssuerError::refused(
                "This credential is not one of this service's.",
                "the state does not begin with the configured `state_prefix`; if that was changed, set it to \
                 what it was, revoke, and change it then",
            ));
        }
        Ok(text)
    }
}

/// Checks, before any effect, that the state contains no text that the user gets, for example a login name in the
/// configured prefix.
///
/// See decision W8.
pub(crate) fn check(issued: &Issued) -> Result<(), IssuerError> {
    issued.state.check_keeps_no_secret(&issued.credential).map_err(|_| {
        setting::invalid(StatePrefix::SETTING, "it holds a text that users are shown; choose another one")
    })
}

/// Adds a part if there is something to show.
pub(crate) fn with_text(issued: Issued, name: &str, text: &str) -> Issued {
    if text.is_empty() { issued } else { issued.with(CredentialPart::text(name, text)) }
}

/// Fills a buffer from the system's random source.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), IssuerError> {
    getrandom::fill(bytes).map_err(|error| IssuerError::Unavailable {
        what: "the system's random source",
        retry_after: None,
        source: Some(error.into()),
    })
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use keyway_issuers::{ConfigurationValue, IntentId, UserInfo};

    use keyway_core::{Effect, PluginError as _};

    use super::*;

    fn prefix(text: &str) -> Result<StatePrefix, IssuerError> {
        let value = ConfigurationValue::text(text);
        StatePrefix::read(&Configuration::new().with(StatePrefix::SETTING, value))
    }

    #[test]
    fn prefixes_are_plain() {
        for text in ["", "a b", "ä", "a#", "a\nb", &"x".repeat(65)] {
            assert!(prefix(text).is_err(), "{text:?}");
        }
        assert!(prefix(StatePrefix::DEFAULT).is_ok());
    }

    #[test]
    fn an_intent_has_one_state_and_foreign_states_are_refused() {
        let prefix = prefix("K_").unwrap();
        let context = Context::new(UserInfo::new("i", "s"));
        assert_ne!(prefix.state(&context).unwrap(), prefix.state(&context).unwrap());
        let intended = context.with_intent(IntentId::new("one").unwrap());
        assert_eq!(prefix.state(&intended).unwrap(), "K_one");
        assert_eq!(prefix.own(&CredentialRef::new("K_one")).unwrap(), "K_one");
        for foreign in ["", "K_", "L_one", "K_one two", "K_one\n", " K_one", "joe@laptop"] {
            assert!(
                prefix.own(&CredentialRef::new(foreign)).unwrap_err().effect() == Effect::None,
                "{foreign:?}"
            );
        }
    }

    #[test]
    fn a_revealing_state_is_refused_before_any_effect() {
        let issued = Issued::new("K_deployuser_1").with(CredentialPart::text("login name", "deployuser"));
        assert!(matches!(check(&issued), Err(IssuerError::Invalid { .. })));
        check(&Issued::new("K_1").with(CredentialPart::text("login name", "deployuser"))).unwrap();
    }
}
