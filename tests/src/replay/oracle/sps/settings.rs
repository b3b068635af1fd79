//! The configuration text of vectors: options in sections, each in one line.

use std::collections::BTreeMap;

/// The options by section and name.
#[derive(Debug, Default)]
pub struct Settings(BTreeMap<(String, String), String>);

impl Settings {
    /// Reads a text, or returns `None` for one that no reader can take.
    pub fn read(text: &str) -> Option<Self> {
        let (mut options, mut section) = (BTreeMap::new(), None);
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = Some(name.to_owned());
                continue;
            }
            let (name, value) = line.split_once('=')?;
            let value = value.trim().split("%%").collect::<Vec<_>>();
            if value.iter().any(|part| part.contains('%')) {
                return None;
            }
            let value = value.join("%");
            let key = (section.clone()?, name.trim().to_lowercase());
            options.insert(key, if value == "$$" { "$".to_owned() } else { value });
        }
        Some(Self(options))
    }

    /// Puts defaults under these options.
    #[must_use]
    pub fn over(mut self, defaults: Self) -> Self {
        for (name, value) in defaults.0 {
            self.0.entry(name).or_insert(value);
        }
        self
    }

    /// Returns the options of a section.
    pub fn of<'a>(&'a self, section: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let options = self.0.iter().filter(move |((known, _), _)| known == section);
        options.map(|((_, name), value)| (name.as_str(), value.as_str()))
    }

    /// Returns the value of an option.
    pub fn get(&self, section: &str, option: &str) -> Option<&str> {
        self.0.get(&(section.to_owned(), option.to_owned())).map(String::as_str)
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
        for text in ["x=1", "[a]\nx", "[a]\nx=1%"] {
            assert!(Settings::read(text).is_none(), "{text}");
        }
    }
}
