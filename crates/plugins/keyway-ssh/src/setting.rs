//! Reading what the operator configured for a service.

use keyway_files::FilePath;
use keyway_issuers::{Configuration, IssuerError};

use crate::file::IssuerFile;

/// A refusal of what is configured as `name`, which never repeats the value.
pub(crate) fn invalid(name: &str, reason: impl std::fmt::Display) -> IssuerError {
    IssuerError::invalid("the configuration of the service", format!("`{name}`: {reason}"))
}

/// The text `name`, without white space around it; empty when nothing is configured.
pub(crate) fn text<'a>(configuration: &'a Configuration, name: &str) -> &'a str {
    configuration.text(name).unwrap_or_default().trim()
}

/// The file that `name` leads to.
pub(crate) fn file(configuration: &Configuration, name: &str) -> Result<IssuerFile, IssuerError> {
    FilePath::new(text(configuration, name)).map(IssuerFile::new).map_err(|fault| invalid(name, fault))
}

/// The text `name`, which is shown to users: one line.
pub(crate) fn line<'a>(configuration: &'a Configuration, name: &str) -> Result<&'a str, IssuerError> {
    let text = text(configuration, name);
    if text.len() > 256 || text.chars().any(char::is_control) {
        return Err(invalid(name, "use one line of at most 256 bytes"));
    }
    Ok(text)
}
