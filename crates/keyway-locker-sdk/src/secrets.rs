//! The methods of secrets.

use keyway_client::{Draft, Error, Resolution, ResolvedSecret, SecretValue};
use keyway_core::SecretText;
use keyway_core::json::Writer;

use crate::changes::{Changes, Move};
use crate::failure::Failure;
use crate::objects::{write_secret, write_secrets};
use crate::parameters::Parameters;
use crate::project::Project;

impl Project {
    /// `secret.get`: the secret of the environment, else the one without (decision L1).
    pub(crate) async fn get_secret(&self, mut given: Parameters, out: &mut Writer) -> Result<(), Failure> {
        let (key, environment) = (given.text("key")?, given.optional_text("environment")?);
        given.end()?;
        let secrets = self.within(environment.as_ref()).with_resolution(Resolution::SharedFallback);
        self.write(out, &secrets.retrieve(key.expose()).await?)
    }

    /// `secret.list`: all secrets, or those that reads of an environment give (decision L3).
    pub(crate) async fn list_secrets(&self, mut given: Parameters, out: &mut Writer) -> Result<(), Failure> {
        let environment = given.optional_text("environment")?;
        given.end()?;
        let layered = self.within(environment.as_ref()).with_resolution(Resolution::SharedFallback);
        let found = if environment.is_some() { layered.list().await? } else { layered.list_all().await? };
        write_secrets(out, &found, self.id);
        Ok(())
    }

    /// `secret.create`.
    pub(crate) async fn create_secret(&self, mut given: Parameters, out: &mut Writer) -> Result<(), Failure> {
        let (key, value) = (given.text("key")?, given.text("value")?);
        let environment = given.optional_text("environment")?;
        let description = given.optional_text("description")?;
        given.end()?;
        let draft = draft(SecretValue::Text(value.clone()), description.as_ref().map(SecretText::expose));
        let header = self.within(environment.as_ref()).create(key.expose(), draft).await?;
        write_secret(out, &header, value.expose(), self.id);
        Ok(())
    }

    /// `secret.update`: changes value and description in place. Another key or environment is a move
    /// (decision L12).
    pub(crate) async fn update_secret(&self, mut given: Parameters, out: &mut Writer) -> Result<(), Failure> {
        let (key, environment) = (given.text("key")?, given.optional_text("environment")?);
        let changes = Changes::of(given.object("changes")?)?;
        given.end()?;
        let here = self.within(environment.as_ref());
        let Some(target) = changes.moves(&key, environment.as_ref()) else {
            let header = here.modify(key.expose(), changes.in_place()).await?;
            let Some(value) = &changes.value else {
                return self.write(out, &here.retrieve(key.expose()).await?);
            };
            write_secret(out, &header, value.expose(), self.id);
            return Ok(());
        };
        if !self.secrets.store().capabilities().destroys {
            tracing::error!("this store destroys no secrets, so it can neither rename nor move one");
            return Err(Failure::Validation);
        }
        let found = here.retrieve(key.expose()).await?;
        let Move { key: new_key, environment: new_environment } = target;
        let there = self.within(new_environment.as_ref());
        let value = changes.value.clone().map_or_else(|| found.value.clone(), SecretValue::Text);
        let Some(text) = value.expose_text().map(SecretText::from) else {
            return Err(not_text(&found).into());
        };
        let description = changes.description.as_ref().map(SecretText::expose);
        let draft = draft(value, description.or(found.header.description.as_deref()));
        let header = there.create(new_key.expose(), draft).await?;
        let destroyed = match found.header.version {
            Some(_) => here.delete_if_unchanged(key.expose(), &found.header).await,
            None => here.delete(key.expose()).await,
        };
        if let Err(error) = destroyed {
            // The old secret is still there for certain, perhaps with another value: takes the copy back.
            // Otherwise the copy may be all that is left.
            if keyway_client::PluginError::effect(&error) == keyway_core::Effect::None {
                there.delete_if_unchanged(new_key.expose(), &header).await.or_else(|error| match error {
                    Error::SecretNotFound { .. } => Ok(()),
                    other => Err(other),
                })?;
            }
            return Err(error.into());
        }
        write_secret(out, &header, text.expose(), self.id);
        Ok(())
    }

    fn write(&self, out: &mut Writer, secret: &ResolvedSecret) -> Result<(), Failure> {
        let value = secret.expose_text().ok_or_else(|| not_text(secret))?;
        write_secret(out, &secret.header, value, self.id);
        Ok(())
    }
}

fn draft(value: SecretValue, description: Option<&str>) -> Draft {
    let draft = Draft::new(value);
    // The protocol has no way to say that there is none.
    match description {
        Some(description) if !description.is_empty() => draft.described(description),
        _ => draft,
    }
}

fn not_text(secret: &ResolvedSecret) -> Error {
    Error::NotText { address: secret.header.address.clone(), kind: secret.value.kind() }
}
