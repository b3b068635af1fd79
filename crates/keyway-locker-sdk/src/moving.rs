//! Moves a secret to another key or environment.
//!
//! Stores have no such operation, so the secret is created in its new place and then destroyed in the old one (decision
//! L12). In a store with versions no step loses a value: the old secret is destroyed only if it is unchanged since it
//! was copied. A store without versions cannot detect a change.

use keyway_client::{Draft, Error, PluginError as _, ResolvedSecret, SecretHeader, SecretValue, Secrets};
use keyway_core::{Effect, SecretText};

use crate::changes::{Changes, Move};
use crate::failure::Failure;
use crate::objects::check_room;
use crate::project::Project;

impl Project {
    /// Moves a secret to `place`, with the new value and description of `changes` if there are any. Returns the new
    /// header, and the value.
    ///
    /// # Errors
    /// The failures of reading, creating and destroying. [`Failure::Validation`] if the store cannot destroy secrets;
    /// nothing is written then.
    pub(crate) async fn move_secret(
        &self,
        here: &Secrets,
        key: &SecretText,
        place: &Move,
        changes: &Changes,
    ) -> Result<(SecretHeader, SecretText), Failure> {
        if !self.secrets.store().capabilities().destroys {
            tracing::error!("this store destroys no secrets, so it can neither rename nor move one");
            return Err(Failure::Validation);
        }
        let found = here.retrieve(key.expose()).await?;
        let value = match &changes.value {
            Some(value) => value.clone(),
            None => text(&found)?.into(),
        };
        check_room(&value)?;
        let description = changes.description.as_ref().map(SecretText::expose);
        let copy =
            draft(SecretValue::Text(value.clone()), description.or(found.header.description.as_deref()));
        let there = self.within(place.environment.as_ref());
        let header = there.create(place.key.expose(), copy).await.map_err(Failure::of_write)?;
        let destroyed = destroy_unchanged(here, key, &found.header).await;
        if let Err(error) = destroyed {
            // An error without an effect means that this call has not destroyed the old secret, which may have a later
            // value by now. So the copy is destroyed. After an error with a possible effect, the copy may be the only
            // secret left, so it stays.
            if error.effect() == Effect::None {
                let destroyed = destroy_unchanged(&there, &place.key, &header).await;
                destroyed.map_err(Failure::after_write)?;
                return Err(error.into());
            }
            return Err(Failure::after_write(error));
        }
        Ok((header, value))
    }
}

/// Destroys a secret, unless it changed since it was read. A store without versions cannot detect a change, so there
/// the secret is destroyed in any case.
async fn destroy_unchanged(secrets: &Secrets, key: &SecretText, read: &SecretHeader) -> Result<(), Error> {
    match read.version {
        Some(_) => secrets.delete_if_unchanged(key.expose(), read).await,
        None => secrets.delete(key.expose()).await,
    }
}

/// Makes the content of a new secret. In the protocol, an empty description means that there is none.
pub(crate) fn draft(value: SecretValue, description: Option<&str>) -> Draft {
    let draft = Draft::new(value);
    match description {
        Some(description) if !description.is_empty() => draft.described(description),
        _ => draft,
    }
}

/// Returns the value of a secret.
///
/// # Errors
/// [`Error::NotText`], because the protocol knows only texts.
pub(crate) fn text(secret: &ResolvedSecret) -> Result<&str, Error> {
    let not_text = || Error::NotText { address: secret.header.address.clone(), kind: secret.value.kind() };
    secret.expose_text().ok_or_else(not_text)
}
