//! The notation of overridden operations.

/// Declares `operation!`, which writes an overridden operation of `SecretStoreLayer` from its name, and a closure of the
/// mutant and of the arguments of the operation. Each argument can be changed.
macro_rules! operations {
    ($dollar:tt $($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)+) => {
        macro_rules! operation {
            (capabilities |$dollar mutant:ident| $dollar body:expr) => {
                fn capabilities(&self) -> keyway_secrets::Capabilities {
                    let $dollar mutant = self;
                    $dollar body
                }
            };
            $(($name |$dollar mutant:ident $(, $dollar $argument:ident)*| $dollar body:expr) => {
                #[allow(unused_mut)] // Some mutants change an argument.
                async fn $name(&self, $(mut $dollar $argument: $type),*) -> Result<$answer, keyway_secrets::StoreError> {
                    let $dollar mutant = self;
                    $dollar body
                }
            };)+
        }
    };
}

operations! { $
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
