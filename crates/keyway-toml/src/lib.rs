//! Reads TOML without leaving copies of its values in memory (decision H337).
//!
//! The usual reader of TOML copies the whole document into the error when it refuses it, and assembles some values in
//! growing buffers. It wipes neither. So the document is first [blanked](blanked()): every value and every comment is
//! replaced, and only the structure and the names are left, which are not secret. The usual reader gets this copy, and
//! the values are read from the document [one by one](scalar).
//!
//! [`read`] does all of that for a configuration file:
//!
//! ```
//! let read = keyway_toml::read("port = 0x1f90\n[proxy]\npassword = 'pa55word'")?;
//! assert_eq!(*read.to_ascii(), *r#"{"port":8080,"proxy":{"password":"pa55word"}}"#);
//!
//! let error = keyway_toml::read("[proxy]\npassword = pa55word").unwrap_err();
//! assert!(error.to_string().starts_with("line 2, `password`: "));
//! assert!(!error.to_string().contains("pa55word"));
//! # Ok::<(), keyway_toml::Unreadable>(())
//! ```

mod read;
mod scalars;

pub use read::{Unreadable, read};
pub use scalars::{Blanked, Malformed, blanked, is_date_time, reason_of, scalar};
pub use toml_parser::decoder::ScalarKind;
