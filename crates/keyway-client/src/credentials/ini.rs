//! The file of credentials.
//!
//! A parser of our own, because what it reads is secret: a general one keeps its copies in
//! maps of plain texts.

use secrecy::SecretString;

/// What a file says.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) access_key_id: Option<SecretString>,
    pub(super) secret_access_key: Option<SecretString>,
    pub(super) api_base: Option<String>,
}

/// What is wrong with a file, and in which line, counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) reason: &'static str,
}

/// Reads a file. Fields that are not known are skipped, like other sections; a field that
/// stands twice is refused, because readers differ about which one counts.
pub(super) fn parse(text: &str) -> Result<Fields, Fault> {
    let mut fields = Fields::default();
    let mut ours = true;
    for (index, line) in text.lines().enumerate() {
        let fault = |reason| Err(Fault { line: index + 1, reason });
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            let Some(section) = section.strip_suffix(']') else {
                return fault("a section ends with ']'");
            };
            ours = section.trim() == "default";
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            return fault("expected `name = value`, a [section] or a comment");
        };
        let value = value.trim();
        if !ours || value.is_empty() {
            continue;
        }
        match name.trim() {
            "access_key_id" => {
                if fields.access_key_id.replace(value.into()).is_some() {
                    return fault("access_key_id stands here a second time");
                }
            }
            "secret_access_key" => {
                if fields.secret_access_key.replace(value.into()).is_some() {
                    return fault("secret_access_key stands here a second time");
                }
            }
            "api_base" => {
                if fields.api_base.replace(value.to_owned()).is_some() {
                    return fault("api_base stands here a second time");
                }
            }
            _ => {}
        }
    }
    Ok(fields)
}
