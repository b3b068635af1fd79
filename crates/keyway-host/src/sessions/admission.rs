//! Checks a request for credentials against the vault and the host's demands, and bounds the size of a session's
//! record.

use keyway_core::json::nests_within;
use keyway_credentials::{Account, Connection, Cookie, CredentialKind, MAX_CHECK_OUTS};

use super::connection_record::connection_len;
use super::error::SessionsError;
use super::fetch::FetchRequest;
use super::vault::RunningVault;
use crate::records::STORED_JSON;

/// The maximum size of a reason or a ticket, in bytes.
const MOST_TEXT: usize = 4 << 10;

/// The maximum size of the stored facts about a connection, in bytes.
const MOST_FACTS: usize = 64 << 10;

/// A record has room for the facts, two cookies, and the maximum number of check-outs and fetches of a session
/// (decision R8). So the result of a call can always be stored.
const _: () = assert!(
    MOST_FACTS + 2 * Cookie::MAX_BYTES + MAX_CHECK_OUTS * (2 * MOST_TEXT + 16 * Account::MAX_BYTES)
        < 500 << 10
);

/// Checks that the facts about a connection can be stored, and read again.
pub(super) fn check_facts(connection: &Connection) -> Result<(), SessionsError> {
    const WHAT: &str = "the facts about a connection";
    let levels = STORED_JSON.max_depth;
    if !connection.key_value_pairs.values().all(|value| nests_within(value, levels - 1)) {
        return Err(SessionsError::TooDeep { what: WHAT, levels });
    }
    if connection_len(connection) > MOST_FACTS {
        return Err(SessionsError::TooLarge { what: WHAT, limit: MOST_FACTS });
    }
    Ok(())
}

/// Checks that the vault works and offers this kind of credentials, that the request has the reason and the ticket that
/// the host demands, and that neither text is too long.
pub(super) fn admit(
    vault: &RunningVault,
    kind: CredentialKind,
    request: &FetchRequest,
) -> Result<(), SessionsError> {
    let name = vault.name.clone();
    if let Err(fault) = &vault.opened {
        return Err(SessionsError::Fault { name, fault: fault.clone() });
    }
    if !vault.capabilities().offers(kind) {
        return Err(SessionsError::NoSuchKind { name, kind });
    }
    let is_given = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
    if vault.rules.demands_reason && !is_given(&request.reason) {
        return Err(SessionsError::Demanded { what: "a reason" });
    }
    for (what, text) in [("a reason", &request.reason), ("a ticket", &request.ticket)] {
        if text.as_ref().is_some_and(|text| text.len() > MOST_TEXT) {
            return Err(SessionsError::TooLarge { what, limit: MOST_TEXT });
        }
    }
    if vault.rules.demands_ticket && !is_given(&request.ticket) {
        return Err(SessionsError::Demanded { what: "a ticket" });
    }
    Ok(())
}
