//! Reads the settings of a service.

use keyway_files::FilePath;
use keyway_issuers::{Configuration, IssuerError};

use crate::file::IssuerFile;

/// Refuses the setting `name`, without repeating its value.
pub(crate) fn invalid(name: &str, reason: impl std::fmt::Display) -> IssuerError {
    IssuerError::invalid("the configuration of the service", format!("`{name}`: {reason}"))
}

/// Returns the text of setting `name` without white space around it. Returns an empty text if the setting is not set.
pub(crate) fn text<'a>(configuration: &'a Configuration, name: &str) -> &'a str {
    configuration.text(name).unwrap_or_default().trim()
}

/// Returns the file of setting `name`.
pub(crate) fn file(configuration: &Configuration, name: &str) -> Result<IssuerFile, IssuerError> {
    FilePath::new(text(configuration, name)).map(IssuerFile::new).map_err(|fault| invalid(name, fault))
}

/// Returns the text of setting `name`, one line of at most `max_bytes`.
pub(crate) fn line<'a>(
    configuration: &'a Configuration,
    name: &str,
    max_bytes: usize,
) -> Result<&'a str, IssuerError> {
    let text = text(configuration, name);
    if text.len() > max_bytes || text.chars().any(char::is_control) {
        return Err(invalid(name, format_args!("use one line of at most {max_bytes} bytes")));
    }
    Ok(text)
}

/// Returns the text of setting `name`, a short line that is shown to users.
pub(crate) fn shown<'a>(configuration: &'a Configuration, name: &str) -> Result<&'a str, IssuerError> {
    line(configuration, name, 256)
}
