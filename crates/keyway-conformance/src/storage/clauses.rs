//! Lists the sources of the rules for storage engines.

use crate::notation::clauses;

clauses! {
    "Storage/get" "get returns the record of a key, or none";
    "Storage/items" "a batch lists puts, deletes and checks, each with an expectation";
    "Storage/expectations" "an item expects anything, no record, or the record of a revision";
    "Storage/atomic" "a batch is applied as a whole or not at all";
    "Storage/conflict" "an expectation that does not hold is a conflict naming its item";
    "Storage/keys" "a key is not empty and unique within a batch";
    "Storage/revisions" "a revision is opaque, of one write, and never used again";
    "Storage/limits" "every engine declares its limits; 128 items and 1 MiB fit everywhere";
    "Storage/too-much" "exceeding a limit is a typed error, and nothing is written";
    "Storage/scan" "a scan returns the records of a range in the order of their keys";
    "Storage/pages" "pages are bounded in records and in bytes";
    "Storage/contention" "callers at the same time lose no update";
    "Storage/fairness" "no caller waits without end while others are served";
    "Storage/neighbours" "a large value does not slow its small neighbours";
    "Storage/crash" "a crash leaves whole batches";
    "Storage/cancel" "a dropped commit took effect as a whole or not at all";
    "C5" "errors are typed, and can be told apart";
    "C6" "a write is atomic and durable, and excludes other processes";
    "C15" "pages are stable while other callers write";
    "K1" "logs show no stored data: debug forms hold no values";
    "R1" "no runtime is required, and a waiting caller delays no other";
    "R5" "every commit of a lease's owner is conditional on its token";
}
