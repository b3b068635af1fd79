//! Carries out the methods of the protocol that read and change environments.

use keyway_core::SecretText;
use keyway_core::json::Writer;

use crate::failure::Failure;
use crate::objects::{write_environment, write_list};
use crate::parameters::Parameters;
use crate::project::Project;

impl Project {
    /// `environment.get`.
    pub(crate) async fn get_environment(
        &self,
        mut given: Parameters,
        out: &mut Writer,
    ) -> Result<(), Failure> {
        let name = given.text("name")?;
        given.end()?;
        write_environment(out, &self.secrets.retrieve_environment(name.expose()).await?, self.id);
        Ok(())
    }

    /// `environment.list`.
    pub(crate) async fn list_environments(&self, given: Parameters, out: &mut Writer) -> Result<(), Failure> {
        given.end()?;
        let found = self.secrets.list_environments().await?;
        write_list(out, &found, |out, environment| write_environment(out, environment, self.id));
        Ok(())
    }

    /// `environment.create`.
    pub(crate) async fn create_environment(
        &self,
        mut given: Parameters,
        out: &mut Writer,
    ) -> Result<(), Failure> {
        let (name, url) = (given.text("name")?, given.optional_text("external_url")?);
        no_description(given.optional_text("description")?.as_ref())?;
        given.end()?;
        let created = self.secrets.create_environment(name.expose(), url_of(url.as_ref())).await;
        write_environment(out, &created.map_err(Failure::of_write)?, self.id);
        Ok(())
    }

    /// `environment.update`.
    pub(crate) async fn update_environment(
        &self,
        mut given: Parameters,
        out: &mut Writer,
    ) -> Result<(), Failure> {
        let (name, mut changes) = (given.text("name")?, given.object("changes")?);
        given.end()?;
        let (new_name, url) = (changes.optional_text("name")?, changes.optional_text("external_url")?);
        let description = changes.optional_text("description")?;
        changes.end()?;
        if new_name.is_none() && url.is_none() && description.is_none() {
            return Err(Failure::InvalidParameters);
        }
        no_description(description.as_ref())?;
        if new_name.is_some_and(|new| new != name) {
            tracing::error!("an environment cannot be renamed: create another one, and move its secrets");
            return Err(Failure::Validation);
        }
        let environment = match url {
            Some(_) => {
                let modified = self.secrets.modify_environment(name.expose(), url_of(url.as_ref())).await;
                modified.map_err(Failure::of_write)?
            }
            None => self.secrets.retrieve_environment(name.expose()).await?,
        };
        write_environment(out, &environment, self.id);
        Ok(())
    }
}

/// Returns the address to store. In the protocol, an empty address means that there is none.
fn url_of(url: Option<&SecretText>) -> Option<&str> {
    url.map(SecretText::expose).filter(|url| !url.is_empty())
}

fn no_description(description: Option<&SecretText>) -> Result<(), Failure> {
    match description.map(SecretText::expose) {
        None | Some("") => Ok(()),
        Some(_) => {
            tracing::error!("environments have no description");
            Err(Failure::Validation)
        }
    }
}
