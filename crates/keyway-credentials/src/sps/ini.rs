//! Parses configuration texts in the format of Python's `ConfigParser` with its default settings.

use std::collections::BTreeMap;

use keyway_core::{SecretText, Wiped};

use super::SpsConfigurationError;

/// The options of a section, by name.
pub(super) type Options = BTreeMap<String, SecretText>;
/// The sections, by name.
pub(super) type Sections = BTreeMap<String, Options>;

/// The section whose options are the defaults of every other section.
pub(super) const DEFAULT: &str = "DEFAULT";

/// Parses the text of a configuration. A doubled percent sign in a value stays doubled.
pub(super) fn read(text: &str) -> Result<Sections, SpsConfigurationError> {
    let mut reader = Reader::default();
    for (index, line) in text.split('\n').enumerate() {
        reader.line(line).map_err(|rule| SpsConfigurationError::Line { line: index + 1, rule })?;
    }
    reader.end_option();
    Ok(reader.sections)
}

#[derive(Default)]
struct Reader {
    sections: Sections,
    section: Option<String>,
    option: Option<OpenOption>,
}

/// An option whose value may continue in the next line.
struct OpenOption {
    name: String,
    value: Wiped<String>,
    indentation: usize,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), &'static str> {
        let content = line.trim();
        if content.starts_with(['#', ';']) {
            return Ok(());
        }
        if content.contains(|c: char| c.is_control() && c != '\t') {
            return Err("it has a control character: remove it");
        }
        let indentation = line.chars().take_while(|c| c.is_whitespace()).count();
        if let Some(option) =
            self.option.as_mut().filter(|option| content.is_empty() || indentation > option.indentation)
        {
            option.value.push('\n');
            option.value.push_str(content);
            return Ok(());
        }
        if content.is_empty() {
            return Ok(());
        }
        self.end_option();
        match content.strip_prefix('[') {
            Some(section) => self.begin_section(section),
            None => self.begin_option(content, indentation),
        }
    }

    fn begin_section(&mut self, rest: &str) -> Result<(), &'static str> {
        let name = rest.strip_suffix(']').ok_or("a section ends with ']', and nothing is behind it")?;
        if name.is_empty() || name.contains(['[', ']']) {
            return Err("the name of a section is empty, or has a bracket");
        }
        if name != DEFAULT && self.sections.contains_key(name) {
            return Err("the section is there a second time: remove one of them");
        }
        self.sections.entry(name.to_owned()).or_default();
        self.section = Some(name.to_owned());
        Ok(())
    }

    fn begin_option(&mut self, content: &str, indentation: usize) -> Result<(), &'static str> {
        let section = self
            .section
            .as_ref()
            .ok_or("it is before the first section: begin with one, such as [assets]")?;
        let (name, value) =
            content.split_once(['=', ':']).ok_or("expected `name = value`, a [section] or a comment")?;
        let name = name.trim_end().to_lowercase();
        if name.is_empty() {
            return Err("the name of the option is missing");
        }
        if self.sections.get(section).is_some_and(|options| options.contains_key(&name)) {
            return Err("the option is there a second time: remove one of them");
        }
        self.option = Some(OpenOption { name, value: Wiped::new(value.trim().to_owned()), indentation });
        Ok(())
    }

    fn end_option(&mut self) {
        let Some(OpenOption { name, value, .. }) = self.option.take() else { return };
        let options = self.section.as_ref().and_then(|section| self.sections.get_mut(section));
        if let Some(options) = options {
            options.insert(name, SecretText::from(value.trim_end()));
        }
    }
}
