//! Stores that are one document: three protected hooks, and the operations follow.

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
