//! A configured certificate plugin (connection) that follows a vector: it answers whether it supports an order, and
//! records that it was asked.

use std::sync::{Mutex, PoisonError};

use keyway_certificates::{
    AuthorityName, CertificateError, OrderMetadata, OrderRequest, RequestType, RequestTypes, Support,
};
use keyway_host::orders::{Candidate, Route, RouteError, route};
use serde_json::Value;

use super::stage::run;
use crate::replay::Class;

/// A connection as a vector describes it.
pub(super) struct Scripted<'a> {
    name: AuthorityName,
    types: RequestTypes,
    supports: &'a Value,
    asked: &'a Mutex<Vec<String>>,
}

impl<'a> Scripted<'a> {
    /// Creates a connection that takes these types. `supports` is a truth value of Python, or a condition on the
    /// metadata in the form `field==value`.
    pub(super) fn new(
        name: &str,
        types: impl IntoIterator<Item = RequestType>,
        supports: &'a Value,
        asked: &'a Mutex<Vec<String>>,
    ) -> Result<Self, Class> {
        let name = AuthorityName::new(name).map_err(|_| Class::Invalid)?;
        let known = [
            RequestTypes::CUSTOM,
            RequestTypes::FULL_CMC,
            RequestTypes::SIMPLE_CMC,
            RequestTypes::STORED_KEY,
        ];
        let none = known.into_iter().find(|_| false);
        let of = |wanted: &RequestType| known.into_iter().find(|types| types.contains(wanted));
        let all = types.into_iter().filter_map(|wanted| of(&wanted));
        let types = all.fold(none, |sum, types| Some(sum.map_or(types, |sum| sum.and(types))));
        Ok(Self { name, types: types.ok_or(Class::Invalid)?, supports, asked })
    }
}

impl Candidate for Scripted<'_> {
    fn name(&self) -> &AuthorityName {
        &self.name
    }

    fn request_types(&self) -> RequestTypes {
        self.types
    }

    async fn supports(&self, request: &OrderRequest) -> Result<Support, CertificateError> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(self.name.to_string());
        let supports = match self.supports {
            Value::String(text) => match text.split_once("==") {
                Some((field, value)) => request.metadata.text(field)? == Some(value),
                None => !text.is_empty(),
            },
            other => is_true(other),
        };
        Ok(if supports { Support::Yes } else { Support::no("not this order") })
    }
}

/// Tells whether Python treats a value as true.
pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        _ => true,
    }
}

/// Chooses the authority of an order that names none.
pub(super) fn routed(candidates: &[Scripted<'_>], metadata: &Value) -> Result<Route, Class> {
    let metadata = OrderMetadata::from_json(metadata.to_string().as_bytes()).map_err(|_| Class::Invalid)?;
    run(async {
        let routed = route(candidates, None, OrderRequest::new(metadata)).await;
        routed.map_err(|error: RouteError| Class::of_kind(error.kind()))
    })
}
