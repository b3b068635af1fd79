//! The claims about the user of a session, as a plugin gets them.
//!
//! The host around the plugins collects the claims; here the vectors give them.

use keyway_issuers::{JsonObject, UserInfo};
use serde_json::{Map, Value};

use super::encode::json_of;
use crate::replay::Demand;
use crate::replay::oracle::json_text;

/// The claims of an ID token that do not describe the user.
const OF_THE_TOKEN: [&str; 10] =
    ["aud", "exp", "nbf", "iat", "jti", "azp", "kid", "auth_time", "at_hash", "c_hash"];
/// The claims of an introspected access token that do not describe the user.
const OF_THE_ACCESS: [&str; 11] =
    ["active", "aud", "sub", "iss", "client_id", "token_type", "exp", "iat", "nbf", "jti", "scope"];

/// The sources of claims: the endpoint for user information, the ID token, and the introspection of the access token. A
/// later source overrides earlier ones.
const SOURCES: [(&str, &[&str]); 3] =
    [("id_info", &[]), ("id_claims", &OF_THE_TOKEN), ("token_info", &OF_THE_ACCESS)];

/// Returns the claims of a login, or `None` if issuer or subject is not a text.
pub(super) fn login(issuer: &Value, subject: &Value) -> Option<UserInfo> {
    let claims: JsonObject =
        [("iss", issuer), ("sub", subject)].map(|(key, value)| (key.to_owned(), value.clone().into())).into();
    UserInfo::from_claims(claims)
}

/// Tells whether the session has more claims than issuer and subject.
pub(super) fn has_more_claims(user: &Value) -> bool {
    !user["scope"].is_null() || SOURCES.iter().any(|(source, _)| !user[*source].is_null())
}

/// Returns the user of a session as a plugin sees it, or `None` if issuer or subject is not a text,
/// or if a source describes another user.
pub(super) fn claims(user: &Value) -> Option<UserInfo> {
    let or = |key: &str, usual: &str| user.get(key).cloned().unwrap_or_else(|| usual.into());
    let (issuer, subject) = (or("iss", "https://issuer.example.com"), or("sub", "joe"));
    let is_another = |known: &Value, said: &Value| !said.is_null() && said != known;
    let mut claims = Map::new();
    for (source, without) in SOURCES {
        let Some(said) = user[source].as_object() else { continue };
        let token = user["id_claims"].as_object().filter(|_| source == "id_claims");
        if is_another(&subject, &user[source]["sub"])
            || token.is_some_and(|said| said.get("iss") != Some(&issuer))
        {
            return None;
        }
        let kept = said.iter().filter(|(name, _)| !without.contains(&name.as_str()));
        claims.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    }
    if user["scope"].is_string() || user["token_info"].is_object() {
        let scope = user["scope"].as_str().unwrap_or_default();
        claims.insert("scope".to_owned(), scope.into());
        claims.insert("scope_list".to_owned(), scope.split_whitespace().collect());
    }
    let info = login(&issuer, &subject)?;
    Some(claims.iter().fold(info, |info, (name, value)| info.with(name.as_str(), json_of(value))))
}

/// Demands the same JSON, with names in any order.
pub(super) fn same_json(expected: &Value) -> Demand {
    let read = |text: &str| serde_json::from_str::<Value>(&json_text::with_all_integers(text)).ok();
    let text = expected.as_str().unwrap_or_default();
    let wanted = read(text);
    Demand::answer(format!("the JSON {text}"), move |told| {
        let told = told["json"].as_str().and_then(read);
        told.is_some() && told == wanted
    })
}
