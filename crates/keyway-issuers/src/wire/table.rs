//! The table of the rules for each key of each answer. The decoder applies the rows of the table, and the documentation
//! prints them.
//!
//! See decision W3.

use std::fmt::Write as _;

use super::{Profile, erlang};
use crate::violation::Found;
use crate::{Json, Rule, SecretText, Violation};
use keyway_core::json::JsonObject;

/// One key of one answer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Row {
    /// The answer that contains the key.
    pub answer: &'static str,
    /// The key, as a path: `[]` stands for each element of a list.
    pub key: &'static str,
    /// The rule of [`Profile::Strict`].
    pub strict: Treatment,
    /// The rule of [`Profile::Lenient`].
    pub lenient: Treatment,
    /// The rule in the WaTTS seed.
    pub seed: &'static str,
    /// The behaviour of the real host.
    pub host: &'static str,
    /// The rule of the tester of WaTTS plugins.
    pub tester: &'static str,
}

/// The treatment of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Treatment {
    /// The rule for the presence of the key.
    pub presence: Presence,
    /// The accepted values.
    pub accepts: Accepts,
}

/// The rule for the presence of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// An answer without the key breaks the contract.
    Required,
    /// The key may be missing.
    Optional,
    /// An answer with the key breaks the contract.
    Forbidden,
}

/// The accepted values, and their conversion. Any other value is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accepts {
    /// A text.
    Text,
    /// One of these words.
    Word(&'static str),
    /// No value: the key is forbidden.
    Nothing,
    /// A text; anything else is converted to the text that Erlang prints for it.
    Printed,
    /// As `Printed`, except that a list in a part of the type `textfile` is printed as its joined elements.
    PrintedValue,
    /// A whole number from 0 to 4,294,967,295.
    Count,
    /// A number as in `Count`, or its digits as a text. Null counts as missing.
    CountOrDigits,
    /// `true` or `false`.
    Boolean,
    /// `true` counts as true, and any other value counts as false.
    TrueOrElse,
    /// `true`, `"true"`, `"True"`, `1`, `false`, `"false"`, `"False"`, `0`.
    Truth,
    /// A value of the type that the key `type` names; a boolean is converted as in `Truth`.
    OfItsType,
    /// A list.
    Array,
    /// An object.
    Object,
    /// An object; anything else counts as missing.
    ObjectOrElse,
}

impl Accepts {
    /// Describes the accepted values in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Nothing => "nothing",
            Self::Word(allowed) => allowed,
            Self::Printed => "any, converted to text",
            Self::PrintedValue => "any, converted to text; of a textfile, a list is joined",
            Self::Count => "whole number",
            Self::CountOrDigits => "whole number, also as text; null is missing",
            Self::Boolean => "true or false",
            Self::TrueOrElse => "true; all else is false",
            Self::Truth => "true, false, also as \"true\", \"True\", 1 and so on",
            Self::OfItsType => "of its type; booleans also as \"true\", \"True\", 1 and so on",
            Self::Array => "array",
            Self::Object => "object",
            Self::ObjectOrElse => "object; all else is missing",
        }
    }
}

const fn must(accepts: Accepts) -> Treatment {
    Treatment { presence: Presence::Required, accepts }
}

const fn may(accepts: Accepts) -> Treatment {
    Treatment { presence: Presence::Optional, accepts }
}

const FORBIDDEN: Treatment = Treatment { presence: Presence::Forbidden, accepts: Accepts::Nothing };

macro_rules! rows {
    ($($name:ident: $answer:literal $key:literal, $strict:expr, $lenient:expr,
        seed $seed:literal, host $host:literal, tester $tester:literal;)*) => {
        $(pub(super) const $name: Row = Row {
            answer: $answer,
            key: $key,
            strict: $strict,
            lenient: $lenient,
            seed: $seed,
            host: $host,
            tester: $tester,
        };)*

        /// All rows.
        pub const TABLE: &[Row] = &[$($name),*];
    };
}

use Accepts as A;

