//! Vectors of Barbican: the host of certificate plugins, and its validators.
//!
//! Upstream's words for sub-statuses, tasks and references are translated to the seed's words with the same meaning.
//! The engine's clock stands still, and each step of a vector is one pass over the due work.

mod ca_table;
mod candidate;
mod cert;
mod connections;
mod creator;
mod dto;
mod event;
mod fixture;
mod flow;
mod local;
mod meta;
mod meta_flow;
mod outcome;
mod route;
mod sched;
mod script;
mod select;
mod simple;
mod snakeoil;
mod stage;
mod state;
mod stored_flow;
mod stored_key;
mod subordinate;
mod update;
mod validate;

use super::{Family, Form, Scope};

/// The family of these vectors.
pub(super) const FAMILY: Family = Family {
    name: "Barbican",
    form: Form::BeginningOfId,
    kinds: &[
        ("state", Scope::Replayed(&state::State)),
        ("meta", Scope::Replayed(&meta::Meta)),
        ("flow", Scope::Replayed(&flow::Flow)),
        ("metaflow", Scope::Replayed(&meta_flow::MetaFlow)),
        ("route", Scope::Replayed(&route::Route)),
        ("select", Scope::Replayed(&select::Select)),
        ("catable", Scope::Replayed(&ca_table::Table)),
        ("validate", Scope::Replayed(&validate::Validate)),
        ("sched", Scope::Replayed(&sched::Sched)),
        ("update", Scope::Replayed(&update::Update)),
        ("event", Scope::Replayed(&event::Event)),
        ("cert", Scope::Replayed(&cert::Cert)),
        ("skcsr", Scope::Replayed(&stored_key::StoredKey)),
        ("skflow", Scope::Replayed(&stored_flow::StoredFlow)),
        ("snakeoil", Scope::Replayed(&snakeoil::SnakeOil)),
        ("simple", Scope::Replayed(&simple::Simple)),
        ("dto", Scope::Replayed(&dto::Dto)),
        ("subca", Scope::Replayed(&subordinate::Created)),
        ("delca", Scope::Replayed(&subordinate::Deleted)),
        // Kinds that concern the REST interface and its database.
        ("container", Scope::OutOfScope),
        ("caid", Scope::OutOfScope),
        ("skcontainer", Scope::OutOfScope),
        ("newca", Scope::OutOfScope),
        ("exc", Scope::OutOfScope),
        ("safemsg", Scope::OutOfScope),
        ("dnparse", Scope::OutOfScope),
        // Kinds for authorities that are reached by ACME today.
        ("dogtag", Scope::OutOfScope),
        ("symantec", Scope::OutOfScope),
    ],
};
