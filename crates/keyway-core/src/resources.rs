//! The resources that a host lends to a plugin.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The resources that a host lends to a plugin, for example a storage engine, a clock or a client. The plugin finds
/// each resource by its type.
///
/// A clone contains the same resources.
///
/// Contract crates are independent of storage (see ARCHITECTURE.md). So a plugin that needs storage requests it by a
/// type that host and plugin both know.
///
/// ```
/// use std::sync::Arc;
/// use keyway_core::Resources;
///
/// trait Clock: Send + Sync { fn now(&self) -> u64; }
/// struct Fixed;
/// impl Clock for Fixed { fn now(&self) -> u64 { 7 } }
///
/// let resources = Resources::new().with::<Arc<dyn Clock>>(Arc::new(Fixed));
/// assert_eq!(resources.require::<Arc<dyn Clock>>().unwrap().now(), 7);
/// assert!(resources.require::<String>().unwrap_err().to_string().contains("String"));
/// ```
#[derive(Clone, Default)]
pub struct Resources {
    by_type: HashMap<TypeId, (&'static str, Arc<dyn Any + Send + Sync>)>,
}

impl Resources {
    /// Creates an empty set of resources.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lends `resource`. Replaces an earlier resource of the same type.
    #[must_use]
    pub fn with<T: Any + Send + Sync>(mut self, resource: T) -> Self {
        self.by_type.insert(TypeId::of::<T>(), (type_name::<T>(), Arc::new(resource)));
        self
    }

    /// Returns the resource of type `T`, or `None` if the host did not lend it.
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.by_type.get(&TypeId::of::<T>()).and_then(|(_, resource)| resource.downcast_ref())
    }

    /// Returns the resource of type `T`.
    ///
    /// # Errors
    /// [`MissingResource`] names the type if the host did not lend it.
    pub fn require<T: Any>(&self) -> Result<&T, MissingResource> {
        self.get().ok_or(MissingResource { resource: type_name::<T>() })
    }
}

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> = self.by_type.values().map(|(name, _)| name).collect();
        names.sort_unstable();
        f.debug_tuple("Resources").field(&names).finish()
    }
}

/// The error for a resource that a plugin needs and the host did not lend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plugin needs a `{}` of the host's: lend one with `Resources::with`", without_paths(.resource))]
pub struct MissingResource {
    /// The missing Rust type.
    pub resource: &'static str,
}

/// Returns the name of a type without the paths of its parts, as a caller writes it.
fn without_paths(name: &str) -> String {
    let ends = |character: char| !(character.is_alphanumeric() || matches!(character, '_' | ':'));
    let last = |part: &str| part.rsplit("::").next().unwrap_or_default().to_owned();
    name.split_inclusive(ends).map(last).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_missing_resource_is_named_as_callers_write_it() {
        let named = |error: MissingResource| error.to_string().split('`').nth(1).unwrap().to_owned();
        let resources = Resources::new();
        assert_eq!(named(resources.require::<Arc<dyn fmt::Debug>>().unwrap_err()), "Arc<dyn Debug>");
        let error = resources.require::<HashMap<String, Vec<u8>>>().unwrap_err();
        assert_eq!(named(error), "HashMap<String, Vec<u8>>");
    }
}
