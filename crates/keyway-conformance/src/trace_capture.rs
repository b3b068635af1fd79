//! Captures all `tracing` output of a future, or prints that of a process, at every level.

use std::fmt::{self, Write as _};
use std::future::poll_fn;
use std::io::{self, Write as _};
use std::pin::pin;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Metadata, Subscriber, dispatcher};

use crate::lock::locked;

/// Awaits a future. Returns its result, and the traces of its polls: all events, all spans and all their fields.
pub(crate) async fn traced<T>(future: impl Future<Output = T> + Send) -> (T, String) {
    let text = Arc::new(Mutex::new(String::new()));
    let written = Arc::clone(&text);
    let dispatch = Dispatch::new(TraceCapture(move |line: &str| locked(&written).push_str(line)));
    let mut future = pin!(future);
    // Sets the subscriber around each poll, since other tasks may run on the thread between two polls.
    let value =
        poll_fn(|context| dispatcher::with_default(&dispatch, || future.as_mut().poll(context))).await;
    let text = locked(&text).clone();
    (value, text)
}

/// Prints the traces of all threads of this process to standard error. Does nothing if the program has a subscriber of
/// its own already.
pub(crate) fn print_traces() {
    let print = |line: &str| drop(io::stderr().write_all(line.as_bytes()));
    let _ = dispatcher::set_global_default(Dispatch::new(TraceCapture(print)));
}

/// Writes events and spans as lines of text.
struct TraceCapture<W>(W);

impl<W: Fn(&str)> TraceCapture<W> {
    fn write(&self, name: &str, fields: impl FnOnce(&mut Fields<'_>)) {
        let mut line = name.to_owned();
        fields(&mut Fields(&mut line));
        line.push('\n');
        (self.0)(&line);
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

impl<W: Fn(&str) + Send + Sync + 'static> Subscriber for TraceCapture<W> {
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
