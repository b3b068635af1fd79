//! Creates and changes environments.

use std::time::Instant;

use keyway_secrets::{
    Environment, EnvironmentChange, EnvironmentName, MAX_EXTERNAL_URL_BYTES, NewEnvironment, StoreError,
};

use crate::environment_record::EnvironmentRecord;
use crate::items::Items;
use crate::request::body;
use crate::service::Service;
use crate::session::Session;
use crate::written::written;

const CREATE: &str = "create the environment at the service";
const MODIFY: &str = "change the environment at the service";

/// Checks a URL before anything is sent.
pub(crate) fn check_url(url: Option<&str>) -> Result<(), StoreError> {
    match url.map_or(0, str::len) {
        bytes if bytes > MAX_EXTERNAL_URL_BYTES => {
            Err(StoreError::TooLarge { what: "the external URL", bytes, limit: MAX_EXTERNAL_URL_BYTES })
        }
        _ => Ok(()),
    }
}

/// Creates an environment. The service refuses a second one of the same name.
pub(crate) fn create(
    session: &Session,
    service: &Service,
    environment: &NewEnvironment,
    until: Instant,
) -> Result<Environment, StoreError> {
    let name = &environment.name;
    let sealed = session.seal(name.as_str())?;
    let hash = session.hash(name.as_str());
    let url = environment.external_url.as_deref().map(|url| session.seal(url)).transpose()?;
    let mut fields = vec![("name", &*sealed), ("hash", &*hash)];
    fields.extend(url.as_deref().map(|url| ("external_url", url)));
    match service.post(Items::Environments.path(), &body(&fields), until) {
        Ok(answer) => answered(session, &answer, name, CREATE),
        Err(failure) if failure.is_duplicate() => {
            Err(StoreError::EnvironmentExists { environment: name.clone() })
        }
        Err(failure) => Err(failure.of_write(CREATE)),
    }
}

/// Changes the URL of an environment.
pub(crate) fn modify(
    session: &Session,
    service: &Service,
    name: &EnvironmentName,
    change: &EnvironmentChange,
    until: Instant,
) -> Result<Environment, StoreError> {
    let found = session.find_environment(name, until)?;
    // An empty text removes the URL, as it does for descriptions.
    let url = change.external_url.as_deref().map(|url| session.seal(url)).transpose()?.unwrap_or_default();
    let hash = session.hash(name.as_str());
    let path = format!("{}/{}", Items::Environments.path(), found.id);
    match service.put(&path, &body(&[("hash", &hash), ("external_url", &url)]), until) {
        Ok(answer) => answered(session, &answer, name, MODIFY),
        // Either the environment was removed after it was found, or the status is not about it (decision H335).
        Err(failure) if failure.has_status(404) => {
            session.forget_after_write();
            session.find_environment(name, until)?;
            Err(failure.of_write(MODIFY))
        }
        Err(failure) => Err(failure.of_write(MODIFY)),
    }
}

/// Reads the answer to a write of the environment `name`.
fn answered(
    session: &Session,
    answer: &[u8],
    name: &EnvironmentName,
    what: &'static str,
) -> Result<Environment, StoreError> {
    let open = |record: &EnvironmentRecord| record.environment(&session.key);
    written(answer, what, open, |environment| environment.name == *name)
}
