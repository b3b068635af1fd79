//! An example of an order.

use keyway_certificates::{
    CaId, Json, JsonObject, OrderMetadata, OrderRequest, Pem, RequestContext, SecretText,
};

use crate::{Broken, broken};

/// An order that the kit places: the client's data, and the decisions of the host.
///
/// ```
/// use keyway_conformance::certificates::OrderExample;
/// use serde_json::json;
///
/// let example = OrderExample::new(json!({ "request_type": "custom", "name": "door.example.com" }));
/// ```
#[derive(Clone, Debug, Default)]
pub struct OrderExample {
    metadata: Json,
    context: RequestContext,
}

impl OrderExample {
    /// Creates an order with the given data of a client. They must be a JSON object.
    pub fn new(metadata: impl Into<Json>) -> Self {
        Self { metadata: metadata.into(), context: RequestContext::default() }
    }

    /// Sets the plugin's own id of the authority that signs. Without it, the plugin's default authority signs.
    #[must_use]
    pub fn ca(mut self, ca: CaId) -> Self {
        self.context.ca = Some(ca);
        self
    }

    /// Sets the request of PKCS#10 that a host makes from a stored key.
    #[must_use]
    pub fn generated_csr(mut self, csr: Pem) -> Self {
        self.context.generated_csr = Some(csr);
        self
    }

    pub(super) fn context(&self) -> RequestContext {
        self.context.clone()
    }

    /// Returns the client's data in the form in which a host reads them.
    pub(super) fn metadata(&self) -> Result<OrderMetadata, Broken> {
        metadata_of(self.fields()?)
    }

    /// Returns the fields of the client's data.
    pub(super) fn fields(&self) -> Result<JsonObject, Broken> {
        match &self.metadata {
            Json::Object(fields) => Ok(fields.clone()),
            other => Err(broken("an example whose metadata is a JSON object", other.kind().to_string())),
        }
    }

    /// Returns the request that `supports` judges before there is an order.
    pub(super) fn request(&self) -> Result<OrderRequest, Broken> {
        Ok(OrderRequest::new(self.metadata()?).with_context(self.context()))
    }

    /// Returns the texts that the client gave, which may be secret. The type of the request is omitted, because it is
    /// never secret.
    pub(super) fn texts(&self) -> Vec<String> {
        let Json::Object(fields) = &self.metadata else { return Vec::new() };
        let given = fields.iter().filter(|(name, _)| *name != OrderMetadata::REQUEST_TYPE);
        given.filter_map(|(_, value)| Some(value.as_text()?.to_owned())).collect()
    }

    /// Returns the client's data after two changes: `text` replaces each text except the type of the request, and there
    /// is one more field, which no plugin knows.
    pub(super) fn with_texts(&self, text: impl Fn(&str) -> String) -> Result<OrderMetadata, Broken> {
        let mut fields = self.fields()?;
        for (name, value) in &mut fields {
            if let (Json::Text(value), true) = (value, name != OrderMetadata::REQUEST_TYPE) {
                *value = SecretText::new(text(value.expose()));
            }
        }
        fields.insert("keyway_no_such_field".to_owned(), Json::text(text("")));
        metadata_of(fields)
    }
}

pub(super) fn metadata_of(fields: JsonObject) -> Result<OrderMetadata, Broken> {
    OrderMetadata::new(fields)
        .map_err(|error| broken("data of a client that a host accepts", error.to_string()))
}
