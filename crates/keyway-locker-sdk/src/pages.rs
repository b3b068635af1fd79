//! The methods that list page by page.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyway_core::json::Writer;
use keyway_secrets::{Cursor, EnvironmentFilter, EnvironmentName, ListQuery, NameError, SecretName};

use crate::failure::Failure;
use crate::objects::{write_environment, write_list, write_page, write_secret};
use crate::parameters::Parameters;
use crate::project::Project;

/// The number of items in a page, unless the caller chooses one.
const DEFAULT: u32 = 100;
/// The largest number of items in a page.
const MOST: u32 = 1000;

/// The place of a page: the layer that is listed, and the store's cursor in it.
///
/// A list of an environment has two layers: first the secrets of the environment, then the secrets without an
/// environment. A secret of the environment hides the secret of the same name without an environment.
#[derive(Debug, PartialEq)]
struct Place {
    layer: Layer,
    after: Option<Cursor>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Layer {
    /// The secrets of the environment in the request, or all secrets if it names no environment. A list of environments
    /// has only this layer.
    First,
    /// The secrets without an environment, which a list of an environment also contains.
    Shared,
}

impl Place {
    const START: Self = Self { layer: Layer::First, after: None };

    /// Parses the cursor that [`text`](Self::text) wrote.
    fn of(text: &str) -> Option<Self> {
        let (layer, after) = match text.split_at_checked(1)? {
            ("f", after) => (Layer::First, after),
            ("s", after) => (Layer::Shared, after),
            _ => return None,
        };
        let after = match after {
            "" => None,
            after => Some(Cursor::from_bytes(URL_SAFE_NO_PAD.decode(after).ok()?)),
        };
        Some(Self { layer, after })
    }

    fn text(&self) -> String {
        let layer = match self.layer {
            Layer::First => "f",
            Layer::Shared => "s",
        };
        let after = self.after.as_ref().map(|after| URL_SAFE_NO_PAD.encode(after.as_bytes()));
        format!("{layer}{}", after.unwrap_or_default())
    }
}

/// Takes the parameters that all methods with pages have.
fn page(given: &mut Parameters) -> Result<(usize, Place), Failure> {
    let size = given.integer("page_size", 1..=MOST, DEFAULT)?;
    let place = match given.optional_text("cursor")? {
        None => Place::START,
        Some(cursor) => Place::of(cursor.expose()).ok_or(Failure::InvalidParameters)?,
    };
    Ok((usize::try_from(size).unwrap_or(usize::MAX), place))
}

impl Project {
    /// `secret.list_page`. A page may be shorter than `page_size`, or even empty, although more pages follow.
    pub(crate) async fn page_secrets(&self, mut given: Parameters, out: &mut Writer) -> Result<(), Failure> {
        let (size, Place { layer, after }) = page(&mut given)?;
        let environment = given.optional_text("environment")?;
        given.end()?;
        let environment = match environment {
            Some(name) => Some(EnvironmentName::new(name.expose()).map_err(refused)?),
            None => None,
        };
        let filter = match (&environment, layer) {
            (None, Layer::First) => EnvironmentFilter::All,
            (Some(name), Layer::First) => EnvironmentFilter::In(name.clone()),
            (Some(_), Layer::Shared) => EnvironmentFilter::Shared,
            (None, Layer::Shared) => return Err(Failure::InvalidParameters),
        };
        let hidden = match (&environment, layer) {
            (Some(name), Layer::Shared) => self.names_in(name).await?,
            _ => HashSet::new(),
        };
        let mut query = ListQuery::all().of(filter).with_values().limit(size);
        query.after = after;
        let found = self.secrets.store().list(&query).await?;
        let next = match found.next {
            Some(after) => Some(Place { layer, after: Some(after) }),
            None if layer == Layer::First && environment.is_some() => {
                Some(Place { layer: Layer::Shared, after: None })
            }
            None => None,
        };
        let texts: Vec<_> = found
            .secrets
            .iter()
            .filter(|listed| !hidden.contains(&listed.header.address.name))
            .filter_map(|listed| Some((&listed.header, listed.value.as_ref()?.expose_text()?)))
            .collect();
        write_page(out, "secret_page", next.map(|next| next.text()).as_deref(), |out| {
            write_list(out, &texts, |out, (header, value)| write_secret(out, header, value, self.id));
        });
        Ok(())
    }

    /// Returns the names of the secrets of an environment. They hide the secrets of the same names without an
    /// environment.
    async fn names_in(&self, environment: &EnvironmentName) -> Result<HashSet<SecretName>, Failure> {
        let names = self.secrets.in_environment(environment.as_str()).list_names().await?;
        Ok(names.into_iter().map(|listed| listed.name).collect())
    }

    /// `environment.list_page`.
    pub(crate) async fn page_environments(
        &self,
        mut given: Parameters,
        out: &mut Writer,
    ) -> Result<(), Failure> {
        let (size, place) = page(&mut given)?;
        given.end()?;
        let Place { layer: Layer::First, after } = place else { return Err(Failure::InvalidParameters) };
        let found = self.secrets.store().list_environments(after.as_ref(), size).await?;
        let next = found.next.map(|after| Place { layer: Layer::First, after: Some(after) }.text());
        write_page(out, "environment_page", next.as_deref(), |out| {
            write_list(out, &found.environments, |out, one| write_environment(out, one, self.id));
        });
        Ok(())
    }
}

fn refused(error: NameError) -> Failure {
    keyway_client::Error::from(error).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_is_read_as_it_was_written(shared: bool, after: Option<Vec<u8>>) {
            let layer = if shared { Layer::Shared } else { Layer::First };
            let after = after.filter(|after| !after.is_empty()).map(Cursor::from_bytes);
            let place = Place { layer, after };
            prop_assert_eq!(Place::of(&place.text()), Some(place));
        }

        #[test]
        fn any_text_is_a_place_or_none(text: String) {
            if let Some(place) = Place::of(&text) {
                prop_assert_eq!(place.text(), text);
            }
        }
    }
}
