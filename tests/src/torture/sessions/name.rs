//! The names of sessions. A name contains all properties of its session.

use std::fmt;
use std::str::FromStr;

use keyway_credentials::{Connection, SessionId};
use keyway_host::sessions::NewSession;

use super::vaults::{VAULTS, VaultTerms};

/// The user of all sessions at the gateway, and the holder of their leases.
pub(super) const USER: &str = "joe";

/// The name of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SessionName {
    /// Whether the session outlives its host.
    pub(super) is_detached: bool,
    /// The author: the host's slot, the round, the number of the host's start in the round, and the client.
    pub(super) author: (u32, u64, u64, u32),
    /// The number of the session among those of its client.
    pub(super) number: u32,
    /// The vaults that the session uses, as indexes of [`VAULTS`].
    pub(super) vaults: Vec<usize>,
}

impl SessionName {
    /// Makes the session of this name. Its account, its asset and its protocol follow from its number.
    pub(super) fn session(&self) -> NewSession {
        let mut connection =
            Connection::new(SessionId::new(self.to_string()).expect("letters, digits and dots"));
        let protocol = if self.number.is_multiple_of(3) { "rdp" } else { "ssh" };
        connection.protocol = Some(protocol.into());
        connection.gateway_username = Some(USER.into());
        connection.server_username = Some(VaultTerms::ACCOUNTS[self.number as usize % 2].into());
        connection.server_hostname = Some("web1".into());
        connection.server_ip = Some("192.0.2.7".into());
        NewSession::new(connection).detached(self.is_detached)
    }

    /// Returns the name of the cell for a lease that a vault gave to the session.
    pub(super) fn given(&self, vault: usize) -> String {
        format!("given.{}.{self}", VAULTS[vault].name)
    }

    /// Returns the name of the cell for the notice by which a vault learns that the session has ended.
    pub(super) fn ended(&self, vault: usize) -> String {
        format!("ended.{}.{self}", VAULTS[vault].name)
    }

    /// Returns the name of the cell for the notice by which a vault learns that the target accepted its credentials.
    pub(super) fn authenticated(&self, vault: usize) -> String {
        format!("authenticated.{}.{self}", VAULTS[vault].name)
    }

    /// Reads the name of the session from the name of a lease's cell. Returns `None` if the cell is not that of a
    /// lease.
    pub(super) fn of_given(cell: &str) -> Option<Self> {
        cell.strip_prefix("given.")?.split_once('.')?.1.parse().ok()
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (slot, round, generation, client) = self.author;
        let kind = if self.is_detached { "d" } else { "m" };
        write!(f, "{kind}.{slot}.{round}.{generation}.{client}.{}.", self.number)?;
        self.vaults.iter().try_for_each(|vault| write!(f, "{vault}"))
    }
}

impl FromStr for SessionName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let mut parts = text.split('.');
            let is_detached = parts.next()? == "d";
            let mut number = || parts.next()?.parse::<u64>().ok();
            let short = |number: u64| u32::try_from(number).ok();
            let author = (short(number()?)?, number()?, number()?, short(number()?)?);
            let number = short(number()?)?;
            let vaults = parts.next()?.chars().map(|digit| Some(digit.to_digit(10)? as usize));
            let vaults = vaults.collect::<Option<Vec<_>>>()?;
            Some(Self { is_detached, author, number, vaults })
        };
        read().filter(|name| name.to_string() == text).ok_or_else(|| format!("{text} is not a session"))
    }
}

#[cfg(test)]
mod tests {
    use super::SessionName;

    #[test]
    fn names_come_back() {
        let name = SessionName { is_detached: true, author: (2, 3, 0, 1), number: 12, vaults: vec![0, 4] };
        assert_eq!(name.to_string().parse(), Ok(name.clone()));
        assert_eq!(SessionName::of_given(&name.given(1)), Some(name.clone()));
        assert_eq!(SessionName::of_given(&name.ended(1)), None);
        for other in ["", "d.2.3.0.1.12", "d.2.3.0.1.012.04", "x.2.3.0.1.12.04"] {
            assert!(other.parse::<SessionName>().is_err(), "{other}");
        }
    }
}
