//! Tests which records a scan visits.

use keyway_storage::{Batch, Expectation, KeyRange};

use super::limits::TRIED;
use super::{Checked, StorageFixture, ensure, rules, text};

rules! {
    in StorageFixture;
    "STO-012" Must from ["Storage/scan"]
        "A scan returns exactly the records of its range after the given key, in the order of their keys, byte by byte."
        ranges_give_what_they_hold;
    "STO-013" Must from ["Storage/pages", "Storage/limits"]
        "A page keeps the requested limit and the engine's own, in records and bytes; it is not empty while records remain, and tells correctly whether there are more."
        pages_are_bounded;
    "STO-014" Must from ["Storage/scan", "C15"]
        "From page to page during concurrent writes, no record comes twice, and no record is left out that exists all the time."
        pages_are_stable;
}

async fn ranges_give_what_they_hold(store: &StorageFixture<'_>) -> Checked {
    let keys: [&[u8]; 8] = [&[1, 0], &[255], b"b", &[0], &[255, 255], &[254], &[1], b"ab"];
    let nothing = store.scan(&KeyRange::all(), None, 5).await?;
    ensure(nothing.entries.is_empty() && !nothing.more, "an empty page", text(&nothing))?;
    for key in keys {
        store.put(key, [key, b"!"].concat()).await?;
    }
    let mut sorted = keys;
    sorted.sort_unstable();
    let ranges = [
        KeyRange::all(),
        KeyRange::prefix([255]),
        KeyRange::prefix([1]),
        KeyRange::between([1], [254]),
        KeyRange::between([254], [1]),
        KeyRange::between([1], [1]),
        KeyRange::starting_at("b"),
    ];
    for range in &ranges {
        for after in [None, Some(&[0_u8][..]), Some(b"a"), Some(&[1]), Some(&[254]), Some(&[255, 255, 0])] {
            let expected: Vec<&[u8]> = sorted
                .into_iter()
                .filter(|key| range.contains(key) && after.is_none_or(|after| *key > after))
                .collect();
            let (mut found, mut last) = (Vec::new(), after.map(<[u8]>::to_vec));
            loop {
                let page = store.scan(range, last.as_deref(), 3).await?;
                found.extend(page.entries);
                if !page.more || found.len() > sorted.len() {
                    break;
                }
                last = found.last().map(|entry| entry.key.clone());
            }
            let right = found.len() == expected.len()
                && found
                    .iter()
                    .zip(&expected)
                    .all(|(entry, key)| entry.key == *key && entry.value == [*key, b"!"].concat());
            let wanted = format!("{range:?} after {after:?}: {expected:?}");
            ensure(right, wanted, text(&found))?;
        }
    }
    Ok(())
}

async fn pages_are_bounded(store: &StorageFixture<'_>) -> Checked {
    let limits = store.store().limits();
    for item in 0..10_u8 {
        store.put([b'p', item], [item; 3]).await?;
    }
    for limit in [0, 1, 3, 9, 10, 11, usize::MAX] {
        walk(store, &KeyRange::prefix("p"), limit, 10).await?;
    }
    let large = limits.value_bytes.min(limits.page_bytes).min(TRIED) / 4 * 3 + 1;
    for item in 0..3_u8 {
        store.put([b'q', item], vec![item; large]).await?;
    }
    walk(store, &KeyRange::prefix("q"), usize::MAX, 3).await?;
    let many: Vec<usize> = (0..limits.page_records.min(10_000) + 5).collect();
    for chunk in many.chunks(limits.items_per_batch) {
        let batch = chunk.iter().fold(Batch::new(), |batch, item| {
            batch.put([b"r", &item.to_be_bytes()[..]].concat(), "", Expectation::Absent)
        });
        store.committed(batch).await?;
    }
    walk(store, &KeyRange::prefix("r"), usize::MAX, many.len()).await
}

/// Scans a range page by page, and checks every page.
async fn walk(store: &StorageFixture<'_>, range: &KeyRange, limit: usize, records: usize) -> Checked {
    let limits = store.store().limits();
    let (mut seen, mut after) = (0, None::<Vec<u8>>);
    loop {
        let page = store.scan(range, after.as_deref(), limit).await?;
        let bytes: usize = page.entries.iter().map(|entry| entry.key.len() + entry.value.len()).sum();
        let most = limit.clamp(1, limits.page_records);
        let found = format!("{} records, {bytes} bytes", page.entries.len());
        ensure(page.entries.len() <= most, format!("at most {most} records on a page"), found.as_str())?;
        ensure(
            bytes <= limits.page_bytes || page.entries.len() == 1,
            format!("at most {} bytes, or one record, on a page", limits.page_bytes),
            found,
        )?;
        ensure(!page.entries.is_empty(), "a page with a record", "an empty page while there are records")?;
        seen += page.entries.len();
        ensure(
            page.more == (seen < records),
            format!("more: {} after {seen} of {records} records", seen < records),
            format!("more: {}", page.more),
        )?;
        if !page.more {
            return Ok(());
        }
        after = page.entries.last().map(|entry| entry.key.clone());
    }
}

async fn pages_are_stable(store: &StorageFixture<'_>) -> Checked {
    let old: Vec<u8> = (0..100).step_by(2).collect();
    for item in &old {
        store.put([*item], "old").await?;
    }
    let (mut seen, mut after) = (Vec::new(), None::<Vec<u8>>);
    loop {
        let page = store.scan(&KeyRange::all(), after.as_deref(), 7).await?;
        seen.extend(page.entries.iter().filter_map(|entry| entry.key.first().copied()));
        let Some(&last) = seen.last() else { break };
        // Writes and deletes records behind the scan, at its position and ahead of it. Deletes more records than it
        // adds, so that the positions of records change.
        store.put([last.saturating_sub(1)], "new").await?;
        store.delete([last]).await?;
        store.delete([last.saturating_sub(2)]).await?;
        if last < 90 {
            store.put([last + 1], "new").await?;
        }
        if !page.more || seen.len() > 200 {
            break;
        }
        after = Some(vec![last]);
    }
    ensure(seen.windows(2).all(|pair| pair[0] < pair[1]), "every key once, in order", text(&seen))?;
    let missing: Vec<_> = old.iter().filter(|item| !seen.contains(item)).collect();
    ensure(missing.is_empty(), "every key that was there all the time", format!("without {missing:?}"))?;
    let ahead = seen.iter().filter(|item| *item % 2 == 1).count();
    ensure(ahead > 0, "what was written ahead of the scan", text(&seen))
}
