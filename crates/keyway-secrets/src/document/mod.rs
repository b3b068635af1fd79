//! Makes a store of one document from the hooks of a plugin.

mod content;
mod hooks;
mod paging;
mod session;
mod store;
#[cfg(test)]
mod tests;

pub use content::Document;
pub use hooks::{AccessMode, DocumentHooks};
pub use store::DocumentStore;
