//! The decisions about certificate orders, as functions of a vector's input.

pub mod ca_table;
pub mod flow;
pub mod issued;
pub mod order;
pub mod placeholder;
pub mod request;
pub mod route;
pub mod subject;
pub mod subordinate;
