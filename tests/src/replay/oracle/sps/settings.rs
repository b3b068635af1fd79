//! The configuration text of vectors: sections of options, with one option a line.

use std::collections::{BTreeMap, BTreeSet};

/// The options by section and name.
#[derive(Debug, Default)]
pub struct Settings {
    options: BTreeMap<(String, String), String>,
    /// Whether a value refers to the appliance's own credential store.
    pub has_references: bool,
}

impl Settings {
    /// Reads a text. Returns `None` if the text is refused, or does not have the simple form that this oracle reads.
    pub fn read(text: &str) -> Option<Self> {
        let (mut settings, mut section, mut sections) = (Self::default(), None, BTreeSet::new());
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let is_plain = line.chars().all(|c| !c.is_control()) && !line.starts_with([' ', '#', ';']);
            if !is_plain {
                return None;
            }
            if let Some(name) = line.strip_prefix('[') {
                let name = name.trim_end().strip_suffix(']').filter(|name| !name.is_empty())?;
                if name.contains(['[', ']']) || !sections.insert(name) || name == "DEFAULT" {
                    return None;
                }
                section = Some(name.to_owned());
                continue;
            }
            let (name, value) = line.split_once('=')?;
            let value = value.trim().split("%%").collect::<Vec<_>>();
            if value.iter().any(|part| part.contains('%')) || name.contains(':') || name.trim().is_empty() {
                return None;
            }
            let value = value.join("%");
            settings.has_references |= value == "$";
            let key = (section.clone()?, name.trim().to_lowercase());
            let value = if value == "$$" { "$".to_owned() } else { value };
            if settings.options.insert(key, value).is_some() {
                return None;
            }
        }
        Some(settings)
    }

    /// Adds the defaults for all options that are missing.
    #[must_use]
    pub fn over(mut self, defaults: Self) -> Self {
        self.has_references |= defaults.has_references;
        for (name, value) in defaults.options {
            self.options.entry(name).or_insert(value);
        }
        self
    }

    /// Returns the options of a section.
    pub fn of<'a>(&'a self, section: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let options = self.options.iter().filter(move |((known, _), _)| known == section);
        options.map(|((_, name), value)| (name.as_str(), value.as_str()))
    }

    /// Returns the value of an option.
    pub fn get(&self, section: &str, option: &str) -> Option<&str> {
        self.options.get(&(section.to_owned(), option.to_owned())).map(String::as_str)
    }

    /// Tells whether the section has options.
    pub fn has(&self, section: &str) -> bool {
        self.of(section).next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;

    #[test]
    fn options_are_in_sections() {
        let settings = Settings::read("[a]\nX = 50%% \n[b]\nx=$$\n").unwrap();
        assert_eq!([settings.get("a", "x"), settings.get("b", "x")], [Some("50%"), Some("$")]);
        assert!(settings.has("a") && !settings.has("c"));
        for text in ["x=1", "[a]\nx", "[a]\nx=1%", "[a]\nx=1\nX=2", "[a]\n[a]"] {
            assert!(Settings::read(text).is_none(), "{text}");
        }
    }
}
