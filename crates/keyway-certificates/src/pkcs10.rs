//! The PKCS#10 request of an order, which is verified only once.

use std::fmt;
use std::sync::{Arc, OnceLock};

use keyway_x509::{CertificateRequest, RequestError};

use crate::{CertificateError, MetadataError, OrderMetadata, RequestContext, RequestType};

/// The request of PKCS#10 of an order. The host and the plugin share the verified value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pkcs10 {
    /// A request that the client sent, in [`request_data`](OrderMetadata::REQUEST_DATA).
    Sent(Arc<CertificateRequest>),
    /// A request that the host made from a stored key (decision B12).
    Made(Arc<CertificateRequest>),
    /// A request that the host will make from a stored key before it issues the order.
    Awaited,
    /// Orders of this type have no PKCS#10 request.
    Other,
}

/// The error for a request of a client that is not acceptable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestDataError {
    /// The field is missing, or is not a text.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The text is not a PKCS#10 request that is signed with its own key.
    #[error("the metadata of the order: request_data: {0}")]
    Request(#[from] RequestError),
}

impl OrderMetadata {
    /// The field with the client's request of PKCS#10.
    pub const REQUEST_DATA: &str = "request_data";

    /// Returns the client's request of PKCS#10 from `request_data`.
    ///
    /// The first call for these metadata or a clone of them verifies the request, in about 0.1 ms. Later calls return
    /// the same value. No other code can set this value, so a plugin that gets the metadata from a host need not verify
    /// again.
    ///
    /// # Errors
    /// [`RequestDataError`]: the field is missing, or the request is not acceptable.
    pub fn request_data(&self) -> Result<Arc<CertificateRequest>, RequestDataError> {
        let text = self.required_text(Self::REQUEST_DATA)?;
        Ok(self.verified().get(&(), || CertificateRequest::from_request_data(text))?)
    }

    /// Returns the PKCS#10 request of the order. The type of the order decides whether it is the client's request or
    /// the request that the host made.
    ///
    /// Each request is verified once, as in [`request_data`](Self::request_data).
    ///
    /// # Errors
    /// [`CertificateError::Metadata`] names a field that is missing or has another type. [`CertificateError::Invalid`]
    /// names a request that is not acceptable.
    pub fn pkcs10(&self, context: &RequestContext) -> Result<Pkcs10, CertificateError> {
        let refused =
            |what: &'static str, error: RequestError| CertificateError::invalid(what, error.to_string());
        match self.request_type()? {
            RequestType::Custom | RequestType::SimpleCmc => match self.request_data() {
                Ok(request) => Ok(Pkcs10::Sent(request)),
                Err(RequestDataError::Metadata(error)) => Err(error.into()),
                Err(RequestDataError::Request(error)) => Err(refused(Self::REQUEST_DATA, error)),
            },
            RequestType::StoredKey => match &context.generated_csr {
                None => Ok(Pkcs10::Awaited),
                Some(csr) => {
                    let read = || CertificateRequest::from_pem(csr.as_str());
                    let request = context.verified.get(csr, read);
                    request
                        .map(Pkcs10::Made)
                        .map_err(|error| refused("the request from the stored key", error))
                }
            },
            _ => Ok(Pkcs10::Other),
        }
    }
}

/// The first request that was verified, with the value of type `K` for which it was read: the PEM text of the request,
/// or `()` where only one request is possible.
///
/// The type is private to this crate, so that no other code can store a request here.
#[derive(Clone)]
pub(crate) struct Verified<K>(OnceLock<(K, Arc<CertificateRequest>)>);

impl<K: Clone + PartialEq> Verified<K> {
    /// Returns the stored request if it was read for `key`, and otherwise calls `read`. Only the first request is
    /// stored.
    fn get(
        &self,
        key: &K,
        read: impl FnOnce() -> Result<CertificateRequest, RequestError>,
    ) -> Result<Arc<CertificateRequest>, RequestError> {
        match self.0.get() {
            Some((known, request)) if known == key => Ok(Arc::clone(request)),
            _ => {
                let request = Arc::new(read()?);
                let _ = self.0.set((key.clone(), Arc::clone(&request)));
                Ok(request)
            }
        }
    }
}

impl<K> Default for Verified<K> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

/// Treats all values as equal, because the types with such a field also compare the texts of the requests.
impl<K> PartialEq for Verified<K> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<K> Eq for Verified<K> {}

impl<K> fmt::Debug for Verified<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verified")
    }
}
