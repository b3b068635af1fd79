//! The connection of a vector.

use keyway_core::ErrorKind;
use keyway_credentials::{Connection, SessionId};
use serde_json::Value;

use crate::replay::Class;

/// Converts the facts of a vector to a connection. A fact that is missing or null is not known.
pub(super) fn connection(facts: &Value) -> Result<Connection, Class> {
    let text = |name: &str| match &facts[name] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(Class::Invalid),
    };
    let id = text("session_id")?.unwrap_or_else(|| "session".to_owned());
    let mut connection = Connection::new(SessionId::new(id).map_err(|_| Class::of_kind(ErrorKind::Invalid))?);
    connection.protocol = text("protocol")?;
    connection.connection_name = text("connection_name")?;
    connection.client_ip = text("client_ip")?;
    connection.client_hostname = text("client_hostname")?;
    connection.gateway_domain = text("gateway_domain")?;
    connection.gateway_username = text("gateway_username")?;
    connection.gateway_password = text("gateway_password")?.map(Into::into);
    connection.server_domain = text("server_domain")?;
    connection.server_ip = text("server_ip")?;
    connection.server_hostname = text("server_hostname")?;
    connection.server_username = text("server_username")?;
    if let Some(groups) = facts["gateway_groups"].as_array() {
        connection.gateway_groups =
            groups.iter().filter_map(|group| group.as_str().map(str::to_owned)).collect();
    }
    if !facts["server_port"].is_null() {
        let port = facts["server_port"].as_u64().and_then(|port| u16::try_from(port).ok());
        connection.server_port = Some(port.ok_or(Class::Invalid)?);
    }
    Ok(connection)
}
