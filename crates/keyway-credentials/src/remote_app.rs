//! Credentials of remote applications: programs that a gateway starts at a target for the user.

use crate::{Account, Asset, Candidate, Connection, Cookie, Passwords};

/// The credentials of a remote application, and the information to start it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RemoteAppCredentials {
    /// The passwords, to be tried in order.
    pub passwords: Passwords,
    /// The information to start the application, if the store has it.
    pub launch: Option<LaunchInformation>,
    /// A text that the user interface shows with the application.
    pub additional_information: Option<String>,
}

impl RemoteAppCredentials {
    /// Creates credentials without the information to start the application.
    pub const fn new(passwords: Passwords) -> Self {
        Self { passwords, launch: None, additional_information: None }
    }

    /// Sets the information to start the application.
    #[must_use]
    pub fn with_launch(mut self, launch: LaunchInformation) -> Self {
        self.launch = Some(launch);
        self
    }

    /// Sets the text that the user interface shows.
    #[must_use]
    pub fn with_additional_information(mut self, information: impl Into<String>) -> Self {
        self.additional_information = Some(information.into());
        self
    }
}

/// The information to start a remote application: a program on the gateway that starts it, and a text with the options.
///
/// It must hold no secret, because a gateway passes it on as arguments, and other users can see arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaunchInformation {
    /// The program on the gateway that starts the application.
    pub host_app: Option<String>,
    /// The options. Each begins with `--`.
    pub text: String,
}

impl LaunchInformation {
    /// Creates the information without a program.
    pub fn new(text: impl Into<String>) -> Self {
        Self { host_app: None, text: text.into() }
    }

    /// Sets the program.
    #[must_use]
    pub fn with_host_app(mut self, host_app: impl Into<String>) -> Self {
        self.host_app = Some(host_app.into());
        self
    }

    /// Splits the options into arguments, as the upstream system does.
    ///
    /// The text is split at each `--`, even within a word. A part that begins with `cmd` or `args` becomes two
    /// arguments. The first is the option `--cmd` or `--args`. The second is the text of the part. Every occurrence of
    /// the option's name with a blank after it is removed from that text. A part that begins with neither word becomes
    /// a single argument: the part with `--` before it.
    ///
    /// ```
    /// use keyway_credentials::LaunchInformation;
    ///
    /// let launch = LaunchInformation::new("--cmd prog --args a b");
    /// assert_eq!(launch.arguments(), ["--cmd", "prog", "--args", "a b"]);
    /// ```
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        for part in self.text.split("--").filter(|part| !part.is_empty()).map(str::trim) {
            match ["cmd", "args"].into_iter().find(|word| part.starts_with(word)) {
                Some(word) => {
                    arguments.push(format!("--{word}"));
                    arguments.push(part.replace(&format!("{word} "), ""));
                }
                None => arguments.push(format!("--{part}")),
            }
        }
        arguments
    }
}

/// Returns the account and the asset of a remote application, or `None` when the user has to name them first.
///
/// The account is the text `account` of the session cookie, or else the user's name at the target. The asset is the
/// text `asset` of the session cookie, or else the argument `asset`. Empty texts count as missing.
pub fn remote_app_candidate(
    connection: &Connection,
    session_cookie: &Cookie,
    asset: Option<&str>,
) -> Option<Candidate> {
    let asked = |name: &str| session_cookie.text(name).map(keyway_core::SecretText::into_open);
    let choose = |asked: Option<String>, given: Option<&str>| {
        asked.filter(|text| !text.is_empty()).or(given.map(str::to_owned))
    };
    let account = choose(asked("account"), connection.server_username.as_deref())?;
    let asset = choose(asked("asset"), asset)?;
    Some(Candidate::new(Account::new(account).ok()?, Asset::new(asset).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SessionId;

    #[test]
    fn a_word_is_left_out_of_its_value_only() {
        for (text, arguments) in [
            ("", &[][..]),
            ("plain", &["--plain"]),
            ("--cmd", &["--cmd", "cmd"]),
            ("cmd a --args b", &["--cmd", "a", "--args", "b"]),
            ("--cmd a--b", &["--cmd", "a", "--b"]),
            ("--args x cmd y", &["--args", "x cmd y"]),
            ("--cmdline z", &["--cmd", "cmdline z"]),
            ("--cmd cmd cmd x", &["--cmd", "x"]),
            ("  --  --cmd a", &["--", "--", "--cmd", "a"]),
            ("a----b", &["--a", "--b"]),
        ] {
            assert_eq!(LaunchInformation::new(text).arguments(), arguments, "{text:?}");
        }
    }

    #[test]
    fn the_answer_of_the_user_comes_first() {
        let mut connection = Connection::new(SessionId::new("s").unwrap());
        let cookie = Cookie::default();
        let candidate = |connection: &Connection, asset| {
            remote_app_candidate(connection, &cookie, asset)
                .map(|it| format!("{} at {}", it.account, it.asset))
        };
        assert_eq!(candidate(&connection, Some("app")), None);
        connection.server_username = Some("root".into());
        assert_eq!(candidate(&connection, Some("app")).as_deref(), Some("root at app"));
        assert_eq!((candidate(&connection, None), candidate(&connection, Some(""))), (None, None));
        cookie.set("account", "alice").unwrap();
        cookie.set("asset", "").unwrap();
        assert_eq!(candidate(&connection, Some("app")).as_deref(), Some("alice at app"));
    }
}
