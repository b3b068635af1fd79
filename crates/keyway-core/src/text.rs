//! Text types with a checked form. Each contract defines its own text types, for names, ids and PEM.

/// The error for a text that does not have the form of its type. The error does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not {what}: use {expected}")]
pub struct InvalidText {
    /// The meaning that the text was to have, for example "the name of a door".
    pub what: &'static str,
    /// The form that the text must have.
    pub expected: &'static str,
}

/// Tells whether `text` fits into one line of a log.
pub fn is_one_line(text: &str) -> bool {
    !text.contains(char::is_control)
}

/// Tells whether `text` contains more than white space.
pub fn is_not_blank(text: &str) -> bool {
    !text.trim().is_empty()
}

/// Defines a type for texts with a checked form.
///
/// With `shown`, the `Debug` form contains the text. With `hidden`, it contains only the length. A text has at least 1
/// byte.
///
/// ```
/// use keyway_core::is_one_line;
///
/// keyway_core::checked_text! {
///     /// The name of a door: 1 to 16 bytes without control characters.
///     pub DoorName: shown, "the name of a door", up to 16, is_one_line,
///         "1 to 16 bytes without control characters"
/// }
///
/// assert_eq!(DoorName::new("front").unwrap().as_str(), "front");
/// assert_eq!(
///     DoorName::new("").unwrap_err().to_string(),
///     "this is not the name of a door: use 1 to 16 bytes without control characters"
/// );
/// ```
#[macro_export]
macro_rules! checked_text {
    ($(#[$documentation:meta])+ pub $name:ident: $debug:ident, $what:literal, up to $most:expr, $check:ident, $expected:literal) => {
        $(#[$documentation])+
        ///
        /// Cloning a text only increments a reference count.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(::std::sync::Arc<str>);

        impl $name {
            /// The maximum length of a text, in bytes.
            pub const MAX_BYTES: usize = $most;

            /// Checks a text.
            ///
            /// # Errors
            /// [`InvalidText`]($crate::InvalidText) names the expected form.
            pub fn new(text: impl Into<::std::sync::Arc<str>>) -> Result<Self, $crate::InvalidText> {
                let text = text.into();
                if (1..=Self::MAX_BYTES).contains(&text.len()) && $check(&text) {
                    Ok(Self(text))
                } else {
                    Err($crate::InvalidText { what: $what, expected: $expected })
                }
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(&self.0)
            }
        }

        /// Allows look-ups in a map by a plain text.
        impl ::std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        $crate::checked_text! { @debug $debug $name }
    };
    (@debug shown $name:ident) => {
        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.as_str()).finish()
            }
        }
    };
    (@debug hidden $name:ident) => {
        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, "{}({} bytes)", stringify!($name), self.0.len())
            }
        }
    };
}

#[cfg(test)]
#[expect(unreachable_pub, reason = "the macro defines public types")]
mod tests {
    use super::*;

    checked_text! {
        /// A name.
        pub Name: shown, "a name", up to 4, is_one_line, "1 to 4 bytes without control characters"
    }

    checked_text! {
        /// A page.
        pub Page: hidden, "a page", up to 8, is_not_blank, "1 to 8 bytes that are not all white space"
    }

    #[test]
    fn a_text_is_bounded_and_has_its_form() {
        for refused in ["", "abcde", "a\nb"] {
            assert!(Name::new(refused).is_err(), "{refused:?}");
        }
        assert!(Page::new(" \n").is_err());
        assert_eq!(Page::new("a\nb").unwrap().as_str(), "a\nb");
        assert!(!Name::new("a\nb").unwrap_err().to_string().contains('\n'));
    }

    #[test]
    fn a_hidden_text_shows_its_length() {
        assert_eq!(format!("{:?}", Name::new("a").unwrap()), "Name(\"a\")");
        assert_eq!(format!("{:?}", Page::new("a").unwrap()), "Page(1 bytes)");
    }
}
