//! What the nodes record about themselves: their trace events of the target `chat::record`.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::book::Book;

/// Where the records are.
pub const RECORDS: &str = "chat::record";
/// Where turmoil's span is that tells which host runs.
pub const HOSTS: &str = "turmoil";

/// Writes the records into the book.
pub struct Records(pub Book);

/// The name of a host, kept with its span.
struct Host(String);

#[derive(Default)]
struct Fields {
    name: String,
    message: String,
    person: String,
    view: u64,
    revision: u64,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Records {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().name() == "node"
            && let Some(span) = context.span(id)
        {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(Host(fields.name));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if event.metadata().target() != RECORDS {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let host = context
            .event_scope(event)
            .and_then(|mut scope| scope.find_map(|span| span.extensions().get::<Host>().map(|host| host.0.clone())));
        let Some(host) = host else { return };
        match fields.message.as_str() {
            "handed" => self.0.handed(&host, fields.person, fields.view),
            "applied" => self.0.applied(&host, fields.revision),
            _ => {}
        }
    }
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "view" => self.view = value,
            "revision" => self.revision = value,
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "name" => value.clone_into(&mut self.name),
            "person" => value.clone_into(&mut self.person),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }
}
