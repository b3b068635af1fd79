//! The limits of the data that a host stores for a session.

use crate::{Account, Asset, Cookie, LeaseId, SessionId};

/// The largest number of check-outs that a session holds at a time (decision S2).
pub const MAX_CHECK_OUTS: usize = 16;

/// Checks at compile time that one record can hold all parts of a session: the cookies of three stores, the session
/// cookie, and the check-outs. A host stores these parts together (decision R8).
const _: () = assert!(
    4 * Cookie::MAX_BYTES
        + MAX_CHECK_OUTS * (Account::MAX_BYTES + Asset::MAX_BYTES + LeaseId::MAX_BYTES)
        + SessionId::MAX_BYTES
        < 512 << 10
);
