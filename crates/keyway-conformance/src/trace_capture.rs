//! Captures all `tracing` output of a future, at every level.

use std::fmt::{self, Write};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Metadata, Subscriber, dispatcher};

use crate::lock::locked;

/// Awaits a future. Returns its result, and the traces of its polls: all events, all spans and all their fields.
pub(crate) async fn traced<T>(future: impl Future<Output = T> + Send) -> (T, String) {
    let text = Arc::new(Mutex::new(String::new()));
    let dispatch = Dispatch::new(TraceCapture(Arc::clone(&text)));
    let mut future = pin!(future);
    // Sets the subscriber around each poll, since other tasks may run on the thread between two polls.
    let value =
        poll_fn(|context| dispatcher::with_default(&dispatch, || future.as_mut().poll(context))).await;
    let text = locked(&text).clone();
    (value, text)
}

/// Collects events and spans as text.
struct TraceCapture(Arc<Mutex<String>>);

impl TraceCapture {
    fn write(&self, name: &str, fields: impl FnOnce(&mut Fields<'_>)) {
        let mut text = locked(&self.0);
        text.push_str(name);
        fields(&mut Fields(&mut text));
        text.push('\n');
    }
}

/// Writes the fields of an event or a span.
struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, " {}={value}", field.name());
    }
}

impl Subscriber for TraceCapture {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.write(span.metadata().name(), |fields| span.record(fields));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.write("record", |fields| values.record(fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.write(event.metadata().target(), |fields| event.record(fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
