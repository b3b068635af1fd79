//! The user for whom a credential is made.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyway_core::Wiped;
use keyway_core::json::{Reader, Writer, object_to_ascii};

use crate::{Json, JsonObject, SecretText};

/// The id of a user within WaTTS, made of issuer and subject.
///
/// It is base64url of `{"issuer":"...","subject":"..."}`, written exactly as the real host writes it, because plugins
/// store it.
///
/// See decision W1 and the WaTTS seed, key `watts_userid`.
///
/// Nothing is normalized: an issuer with a slash at its end differs from the same issuer without the slash.
///
/// A clone costs one reference count.
///
/// ```
/// use keyway_issuers::UserId;
///
/// let id = UserId::of("https://issuer.example.com", "12345678");
/// assert_eq!(
///     id.as_str(),
///     "eyJpc3N1ZXIiOiJodHRwczpcL1wvaXNzdWVyLmV4YW1wbGUuY29tIiwic3ViamVjdCI6IjEyMzQ1Njc4In0"
/// );
/// assert_eq!(id.parts(), Some(("https://issuer.example.com".to_owned(), "12345678".to_owned())));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Arc<str>);

impl UserId {
    /// Creates the id of the user with the name `subject` at `issuer`.
    pub fn of(issuer: &str, subject: &str) -> Self {
        let mut writer = Writer::with_capacity(issuer.len() + subject.len() + 48);
        writer.raw("{\"issuer\":");
        writer.text(issuer);
        writer.raw(",\"subject\":");
        writer.text(subject);
        writer.raw("}");
        Self(URL_SAFE_NO_PAD.encode(writer.finish().as_bytes()).into())
    }

    /// Creates an id received from a host, unchanged.
    pub fn received(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns issuer and subject, if the id is made of them.
    pub fn parts(&self) -> Option<(String, String)> {
        let json = crate::wire::base64::decode(self.0.as_bytes()).ok()?;
        let Ok(Json::Object(entries)) = Reader::STRICT.read(&json) else { return None };
        let part = |name| entries.get(name).and_then(Json::as_text).map(str::to_owned);
        Some((part("issuer")?, part("subject")?))
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The claims of a login about a user: issuer and subject (`iss`, `sub`), and further claims of any JSON type (WaTTS
/// seed, key `user_info`).
///
/// They are personal, so `Debug` shows names and no values. A clone shares the claims until a claim is added to the
/// clone or to the original.
#[derive(Clone, PartialEq)]
pub struct UserInfo {
    claims: Arc<JsonObject>,
}

impl UserInfo {
    /// Creates a user with no further claims.
    pub fn new(issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        let mut claims = JsonObject::new();
        claims.insert("iss".to_owned(), Json::text(issuer.into()));
        claims.insert("sub".to_owned(), Json::text(subject.into()));
        Self { claims: Arc::new(claims) }
    }

    /// Creates the user that these claims describe. Returns `None` unless `iss` and `sub` are texts.
    pub fn from_claims(claims: JsonObject) -> Option<Self> {
        let is_text = |name| claims.get(name).and_then(Json::as_text).is_some();
        (is_text("iss") && is_text("sub")).then(|| Self::checked(claims))
    }

    /// Creates the user that these claims describe. The caller has checked that `iss` and `sub` are texts.
    pub(crate) fn checked(claims: JsonObject) -> Self {
        Self { claims: Arc::new(claims) }
    }

    /// Adds a claim, or replaces it. Issuer and subject cannot be replaced.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, claim: impl Into<Json>) -> Self {
        let name = name.into();
        if name != "iss" && name != "sub" {
            Arc::make_mut(&mut self.claims).insert(name, claim.into());
        }
        self
    }

    /// Returns the issuer.
    pub fn issuer(&self) -> &str {
        self.text("iss").unwrap_or_default()
    }

    /// Returns the subject: the user's name at the issuer.
    pub fn subject(&self) -> &str {
        self.text("sub").unwrap_or_default()
    }

    /// Returns the id made of issuer and subject.
    pub fn user_id(&self) -> UserId {
        UserId::of(self.issuer(), self.subject())
    }

    /// Returns the claim `name`, if it is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Json::as_text)
    }

    /// Returns all claims, including `iss` and `sub`, ordered by name.
    pub fn claims(&self) -> &JsonObject {
        &self.claims
    }

    /// Writes all claims as one JSON object, in the format of [`Json::to_ascii`].
    pub fn to_ascii(&self) -> Wiped<String> {
        object_to_ascii(&self.claims)
    }
}

impl fmt::Debug for UserInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.claims.keys()).finish()
    }
}

/// A further login of the same user, made because a plugin asked for it
/// ([`RequestOutcome::LoginRequired`](crate::RequestOutcome::LoginRequired)).
#[derive(Clone, Debug, PartialEq)]
pub struct Login {
    /// The claims of this login about the user.
    pub user_info: UserInfo,
    /// The access token of this login, if the host passes tokens on.
    pub access_token: Option<SecretText>,
}
