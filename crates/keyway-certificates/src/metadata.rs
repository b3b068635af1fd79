//! The data that the client gave with an order.

use std::fmt;
use std::sync::Arc;

use keyway_core::Wiped;
use keyway_core::json::{
    BoundedObject, EMPTY_OBJECT_BYTES, JsonError, JsonKind, Reader, entry_bytes, nests_within,
    object_to_ascii, shown_name,
};

#[cfg(feature = "pkcs10")]
use crate::pkcs10::Verified;
use crate::{CaId, Json, JsonObject, RequestType};

/// The metadata of an order: the JSON object that the client gave (seed, `order_meta`).
///
/// The object may hold secrets, so it is wiped when dropped, and `Debug` shows names and no values. A clone costs one
/// reference count. The host checks the fields that it knows before it calls a plugin (decision B20).
///
/// ```
/// use keyway_certificates::{MetadataFault, OrderMetadata, RequestType};
///
/// let metadata = OrderMetadata::from_json(br#"{"request_type": "simple-cmc", "days": 90}"#)?;
/// assert_eq!(metadata.request_type()?, RequestType::SimpleCmc);
/// assert_eq!(metadata.text("profile")?, None);
/// assert_eq!(
///     metadata.text("days").unwrap_err().to_string(),
///     "the metadata of the order: days: it is of type number, and must be a text"
/// );
/// # Ok::<(), keyway_certificates::MetadataError>(())
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct OrderMetadata(Arc<Fields>);

#[derive(Default, PartialEq)]
struct Fields {
    values: JsonObject,
    #[cfg(feature = "pkcs10")]
    request: Verified<()>,
}

impl OrderMetadata {
    /// The largest size in bytes, as JSON in ASCII.
    pub const MAX_BYTES: usize = 64 << 10;
    /// The deepest nesting of arrays and objects, the outermost object included.
    pub const MAX_DEPTH: usize = BoundedObject::<{ Self::MAX_BYTES }>::MAX_DEPTH;

    /// The field with the type of the request.
    pub const REQUEST_TYPE: &str = "request_type";
    /// The field with the id of the certificate authority. It is the id that the host uses.
    pub const CA_ID: &str = "ca_id";

    /// Checks the size and the nesting of the client's data.
    ///
    /// # Errors
    /// [`MetadataError`] names the field that is too large or nested too deep.
    pub fn new(values: JsonObject) -> Result<Self, MetadataError> {
        let mut bytes = EMPTY_OBJECT_BYTES;
        for (name, value) in &values {
            // The depth is checked first, because the code below writes the value to learn its size, and writing needs
            // stack for each level.
            if !nests_within(value, Self::MAX_DEPTH - 1) {
                return Err(MetadataError::new(name, MetadataFault::TooDeep { limit: Self::MAX_DEPTH }));
            }
            bytes += entry_bytes(name, value);
            if bytes > Self::MAX_BYTES {
                return Err(MetadataError::new(name, MetadataFault::TooLarge { limit: Self::MAX_BYTES }));
            }
        }
        Ok(Self(Arc::new(Fields {
            values,
            #[cfg(feature = "pkcs10")]
            request: Verified::default(),
        })))
    }

    /// Reads the client's data from a JSON text of at most [`MAX_BYTES`](Self::MAX_BYTES).
    ///
    /// # Errors
    /// As [`new`](Self::new). [`MetadataFault::Json`] if the text is not JSON, exceeds a limit, or repeats a name.
    /// [`MetadataFault::Type`] if the text is JSON, but not an object.
    pub fn from_json(text: &[u8]) -> Result<Self, MetadataError> {
        let reader = Reader {
            max_bytes: Self::MAX_BYTES,
            max_depth: Self::MAX_DEPTH,
            max_collections: usize::MAX,
            ..Reader::STRICT
        };
        match reader.read_entries::<JsonObject>(text) {
            Ok(Ok(values)) => Self::new(values),
            Ok(Err(found)) => {
                Err(MetadataError::new("", MetadataFault::Type { expected: "an object", found }))
            }
            Err(error) => Err(MetadataError::new("", MetadataFault::Json(error))),
        }
    }

    /// Returns the type of the request. It is custom if the client named no type.
    ///
    /// # Errors
    /// [`MetadataFault::Type`] when the field is not a text. `null` is not a text.
    pub fn request_type(&self) -> Result<RequestType, MetadataError> {
        Ok(self.text(Self::REQUEST_TYPE)?.map_or(RequestType::Custom, RequestType::from_text))
    }

