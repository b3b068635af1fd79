//! Reads the profile of an access key: the number of the project that the key opens, and the project's encrypted key.

use keyway_core::Json;

use crate::answer::{Malformed, json, number, text};

/// The part of the profile that is needed to read the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) project: u64,
    /// The key of the project, encrypted.
    pub(crate) key: String,
}

impl Profile {
    /// Reads the answer to `GET /v1/profile`.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Malformed> {
        let json = json(body)?;
        let profile = json.get("profile").ok_or(Malformed("`profile`"))?;
        Ok(Self {
            project: profile
                .get("project_id")
                .and_then(|id: &Json| number(id))
                .ok_or(Malformed("`project_id`"))?,
            key: text(profile, "key").ok_or(Malformed("`key`"))?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_names_its_project_and_key() {
        let body =
            br#"{"object": "profile", "profile": {"project_id": 4711, "key": "2.a|b|c", "restrict_ip": []}}"#;
        assert_eq!(Profile::read(body), Ok(Profile { project: 4711, key: "2.a|b|c".into() }));
        for (body, field) in [
            (&br#"{"project_id": 4711, "key": "2.a|b|c"}"#[..], "`profile`"),
            (br#"{"profile": {"project_id": "4711", "key": "k"}}"#, "`project_id`"),
            (br#"{"profile": {"project_id": 4711, "key": null}}"#, "`key`"),
        ] {
            assert_eq!(Profile::read(body), Err(Malformed(field)));
        }
    }
}
