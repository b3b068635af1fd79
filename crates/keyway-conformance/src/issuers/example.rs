//! Example requests for an issuer under test.

use std::collections::BTreeMap;
use std::path::Path;

use keyway_core::json::Reader;
use keyway_issuers::{
    Context, Description, Json, JsonObject, Login, ParameterDescriptor, ParameterSet, Parameters, SecretText,
    UserInfo, Violations,
};

/// An example request: the user, the configuration of the service, and the parameters. The subject says whether the
/// issuer answers the request with a credential or refuses it.
///
/// ```
/// use keyway_conformance::issuers::IssuerExample;
///
/// let example = IssuerExample::new()
///     .configured("key_file", "{scratch}/authorized_keys")
///     .parameter("pub_key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH0p joe");
/// # let _ = example;
/// ```
#[derive(Clone, Debug)]
pub struct IssuerExample {
    pub(super) user: UserInfo,
    pub(super) configured: Vec<(String, Json)>,
    pub(super) parameters: JsonObject,
    pub(super) logins: Vec<Login>,
    pub(super) access_token: Option<SecretText>,
}

/// The reason why a file is not a valid example.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExampleError {
    /// The file is not one JSON object.
    #[error("this is not one JSON object: {0}")]
    Json(String),
    /// A key is unknown, or has a value of the wrong type.
    #[error(
        "`{key}` must be {expected}; the keys are user_info, conf_params, params, additional_logins and access_token"
    )]
    Key {
        /// The key.
        key: String,
        /// The type that it must have.
        expected: &'static str,
    },
}

impl Default for IssuerExample {
    fn default() -> Self {
        Self::new()
    }
}

impl IssuerExample {
    /// The placeholder for the rule's scratch folder in a configured text.
    pub const SCRATCH: &'static str = "{scratch}";

    /// Makes an example with a default user and without configuration. The user enters `sample` for each parameter.
    pub fn new() -> Self {
        let user = UserInfo::new("https://issuer.example.com/", "kit-12345678")
            .with("name", "J\u{f6}e Example")
            .with("given_name", "J\u{f6}e")
            .with("family_name", "Example")
            .with("preferred_username", "joe")
            .with("email", "joe@example.org");
        Self {
            user,
            configured: Vec::new(),
            parameters: JsonObject::new(),
            logins: Vec::new(),
            access_token: None,
        }
    }

    /// Reads an example from JSON with the keys of the wire format, which are all optional: `user_info`, `conf_params`,
    /// `params`, `additional_logins`, `access_token`.
    ///
    /// # Errors
    /// [`ExampleError`] names the key.
    pub fn from_json(text: &[u8]) -> Result<Self, ExampleError> {
        let object = |key: &str, value: Json| match value {
            Json::Object(entries) => Ok(entries),
            _ => Err(wrong(key, "an object")),
        };
        let entries = match Reader::STRICT.read(text) {
            Ok(Json::Object(entries)) => entries,
            Ok(_) => return Err(ExampleError::Json("it is another JSON value".to_owned())),
            Err(error) => return Err(ExampleError::Json(error.to_string())),
        };
        let mut example = Self::new();
        for (key, value) in entries {
            match key.as_str() {
                "user_info" => example.user = user(&key, object(&key, value)?)?,
                "conf_params" => example.configured = object(&key, value)?.into_iter().collect(),
                "params" => example.parameters = object(&key, value)?,
                "access_token" => example.access_token = Some(token(&key, value)?),
                "additional_logins" => {
                    let Json::Array(list) = value else { return Err(wrong(&key, "a list of objects")) };
                    for login in list {
                        let mut login = object(&key, login)?;
                        let claims = login.remove("user_info").unwrap_or(Json::Null);
                        let access_token =
                            login.remove("access_token").map(|value| token(&key, value)).transpose()?;
                        let user_info = user(&key, object(&key, claims)?)?;
                        example.logins.push(Login { user_info, access_token });
                    }
                }
                _ => return Err(wrong(&key, "absent")),
            }
        }
        Ok(example)
    }

    /// Sets the user of the request.
    #[must_use]
    pub fn user(mut self, user: UserInfo) -> Self {
        self.user = user;
        self
    }

    /// Sets a configuration value of the service, as an operator does. In a text, [`{scratch}`](Self::SCRATCH) stands
    /// for a folder that is new for each rule.
    #[must_use]
    pub fn configured(mut self, name: impl Into<String>, value: impl Into<Json>) -> Self {
        self.configured.push((name.into(), value.into()));
        self
    }

    /// Sets a value that the issuer accepts for the parameter `key`, in any parameter set.
    #[must_use]
    pub fn parameter(mut self, key: impl Into<String>, value: impl Into<Json>) -> Self {
        self.parameters.insert(key.into(), value.into());
        self
    }

    /// Adds another login of the user, for an issuer that demands one.
    #[must_use]
    pub fn login(mut self, login: Login) -> Self {
        self.logins.push(login);
        self
    }

    /// Sets an access token that the issuer can use.
    #[must_use]
    pub fn access_token(mut self, token: impl Into<SecretText>) -> Self {
        self.access_token = Some(token.into());
        self
    }

    /// Makes the context of a call, without an intent.
    pub(super) fn context(&self, description: &Description, scratch: &Path) -> Result<Context, Violations> {
        let in_folder = |(name, value): &(String, Json)| (name.clone(), in_folder(value, scratch));
        let configured: Vec<_> = self.configured.iter().map(in_folder).collect();
        self.configured_by(description, configured.iter().map(|(name, value)| (name.as_str(), value)))
    }

    /// Makes the context of a call without configuration values.
    pub(super) fn unconfigured(&self, description: &Description) -> Result<Context, Violations> {
        self.configured_by(description, [])
    }

