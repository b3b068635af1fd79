//! The common parts of plugins for services over HTTPS: a rule for addresses, root certificates, the headers
//! `Retry-After` and `Date`, time limits, and a test whether a failed request may have reached its service.
//!
//! ```
//! assert!(keyway_http::is_protected("https://api.example.org/v1"));
//! assert!(!keyway_http::is_protected("http://api.example.org/v1"));
//! assert_eq!(keyway_http::host("https://api.example.org:8443/v1"), "api.example.org:8443");
//! ```

mod address;
mod date;
mod limit;
mod retry_after;
mod roots;
mod sent;

pub use address::{host, is_protected};
pub use date::date;
pub use limit::limited;
pub use retry_after::retry_after;
pub use roots::{NotCertificates, certificates};
pub use sent::may_have_been_sent;