rows! {
    RESULT: "all" "result", must(A::Word("ok, oidc_login, error")), must(A::Word("ok, oidc_login, error")),
        seed "ok, error", host "crashes on other words", tester "required";
    USER_MSG: "error" "user_msg", must(A::Text), must(A::Printed),
        seed "text", host "required, any type", tester "required text";
    LOG_MSG: "error" "log_msg", may(A::Text), may(A::Printed),
        seed "text", host "optional, any type", tester "required text";
    EFFECT_UNKNOWN: "error" "effect_unknown", may(A::Boolean), may(A::TrueOrElse),
        seed "silent", host "not known", tester "not looked at";
    PROVIDER: "request oidc_login" "provider", must(A::Text), must(A::Text),
        seed "silent", host "required, any type", tester "required text";
    MSG: "request oidc_login" "msg", must(A::Text), must(A::Printed),
        seed "silent", host "required, any type", tester "required text";
    STATE: "request ok" "state", must(A::Text), must(A::Text),
        seed "required", host "required, any type", tester "required text";
    CREDENTIAL: "request ok" "credential", must(A::Array), must(A::Array),
        seed "list", host "crashes on others", tester "required list";
    PART: "request ok" "credential[]", must(A::Object), must(A::Object),
        seed "object", host "drops others", tester "object";
    PART_NAME: "request ok" "credential[].name", must(A::Text), may(A::Printed),
        seed "the name the user will see", host "not looked at", tester "required text";
    PART_TYPE: "request ok" "credential[].type",
        must(A::Word("text, textarea, textfile")), must(A::Word("text, textarea, textfile")),
        seed "text, textfile", host "textarea too; drops parts of other types", tester "required text";
    PART_VALUE: "request ok" "credential[].value", must(A::Text), must(A::PrintedValue),
        seed "the value", host "drops parts without; converts", tester "required text";
    PART_ROWS: "request ok" "credential[].rows", may(A::Count), may(A::CountOrDigits),
        seed "for a textfile, else ignored", host "not looked at", tester "number";
    PART_COLS: "request ok" "credential[].cols", may(A::Count), may(A::CountOrDigits),
        seed "for a textfile, else ignored", host "not looked at", tester "number";
    PART_SAVE_AS: "request ok" "credential[].save_as", may(A::Text), may(A::Printed),
        seed "silent", host "not looked at", tester "text";
    ERROR: "revoke" "error", FORBIDDEN, may(A::Printed),
        seed "with it, the credential is kept", host "not looked at", tester "not looked at";
    VERSION: "parameter ok" "version", must(A::Text), must(A::Text),
        seed "required", host "required text", tester "required text";
    EMAIL: "parameter ok" "developer_email", may(A::Text), may(A::Printed),
        seed "silent", host "not looked at", tester "not looked at";
    FEATURES: "parameter ok" "features", may(A::Object), may(A::ObjectOrElse),
        seed "silent", host "crashes later on others", tester "not looked at";
    STDIN: "parameter ok" "features.stdin", may(A::Boolean), may(A::TrueOrElse),
        seed "silent", host "true, or not", tester "not looked at";
    IDEMPOTENT: "parameter ok" "features.idempotent", may(A::Boolean), may(A::TrueOrElse),
        seed "silent", host "not known", tester "not looked at";
    CONF_PARAMS: "parameter ok" "conf_params", must(A::Array), must(A::Array),
        seed "required", host "required list", tester "required list";
    CONF: "parameter ok" "conf_params[]", must(A::Object), must(A::Object),
        seed "object", host "crashes on others", tester "object";
    CONF_NAME: "parameter ok" "conf_params[].name", must(A::Text), must(A::Text),
        seed "`[a-z0-9_]`", host "may be empty", tester "required text";
    CONF_TYPE: "parameter ok" "conf_params[].type",
        must(A::Word("boolean, string")), must(A::Word("boolean, string")),
        seed "boolean, string", host "the same", tester "required text";
    CONF_DEFAULT: "parameter ok" "conf_params[].default", must(A::OfItsType), must(A::OfItsType),
        seed "of its type", host "converted", tester "required text";
    REQUEST_PARAMS: "parameter ok" "request_params", must(A::Array), must(A::Array),
        seed "required", host "required list", tester "required list";
    SET: "parameter ok" "request_params[]", must(A::Array), must(A::Array),
        seed "list", host "disables the service", tester "list";
    PARAM: "parameter ok" "request_params[][]", must(A::Object), must(A::Object),
        seed "object", host "disables the service", tester "object";
    PARAM_KEY: "parameter ok" "request_params[][].key", must(A::Text), must(A::Text),
        seed "`[a-z0-9_]`", host "may be empty", tester "required text";
    PARAM_NAME: "parameter ok" "request_params[][].name", must(A::Text), must(A::Text),
        seed "text", host "required text", tester "required text";
    PARAM_DESCRIPTION: "parameter ok" "request_params[][].description", must(A::Text), must(A::Text),
        seed "text", host "required text", tester "required text";
    PARAM_TYPE: "parameter ok" "request_params[][].type", must(A::Word("textarea")), must(A::Word("textarea")),
        seed "textarea", host "the same", tester "required text";
    PARAM_MANDATORY: "parameter ok" "request_params[][].mandatory", must(A::Boolean), may(A::Truth),
        seed "required", host "optional, converted", tester "required true or false";
}

