//! Subordinate authorities: created, and deleted.
//!
//! See decisions B14 and B19.

use serde_json::{Map, Value, json};

use crate::replay::{Class, Demand, Ruling};

/// The base authorities of the vectors.
pub const BASE: [&str; 2] = ["a", "b"];
/// The subordinate authority that the owner has already.
pub const SUB: &str = "sub1";
/// The one that is created.
pub const NEW: &str = "new1";
/// The request for it.
pub const NAME: &str = "n";
/// Its subject.
pub const SUBJECT: &str = "cn=sub";
/// Its description.
pub const DESCRIPTION: &str = "desc";

/// The answer of the plugin to the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It raises an exception.
    Raises,
    /// It describes the authority: whether with an id, with the certificates above it, and with an expiration.
    Described {
        /// Whether it tells the id.
        has_id: bool,
        /// Whether it tells the certificates above the authority.
        has_intermediates: bool,
        /// Whether the description expires.
        expires: bool,
    },
}

/// Reads the answer of the plugin.
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
        // Changes to the usual answer. The contract has no owners in it.
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
    // Decisions say nothing of an answer that is none.
    let Some(answer) = answer(input) else { return [None, None] };
    let Some(parent) = parent(input) else {
        // Some texts are no id of an authority at all.
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

/// The authority that is deleted, and the one that the owner prefers before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// The authority, by the plugin's id.
    pub deleted: &'static str,
    /// The preferred one.
    pub preferred: Option<&'static str>,
}

/// Reads what is deleted. These vectors have an empty input, and tell in words what there is. An owner's authorities
/// are always on its list.
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

/// Returns the rulings on the deletion, on what is left, and on the calls of the plugin.
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
