//! The text of store files: what is read, what is refused, what comes back.
