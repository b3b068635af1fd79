//! A host whose authority is `keyway-local-ca`.

mod office;
mod subordinate;
