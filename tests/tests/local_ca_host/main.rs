//! Tests a host whose authority is `keyway-local-ca`.

mod office;
mod revocation_lists;
mod subordinate;
