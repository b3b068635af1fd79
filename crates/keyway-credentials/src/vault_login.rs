//! The login to the vault itself (decision S11).

use keyway_core::SecretText;

use crate::Connection;

/// A login to a vault. `Debug` does not show the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultLogin {
    /// The name of the user.
    pub username: String,
    /// The password.
    pub password: SecretText,
}

/// The source of the login to a vault. The plugin's configuration names it (upstream's option `use_credential`;
/// decision S11).
///
/// ```
/// use keyway_credentials::{Connection, SessionId, VaultLoginError, VaultLoginSource};
///
/// let mut connection = Connection::new(SessionId::new("s-1").unwrap());
/// connection.gateway_username = Some("alice".into());
/// connection.gateway_password = Some("correct horse".into());
/// let login = VaultLoginSource::Gateway.login(Some(&connection)).unwrap();
/// assert_eq!(login.username, "alice");
/// assert_eq!(VaultLoginSource::Gateway.login(None), Err(VaultLoginError::OutsideCall));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VaultLoginSource {
    /// A fixed login from the configuration.
    Explicit(VaultLogin),
    /// The login of the user at the gateway.
    Gateway,
}

impl VaultLoginSource {
    /// Reads the source from the options of a configuration. `explicit` needs a name and a password that are not empty;
    /// `gateway` needs neither. `gateway` is the default. The case of these words does not matter.
    ///
    /// # Errors
    /// [`VaultLoginError`] names the option that is wrong or missing, but shows no value.
    pub fn from_configuration(
        use_credential: Option<&str>,
        username: Option<&str>,
        password: Option<SecretText>,
    ) -> Result<Self, VaultLoginError> {
        match use_credential.map(str::to_ascii_lowercase).as_deref() {
            None | Some("gateway") => Ok(Self::Gateway),
            Some("explicit") => {
                let missing = |option| VaultLoginError::OptionMissing { option };
                let username = username.filter(|name| !name.is_empty()).ok_or(missing("username"))?;
                let password =
                    password.filter(|text| !text.expose().is_empty()).ok_or(missing("password"))?;
                Ok(Self::Explicit(VaultLogin { username: username.to_owned(), password }))
            }
            Some(_) => Err(VaultLoginError::UnknownSource),
        }
    }

    /// Returns the login. `connection` is the connection of the call, or `None` outside of calls.
    ///
    /// # Errors
    /// [`OutsideCall`](VaultLoginError::OutsideCall) without a connection, even for a fixed login, so that a plugin
    /// does not log in before the first call; [`NoGatewayLogin`](VaultLoginError::NoGatewayLogin) when the connection
    /// has no login of the user.
    pub fn login(&self, connection: Option<&Connection>) -> Result<VaultLogin, VaultLoginError> {
        let connection = connection.ok_or(VaultLoginError::OutsideCall)?;
        match self {
            Self::Explicit(login) => Ok(login.clone()),
            Self::Gateway => match (&connection.gateway_username, &connection.gateway_password) {
                (Some(username), Some(password)) => {
                    Ok(VaultLogin { username: username.clone(), password: password.clone() })
                }
                _ => Err(VaultLoginError::NoGatewayLogin),
            },
        }
    }
}

/// The error for a missing or wrong login to the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultLoginError {
    /// A plugin requested the login outside of a call.
    #[error("there is no login to the vault outside of a call: ask for it within a call")]
    OutsideCall,
    /// The connection has no login of the user at the gateway.
    #[error(
        "the session has no login at the gateway: let the host pass it on, or set use_credential to \
         \"explicit\""
    )]
    NoGatewayLogin,
    /// The option `use_credential` has an unknown word.
    #[error("use_credential must be \"explicit\" or \"gateway\"")]
    UnknownSource,
    /// An option that `explicit` needs is missing or empty.
    #[error("{option} is missing or empty: use_credential is \"explicit\", which needs it")]
    OptionMissing {
        /// The option.
        option: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SessionId;

    #[test]
    fn an_explicit_login_never_falls_through_to_the_gateway() {
        let read = |name: &str, password: &str| {
            VaultLoginSource::from_configuration(Some("Explicit"), Some(name), Some(password.into()))
        };
        assert_eq!(read("", "p"), Err(VaultLoginError::OptionMissing { option: "username" }));
        assert_eq!(read("n", ""), Err(VaultLoginError::OptionMissing { option: "password" }));
        let source = read("svc", "n33dle").unwrap();
        let connection = Connection::new(SessionId::new("s").unwrap());
        assert_eq!(source.login(Some(&connection)).unwrap().username, "svc");
        assert_eq!(source.login(None), Err(VaultLoginError::OutsideCall));
        assert!(!format!("{source:?}").contains("n33dle"));
    }

    #[test]
    fn no_word_means_the_gateway() {
        let read = |word| VaultLoginSource::from_configuration(word, Some("svc"), Some("p".into()));
        assert_eq!(read(None), Ok(VaultLoginSource::Gateway));
        assert_eq!(read(Some("GATEWAY")), Ok(VaultLoginSource::Gateway));
        assert_eq!(read(Some("")), Err(VaultLoginError::UnknownSource));
    }

    #[test]
    fn half_a_login_is_none() {
        let mut connection = Connection::new(SessionId::new("s").unwrap());
        connection.gateway_username = Some("alice".into());
        let login = VaultLoginSource::Gateway.login(Some(&connection));
        assert_eq!(login, Err(VaultLoginError::NoGatewayLogin));
    }
}