impl Row {
    /// Returns the treatment of the key under a profile.
    pub const fn treatment(&self, profile: Profile) -> Treatment {
        match profile {
            Profile::Strict => self.strict,
            Profile::Lenient => self.lenient,
        }
    }

    /// Returns the last name in the path.
    fn name(&self) -> &'static str {
        self.key.rsplit('.').next().unwrap_or(self.key)
    }

    /// Returns the path with an index for each `[]`.
    fn path(&self, indexes: &[usize]) -> String {
        let mut path = String::new();
        for (at, piece) in self.key.split("[]").enumerate() {
            if at > 0 {
                let index = indexes.get(at - 1).copied().unwrap_or_default();
                let _ = write!(path, "[{index}]");
            }
            path.push_str(piece);
        }
        path
    }
}

/// Tells whether the table has a key of this name, so that a message may show it.
pub(super) fn is_known(name: &str) -> bool {
    TABLE.iter().any(|row| row.name().trim_end_matches("[]") == name)
}

/// A reader for the keys of one object. It applies the rows of the table, and collects violations.
pub(super) struct Keys<'a> {
    pub(super) entries: &'a mut JsonObject,
    pub(super) indexes: &'a [usize],
    pub(super) profile: Profile,
    pub(super) found: &'a mut Found,
}

/// A value that was accepted.
enum Accepted {
    Text(SecretText),
    Count(u32),
    Truth(bool),
    Array(Vec<Json>),
    Object(JsonObject),
    Any(Json),
    Missing,
}

