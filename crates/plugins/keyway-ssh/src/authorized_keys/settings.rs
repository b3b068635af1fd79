//! Reads and checks the settings of a service of `ssh-authorized-keys`.

use keyway_issuers::{Configuration, Description, IssuerError, ParameterDescriptor, Violations};

use crate::file::IssuerFile;
use crate::key::{KeyTypes, PUBLIC_KEY};
use crate::setting;
use crate::state::StatePrefix;

const FILE: &str = "authorized_keys_file";
const KEY_OPTIONS: &str = "key_options";
const LOGIN_NAME: &str = "login_name";
const HOST: &str = "host";

pub(super) fn describe(version: &str) -> Result<Description, Violations> {
    Description::builder(version)
        .text(FILE, "")
        .text(StatePrefix::SETTING, StatePrefix::DEFAULT)
        .text(KEY_OPTIONS, "")
        .text(KeyTypes::SETTING, KeyTypes::DEFAULT)
        .text(LOGIN_NAME, "")
        .text(HOST, "")
        .set([ParameterDescriptor::mandatory(
            PUBLIC_KEY,
            "public key",
            "The public key to log in with, one line in OpenSSH's format",
        )])
        .set([])
        .build()
}

/// The settings that a revocation needs: the file, and the prefix by which the service recognizes its states
/// (references to lines of the file).
#[derive(Debug)]
pub(super) struct RevocationSettings {
    pub(super) file: IssuerFile,
    pub(super) prefix: StatePrefix,
}

impl RevocationSettings {
    pub(super) fn read(configuration: &Configuration) -> Result<Self, IssuerError> {
        Ok(Self { file: setting::file(configuration, FILE)?, prefix: StatePrefix::read(configuration)? })
    }
}

/// The settings that only a request needs.
#[derive(Debug)]
pub(super) struct Settings<'a> {
    pub(super) key_options: &'a str,
    pub(super) key_types: KeyTypes,
    pub(super) login_name: &'a str,
    pub(super) host: &'a str,
}

impl<'a> Settings<'a> {
    pub(super) fn read(configuration: &'a Configuration) -> Result<Self, IssuerError> {
        let key_options = setting::text(configuration, KEY_OPTIONS);
        if !are_options(key_options) {
            return Err(setting::invalid(
                KEY_OPTIONS,
                "use the options of an authorized_keys line, separated by commas: no white space outside of \
                 double quotes, and every quote closed",
            ));
        }
        Ok(Self {
            key_options,
            key_types: KeyTypes::read(configuration)?,
            login_name: setting::shown(configuration, LOGIN_NAME)?,
            host: setting::shown(configuration, HOST)?,
        })
    }
}

/// Tells whether a text is empty or a single list of options, without white space outside of quotes. `sshd` ends the
/// list at such white space. Does not interpret the options. As in `sshd`, a quote after a backslash does not count,
/// whatever is before the backslash.
fn are_options(text: &str) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    for character in text.chars() {
        match character {
            '"' if !escaped => quoted = !quoted,
            ' ' if !quoted => return false,
            character if character.is_control() => return false,
            _ => {}
        }
        escaped = character == '\\';
    }
    !quoted && !text.starts_with(['#', ','])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_end_as_in_sshd() {
        for text in [
            "",
            "restrict",
            "restrict,pty",
            r#"from="10.0.0.0/8",command="echo \"a b\"",no-pty"#,
            r#"command="a\\" b""#,
        ] {
            assert!(are_options(text), "{text:?}");
        }
        for text in [
            "restrict pty",
            "a\tb",
            "a\nb",
            "command=\"x",
            r#"command="x\""#,
            r#"command="x\\""#,
            "#",
            ",",
            "a\0",
        ] {
            assert!(!are_options(text), "{text:?}");
        }
    }
}
