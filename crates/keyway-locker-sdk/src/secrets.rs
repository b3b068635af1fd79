//! Carries out the methods of the protocol that read and change secrets.

use keyway_client::{Resolution, ResolvedSecret, SecretValue};
use keyway_core::SecretText;
use keyway_core::json::Writer;

use crate::changes::Changes;
use crate::failure::Failure;
use crate::moving::{draft, text};
use crate::objects::{check_room, write_secret, write_secrets};
use crate::parameters::Parameters;
use crate::project::Project;

impl Project {
    /// `secret.get`: the secret of the environment, or else the secret without an environment (decision L1).
    pub(crate) async fn get_secret(&self, mut given: Parameters, out: &mut Writer) -> Result<(), Failure> {
        let (key, environment) = (given.text("key")?, given.optional_text("environment")?);
        given.end()?;
        let secrets = self.within(environment.as_ref()).with_resolution(Resolution::SharedFallback);
        self.write(out, &secrets.retrieve(key.expose()).await?)
    }

    /// `secret.list`: all secrets, or the secrets that reads in an environment return (decision L3).
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
        check_room(&value)?;
        let draft = draft(SecretValue::Text(value.clone()), description.as_ref().map(SecretText::expose));
        let header = self.within(environment.as_ref()).create(key.expose(), draft).await;
        let header = header.map_err(Failure::of_write)?;
        write_secret(out, &header, value.expose(), self.id);
        Ok(())
    }

    /// `secret.update`: changes value and description in place. A new key or environment moves the secret (decision
    /// L12).
    pub(crate) async fn update_secret(&self, mut given: Parameters, out: &mut Writer) -> Result<(), Failure> {
        let (key, environment) = (given.text("key")?, given.optional_text("environment")?);
        let changes = Changes::of(given.object("changes")?)?;
        given.end()?;
        let here = self.within(environment.as_ref());
        if let Some(place) = changes.moves(&key, environment.as_ref()) {
            let (header, value) = self.move_secret(&here, &key, &place, &changes).await?;
            write_secret(out, &header, value.expose(), self.id);
            return Ok(());
        }
        // The answer must show the value. Whether it can is known before anything changes.
        let value = match &changes.value {
            Some(value) => value.clone(),
            None => text(&here.retrieve(key.expose()).await?)?.into(),
        };
        check_room(&value)?;
        let header = here.modify(key.expose(), changes.in_place()).await.map_err(Failure::of_write)?;
        if let Some(value) = &changes.value {
            write_secret(out, &header, value.expose(), self.id);
        } else {
            // Another caller may have changed the value since it was read.
            let now = here.retrieve(key.expose()).await.map_err(Failure::after_write)?;
            write_secret(out, &now.header, text(&now).map_err(Failure::after_write)?, self.id);
        }
        Ok(())
    }

    fn write(&self, out: &mut Writer, secret: &ResolvedSecret) -> Result<(), Failure> {
        write_secret(out, &secret.header, text(secret)?, self.id);
        Ok(())
    }
}
