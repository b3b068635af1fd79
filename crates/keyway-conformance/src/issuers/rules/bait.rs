//! Texts that a shell would run, and the trap that tells whether one did.

use std::fs;
use std::path::Path;

use keyway_issuers::Json;
use tempfile::TempDir;

use super::{Broken, Checked, broken, ensure};

/// The forms of text that break out of a line of a shell: the name, and the text with `{}` for the command. The rest
/// of the line becomes a comment.
const FORMS: [(&str, &str); 6] = [
    ("$(...)", "$({})"),
    ("backquotes", "`{}`"),
    ("a semicolon", "; {} #"),
    ("a single quote", "'; {} #"),
    ("a double quote", "\"; {} #"),
    ("a line of its own", "\n{}\n"),
];

/// Is a folder that stays empty unless a bait is run.
pub(super) struct Trap(TempDir);

/// Is a text that makes a file in the folder of the trap when a shell gets it.
pub(super) struct Bait {
    pub(super) form: &'static str,
    text: String,
}

impl Trap {
    pub(super) fn new() -> Result<Self, Broken> {
        // Takes a path that needs no quotes: in quotes, a bait would not make the file in the folder.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
        let plain = |path: &&std::path::PathBuf| path.to_str().is_some_and(|text| text.bytes().all(is_plain));
        let folder_in =
            |folder: &Path| tempfile::Builder::new().prefix("keyway-kit-").tempdir_in(folder).ok();
        let folders = [std::env::temp_dir(), "/tmp".into()];
        let folder = folders.iter().filter(plain).find_map(|folder| folder_in(folder));
        let expected = "a folder for temporary files whose path is of letters, digits and `/._-`";
        folder.map(Self).ok_or_else(|| broken(expected, "the system gave none: set TMPDIR"))
    }

    /// Makes a bait of each form.
    pub(super) fn baits(&self) -> Vec<Bait> {
        FORMS.iter().map(|(form, text)| self.bait(form, text)).collect()
    }

    /// Makes a bait of the commonest form, and one of all forms in one text, where it takes too long to try each
    /// form alone. Some issuers refuse the second for its line breaks alone.
    pub(super) fn few_baits(&self) -> [Bait; 2] {
        let (form, text) = FORMS[0];
        [self.bait(form, text), self.bait("every form", "$({})`{}`; {} #\n{}\n'; {} #\n\"; {} #")]
    }

    fn bait(&self, form: &'static str, text: &str) -> Bait {
        let command = format!("touch {}", self.0.path().join("was-run").display());
        Bait { form, text: text.replace("{}", &command) }
    }

    /// Demands that nothing was run. Any file counts, since a shell may have made its name longer.
    pub(super) fn is_empty(&self, of: &str, by: &str) -> Checked {
        let run = fs::read_dir(self.0.path()).map_or(true, |mut files| files.next().is_some());
        ensure(!run, format!("that nothing of {of} is run"), format!("a command in it was run by {by}"))
    }
}

impl Bait {
    /// Hides the bait behind a text.
    pub(super) fn behind(&self, text: &str) -> String {
        format!("{text}{}", self.text)
    }

    /// Hides the bait in every text of a value, and replaces a value without texts.
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
