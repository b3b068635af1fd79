//! Tests that lists are complete and stable, and contain values only on request.

use std::collections::{BTreeMap, BTreeSet};

use keyway_secrets::{Cursor, ListQuery, SecretAddress, SecretChange, SecretStore};

use super::{
    Answer, Broken, Checked, INSERTION_ORDER, Invalid, StoreFixture, at, ensure, fill, list_all, new, rules,
    text,
};

rules! {
    in StoreFixture;
    "SEC-070" Must from ["Convection/list", "Locker/list", "C15"]
        "The pages of a list hold each secret once; no page but the last is empty, and the list ends."
        pages_are_complete;
    "SEC-071" Must from ["C15"]
        "A secret that exists from the first page to the last is in exactly one page, while others create, change and destroy secrets."
        pages_are_stable;
    "SEC-072" Must from ["Convection/list", "Locker/list"]
        "A list holds the same values as `get` if the query asks for values, and none otherwise."
        values_come_when_asked;
    "SEC-073" Must needs INSERTION_ORDER from ["C15", "Principle/declared"]
        "A list in insertion order holds the secrets in the order of their creation, whatever changed since."
        insertion_order;
    "SEC-074" Must from ["C15"]
        "Without writes, every list has the same order, for every page size."
        order_is_stable;
    "SEC-075" Must from ["C15", "Locker/errors"]
        "A foreign cursor is refused as `Invalid`."
        foreign_cursors_are_refused;
}

/// Lists cursors that the store did not make.
pub(super) fn foreign_cursors() -> Vec<Cursor> {
    vec![
        Cursor::from_bytes(*b""),
        Cursor::from_bytes(*b"not a cursor of any store"),
        Cursor::from_bytes([0xff; 7]),
    ]
}

fn names(count: usize) -> Vec<String> {
    // Five or more names are not in alphabetical order, so that a store that sorts its lists by name fails.
    (0..count)
        .map(|number| format!("{}-{number}", (b'a' + u8::try_from(number * 7 % 26).unwrap_or(0)) as char))
        .collect()
}

