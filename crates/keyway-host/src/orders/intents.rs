//! The ids of orders, and of their intended effects.

use keyway_certificates::{IntentId, OrderId};

use super::state::{Action, Cancel, Late, OrderState, ToRevoke};
use crate::records::{NameTag, id_text, read_id};

/// Returns the id of the order whose record has this id.
pub(super) fn order_id(id: &NameTag) -> OrderId {
    OrderId::new(id_text(id)).unwrap_or_else(|_| unreachable!("digits are allowed"))
}

/// Returns the id of the record of an order. Returns `None` if no order of a host can have this id.
pub(super) fn record_id(order: &OrderId) -> Option<NameTag> {
    read_id(order.as_str())
}

/// Returns the id by which the plugin knows an effect. A repeated call for the same effect has the same id. A check has
/// the id of the latest effect: the cancellation, the latest modification, or the issuance (decision R2).
pub(super) fn intent(id: &NameTag, state: &OrderState, action: Action) -> IntentId {
    let order = id_text(id);
    let modification = || format!("{order}.modify.{}", state.modifications);
    let intent = match action {
        Action::Modify => modification(),
        Action::Cancel => format!("{order}.cancel"),
        Action::Revoke => match state.to_revoke() {
            Some(ToRevoke::Late(Late { number: 0, .. })) => format!("{order}.revoke.late"),
            Some(ToRevoke::Late(late)) => format!("{order}.revoke.late.{}", late.number),
            _ => format!("{order}.revoke"),
        },
        Action::Check if state.cancel == Cancel::Told => format!("{order}.cancel"),
        Action::Check if state.modifications > 0 => modification(),
        Action::Issue | Action::Check | Action::Reconcile | Action::Store | Action::Renew => order,
    };
    IntentId::new(intent).unwrap_or_else(|| unreachable!("digits, dots and letters are allowed"))
}
