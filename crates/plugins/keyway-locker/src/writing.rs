//! Creates and changes secrets. A write is sent once, and affects only the secret at exactly the given address
//! (decision L4).

use std::time::Instant;

use keyway_core::{MediaKind, SecretValue};
use keyway_secrets::{
    NewSecret, NewValue, SecretAddress, SecretChange, SecretHeader, StoreError, check_description,
};

use crate::items::Items;
use crate::request::body;
use crate::secret_record::SecretRecord;
use crate::service::Service;
use crate::session::Session;
use crate::written::written;

/// The maximum length of a value, in bytes. The service's own limit is not known; longer values would not fit into the
/// answer to a list.
const MAX_VALUE_BYTES: usize = 1 << 20;
const CREATE: &str = "create the secret at the service";
const MODIFY: &str = "change the secret at the service";

/// Checks a new secret before anything is sent.
pub(crate) fn check_new(secret: &NewSecret) -> Result<(), StoreError> {
    secret.address.name.check_creatable()?;
    check_value(&secret.value)?;
    check_description(secret.description.as_deref())
}

/// Checks a change before anything is sent.
pub(crate) fn check_change(change: &SecretChange) -> Result<(), StoreError> {
    if change.expected.is_some() {
        return Err(StoreError::Unsupported { what: "versions" });
    }
    change.value.as_ref().map(check_value).transpose()?;
    check_description(change.description.as_ref().and_then(Option::as_deref))
}

fn check_value(value: &NewValue) -> Result<(), StoreError> {
    let Some(given) = value.as_given() else { return Err(NewValue::unsupported()) };
    match given.expose_text().map(str::len) {
        None => Err(StoreError::UnsupportedValue { kind: given.kind() }),
        Some(bytes) if bytes > MAX_VALUE_BYTES => {
            Err(StoreError::TooLarge { what: "the value", bytes, limit: MAX_VALUE_BYTES })
        }
        Some(_) => Ok(()),
    }
}

/// Creates a secret. The service refuses a second one at the same address.
pub(crate) fn create(
    session: &Session,
    service: &Service,
    secret: NewSecret,
    until: Instant,
) -> Result<SecretHeader, StoreError> {
    let address = secret.address;
    let environment =
        address.environment.as_ref().map(|name| session.find_environment(name, until)).transpose()?;
    let environment_name =
        address.environment.as_ref().map(|name| session.seal(name.as_str())).transpose()?;
    let key = session.seal(address.name.as_str())?;
    let hash = session.hash(address.name.as_str());
    let value = sealed(session, &secret.value.given()?)?;
    let description = secret.description.as_deref().map(|text| session.seal(text)).transpose()?;

    let mut fields = vec![("key", &*key), ("value", &*value), ("hash", &*hash)];
    fields.extend(description.as_deref().map(|text| ("description", text)));
    fields.extend(environment.as_ref().map(|record| ("environment_id", &*record.id)));
    fields.extend(environment_name.as_deref().map(|name| ("environment_name", name)));
    match service.post(Items::Secrets.path(), &body(&fields), until) {
        Ok(answer) => answered(session, &answer, &address, CREATE),
        Err(failure) if failure.is_duplicate() => Err(StoreError::SecretExists { address }),
        Err(failure) => Err(failure.of_write(CREATE)),
    }
}

/// Changes the secret at exactly this address.
pub(crate) fn modify(
    session: &Session,
    service: &Service,
    address: &SecretAddress,
    change: SecretChange,
    until: Instant,
) -> Result<SecretHeader, StoreError> {
    let found = session.find_secret(address, until)?;
    let value = change.value.map(NewValue::given).transpose()?;
    let value = value.map(|value| sealed(session, &value)).transpose()?;
    let description = match &change.description {
        None => None,
        Some(Some(text)) => Some(session.seal(text)?),
        // The service removes a description if it gets an empty text. A description that is empty but present is
        // encrypted first, so its ciphertext is not empty.
        Some(None) => Some(String::new()),
    };
    if value.is_none() && description.is_none() {
        return found.header(&session.key);
    }
    let hash = session.hash(address.name.as_str());
    let mut fields = vec![("hash", &*hash)];
    fields.extend(value.as_deref().map(|value| ("value", value)));
    fields.extend(description.as_deref().map(|text| ("description", text)));
    let path = format!("{}/{}", Items::Secrets.path(), found.id);
    match service.put(&path, &body(&fields), until) {
        Ok(answer) => answered(session, &answer, address, MODIFY),
        // Either the secret was removed after it was found, or the status is not about the secret (decision H335).
        Err(failure) if failure.has_status(404) => {
            session.forget_after_write();
            session.find_secret(address, until)?;
            Err(failure.of_write(MODIFY))
        }
        Err(failure) => Err(failure.of_write(MODIFY)),
    }
}

fn sealed(session: &Session, value: &SecretValue) -> Result<String, StoreError> {
    let text = value.expose_text().ok_or(StoreError::UnsupportedValue { kind: MediaKind::Bytes })?;
    session.seal(text)
}

/// Reads the answer to a write of the secret at this address.
fn answered(
    session: &Session,
    answer: &[u8],
    address: &SecretAddress,
    what: &'static str,
) -> Result<SecretHeader, StoreError> {
    let open = |record: &SecretRecord| record.header(&session.key);
    written(answer, what, open, |header| header.address == *address)
}
