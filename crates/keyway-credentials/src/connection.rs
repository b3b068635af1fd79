//! The facts about the connection of a user session.

use keyway_core::{JsonObject, SecretText};

use crate::SessionId;

/// The facts about the connection of a user session (seed, `connection`; decision S11).
///
/// A host fills in what it knows. In a check-in and in the events of a session, only the id of the session is always
/// set; the host decides whether the other facts are set too (decision S6).
///
/// The texts come from outside, so a plugin must not use them as a path or a part of a command. `Debug` shows no
/// password and no value of [`key_value_pairs`](Self::key_value_pairs).
///
/// ```
/// use keyway_credentials::{Connection, SessionId};
///
/// let mut connection = Connection::new(SessionId::new("svc/7:1/ssh")?);
/// connection.server_ip = Some("192.0.2.7".into());
/// assert_eq!(connection.target_host(), Some("192.0.2.7"));
/// connection.server_hostname = Some("web1".into());
/// assert_eq!(connection.target_host(), Some("web1"));
/// # Ok::<(), keyway_credentials::InvalidText>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Connection {
    /// The session.
    pub session_id: SessionId,
    /// The protocol, such as `ssh` or `rdp`.
    pub protocol: Option<String>,
    /// The name of the host's connection policy.
    pub connection_name: Option<String>,
    /// The user's address.
    pub client_ip: Option<String>,
    /// The name of the user's machine.
    pub client_hostname: Option<String>,
    /// The user's port.
    pub client_port: Option<u16>,
    /// The domain in which the user logged in at the gateway.
    pub gateway_domain: Option<String>,
    /// The groups of the user at the gateway.
    pub gateway_groups: Vec<String>,
    /// The user's password at the gateway.
    pub gateway_password: Option<SecretText>,
    /// The user's name at the gateway.
    pub gateway_username: Option<String>,
    /// Statements about the session by the user or by another plugin. Each has a key.
    pub key_value_pairs: JsonObject,
    /// The domain of the target.
    pub server_domain: Option<String>,
    /// The address of the target.
    pub server_ip: Option<String>,
    /// The name of the target.
    pub server_hostname: Option<String>,
    /// The port of the target.
    pub server_port: Option<u16>,
    /// The user's name at the target.
    pub server_username: Option<String>,
}

impl Connection {
    /// Creates a connection of which only the session is known.
    pub const fn new(session_id: SessionId) -> Self {
        Self {
            session_id,
            protocol: None,
            connection_name: None,
            client_ip: None,
            client_hostname: None,
            client_port: None,
            gateway_domain: None,
            gateway_groups: Vec::new(),
            gateway_password: None,
            gateway_username: None,
            key_value_pairs: JsonObject::new(),
            server_domain: None,
            server_ip: None,
            server_hostname: None,
            server_port: None,
            server_username: None,
        }
    }

    /// Returns the name of the target, or else its address. An empty name counts as missing.
    ///
    /// The upstream system calls it `target_host`, `target_ip` and `target_server`.
    pub fn target_host(&self) -> Option<&str> {
        let name = self.server_hostname.as_deref().filter(|name| !name.is_empty());
        name.or(self.server_ip.as_deref())
    }

    /// Returns the user's name at the gateway: upstream's `gateway_user`.
    pub fn gateway_user(&self) -> Option<&str> {
        self.gateway_username.as_deref()
    }

    /// Returns the port of the target: upstream's `target_port`.
    pub const fn target_port(&self) -> Option<u16> {
        self.server_port
    }

    /// Returns the user's name at the target: upstream's `target_username`.
    pub fn target_username(&self) -> Option<&str> {
        self.server_username.as_deref()
    }

    /// Returns the domain of the target: upstream's `target_domain`.
    pub fn target_domain(&self) -> Option<&str> {
        self.server_domain.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Json;

    #[test]
    fn an_empty_name_counts_as_missing() {
        let mut connection = Connection::new(SessionId::new("s").unwrap());
        assert_eq!(connection.target_host(), None);
        connection.server_hostname = Some(String::new());
        connection.server_ip = Some("1.2.3.4".into());
        assert_eq!(connection.target_host(), Some("1.2.3.4"));
    }

    #[test]
    fn debug_shows_no_secret() {
        let mut connection = Connection::new(SessionId::new("s").unwrap());
        connection.gateway_password = Some("n33dle".into());
        connection.key_value_pairs.insert("otp".into(), Json::text("n33dle"));
        assert!(!format!("{connection:?}").contains("n33dle"));
    }
}
