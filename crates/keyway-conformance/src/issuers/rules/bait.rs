//! Baits, and the traps that detect whether a plugin takes a bait. A bait is a text that a shell would run, or that
//! leads to a file.

use std::fs;
use std::path::Path;

use keyway_issuers::Json;
use tempfile::TempDir;

use super::{Broken, Checked, IssuerFixture, broken, ensure};
use crate::path_trap::PathTrap;

/// The ways in which a text can escape from its place in a shell command. Each has a name, and a text in which `{}`
/// stands for the command to run. A final `#` makes the rest of the line a comment.
const FORMS: [(&str, &str); 6] = [
    ("$(...)", "$({})"),
    ("backquotes", "`{}`"),
    ("a semicolon", "; {} #"),
    ("a single quote", "'; {} #"),
    ("a double quote", "\"; {} #"),
    ("a line of its own", "\n{}\n"),
];

/// A trap, which detects whether a plugin took a bait.
pub(super) enum Trap {
    /// A folder that stays empty unless a plugin runs a bait.
    Commands(TempDir),
    /// Files that remain unchanged unless a plugin uses a bait as a path.
    Paths(PathTrap),
}

/// A text that runs a command if it reaches a shell, or that names a file that must not be opened.
pub(super) struct Bait {
    pub(super) form: &'static str,
    text: String,
    /// Whether the bait replaces the original text. A bait that is a path replaces it, because a path works only at the
    /// start of a text.
    alone: bool,
}

impl Trap {
    pub(super) fn commands(_: &IssuerFixture<'_>) -> Result<Self, Broken> {
        Self::new()
    }

    pub(super) fn paths(fixture: &IssuerFixture<'_>) -> Result<Self, Broken> {
        PathTrap::new(fixture.canary("file")).map(Self::Paths)
    }

    fn new() -> Result<Self, Broken> {
        // The path must not need quotes. A bait may be inside quotes already, and quotes around the path would close
        // those.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
        let plain = |path: &&std::path::PathBuf| path.to_str().is_some_and(|text| text.bytes().all(is_plain));
        let folder_in =
            |folder: &Path| tempfile::Builder::new().prefix("keyway-kit-").tempdir_in(folder).ok();
        let folders = [std::env::temp_dir(), "/tmp".into()];
        let folder = folders.iter().filter(plain).find_map(|folder| folder_in(folder));
        let expected = "a folder for temporary files whose path is of letters, digits and `/._-`";
        folder.map(Self::Commands).ok_or_else(|| broken(expected, "the system gave none: set TMPDIR"))
    }

    /// Makes a bait of each form.
    pub(super) fn baits(&self) -> Vec<Bait> {
        match self {
            Self::Commands(folder) => FORMS.iter().map(|(form, text)| command(folder, form, text)).collect(),
            Self::Paths(paths) => paths.names().into_iter().chain(paths.odd_names()).map(path).collect(),
        }
    }

    /// Makes a small number of baits, for rules in which trying each form would take too long. For commands, these are
    /// the most common form and one text with all forms. The common form is tried alone too, because some issuers
    /// refuse the text with all forms only because of its line breaks.
    pub(super) fn few_baits(&self) -> Vec<Bait> {
        const EVERY_FORM: &str = "$({})`{}`; {} #\n{}\n'; {} #\n\"; {} #";
        match self {
            Self::Commands(folder) => {
                let (form, text) = FORMS[0];
                vec![command(folder, form, text), command(folder, "every form", EVERY_FORM)]
            }
            Self::Paths(paths) => paths.names().into_iter().map(path).collect(),
        }
    }

    /// Demands that no answer shows the content of the trap's files.
    pub(super) fn is_unread(&self, answer: &str, of: &str, by: &str) -> Checked {
        match self {
            Self::Commands(_) => Ok(()),
            Self::Paths(paths) => paths.is_unread(answer, of, by),
        }
    }

    /// Demands that no command ran and no file changed. Any file in the folder proves that a command ran, whatever the
    /// name of the file, since a shell may have appended text to the name.
    pub(super) fn is_empty(&self, of: &str, by: &str) -> Checked {
        let folder = match self {
            Self::Commands(folder) => folder,
            Self::Paths(paths) => return paths.is_untouched(of, by),
        };
        let run = fs::read_dir(folder.path()).map_or(true, |mut files| files.next().is_some());
        ensure(!run, format!("that nothing of {of} is run"), format!("a command in it was run by {by}"))
    }
}

fn command(folder: &TempDir, form: &'static str, text: &str) -> Bait {
    let command = format!("touch {}", folder.path().join("was-run").display());
    Bait { form, text: text.replace("{}", &command), alone: false }
}

fn path((form, text): (&'static str, String)) -> Bait {
    Bait { form, text, alone: true }
}

impl Bait {
    /// Appends the bait to a text. A bait that is a path replaces the text.
    pub(super) fn behind(&self, text: &str) -> String {
        if self.alone { self.text.clone() } else { format!("{text}{}", self.text) }
    }

    /// Puts the bait into every text of a value. Replaces a value that has no texts.
    pub(super) fn within(&self, value: &Json) -> Json {
        match value {
            Json::Text(text) => Json::text(self.behind(text.expose())),
            Json::Array(list) if !list.is_empty() => {
                Json::Array(list.iter().map(|value| self.within(value)).collect())
            }
            Json::Object(entries) if !entries.is_empty() => {
                Json::Object(entries.iter().map(|(name, value)| (name.clone(), self.within(value))).collect())
            }
            _ => Json::text(self.text.clone()),
        }
    }
}

#[cfg(all(test, unix))]
mod tests;
