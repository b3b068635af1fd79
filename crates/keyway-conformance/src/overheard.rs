//! Everything that `tracing` is told while a future runs, at every level.

use std::fmt::{self, Write};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Metadata, Subscriber, dispatcher};

/// Runs a future and answers what was traced meanwhile on its thread: all events, all spans
/// and all their fields.
pub(crate) async fn overheard<T>(future: impl Future<Output = T> + Send) -> (T, String) {
    let text = Arc::new(Mutex::new(String::new()));
    let dispatch = Dispatch::new(Ear(Arc::clone(&text)));
    let mut future = pin!(future);
    // Around each poll and not around the whole, since others may run on the thread between.
    let value =
        poll_fn(|context| dispatcher::with_default(&dispatch, || future.as_mut().poll(context))).await;
    let text = text.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (value, text)
}

struct Ear(Arc<Mutex<String>>);

impl Ear {
    fn hear(&self, name: &str, fields: impl FnOnce(&mut Words<'_>)) {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.push_str(name);
        fields(&mut Words(&mut text));
        text.push('\n');
    }
}

struct Words<'a>(&'a mut String);

impl Visit for Words<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, " {}={value}", field.name());
    }
}

impl Subscriber for Ear {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.hear(span.metadata().name(), |words| span.record(words));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.hear("record", |words| values.record(words));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.hear(event.metadata().target(), |words| event.record(words));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