    /// Returns the id of the certificate authority that the client named, or `None` if the client named none. It is the
    /// id that the host made for the authority.
    ///
    /// A plugin reads its own id of the authority from [`RequestContext::ca`](crate::RequestContext::ca) instead
    /// (decision B10).
    ///
    /// # Errors
    /// [`MetadataFault::Type`] when the field is not a text, [`MetadataFault::Form`] when no authority can have this
    /// id.
    pub fn ca_id(&self) -> Result<Option<CaId>, MetadataError> {
        let id = self.text(Self::CA_ID)?.map(CaId::new).transpose();
        id.map_err(|error| MetadataError::new(Self::CA_ID, MetadataFault::Form { expected: error.expected }))
    }

    /// Returns the text of a field, or `None` if the field is missing.
    ///
    /// # Errors
    /// [`MetadataFault::Type`] when the field is not a text. `null` is not a text.
    pub fn text(&self, field: &str) -> Result<Option<&str>, MetadataError> {
        let Some(value) = self.0.values.get(field) else { return Ok(None) };
        let found = value.kind();
        value
            .as_text()
            .map(Some)
            .ok_or_else(|| MetadataError::new(field, MetadataFault::Type { expected: "a text", found }))
    }

    /// Returns the text of a field that must be present.
    ///
    /// # Errors
    /// [`MetadataFault::Missing`] when the field is missing, and as [`text`](Self::text).
    pub fn required_text(&self, field: &str) -> Result<&str, MetadataError> {
        self.text(field)?.ok_or_else(|| MetadataError::new(field, MetadataFault::Missing))
    }

    /// Returns the value of a field, or `None` if the field is missing.
    pub fn get(&self, field: &str) -> Option<&Json> {
        self.0.values.get(field)
    }

    /// Returns all fields, ordered by name.
    pub fn values(&self) -> &JsonObject {
        &self.0.values
    }

    /// Returns the cell that keeps the verified request.
    #[cfg(feature = "pkcs10")]
    pub(crate) fn verified(&self) -> &Verified<()> {
        &self.0.request
    }

    /// Writes all fields as one JSON object in ASCII, which [`from_json`](Self::from_json) reads.
    pub fn to_ascii(&self) -> Wiped<String> {
        object_to_ascii(&self.0.values)
    }
}

impl fmt::Debug for OrderMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.values.keys()).finish()
    }
}

/// The error for metadata that is not acceptable. It has the field and the fault, and never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the metadata of the order: {}{fault}", if field.is_empty() { String::new() } else { format!("{field}: ") })]
#[non_exhaustive]
pub struct MetadataError {
    /// The field, or an empty text for the whole object. Names that clients chose are escaped, and long names are cut.
    pub field: String,
    /// The fault of the field.
    pub fault: MetadataFault,
}

impl MetadataError {
    /// Creates the error for a field.
    pub fn new(field: &str, fault: MetadataFault) -> Self {
        Self { field: shown_name(field).into_owned(), fault }
    }
}

/// The faults of a field of an order's metadata.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataFault {
    /// The text is not JSON.
    #[error(transparent)]
    Json(JsonError),
    /// With this field, the metadata exceed the limit of their size.
    #[error("with it, the metadata has more than {limit} bytes")]
    TooLarge {
        /// The allowed number of bytes.
        limit: usize,
    },
    /// The field nests arrays and objects too deep.
    #[error("it nests arrays and objects more than {limit} levels deep")]
    TooDeep {
        /// The allowed depth.
        limit: usize,
    },
    /// The field is required, and is missing.
    #[error("it is missing")]
    Missing,
    /// The field has the wrong type.
    #[error("it is of type {found}, and must be {expected}")]
    Type {
        /// The type that is expected.
        expected: &'static str,
        /// The type that was found.
        found: JsonKind,
    },
    /// The text does not have the form of the field.
    #[error("it must be {expected}")]
    Form {
        /// The form that is expected.
        expected: &'static str,
    },
    /// The field breaks a rule of a host or of a plugin.
    #[error("{rule}")]
    Other {
        /// The rule, without any value.
        rule: &'static str,
    },
}

#[cfg(test)]
mod tests;
