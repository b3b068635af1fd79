//! The wire format of WaTTS plugins: pure functions that write and read the exact bytes.
//!
//! The caller transports the bytes.
//!
//! A host writes a JSON object as base64 to the plugin's argument or standard input, and reads a JSON object from the
//! plugin's standard output:
//!
//! | direction | host | plugin |
//! | --- | --- | --- |
//! | describe | [`host::encode_parameter`] | [`plugin::decode_input`] |
//! | | [`host::decode_description`] | [`plugin::encode_description`] |
//! | request | [`host::encode_request`] | [`plugin::decode_input`] |
//! | | [`host::decode_outcome`] | [`plugin::encode_outcome`] |
//! | revoke | [`host::encode_revoke`] | [`plugin::decode_input`] |
//! | | [`host::decode_revoked`] | [`plugin::encode_revoked`] |
//! | refuse | the three `decode`s | [`plugin::encode_error`] |
//!
//! ```
//! use keyway_issuers::wire::{Ended, Profile, WireOptions, host, plugin};
//! use keyway_issuers::{Context, CredentialPart, CredentialRequest, Issued, UserInfo};
//!
//! // Host to plugin.
//! let request = CredentialRequest::new(Context::new(UserInfo::new("https://issuer.example.com", "joe")));
//! let sent = host::encode_request(&request, &WireOptions::new("1.6.1"));
//! let plugin::Input::Request(received) = plugin::decode_input(sent.expose().as_bytes())? else { panic!() };
//! assert_eq!(*received, request);
//!
//! // Plugin to host.
//! let outcome = Issued::new("serial 7").with(CredentialPart::text("password", "correct horse")).into();
//! let printed = plugin::encode_outcome(&outcome);
//! let read = host::decode_outcome(printed.expose().as_bytes(), Ended::SUCCESS, Profile::Strict)?;
//! assert_eq!(read, outcome);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Writing
//!
//! JSON is written as the real host writes it, byte by byte: ASCII only, `/` as `\/`, names in the order of their
//! bytes, no white space, floats in exponent form with 20 decimals, integers of any size. Only the order of names
//! differs: the real host first writes the names that it has met before, and that order cannot be reproduced (decision
//! H77). No plugin should depend on these details, with one exception: the [user id](crate::UserId).
//!
//! # Reading
//!
//! [`Profile::Strict`] reads the format that the WaTTS seed documents. [`Profile::Lenient`] also reads everything that
//! the real host accepts. [`table::TABLE`] defines both profiles key by key:
//!
#![doc = include_str!("table.md")]
//!
//! In both profiles a result that the table does not allow is a contract violation. The violation names the key and the
//! rule, never a value. Nothing is dropped silently (decision W3), except for keys outside the table: they are ignored,
//! so that plugins can send further keys to newer hosts.

pub mod base64;
mod erlang;
pub mod host;
pub mod plugin;
pub mod table;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;

use keyway_core::json::Reader;

pub use base64::{Alphabet, Base64Error};

/// The strictness with which a host reads answers.
///
/// See decision W2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Accepts the documented format only: one object on standard output and nothing else.
    #[default]
    Strict,
    /// Also accepts everything that the real host accepts, for old plugins: the first of duplicate names counts; the
    /// exit status is ignored, and so is text after the object; some values are converted.
    ///
    /// Arrays and objects may be nested [64 deep](Reader::MAX_DEPTH) in both profiles (decision H78).
    Lenient,
}

impl Profile {
    /// Both profiles.
    pub const ALL: [Self; 2] = [Self::Strict, Self::Lenient];

    /// Returns the word in configurations: `strict` or `lenient`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Lenient => "lenient",
        }
    }

    /// Returns the profile with this word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.word() == word)
    }

    /// Returns the JSON reader of this profile.
    pub const fn reader(self) -> Reader {
        match self {
            Self::Strict => Reader::STRICT,
            Self::Lenient => Reader::LENIENT,
        }
    }
}

/// The way in which a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// The program exited with this status.
    Status(i32),
    /// A signal with this number killed the program.
    Signal(i32),
}

impl Ended {
    /// The exit with status 0.
    pub const SUCCESS: Self = Self::Status(0);
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// A host's options for writing.
///
/// See decision W1.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WireOptions {
    /// The alphabet of base64.
    pub alphabet: Alphabet,
    /// The value of `watts_version`.
    pub watts_version: String,
    /// True if the key `intent_id` is written, for plugins with
    /// [`Features::idempotent`](crate::Features::idempotent).
    ///
    /// The real host has no such key.
    pub intent_id: bool,
}

impl WireOptions {
    /// Creates options with which a host writes the same bytes as the version `watts_version` of the real host.
    pub fn new(watts_version: impl Into<String>) -> Self {
        Self { alphabet: Alphabet::UrlSafe, watts_version: watts_version.into(), intent_id: false }
    }

    /// Sets the alphabet.
    #[must_use]
    pub const fn with_alphabet(mut self, alphabet: Alphabet) -> Self {
        self.alphabet = alphabet;
        self
    }

    /// Sets whether the key `intent_id` is written.
    #[must_use]
    pub const fn with_intent_id(mut self, intent_id: bool) -> Self {
        self.intent_id = intent_id;
        self
    }
}

/// The longest input of a plugin in characters of base64, without the padding: 1 MiB of JSON, which is all that
/// [`plugin::decode_input`] reads. A host sends no longer one (H333).
pub const MAX_INPUT: usize = (Reader::MAX_BYTES * 4).div_ceil(3);

/// The text of `cred_state` when there is no state.
const NO_STATE: &str = "undefined";