impl Keys<'_> {
    pub(super) fn text(&mut self, row: &Row) -> Option<SecretText> {
        match self.take(row)? {
            Accepted::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Reads the value of a credential's part.
    pub(super) fn value(&mut self, row: &Row, is_file: bool) -> Option<SecretText> {
        match self.take(row)? {
            Accepted::Text(text) => Some(text),
            Accepted::Any(Json::Array(lines)) if is_file => Some(erlang::join(&lines).into()),
            Accepted::Any(other) => Some(erlang::print(&other).into()),
            _ => None,
        }
    }

    /// Reads a text that is not secret: a name, a message, a version.
    pub(super) fn open_text(&mut self, row: &Row) -> Option<String> {
        self.text(row).map(SecretText::into_open)
    }

    pub(super) fn count(&mut self, row: &Row) -> Option<u32> {
        match self.take(row)? {
            Accepted::Count(count) => Some(count),
            _ => None,
        }
    }

    pub(super) fn truth(&mut self, row: &Row) -> Option<bool> {
        match self.take(row)? {
            Accepted::Truth(truth) => Some(truth),
            _ => None,
        }
    }

    pub(super) fn array(&mut self, row: &Row) -> Option<Vec<Json>> {
        match self.take(row)? {
            Accepted::Array(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn object(&mut self, row: &Row) -> Option<JsonObject> {
        match self.take(row)? {
            Accepted::Object(entries) => Some(entries),
            _ => None,
        }
    }

    /// Reads a value whose type another key names.
    pub(super) fn any(&mut self, row: &Row) -> Option<Json> {
        match self.take(row)? {
            Accepted::Any(value) => Some(value),
            _ => None,
        }
    }

    pub(super) fn violation(&mut self, row: &Row, rule: Rule) {
        self.found.add(|| Violation::new(row.path(self.indexes), rule));
    }

    fn take(&mut self, row: &Row) -> Option<Accepted> {
        let treatment = row.treatment(self.profile);
        let Some(value) = self.entries.remove(row.name()) else {
            if treatment.presence == Presence::Required {
                self.violation(row, Rule::Missing);
            }
            return None;
        };
        if treatment.presence == Presence::Forbidden {
            self.violation(row, Rule::Forbidden);
            return None;
        }
        match accept(treatment.accepts, value) {
            Ok(accepted) => Some(accepted),
            Err(rule) => {
                self.violation(row, rule);
                None
            }
        }
    }
}

/// Reads an element of a list. The element must be an object or a list.
pub(super) fn element(
    row: &Row,
    value: Json,
    indexes: &[usize],
    profile: Profile,
    found: &mut Found,
) -> Option<Json> {
    match accept(row.treatment(profile).accepts, value) {
        Ok(Accepted::Object(entries)) => Some(Json::Object(entries)),
        Ok(Accepted::Array(items)) => Some(Json::Array(items)),
        Ok(_) => None,
        Err(rule) => {
            found.add(|| Violation::new(row.path(indexes), rule));
            None
        }
    }
}

fn accept(accepts: Accepts, value: Json) -> Result<Accepted, Rule> {
    let found = value.kind();
    let wrong = move |expected| Err(Rule::Type { expected, found });
    Ok(match (accepts, value) {
        (A::Nothing, _) => return Err(Rule::Forbidden),
        (A::Text | A::Printed | A::PrintedValue, Json::Text(text)) => Accepted::Text(text),
        (A::Printed, other) => Accepted::Text(erlang::print(&other).into()),
        (A::PrintedValue | A::OfItsType, other) => Accepted::Any(other),
        (A::Word(allowed), Json::Text(text)) => {
            if !allowed.split(", ").any(|word| word == text.expose()) {
                return Err(Rule::Word { allowed });
            }
            Accepted::Text(text)
        }
        (A::Text | A::Word(_), _) => return wrong("a text"),
        (A::Count | A::CountOrDigits, Json::Integer(integer)) => {
            Accepted::Count(integer.decimal().parse().map_err(|_| Rule::Count)?)
        }
        (A::CountOrDigits, Json::Text(text)) if text.expose().bytes().all(|byte| byte.is_ascii_digit()) => {
            Accepted::Count(text.expose().parse().map_err(|_| Rule::Count)?)
        }
        (A::CountOrDigits, Json::Null) => Accepted::Missing,
        (A::Count | A::CountOrDigits, _) => return Err(Rule::Count),
        (A::Boolean | A::Truth | A::TrueOrElse, Json::Boolean(truth)) => Accepted::Truth(truth),
        (A::Truth, other) => match crate::description::truth(&other) {
            Some(truth) => Accepted::Truth(truth),
            None => return wrong("true or false"),
        },
        (A::TrueOrElse, _) => Accepted::Truth(false),
        (A::Boolean, _) => return wrong("true or false"),
        (A::Array, Json::Array(items)) => Accepted::Array(items),
        (A::Array, _) => return wrong("an array"),
        (A::Object | A::ObjectOrElse, Json::Object(entries)) => Accepted::Object(entries),
        (A::ObjectOrElse, _) => Accepted::Missing,
        (A::Object, _) => return wrong("an object"),
    })
}
