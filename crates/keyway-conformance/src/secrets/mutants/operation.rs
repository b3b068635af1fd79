//! The operations that mutants of stores can override.

use crate::notation::operations;

operations! { $ of keyway_secrets::StoreError, keyway_secrets::Capabilities;
    initialize() -> ();
    rotate(new: &keyway_seal::KeyRing, listener: &dyn keyway_secrets::RotationListener) -> ();
    create(secret: keyway_secrets::NewSecret) -> keyway_secrets::SecretHeader;
    destroy(address: &keyway_secrets::SecretAddress, expected: Option<keyway_secrets::SecretRevision>) -> ();
    get(address: &keyway_secrets::SecretAddress) -> keyway_secrets::Secret;
    modify(address: &keyway_secrets::SecretAddress, change: keyway_secrets::SecretChange) -> keyway_secrets::SecretHeader;
    write_all(writes: Vec<keyway_secrets::SecretWrite>) -> Vec<keyway_secrets::SecretHeader>;
    list(query: &keyway_secrets::ListQuery) -> keyway_secrets::SecretPage;
    configure(request: keyway_secrets::Configure) -> keyway_core::Table;
    info() -> keyway_secrets::StoreInfo;
    exact_info() -> keyway_secrets::StoreInfo;
    marked_for_delete() -> ();
    list_environments(after: Option<&keyway_secrets::Cursor>, limit: usize) -> keyway_secrets::EnvironmentPage;
    retrieve_environment(name: &keyway_secrets::EnvironmentName) -> keyway_secrets::Environment;
    create_environment(new: keyway_secrets::NewEnvironment) -> keyway_secrets::Environment;
    modify_environment(name: &keyway_secrets::EnvironmentName, change: keyway_secrets::EnvironmentChange) -> keyway_secrets::Environment;
}

pub(super) use operation;
