//! The rulings on the creation and the deletion of subordinate authorities.
//!
//! See decisions B14 and B19.

use serde_json::{Map, Value, json};

use crate::replay::{Class, Demand, Ruling};

/// The base authorities of the vectors.
pub const BASE: [&str; 2] = ["a", "b"];
/// The subordinate authority that the owner has already.
pub const SUB: &str = "sub1";
/// The subordinate authority that is created.
pub const NEW: &str = "new1";
/// The name in the request for the new authority.
pub const NAME: &str = "n";
/// The subject in the request for the new authority.
pub const SUBJECT: &str = "cn=sub";
/// The description in the request for the new authority.
pub const DESCRIPTION: &str = "desc";

/// The answer of the plugin to the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The plugin raises an exception.
    Raises,
    /// The plugin describes the authority, with or without its optional parts.
    Described {
        /// Whether the description has the id.
        has_id: bool,
        /// Whether the description has the certificates above the authority.
        has_intermediates: bool,
        /// Whether the description expires.
        expires: bool,
    },
}

/// Reads the answer of the plugin. Returns `None` for an answer that no decision covers.
pub fn answer(input: &Value) -> Option<Answer> {
    let (mut has_id, mut has_intermediates, mut expires) = (true, true, true);
    match &input["create_ca"] {
        Value::Null => {}
        Value::String(words) => match words.as_str() {
            "CertificateGeneralException" => return Some(Answer::Raises),
            "without plugin_ca_id" => has_id = false,
            "no expiration" => expires = false,
            _ => return None,
        },
        // The vector changes the usual answer. A changed owner is ignored, because an answer of the contract has no
        // owner.
        Value::Object(changes) => has_intermediates = changes.get("intermediates") != Some(&Value::Null),
        _ => return None,
    }
    Some(Answer::Described { has_id, has_intermediates, expires })
}

/// Returns the plugin's id of the parent, or `None` if there is no such authority.
pub fn parent(input: &Value) -> Option<&'static str> {
    match input["parent"].as_str() {
        None | Some("base CA") => Some(BASE[0]),
        Some("own sub-CA") => Some(SUB),
        Some(_) => None,
    }
}

/// Tells whether the plugin creates subordinate authorities.
pub fn creates(input: &Value) -> bool {
    input["supports_create_ca"] != Value::Bool(false)
}

/// Writes an authority as its owner sees it.
pub fn created(intermediates: Option<&str>, expires: bool, id: &str) -> Value {
    let mut meta = Map::new();
    meta.insert("name".to_owned(), NAME.into());
    meta.insert("ca_signing_certificate".to_owned(), "S".into());
    if let Some(intermediates) = intermediates {
        meta.insert("intermediates".to_owned(), intermediates.into());
    }
    json!({ "id": id, "meta": meta, "has_expiration": expires, "is_owners": true })
}

/// Returns the rulings on the created authority, and on the calls of the plugin.
pub fn creation(input: &Value) -> [Option<Ruling>; 2] {
    let ruling = |demand| Some(Ruling::new("B19", demand));
    let no_calls = || ruling(Demand::Exactly(json!([])));
    // No decision covers this answer of the plugin.
    let Some(answer) = answer(input) else { return [None, None] };
    let Some(parent) = parent(input) else {
        // The parent is unknown, or its text is not valid as an id.
        return [ruling(Demand::Refused(&[Class::NotFound, Class::Invalid])), no_calls()];
    };
    if !creates(input) {
        return [ruling(Demand::Refused(&[Class::Unsupported])), no_calls()];
    }
    let call = json!({ "name": NAME, "subject_dn": SUBJECT, "description": DESCRIPTION, "parent": parent });
    let made = match answer {
        Answer::Described { has_id: true, has_intermediates, expires } => {
            let intermediates = has_intermediates.then_some("I");
            // A description need not have all parts.
            Ruling::new("B14", Demand::Exactly(created(intermediates, expires, NEW)))
        }
        _ => Ruling::new("B19", Demand::AnyRefusal),
    };
    [Some(made), ruling(Demand::Exactly(json!([call])))]
}

/// The authority that is deleted, and the authority that the owner preferred before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// The deleted authority, by the plugin's id.
    pub deleted: &'static str,
    /// The preferred authority, by the plugin's id.
    pub preferred: Option<&'static str>,
}

/// Reads which authority is deleted. The vectors of this kind have an empty input, and describe the situation in words.
/// The project list makes no difference: in Keyway, an owner's authorities are always on the owner's list.
pub fn deletion(situation: &str) -> Option<Deletion> {
    let (deleted, preferred) = match situation {
        "base CA" => (BASE[0], None),
        "own sub-CA" | "on the project list" => (SUB, None),
        "preferred and the last project CA" | "preferred but not on the project list" => (SUB, Some(SUB)),
        "on the list, another CA is preferred" => (SUB, Some(BASE[1])),
        _ => return None,
    };
    Some(Deletion { deleted, preferred })
}

/// Returns the rulings on the deletion, on the state after it, and on the calls of the plugin.
pub fn deletion_rulings(deletion: Deletion) -> [Option<Ruling>; 3] {
    let ruling = |demand| Some(Ruling::new("B19", demand));
    let is_base = BASE.contains(&deletion.deleted);
    let deleted = if is_base { Demand::Refused(&[Class::Denied]) } else { Demand::done() };
    let mut left = BASE.to_vec();
    if is_base {
        left.push(SUB);
    }
    let preferred = deletion.preferred.filter(|preferred| left.contains(preferred));
    let calls: &[&str] = if is_base { &[] } else { &[deletion.deleted] };
    [
        ruling(deleted),
        ruling(Demand::Exactly(json!({ "cas": left, "preferred": preferred }))),
        ruling(Demand::Exactly(json!(calls))),
    ]
}
