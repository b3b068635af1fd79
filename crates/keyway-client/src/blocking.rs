//! The blocking client.
//!
//! [`Secrets`] has the methods of [`crate::Secrets`] under the same names. Each waits on the calling thread until the
//! store has answered.
//!
//! # Runtimes
//!
//! * Outside any runtime the future runs on the calling thread alone. That is enough for the plugins and the storage
//!   engines of this project, which are independent of any runtime. A store that `keyway-host` opened needs tokio:
//!   choose the runtime with [`Secrets::on`].
//! * On a thread of a tokio runtime where blocking is allowed (`spawn_blocking`), the future uses that runtime.
//! * In asynchronous code on tokio every method returns [`InsideRuntime`](Error::InsideRuntime) and does nothing,
//!   because the method could wait for a task that the same thread has to run. tokio reports such a thread only by a
//!   panic. The panic is caught (in a build with `panic = "unwind"`), but its message still reaches the process's panic
//!   hook.
//! * Other executors cannot be detected. In their tasks use the asynchronous client.

use std::future::Future;
use std::panic::catch_unwind;

use keyway_core::SecretText;
use keyway_secrets::{Environment, SecretHeader};
use pollster::block_on;
use tokio::runtime::Handle;

use crate::{Bundle, Change, Draft, Error, ImportPlan, ListedName, Resolution, ResolvedSecret};

/// The blocking client.
///
/// See the [module](self) for the threads on which it may be used, and [`crate::Secrets`] for each
/// method.
///
/// ```
/// # use std::sync::Arc;
/// # fn example(store: Arc<dyn keyway_secrets::SecretStore>) -> Result<(), keyway_client::Error> {
/// use keyway_client::blocking;
///
/// let secrets = blocking::Secrets::from(keyway_client::Secrets::new(store));
/// let password = secrets.in_environment("staging").get("DATABASE_PASSWORD")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Secrets {
    client: crate::Secrets,
    runtime: Option<Handle>,
}

impl From<crate::Secrets> for Secrets {
    fn from(client: crate::Secrets) -> Self {
        Self { client, runtime: None }
    }
}

impl Secrets {
    /// Creates a client that uses this runtime if the calling thread has none.
    #[must_use]
    pub fn on(client: crate::Secrets, runtime: Handle) -> Self {
        Self { client, runtime: Some(runtime) }
    }

    /// Returns the asynchronous client.
    pub fn client(&self) -> &crate::Secrets {
        &self.client
    }

    fn with(&self, client: crate::Secrets) -> Self {
        Self { client, runtime: self.runtime.clone() }
    }

    fn wait<T>(&self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        if let Ok(current) = Handle::try_current() {
            // tokio panics if this thread may not block, and has no function that checks this beforehand.
            return match catch_unwind(|| current.block_on(async {})) {
                Ok(()) => current.block_on(future),
                Err(_) => Err(Error::InsideRuntime),
            };
        }
        if let Some(runtime) = &self.runtime {
            return runtime.block_on(future);
        }
        block_on(future)
    }

    /// See [`crate::Secrets::in_environment`]. Does not wait.
    #[must_use]
    pub fn in_environment(&self, environment: &str) -> Self {
        self.with(self.client.in_environment(environment))
    }

    /// See [`crate::Secrets::shared`]. Does not wait.
    #[must_use]
    pub fn shared(&self) -> Self {
        self.with(self.client.shared())
    }

    /// See [`crate::Secrets::with_resolution`]. Does not wait.
    #[must_use]
    pub fn with_resolution(&self, resolution: Resolution) -> Self {
        self.with(self.client.with_resolution(resolution))
    }

    /// See [`crate::Secrets::on_behalf_of`]. Does not wait.
    #[must_use]
    pub fn on_behalf_of(&self, requester: &str) -> Self {
        self.with(self.client.on_behalf_of(requester))
    }

    /// See [`crate::Secrets::environment`]. Does not wait.
    pub fn environment(&self) -> Option<&str> {
        self.client.environment()
    }

    /// See [`crate::Secrets::resolution`]. Does not wait.
    pub fn resolution(&self) -> Resolution {
        self.client.resolution()
    }
}

/// Generates methods. Each waits for the asynchronous method of the same name.
macro_rules! waiting {
    ($($(#[$attribute:meta])* $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        impl Secrets {$(
            #[doc = concat!("See [`crate::Secrets::", stringify!($name), "`].")]
            ///
            /// # Errors
            /// Those of the asynchronous method, and [`InsideRuntime`](Error::InsideRuntime).
            $(#[$attribute])*
            pub fn $name(&self, $($argument: $type),*) -> Result<$answer, Error> {
                self.wait(self.client.$name($($argument),*))
            }
        )*}
    };
}

waiting! {
    get(key: &str) -> Option<SecretText>;
    get_or(key: &str, default: impl Into<SecretText> + Send) -> SecretText;
    get_required(key: &str) -> SecretText;
    find(key: &str) -> Option<ResolvedSecret>;
    retrieve(key: &str) -> ResolvedSecret;
    list() -> Vec<ResolvedSecret>;
    list_all() -> Vec<ResolvedSecret>;
    list_names() -> Vec<ListedName>;
    create(key: &str, draft: impl Into<Draft> + Send) -> SecretHeader;
    modify(key: &str, change: impl Into<Change> + Send) -> SecretHeader;
    delete(key: &str) -> ();
    delete_if_unchanged(key: &str, read: &SecretHeader) -> ();
    list_environments() -> Vec<Environment>;
    retrieve_environment(name: &str) -> Environment;
    #[deprecated(note = "use `retrieve_environment`, whose error names the missing environment")]
    #[allow(deprecated)] // The blocking form is deprecated too.
    get_environment(name: &str) -> Option<Environment>;
    create_environment(name: &str, external_url: Option<&str>) -> Environment;
    modify_environment(name: &str, external_url: Option<&str>) -> Environment;
    #[deprecated(note = "use `modify_environment`")]
    #[allow(deprecated)] // As above.
    update_environment(name: &str, external_url: Option<&str>) -> Environment;
    export() -> Bundle;
    plan_import(bundle: &Bundle) -> ImportPlan;
    import(bundle: &Bundle) -> ImportPlan;
}
