//! A model of a plugin's settings: the defaults, the valid settings, and the passwords that they permit.
//!
//! See decisions C10 and C11.

use crate::replay::convection::node::Node;

/// A plugin, by its name in the vectors.
#[derive(Clone, Debug)]
pub(in crate::replay::convection) struct Specification {
    /// The name of the plugin in metadata.
    pub(super) name: &'static str,
    /// True if the plugin makes passwords.
    pub(super) generates: bool,
}

/// The permitted lengths of a password.
///
/// See decision C11.
const LENGTHS: std::ops::RangeInclusive<i64> = 8..=1024;

impl Specification {
    /// Returns the plugin of that name.
    pub(in crate::replay::convection) fn named(name: &str) -> Self {
        match name {
            "passdb" => Self { name: "PassDB", generates: true },
            _ => Self { name: "Generic", generates: false },
        }
    }

    /// Returns the settings of a new store.
    pub(super) fn initial(&self) -> Node {
        if self.generates {
            let defaults = vec![
                ("length".to_owned(), Node::Integer("20".to_owned())),
                ("letters".to_owned(), Node::Text("printable".to_owned())),
            ];
            Node::Table(vec![("default".to_owned(), Node::Table(defaults))])
        } else {
            Node::Table(vec![("data".to_owned(), Node::Table(Vec::new()))])
        }
    }

    /// Returns the settings that are in force if `settings` are stored.
    pub(super) fn in_force(&self, settings: &Node) -> Node {
        if !self.generates {
            let mut whole = settings.clone();
            if whole.get("data").is_none() {
                whole.set(&["data"], Some(Node::Table(Vec::new())));
            }
            return whole;
        }
        let mut whole = self.initial();
        for name in ["length", "letters"] {
            if let Some(value) = settings.get("default").and_then(|default| default.get(name)) {
                whole.set(&["default", name], Some(value.clone()));
            }
        }
        whole
    }

    /// Returns the decision that new settings violate, or `None` for valid ones.
    pub(super) fn broken_decision(&self, settings: &Node) -> Option<&'static str> {
        if let broken @ Some(_) = self.stored_is_broken(settings).then_some("C10") {
            return broken;
        }
        let length = settings.get("default").and_then(|default| default.get("length"));
        let fits = match length {
            Some(Node::Integer(length)) => length.parse().is_ok_and(|length| LENGTHS.contains(&length)),
            _ => true,
        };
        (!fits).then_some("C11")
    }

    /// Tells whether stored settings are invalid for this plugin, whoever wrote them.
    pub(super) fn stored_is_broken(&self, settings: &Node) -> bool {
        let Node::Table(entries) = settings else { return true };
        let section = if self.generates { "default" } else { "data" };
        entries.iter().any(|(name, value)| match value {
            Node::Table(values) => name != section || (self.generates && !values.iter().all(is_default)),
            _ => true,
        })
    }

    /// Returns the length and the alphabet of a generated password. A value that is not given comes from `settings`.
    /// Returns `None` if a value is missing in both places, the length is not permitted, or the alphabet is unknown.
    pub(super) fn password(
        settings: &Node,
        length: Option<i64>,
        letters: Option<&str>,
    ) -> Option<(i64, String)> {
        let default = |name| settings.get("default").and_then(|default| default.get(name));
        let length = match (length, default("length")) {
            (Some(length), _) => length,
            (None, Some(Node::Integer(length))) => length.parse().ok()?,
            _ => return None,
        };
        let letters = match (letters, default("letters")) {
            (Some(letters), _) => letters.to_owned(),
            (None, Some(Node::Text(letters))) => letters.clone(),
            _ => return None,
        };
        (LENGTHS.contains(&length) && is_letter_of(&letters, 'a').is_some()).then_some((length, letters))
    }
}

fn is_default((name, value): &(String, Node)) -> bool {
    match (name.as_str(), value) {
        ("length", Node::Integer(_)) => true,
        ("letters", Node::Text(letters)) => {
            ["printable", "ascii_letters", "digits"].contains(&letters.as_str())
        }
        _ => false,
    }
}

/// Tells whether `character` belongs to the alphabet with this name, or returns `None` for an unknown name.
///
/// By decision C11, `printable` excludes white space and control characters.
pub(super) fn is_letter_of(letters: &str, character: char) -> Option<bool> {
    Some(match letters {
        "printable" => character.is_ascii_graphic(),
        "ascii_letters" => character.is_ascii_alphabetic(),
        "ascii_lowercase" => character.is_ascii_lowercase(),
        "ascii_uppercase" => character.is_ascii_uppercase(),
        "digits" => character.is_ascii_digit(),
        "hexdigits" => character.is_ascii_hexdigit(),
        "octdigits" => matches!(character, '0'..='7'),
        // Python's `string` module does not have the following alphabets.
        "alphanumeric" => character.is_ascii_alphanumeric(),
        "hex" => matches!(character, '0'..='9' | 'a'..='f'),
        "url_safe" => character.is_ascii_alphanumeric() || "-_".contains(character),
        "unambiguous" => character.is_ascii_alphanumeric() && !"01258loBIOSZ".contains(character),
        "punctuation" => character.is_ascii_punctuation(),
        _ => return None,
    })
}
