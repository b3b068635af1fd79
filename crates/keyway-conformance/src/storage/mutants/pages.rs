//! Mutants with faults in pages.

use std::thread;
use std::time::Duration;

use keyway_storage::Limits;

use super::{StorageSubject, engine_mutant, mutants, operation};
use crate::lock::locked;

mutants! {
    for StorageSubject, by engine_mutant;
    PagesBackwards breaks ["STO-012"] "pages come backwards"
        (|engine| engine.habits.page = |page, _, _| page.entries.reverse())
    LeavesTheStartOut breaks ["STO-012"] "the first key of a range is left out"
        (|engine| engine.habits.page = |page, range, _| page.entries.retain(|entry| entry.key != range.start()))
    IgnoresPageBytes breaks ["STO-013"] "pages are as large as the caller wants"
        (|engine| engine.habits.enforced = |limits| Limits { page_bytes: usize::MAX, ..limits })
    IgnoresPageLimits breaks ["STO-013"] "the limit of a page is forgotten"
        (scan |mutant, range, after, _limit| mutant.engine.page(range, after, 0, usize::MAX))
    GuessesMore breaks ["STO-013"] "a full page says that there is more"
        (|engine| engine.habits.page = |page, _, limit| page.more |= page.entries.len() == limit)
    PagesByPosition breaks ["STO-014"] "a page begins after as many records as were handed out"
        (scan |mutant, range, after, limit| {
            let mut passed = locked(&mutant.passed);
            let skipped = after.and_then(|after| passed.get(after)).copied();
            let after = after.filter(|_| skipped.is_none());
            let page = mutant.engine.page(range, after, skipped.unwrap_or_default(), limit)?;
            if let Some(last) = page.entries.last() {
                passed.insert(last.key.clone(), skipped.unwrap_or_default() + page.entries.len());
            }
            Ok(page)
        })
    TornPages breaks ["STO-015"] "a page is read record by record, while others write"
        (scan |mutant, range, after, limit| {
            let mut whole = mutant.engine.page(range, after, 0, 1)?;
            while whole.more && whole.entries.len() < limit.clamp(1, Limits::MINIMUM.page_records) {
                thread::sleep(Duration::from_micros(300));
                let after = whole.entries.last().map(|entry| entry.key.clone());
                let page = mutant.engine.page(range, after.as_deref(), 0, 1)?;
                whole.entries.extend(page.entries);
                whole.more = page.more;
            }
            Ok(whole)
        })
}
