//! Passwords that a store made: the model knows only their length and letters.

use serde_json::Value;

use crate::replay::Demand;
use crate::replay::convection::model::settings::is_letter_of;
use crate::replay::convection::node::Node;

/// Returns the placeholder of a password in the model.
pub(super) fn generated(length: i64, letters: &str) -> Node {
    let recipe = vec![
        ("length".to_owned(), Node::Integer(length.to_string())),
        ("letters".to_owned(), Node::Text(letters.to_owned())),
    ];
    Node::Table(vec![("$generated".to_owned(), Node::Table(recipe))])
}

pub(super) fn content_has_generated(value: &Value) -> bool {
    match value {
        Value::Object(entries) => {
            entries.iter().any(|(key, value)| key == "$generated" || content_has_generated(value))
        }
        Value::Array(items) => items.iter().any(content_has_generated),
        _ => false,
    }
}

/// Demands this value. Each placeholder stands for any password of its length and letters.
pub(super) fn like(wanted: Value) -> Demand {
    if !content_has_generated(&wanted) {
        return Demand::Exactly(wanted);
    }
    Demand::answer(format!("like {wanted}"), move |value| is_like(&wanted, value))
}

fn is_like(wanted: &Value, value: &Value) -> bool {
    match (wanted, value) {
        (Value::Object(recipe), Value::String(password)) if recipe.len() == 1 => {
            recipe.get("$generated").is_some_and(|recipe| {
                let letters = recipe["letters"].as_str().unwrap_or_default();
                i64::try_from(password.chars().count()).ok() == recipe["length"].as_i64()
                    && password.chars().all(|character| is_letter_of(letters, character) == Some(true))
            })
        }
        (Value::Object(wanted), Value::Object(value)) => {
            wanted.len() == value.len()
                && wanted
                    .iter()
                    .all(|(key, wanted)| value.get(key).is_some_and(|value| is_like(wanted, value)))
        }
        (wanted, value) => crate::replay::adapter::same(wanted, value),
    }
}