    /// Makes the context of a call to a plugin whose description is unknown.
    pub(super) fn unbound(&self) -> Context {
        Context::new(self.user.clone())
    }

    fn configured_by<'c>(
        &self,
        description: &Description,
        configured: impl IntoIterator<Item = (&'c str, &'c Json)>,
    ) -> Result<Context, Violations> {
        let configuration = description.resolve_configuration(configured)?;
        let mut context = Context::new(self.user.clone()).with_configuration(configuration);
        context.requester.additional_logins.clone_from(&self.logins);
        context.requester.access_token.clone_from(&self.access_token);
        Ok(context)
    }

    /// Enters a value for each parameter of a set that `is_entered` accepts: the value of the example, or `sample`.
    pub(super) fn entered(
        &self,
        set: &ParameterSet,
        is_entered: impl Fn(&ParameterDescriptor) -> bool,
    ) -> Parameters {
        let entered = set.parameters().iter().filter(|parameter| is_entered(parameter));
        entered.fold(Parameters::new(), |all, parameter| {
            let value = self.parameters.get(&parameter.key).cloned();
            all.with(parameter.key.clone(), value.unwrap_or_else(|| Json::text("sample")))
        })
    }

    /// Enters the usual parameters, for rules that need no particular set. Chooses among the sets for which the example
    /// has all mandatory values: the first set for which the example has a value, or else the first of them. If there
    /// is no such set, chooses the first set of the description.
    pub(super) fn usual(&self, description: &Description) -> Parameters {
        let named = |set: &&ParameterSet| {
            set.parameters().iter().all(|parameter| !parameter.mandatory || self.names(parameter))
        };
        let names_any = |set: &ParameterSet| set.parameters().iter().any(|parameter| self.names(parameter));
        let sets = description.parameter_sets();
        let set = sets.iter().find(|set| named(set) && names_any(set));
        let set = set.or_else(|| sets.iter().find(named)).or_else(|| sets.first());
        let is_entered = |parameter: &ParameterDescriptor| parameter.mandatory || self.names(parameter);
        set.map_or_else(Parameters::new, |set| self.entered(set, is_entered))
    }

    fn names(&self, parameter: &ParameterDescriptor) -> bool {
        self.parameters.contains_key(&parameter.key)
    }

    /// Lists every access token of the example.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &SecretText> {
        let logins = self.logins.iter().filter_map(|login| login.access_token.as_ref());
        self.access_token.iter().chain(logins)
    }
}

fn wrong(key: &str, expected: &'static str) -> ExampleError {
    ExampleError::Key { key: key.to_owned(), expected }
}

fn user(key: &str, claims: BTreeMap<String, Json>) -> Result<UserInfo, ExampleError> {
    UserInfo::from_claims(claims).ok_or_else(|| wrong(key, "an object whose `iss` and `sub` are texts"))
}

fn token(key: &str, value: Json) -> Result<SecretText, ExampleError> {
    match value {
        Json::Text(text) => Ok(text),
        _ => Err(wrong(key, "a text")),
    }
}

fn in_folder(value: &Json, scratch: &Path) -> Json {
    match value.as_text() {
        Some(text) => Json::text(text.replace(IssuerExample::SCRATCH, &scratch.to_string_lossy())),
        None => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_the_methods_say() {
        let text =
            br#"{"user_info": {"iss": "i", "sub": "s"}, "conf_params": {"folder": "{scratch}/a", "on": true},
            "params": {"pub_key": "key"}, "access_token": "t1",
            "additional_logins": [{"user_info": {"iss": "j", "sub": "u"}, "access_token": "t2"}]}"#;
        let example = IssuerExample::from_json(text).unwrap();
        let description = Description::builder("1").text("folder", "").boolean("on", false).build().unwrap();
        let context = example.context(&description, Path::new("/tmp/x")).unwrap();
        assert_eq!(context.configuration.text("folder"), Some("/tmp/x/a"));
        assert_eq!(context.configuration.boolean("on"), Some(true));
        assert_eq!(
            (context.requester.user_info.subject(), context.requester.additional_logins.len()),
            ("s", 1)
        );
        assert_eq!(example.tokens().map(SecretText::expose).collect::<Vec<_>>(), ["t1", "t2"]);
        assert_eq!(example.parameters.get("pub_key").and_then(Json::as_text), Some("key"));
    }

    #[test]
    fn a_text_that_is_no_example_is_named() {
        for (text, word) in [
            (&b"[]"[..], "object"),
            (b"{", "object"),
            (br#"{"parameters": {}}"#, "parameters"),
            (br#"{"params": []}"#, "params"),
            (br#"{"user_info": {"iss": "i"}}"#, "user_info"),
            (br#"{"access_token": 7}"#, "access_token"),
            (br#"{"additional_logins": [{}]}"#, "additional_logins"),
        ] {
            let error = IssuerExample::from_json(text).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn the_usual_request_fits_a_set() {
        use keyway_issuers::{DescriptionBuilder, ParameterDescriptor};
        let mandatory = |key: &str| ParameterDescriptor::mandatory(key, "n", "d");
        let sets = [vec![mandatory("a")], vec![mandatory("b"), mandatory("c")], vec![]];
        let description = sets.into_iter().fold(Description::builder("1"), DescriptionBuilder::set);
        let description = description.build().unwrap();
        let entered = |example: IssuerExample| {
            let usual = example.usual(&description);
            (description.fitting_set(&usual).unwrap(), usual.values().keys().cloned().collect::<String>())
        };
        assert_eq!(entered(IssuerExample::new()), (2, String::new()));
        assert_eq!(
            entered(IssuerExample::new().parameter("c", "x").parameter("b", "y")),
            (1, "bc".to_owned())
        );
    }
}
