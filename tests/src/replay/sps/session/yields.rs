//! The candidates that a vector's plugin generates.

use std::collections::VecDeque;

use keyway_credentials::{CandidateStream, CredentialError, InvalidText, async_trait};
use serde_json::Value;

/// The accounts or assets that a vector's plugin generates. Items that are not valid are left out.
pub(super) struct Yields<T> {
    items: VecDeque<T>,
    raises: Option<String>,
}

impl<T> Yields<T> {
    pub(super) fn read(
        script: &Value,
        new: fn(String) -> Result<T, InvalidText>,
    ) -> Result<Self, CredentialError> {
        if let Some(class) = script["raise"].as_str() {
            return Ok(Self { items: VecDeque::new(), raises: Some(class.to_owned()) });
        }
        let items = match (&script["yield"], &script["return"]) {
            (Value::Array(items), _) | (_, Value::Array(items)) => items.clone(),
            _ => return Err(CredentialError::invalid("the generator", "it returns no list")),
        };
        let items = items.into_iter().filter_map(|item| new(item.as_str()?.to_owned()).ok()).collect();
        Ok(Self { items, raises: script["then_raise"].as_str().map(str::to_owned) })
    }
}

#[async_trait]
impl<T: Send> CandidateStream<T> for Yields<T> {
    async fn next(&mut self) -> Result<Option<T>, CredentialError> {
        match (self.items.pop_front(), &self.raises) {
            (None, Some(class)) => Err(CredentialError::refused(class, class)),
            (item, _) => Ok(item),
        }
    }
}
