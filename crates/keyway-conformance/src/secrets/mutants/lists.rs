//! Mutants with faults in lists.

use keyway_core::SecretValue;
use keyway_secrets::{Cursor, SecretStore, StoreError};

use super::{SecretStoreSubject, mutants, operation, store_mutant};
use crate::lock::locked;

mutants! {
    for SecretStoreSubject, by store_mutant;
    SkipsAtPageEnd breaks ["SEC-070"] "skips a secret at the beginning of later pages"
        (list |mutant, query| {
            let mut page = mutant.store.list(query).await?;
            if query.after.is_some() && page.secrets.len() > 1 {
                page.secrets.remove(0);
            }
            Ok(page)
        })
    OffsetPages breaks ["SEC-071", "SEC-213"] "counts how many secrets earlier pages held"
        (list |mutant, query| {
            const MARK: &[u8] = b"offset ";
            let foreign = || StoreError::invalid("the cursor", "it does not come from this store");
            let number = |cursor: &Cursor| {
                let text = cursor.as_bytes().strip_prefix(MARK).and_then(|text| std::str::from_utf8(text).ok());
                text.and_then(|text| text.parse::<usize>().ok()).ok_or_else(foreign)
            };
            let offset = query.after.as_ref().map_or(Ok(0), number)?;
            let mut all = query.clone().limit(usize::MAX);
            all.after = None;
            let mut page = mutant.store.list(&all).await?;
            page.secrets.drain(..offset.min(page.secrets.len()));
            if page.secrets.len() > query.limit {
                page.secrets.truncate(query.limit);
                let next = offset + query.limit;
                page.next = Some(Cursor::from_bytes([MARK, next.to_string().as_bytes()].concat()));
            }
            Ok(page)
        })
    AlwaysValues breaks ["SEC-072"] "lists values without being asked to"
        (list |mutant, query| mutant.store.list(&query.clone().with_values()).await)
    ChangedGoLast breaks ["SEC-073"] "moves a changed secret to the end of the list"
        (modify |mutant, address, change| {
            let header = mutant.store.modify(address, change).await?;
            let moved = mutant.store.change(|content| {
                let (at, place) = (content.find(address)?, content.number());
                content.secrets[at].place = place;
                Ok(())
            });
            moved.await.map(|()| header)
        })
    TurnsPages breaks ["SEC-074"] "lists each page backwards"
        (list |mutant, query| {
            let mut page = mutant.store.list(query).await?;
            page.secrets.reverse();
            Ok(page)
        })
    ListsNoEmptyValues breaks ["SEC-210"] "lists no secret whose value is empty"
        (list |mutant, query| {
            let mut page = mutant.store.list(&query.clone().with_values()).await?;
            let text = |value: &Option<SecretValue>| value.as_ref().and_then(SecretValue::expose_text) == Some("");
            page.secrets.retain(|listed| !text(&listed.value));
            if !query.with_values {
                page.secrets.iter_mut().for_each(|listed| listed.value = None);
            }
            Ok(page)
        })
    ListsOldValues breaks ["SEC-210"] "lists each value as it was when it was listed first"
        (list |mutant, query| {
            let mut page = mutant.store.list(query).await?;
            let mut first = locked(&mutant.notes.values);
            for listed in page.secrets.iter_mut().filter(|listed| listed.value.is_some()) {
                let address = listed.header.address.clone();
                listed.value = first.entry(address).or_insert_with(|| listed.value.clone()).clone();
            }
            Ok(page)
        })
    AnyCursor breaks ["SEC-075"] "begins anew after a cursor that is not its own"
        (list |mutant, query| match mutant.store.list(query).await {
            Err(StoreError::Invalid { .. }) => {
                let mut query = query.clone();
                query.after = None;
                mutant.store.list(&query).await
            }
            other => other,
        })
}
