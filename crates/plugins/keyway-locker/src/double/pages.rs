//! The pages of rows.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::http::SeenRequest;
use super::project;
use super::refusal::Refusal;
use super::rows::Row;

/// The number of rows of a page if the request does not give one.
const SIZE: usize = 100;

/// Returns the requested page. `revised` is the project's revision date.
pub(super) fn page<R: Row>(
    request: &SeenRequest,
    rows: &[R],
    limit: usize,
    revised: f64,
) -> Result<Value, Refusal> {
    let query = &request.query;
    let number = positive(query, "page", 1)?;
    let size = positive(query, "size", SIZE)?.min(limit);
    let since = since(query)?;
    let filter = |name: &str| query.get(name).filter(|value| !value.is_empty());
    let (hash, environment) = (filter("hash"), filter("environment_id"));
    let matches = |row: &&R| {
        hash.is_none_or(|hash| row.hash() == hash)
            && environment.is_none_or(|id| row.environment_id() == Some(id))
            && row.revised().as_secs_f64() > since
    };
    let found: Vec<_> = rows.iter().filter(matches).collect();
    let start = (number - 1).saturating_mul(size);
    let results: Vec<_> = found.iter().skip(start).take(size).map(|row| row.json(project::ID)).collect();
    let next = (start.saturating_add(size) < found.len()).then(|| path(request, number + 1));
    let previous = (number > 1).then(|| path(request, number - 1));
    Ok(json!({
        "count": found.len(),
        "next": next,
        "previous": previous,
        "revision_date": revised,
        "results": results,
    }))
}

fn positive(query: &BTreeMap<String, String>, name: &str, default: usize) -> Result<usize, Refusal> {
    let Some(text) = query.get(name) else { return Ok(default) };
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| Refusal::invalid(format!("`{name}` is not a positive number")))
}

fn since(query: &BTreeMap<String, String>) -> Result<f64, Refusal> {
    let text = query.get("revision_date").map_or("0", String::as_str);
    let date = text.parse().ok().filter(|date: &f64| date.is_finite());
    date.ok_or_else(|| Refusal::invalid("`revision_date` is not a number"))
}

/// Returns the path of another page. A client appends the path to its base URL.
fn path(request: &SeenRequest, page: usize) -> String {
    let mut query = request.query.clone();
    query.insert("page".to_owned(), page.to_string());
    let parameters: Vec<_> =
        query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    format!("{}?{}", request.path, parameters.join("&"))
}

fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
