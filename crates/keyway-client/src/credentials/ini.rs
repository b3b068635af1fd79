//! The file of credentials.
//!
//! The project has its own parser because the content is secret: a general parser keeps copies in
//! maps of plain texts.

use keyway_core::SecretText;

/// The fields of a file.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) access_key_id: Option<SecretText>,
    pub(super) secret_access_key: Option<SecretText>,
    pub(super) api_base: Option<String>,
}

/// A fault of a file, and its line, counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) reason: &'static str,
}

/// Reads a file.
///
/// Unknown fields and other sections are skipped; a duplicate field is refused, because readers
/// differ about which one counts.
pub(super) fn parse(text: &str) -> Result<Fields, Fault> {
    if text.starts_with('\u{feff}') {
        return Err(Fault { line: 1, reason: "the file begins with a byte order mark: save it without" });
    }
    let mut fields = Fields::default();
    let mut seen = [false; 3];
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
        let names = ["access_key_id", "secret_access_key", "api_base"];
        let field = names.into_iter().position(|known| known == name.trim());
        let Some(field) = field.filter(|_| ours) else { continue };
        // A duplicate is refused even if one of the two is blank, although blank fields otherwise
        // count as missing.
        if std::mem::replace(&mut seen[field], true) {
            return fault("the field stands here a second time: remove one of them");
        }
        match (field, value.trim()) {
            (_, "") => {}
            (0, value) => fields.access_key_id = Some(value.into()),
            (1, value) => fields.secret_access_key = Some(value.into()),
            (_, value) => fields.api_base = Some(value.to_owned()),
        }
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(fields: &Fields) -> [Option<&str>; 3] {
        let secret = |field: &'_ Option<SecretText>| field.as_ref().map(|text| text.expose().to_owned());
        let texts =
            [secret(&fields.access_key_id), secret(&fields.secret_access_key), fields.api_base.clone()];
        // The text is leaked, which is harmless in a test, to keep the comparison short.
        texts.map(|text| text.map(|text| &*text.leak()))
    }

    #[test]
    fn the_beginning_and_the_section_default_count() {
        let text = "; a comment\n access_key_id = a b \r\n[other]\nsecret_access_key = no\n[ default ]\n\
                    # another\nsecret_access_key=k=\napi_base =\nunknown = 1\n";
        assert_eq!(shown(&parse(text).unwrap()), [Some("a b"), Some("k="), None]);
        assert_eq!(shown(&parse("").unwrap()), [None, None, None]);
    }

    #[test]
    fn faults_name_the_line() {
        for (text, line) in [
            ("access_key_id", 1),
            ("\n[default\n", 2),
            ("access_key_id=1\n[default]\naccess_key_id=2", 3),
            ("secret_access_key=1\nsecret_access_key=1", 2),
            ("access_key_id=\naccess_key_id=2", 2),
            ("api_base=a\n[default]\napi_base=", 3),
            ("{\"access_key_id\": \"1\"}", 1),
            // If the byte order mark were accepted, it would be part of the field's name, and the field would be
            // missing.
            ("\u{feff}access_key_id=1", 1),
            ("\u{feff}[default]", 1),
        ] {
            assert_eq!(parse(text).err().map(|fault| fault.line), Some(line), "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_reads_what_is_written(id in "[!-~]{1,20}", key in "[!-~]{1,20}", base in "[!-~]{1,20}") {
            let text = format!("[default]\naccess_key_id = {id}\nsecret_access_key={key}\napi_base\t=\t{base}\n");
            let fields = parse(&text).unwrap();
            assert_eq!(shown(&fields), [Some(&*id), Some(&*key), Some(&*base)]);
        }

        #[test]
        fn it_survives_anything(text in "(?s).{0,200}") {
            let _ = parse(&text);
        }
    }
}
