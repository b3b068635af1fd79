//! Tests a host whose authority is `keyway-local-ca`.

mod issued_names;
mod office;
mod revocation_lists;
mod subordinate;
