//! The proof of the suite.
