//! Lists the sources of the rules for storage engines.

use crate::Clause;

/// The clauses of the storage trait and the decisions that an engine can keep or break.
pub(super) const CLAUSES: &[Clause] = &[
    Clause { id: "Storage/get", text: "get returns the record of a key, or none" },
    Clause { id: "Storage/items", text: "a batch lists puts, deletes and checks, each with an expectation" },
    Clause {
        id: "Storage/expectations",
        text: "an item expects anything, no record, or the record of a revision",
    },
    Clause { id: "Storage/atomic", text: "a batch is applied as a whole or not at all" },
    Clause {
        id: "Storage/conflict",
        text: "an expectation that does not hold is a conflict naming its item",
    },
    Clause { id: "Storage/keys", text: "a key is not empty and unique within a batch" },
    Clause { id: "Storage/revisions", text: "a revision is opaque, of one write, and never used again" },
    Clause {
        id: "Storage/limits",
        text: "every engine declares its limits; 128 items and 1 MiB fit everywhere",
    },
    Clause { id: "Storage/too-much", text: "exceeding a limit is a typed error, and nothing is written" },
    Clause { id: "Storage/scan", text: "a scan returns the records of a range in the order of their keys" },
    Clause { id: "Storage/pages", text: "pages are bounded in records and in bytes" },
    Clause { id: "Storage/contention", text: "callers at the same time lose no update" },
    Clause { id: "Storage/fairness", text: "no caller waits without end while others are served" },
    Clause { id: "Storage/neighbours", text: "a large value does not slow its small neighbours" },
    Clause { id: "Storage/crash", text: "a crash leaves whole batches" },
    Clause { id: "Storage/cancel", text: "a dropped commit took effect as a whole or not at all" },
    Clause { id: "C5", text: "errors are typed, and can be told apart" },
    Clause { id: "C6", text: "a write is atomic and durable, and excludes other processes" },
    Clause { id: "C15", text: "pages are stable while other callers write" },
    Clause { id: "K1", text: "logs show no stored data: debug forms hold no values" },
    Clause { id: "R1", text: "no runtime is required, and a waiting caller delays no other" },
    Clause { id: "R5", text: "every commit of a lease's owner is conditional on its token" },
];
