//! The addresses of targets.

use keyway_credentials::CredentialError;

/// The address of a login: a host, a port and a user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SshAddress {
    /// The name or the IP address of the host: letters, digits, and `. _ : -`.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The user: letters, digits, and `. _ @ + $ -`.
    pub user: String,
}

impl SshAddress {
    /// The port of SSH.
    pub const USUAL_PORT: u16 = 22;

    /// Creates an address with the usual port. It is checked before the login.
    pub fn new(host: impl Into<String>, user: impl Into<String>) -> Self {
        Self { host: host.into(), port: Self::USUAL_PORT, user: user.into() }
    }

    /// Sets the port.
    #[must_use]
    pub const fn with_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Checks that `ssh` cannot misread host and user: they are no option and no URL, name no second user, and have no
    /// character that `ssh` or a shell would expand.
    pub(super) fn check(&self) -> Result<(), CredentialError> {
        let is_plain = |text: &str, others: &str| {
            let is_allowed =
                |character: char| character.is_ascii_alphanumeric() || others.contains(character);
            (1..=255).contains(&text.len()) && !text.starts_with('-') && text.chars().all(is_allowed)
        };
        let refuse = |what| {
            let reason = "a login with ssh needs letters, digits and a few signs, and none of them may be `-` at the begin";
            Err(CredentialError::invalid(what, reason))
        };
        if !is_plain(&self.host, "._:-") {
            return refuse("the host");
        }
        if !is_plain(&self.user, "._@+$-") {
            return refuse("the user");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_arguments() {
        for (host, user) in [("web1", "joe"), ("192.0.2.7", "x@corp.example"), ("2001:db8::7", "svc-1$")] {
            SshAddress::new(host, user).check().unwrap();
        }
        for bad in
            ["", "-oProxyCommand=sh", "a b", "a;b", "a%b", "$(x)", "a/b", "a\\b", "ü", &"a".repeat(256)]
        {
            assert!(SshAddress::new(bad, "joe").check().is_err(), "{bad}");
            assert!(SshAddress::new("web1", bad).check().is_err(), "{bad}");
        }
        for host in ["joe@web1", "ssh://web1", "[::1]"] {
            assert!(SshAddress::new(host, "joe").check().is_err(), "{host}");
        }
    }
}