async fn filled(fixture: &StoreFixture<'_>, count: usize) -> Result<Vec<String>, Broken> {
    let store = fixture.initialized().await?;
    let names = names(count);
    fill(&store, &names.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    Ok(names)
}

async fn addresses(store: &dyn SecretStore, limit: usize) -> Result<Vec<SecretAddress>, Broken> {
    let listed = list_all(store, &ListQuery::all().limit(limit)).await?;
    Ok(listed.into_iter().map(|listed| listed.header.address).collect())
}

async fn pages_are_complete(fixture: &StoreFixture<'_>) -> Checked {
    let names = filled(fixture, 13).await?;
    let wanted: BTreeSet<_> = names.iter().map(|name| at(name)).collect();
    let store = fixture.open()?;
    for limit in [1, 2, 5, 12, 13, 14, 1000] {
        let listed = addresses(&store, limit).await?;
        let distinct: BTreeSet<_> = listed.iter().cloned().collect();
        let observed = format!("{} entries, {} of them distinct", listed.len(), distinct.len());
        let expected = format!("each of 13 once in pages of {limit}");
        ensure(distinct == wanted && listed.len() == 13, expected, observed)?;
    }
    if !store.capabilities().destroys {
        return Ok(());
    }
    for name in &names {
        store.destroy(&at(name), None).await.works("a destruction")?;
    }
    let page = store.list(&ListQuery::all()).await.works("a list of nothing")?;
    let observed = format!("{} secrets, more: {}", page.secrets.len(), page.next.is_some());
    ensure(page.secrets.is_empty() && page.next.is_none(), "an empty page, and no more", observed)
}

async fn pages_are_stable(fixture: &StoreFixture<'_>) -> Checked {
    for round in 0..6 {
        let fixture = fixture.fresh()?;
        let mut staying: BTreeSet<String> = filled(&fixture, 14).await?.into_iter().collect();
        let (reader, writer) = (fixture.open()?, fixture.open()?);
        let mut seen: BTreeMap<SecretAddress, usize> = BTreeMap::new();
        let mut query = ListQuery::all().limit(3);
        let mut page_number = 0;
        loop {
            let page = reader.list(&query).await.works("a page")?;
            for listed in &page.secrets {
                *seen.entry(listed.header.address.clone()).or_default() += 1;
            }
            let Some(next) = page.next else { break };
            query.after = Some(next);
            page_number += 1;
            // Between two pages, other callers write to secrets that were already listed, and to other secrets.
            let victim = usize::try_from(fixture.random() % staying.len() as u64).unwrap_or(0);
            if let Some(name) = staying.iter().nth(victim).cloned()
                && writer.capabilities().destroys
            {
                writer.destroy(&at(&name), None).await.works("a destruction")?;
                staying.remove(&name);
            }
            let changed = usize::try_from(fixture.random() % staying.len() as u64).unwrap_or(0);
            if let Some(name) = staying.iter().nth(changed) {
                writer.modify(&at(name), SecretChange::value(text("changed"))).await.works("a change")?;
            }
            let letter = (b'a' + u8::try_from(fixture.random() % 26).unwrap_or(0)) as char;
            let name = format!("{letter} new {round} {page_number}");
            writer.create(new(&name, "v")).await.works("a creation")?;
            ensure(page_number < 40, "a list that ends", "40 pages of 3 and still a cursor")?;
        }
        for name in &staying {
            let times = seen.get(&at(name)).copied().unwrap_or(0);
            ensure(times == 1, format!("{} in exactly one page", at(name)), format!("in {times}"))?;
        }
        if let Some((address, times)) = seen.iter().find(|(_, times)| **times > 1) {
            ensure(false, format!("{address} in one page at most"), format!("in {times}"))?;
        }
    }
    Ok(())
}

async fn values_come_when_asked(fixture: &StoreFixture<'_>) -> Checked {
    filled(fixture, 5).await?;
    let store = fixture.open()?;
    for listed in list_all(&store, &ListQuery::all().limit(2)).await? {
        ensure(listed.value.is_none(), "no value that was not asked for", "a value")?;
    }
    let with_values = list_all(&store, &ListQuery::all().with_values().limit(2)).await?;
    ensure(with_values.len() == 5, "5 secrets", with_values.len().to_string())?;
    for listed in with_values {
        let read = store.get(&listed.header.address).await.works("reading what was listed")?;
        let same = listed.value.is_some_and(|value| value.same_as(&read.value));
        ensure(same, "the value that `get` answers", "another one, or none")?;
        ensure(listed.header == read.header, format!("{:?}", read.header), format!("{:?}", listed.header))?;
    }
    Ok(())
}

async fn insertion_order(fixture: &StoreFixture<'_>) -> Checked {
    let mut names = filled(fixture, 9).await?;
    let store = fixture.open()?;
    store.modify(&at(&names[2]), SecretChange::value(text("changed"))).await.works("a change")?;
    if store.capabilities().destroys {
        store.destroy(&at(&names[4]), None).await.works("a destruction")?;
        let again = names.remove(4);
        store.create(new(&again, "again")).await.works("a creation")?;
        names.push(again);
    }
    let wanted: Vec<_> = names.iter().map(|name| at(name)).collect();
    for limit in [2, 100] {
        let listed = addresses(&fixture.open()?, limit).await?;
        ensure(listed == wanted, format!("{wanted:?}"), format!("{listed:?}"))?;
    }
    Ok(())
}

async fn order_is_stable(fixture: &StoreFixture<'_>) -> Checked {
    filled(fixture, 9).await?;
    let first = addresses(&fixture.open()?, 100).await?;
    for limit in [1, 4, 100] {
        let again = addresses(&fixture.open()?, limit).await?;
        ensure(first == again, format!("{first:?}"), format!("{again:?} in pages of {limit}"))?;
    }
    Ok(())
}

async fn foreign_cursors_are_refused(fixture: &StoreFixture<'_>) -> Checked {
    filled(fixture, 3).await?;
    let store = fixture.open()?;
    for cursor in foreign_cursors() {
        let answer = store.list(&ListQuery::all().after(cursor)).await;
        answer.refused("`list` after a foreign cursor", &[Invalid])?;
    }
    Ok(())
}
