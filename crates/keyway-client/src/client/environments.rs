//! Operations on environments (Locker seed, "List environments" and the sections after it).

use keyway_secrets::{Environment, EnvironmentChange, EnvironmentName, NewEnvironment};

use super::Secrets;
use crate::audit::Call;
use crate::{Error, Operation};

/// The number of environments per page.
const PAGE: usize = 1000;

impl Secrets {
    /// Returns all environments of the store (Locker seed, "List environments").
    ///
    /// # Errors
    /// The store's errors; a store without environments returns
    /// [`Unsupported`](keyway_secrets::StoreError::Unsupported).
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn list_environments(&self) -> Result<Vec<Environment>, Error> {
        let call = Call::new(self, Operation::ListEnvironments, None, None);
        let environments = async {
            let mut all = Vec::new();
            let mut after = None;
            loop {
                let page = self.store().list_environments(after.as_ref(), PAGE).await?;
                all.extend(page.environments);
                match page.next {
                    Some(next) => after = Some(next),
                    None => return Ok(all),
                }
            }
        };
        let environments = environments.await;
        call.end(environments)
    }

    /// Returns an environment (Locker seed, "Retrieve an environment").
    ///
    /// # Errors
    /// [`EnvironmentNotFound`](Error::EnvironmentNotFound), and the store's errors.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn retrieve_environment(&self, name: &str) -> Result<Environment, Error> {
        let call = Call::new(self, Operation::RetrieveEnvironment, None, Some(name));
        let environment =
            async { Ok(self.store().retrieve_environment(&EnvironmentName::new(name)?).await?) };
        let environment = environment.await;
        call.end(environment)
    }

    /// Returns an environment, or `None` if it does not exist.
    ///
    /// `get_environment` is the older name of this operation in the seed (decision L11).
    ///
    /// # Errors
    /// As [`retrieve_environment`](Self::retrieve_environment), except for a missing environment.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    #[deprecated(note = "use `retrieve_environment`, whose error names the missing environment")]
    pub async fn get_environment(&self, name: &str) -> Result<Option<Environment>, Error> {
        match self.retrieve_environment(name).await {
            Ok(environment) => Ok(Some(environment)),
            Err(Error::EnvironmentNotFound { .. }) => Ok(None),
            #[cfg(feature = "locker")]
            Err(Error::Remote(remote)) if remote.class() == crate::RemoteClass::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Adds an environment (Locker seed, "Create new environment").
    ///
    /// `external_url` is any text that says where the environment is.
    ///
    /// # Errors
    /// A conflict if the environment exists already, [`InvalidName`](Error::InvalidName), and the store's errors.
    ///
    /// # Cancel safety
    /// A call that was polled and then dropped may have taken effect.
    pub async fn create_environment(
        &self,
        name: &str,
        external_url: Option<&str>,
    ) -> Result<Environment, Error> {
        let call = Call::new(self, Operation::CreateEnvironment, None, Some(name));
        let environment = async {
            let name = EnvironmentName::new(name)?;
            let environment = NewEnvironment { name, external_url: external_url.map(str::to_owned) };
            Ok(self.store().create_environment(environment).await?)
        };
        let environment = environment.await;
        call.end(environment)
    }

    /// Sets the `external_url` of an environment; `None` removes it (Locker seed, "Update an environment").
    ///
    /// Decision L11 chose the name of this method.
    ///
    /// # Errors
    /// [`EnvironmentNotFound`](Error::EnvironmentNotFound), and the store's errors.
    ///
    /// # Cancel safety
    /// A call that was polled and then dropped may have taken effect.
    pub async fn modify_environment(
        &self,
        name: &str,
        external_url: Option<&str>,
    ) -> Result<Environment, Error> {
        let call = Call::new(self, Operation::ModifyEnvironment, None, Some(name));
        let environment = async {
            let name = EnvironmentName::new(name)?;
            let change = EnvironmentChange { external_url: external_url.map(str::to_owned) };
            Ok(self.store().modify_environment(&name, change).await?)
        };
        let environment = environment.await;
        call.end(environment)
    }

    /// Sets the `external_url` of an environment.
    ///
    /// `update_environment` is the name in the prose of the seed. The seed's code and decision L11 use the name
    /// `modify_environment`.
    ///
    /// # Errors
    /// As [`modify_environment`](Self::modify_environment).
    ///
    /// # Cancel safety
    /// A call that was polled and then dropped may have taken effect.
    #[deprecated(note = "use `modify_environment`")]
    pub async fn update_environment(
        &self,
        name: &str,
        external_url: Option<&str>,
    ) -> Result<Environment, Error> {
        self.modify_environment(name, external_url).await
    }
}
