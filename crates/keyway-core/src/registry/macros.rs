//! The macros `register!` for plugin crates and `plugins!` for hosts.

/// Registers all plugins of a crate, of any kind. A crate uses this macro once, at its root.
///
/// Each entry begins with the contract (a type that implements [`Contract`](crate::Contract)). `plugin` is a constant
/// expression whose value coerces to the contract's [`Plugin`](crate::Contract::Plugin). `description` is optional: the
/// default is the description in Cargo.toml. An entry may have an attribute `#[cfg(...)]`.
///
/// Everything is checked at compile time. A bad id, author, date, version or compatibility string does not compile, and
/// neither does a version outside the plugin's own compatibility string (decisions C1 to C4 and K2).
///
/// A contract crate re-exports the macro (`pub use keyway_core::register;`), so that a plugin crate depends only on its
/// contract crate. The macro works in crates that forbid unsafe code: the unsafe code is inside the expansion of
/// `inventory`, and the lint `unsafe_code` ignores the macros of other crates.
///
/// The macro also defines `pub fn register(registry: &mut RegistryBuilder)`. This is the function that
/// [`plugins!`](crate::plugins) and [`RegistryBuilder::with`](crate::RegistryBuilder::with) call. See the [crate's
/// front page](crate) for an example.
#[macro_export]
macro_rules! register {
    ($(
        $(#[$attribute:meta])*
        $contract:ty {
            id: $id:expr,
            name: $name:expr,
            version: $version:expr,
            author: $author:expr,
            updated: $updated:expr,
            compatibility: $compatibility:expr,
            $(description: $description:expr,)?
            plugin: $plugin:expr $(,)?
        } $(,)?
    )*) => {
        #[doc(hidden)]
        static __KEYWAY_PLUGINS: &[&$crate::Registration] = &[$(
            $(#[$attribute])*
            {
                // Plugin authors write the date without separators, which is easier to read.
                #[allow(clippy::unreadable_literal)]
                const DECLARED: $crate::__private::Declared = $crate::__private::Declared {
                    id: $id,
                    name: $name,
                    version: $version,
                    author: $author,
                    updated: $updated,
                    compatibility: $compatibility,
                    description: $crate::__private_description!($($description)?),
                };
                const CLAUSES: [$crate::__private::Clause; $crate::__private::Clause::count(DECLARED.compatibility)] =
                    $crate::__private::Clause::all(DECLARED.compatibility);
                static PLUGIN: &<$contract as $crate::Contract>::Plugin = &$plugin;
                static HOLDER: $crate::__private::Holder<<$contract as $crate::Contract>::Plugin> =
                    $crate::__private::Holder::new(PLUGIN);
                static REGISTRATION: $crate::Registration = $crate::Registration::declare::<$contract>(
                    DECLARED,
                    &CLAUSES,
                    &HOLDER,
                    $crate::Origin::new(
                        $crate::__private::env!("CARGO_PKG_NAME"),
                        $crate::__private::env!("CARGO_PKG_VERSION"),
                        $crate::__private::file!(),
                        $crate::__private::line!(),
                    ),
                );
                &REGISTRATION
            },
        )*];

        $crate::__private::inventory::submit! { $crate::__private::Linked::new(__KEYWAY_PLUGINS) }

        /// Adds the plugins of this crate to a registry.
        pub fn register(registry: &mut $crate::RegistryBuilder) {
            registry.add(__KEYWAY_PLUGINS);
        }
    };
}

/// Returns the given description, or the description of the package if none is given.
#[doc(hidden)]
#[macro_export]
macro_rules! __private_description {
    () => {
        $crate::__private::env!("CARGO_PKG_DESCRIPTION")
    };
    ($description:expr) => {
        $description
    };
}

/// Lists the crates whose plugins a host links. The expansion is a constant expression.
///
/// A linker may drop a crate that the program does not refer to. The list refers to each crate, so that it is linked. A
/// crate without `register!` does not compile here. A crate with an empty `register!` is a fault when the registry is
/// built.
///
/// ```
/// use keyway_core::{Plugins, plugins};
/// # mod my_plugin { keyway_core::register! {} }
///
/// const PLUGINS: Plugins = plugins! { my_plugin };
///
/// let faults = PLUGINS.registry().unwrap_err();
/// assert!(faults.to_string().contains("`my_plugin`, which registered no plugin"));
/// ```
#[macro_export]
macro_rules! plugins {
    ($($first:ident $(:: $rest:ident)*),* $(,)?) => {
        $crate::Plugins::new(&[$(
            $crate::__private::ListedCrate {
                crate_name: $crate::__private::stringify!($first $(:: $rest)*),
                file: $crate::__private::file!(),
                line: $crate::__private::line!(),
                register: $first $(:: $rest)* ::register,
            },
        )*])
    };
}
