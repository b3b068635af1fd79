//! The error of a program's `main`.

use std::error::Error;
use std::fmt;

/// The error that `main` returns, so that a failing program prints the reason in plain words.
///
/// Rust prints the `Debug` text of the error that `main` returns. For a `Box<dyn Error>`, that text shows the fields of
/// the error. `MainError` prints the message of the error and its causes, each on a line of its own. Every error
/// converts into a `MainError` with `?`.
///
/// ```
/// use keyway::{Compatibility, MainError};
///
/// fn main() -> Result<(), MainError> {
///     # fn read() -> Result<(), MainError> {
///     let range: Compatibility = ">=1.0".parse()?;
///     # Ok(()) }
///     # let error = read().unwrap_err();
///     # assert_eq!(format!("{error:?}"), "at byte 2 expected `:` between comparator and version");
///     Ok(())
/// }
/// ```
pub struct MainError(Box<dyn Error>);

/// The maximum number of printed causes. A cause is foreign code, and may name itself as its cause.
const MAX_CAUSES: usize = 32;

impl<E: Into<Box<dyn Error>>> From<E> for MainError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Debug for MainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let causes = std::iter::successors(self.0.source(), |cause| (*cause).source());
        for error in causes.take(MAX_CAUSES) {
            let message = error.to_string();
            // A transparent error has the same message as its cause. This message is printed only once.
            if !said.contains(&message) {
                write!(f, "\n  because: {message}")?;
            }
            said = message;
        }
        Ok(())
    }
}

#[cfg(all(test, feature = "secrets"))]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Endless(std::cell::Cell<u32>);

    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.set(self.0.get() + 1);
            write!(f, "cause {}", self.0.get())
        }
    }

    impl Error for Endless {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(self)
        }
    }

    #[test]
    fn an_error_that_is_its_own_cause_has_an_end() {
        let text = format!("{:?}", MainError::from(Endless(std::cell::Cell::new(0))));
        assert_eq!(text.lines().count(), 1 + MAX_CAUSES);
    }

    #[test]
    fn causes_are_told_once_each() {
        let source = std::sync::Arc::new(std::io::Error::other("disk gone"));
        let engine = || keyway_storage::StorageError::Engine { action: "read", source: source.clone() };
        let expected = "the storage engine could not read\n  because: disk gone";
        assert_eq!(format!("{:?}", MainError::from(engine())), expected);
        let record = keyway_host::RecordError::from(engine());
        let expected = format!("the host's records cannot be reached\n  because: {expected}");
        assert_eq!(format!("{:?}", MainError::from(record)), expected);
        let transparent = keyway_host::HostError::from(keyway_host::RecordError::from(engine()));
        assert_eq!(format!("{:?}", MainError::from(transparent)), expected);
    }
}
