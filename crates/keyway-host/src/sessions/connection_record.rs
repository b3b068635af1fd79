//! The stored form of the facts about a connection.

use keyway_core::SecretText;
use keyway_core::codec::{LENGTH_BYTES, Malformed, Reader, put_optional, put_text, put_u32};
use keyway_core::json::object_to_ascii;
use keyway_credentials::{Connection, Json, JsonObject, SessionId};

use super::record::checked;
use crate::records::STORED_JSON;

/// Lists the optional texts of a connection, in the order in which they are stored.
fn texts(connection: &Connection) -> [Option<&str>; 11] {
    [
        connection.protocol.as_deref(),
        connection.connection_name.as_deref(),
        connection.client_ip.as_deref(),
        connection.client_hostname.as_deref(),
        connection.gateway_domain.as_deref(),
        connection.gateway_password.as_ref().map(SecretText::expose),
        connection.gateway_username.as_deref(),
        connection.server_domain.as_deref(),
        connection.server_ip.as_deref(),
        connection.server_hostname.as_deref(),
        connection.server_username.as_deref(),
    ]
}

/// Returns an upper bound for the number of bytes that [`write_connection`] appends.
pub(super) fn connection_len(connection: &Connection) -> usize {
    let texts: usize =
        texts(connection).iter().map(|text| 1 + text.map_or(0, |text| LENGTH_BYTES + text.len())).sum();
    let groups: usize = connection.gateway_groups.iter().map(|group| LENGTH_BYTES + group.len()).sum();
    let pairs = if connection.key_value_pairs.is_empty() {
        2
    } else {
        object_to_ascii(&connection.key_value_pairs).len()
    };
    LENGTH_BYTES
        + connection.session_id.as_str().len()
        + texts
        + 2 * 5
        + LENGTH_BYTES
        + groups
        + LENGTH_BYTES
        + pairs
}

pub(super) fn write_connection(out: &mut Vec<u8>, connection: &Connection) {
    put_text(out, connection.session_id.as_str());
    for text in texts(connection) {
        put_optional(out, text, put_text);
    }
    for port in [connection.client_port, connection.server_port] {
        put_optional(out, port.map(u32::from), put_u32);
    }
    put_u32(out, u32::try_from(connection.gateway_groups.len()).unwrap_or(u32::MAX));
    for group in &connection.gateway_groups {
        put_text(out, group);
    }
    put_text(out, &object_to_ascii(&connection.key_value_pairs));
}

pub(super) fn read_connection(reader: &mut Reader<'_>) -> Result<Connection, Malformed> {
    let mut connection = Connection::new(checked(SessionId::new(reader.text()?))?);
    connection.protocol = text(reader)?;
    connection.connection_name = text(reader)?;
    connection.client_ip = text(reader)?;
    connection.client_hostname = text(reader)?;
    connection.gateway_domain = text(reader)?;
    connection.gateway_password = reader.optional(Reader::text)?.map(SecretText::from);
    connection.gateway_username = text(reader)?;
    connection.server_domain = text(reader)?;
    connection.server_ip = text(reader)?;
    connection.server_hostname = text(reader)?;
    connection.server_username = text(reader)?;
    connection.client_port = port(reader)?;
    connection.server_port = port(reader)?;
    for _ in 0..reader.u32()? {
        connection.gateway_groups.push(reader.text()?.to_owned());
    }
    connection.key_value_pairs = read_object(reader.text()?)?;
    Ok(connection)
}

/// Reads a JSON object of a record.
pub(super) fn read_object(json: &str) -> Result<JsonObject, Malformed> {
    match json {
        "{}" => Ok(JsonObject::new()),
        _ => match STORED_JSON.read(json.as_bytes()) {
            Ok(Json::Object(object)) => Ok(object),
            _ => Err(Malformed { expected: "a JSON object" }),
        },
    }
}

fn text(reader: &mut Reader<'_>) -> Result<Option<String>, Malformed> {
    Ok(reader.optional(Reader::text)?.map(str::to_owned))
}

fn port(reader: &mut Reader<'_>) -> Result<Option<u16>, Malformed> {
    let port = reader.optional(Reader::u32)?.map(u16::try_from).transpose();
    port.map_err(|_| Malformed { expected: "a port" })
}
