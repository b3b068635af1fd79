//! The services that the hosts offer: one for each difference between issuers.

use keyway_issuers::{Capabilities, UserInfo};

/// A service.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) name: &'static str,
    pub(super) capabilities: Capabilities,
    pub(super) limit: Option<u64>,
    /// True if the issuer has only two references (`state` on the wire) for each user, so that credentials share them.
    pub(super) few_states: bool,
    /// True if the issuer is an executable.
    pub(super) executable: bool,
}

impl Offer {
    const fn new(name: &'static str, capabilities: Capabilities) -> Self {
        Self { name, capabilities, limit: Some(LIMIT), few_states: false, executable: false }
    }
}

/// The limit of credentials that a user may have at a service.
pub(super) const LIMIT: u64 = 5;

/// The services to which all hosts send the same requests at the same time.
pub(super) const SHARED: [&str; 2] = ["shared", "shared-blindly"];

pub(super) const OFFERS: [Offer; 8] = [
    Offer::new("plain", Capabilities::MINIMAL),
    Offer::new("tells", Capabilities::MINIMAL.reconciles(true)),
    Offer::new("repeats", Capabilities::MINIMAL.idempotent(true)),
    Offer::new("both", Capabilities::MINIMAL.idempotent(true).reconciles(true)),
    Offer { few_states: true, limit: None, ..Offer::new("twins", Capabilities::MINIMAL.reconciles(true)) },
    Offer { executable: true, ..Offer::new("program", Capabilities::MINIMAL.idempotent(true)) },
    Offer { limit: None, ..Offer::new(SHARED[0], Capabilities::MINIMAL.idempotent(true).reconciles(true)) },
    Offer { limit: None, ..Offer::new(SHARED[1], Capabilities::MINIMAL.idempotent(true)) },
];

/// Returns the service of this name.
pub(super) fn offer(name: &str) -> Option<&'static Offer> {
    OFFERS.iter().find(|offer| offer.name == name)
}

/// The number of users.
pub(super) const USERS: u32 = 3;

/// Returns the claims of a login about a user.
pub(super) fn user_info(user: u32) -> UserInfo {
    UserInfo::new("https://issuer.example.com", user.to_string())
}
