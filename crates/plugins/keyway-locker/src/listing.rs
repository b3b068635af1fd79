//! Lists secrets and environments page by page, in the order of the service's ids.
//!
//! Each page is cut from the list of all items, because the service cannot continue after a given item. So the pages
//! never skip or repeat an item that stays in the project. The list of secrets is kept between pages (decision H272).

use std::time::Instant;

use keyway_secrets::{
    Cursor, EnvironmentFilter, EnvironmentPage, ListQuery, ListedSecret, SecretAddress, SecretPage,
    StoreError,
};

use crate::answer::Record;
use crate::environment_record::EnvironmentRecord;
use crate::items::Items;
use crate::secret_record::SecretRecord;
use crate::session::Session;

/// Lists secrets.
pub(crate) fn secrets(
    session: &Session,
    query: &ListQuery,
    until: Instant,
) -> Result<SecretPage, StoreError> {
    let after = query
        .after
        .as_ref()
        .map(|cursor| id_in(cursor, Items::Secrets, session.profile.project))
        .transpose()?;
    let all = session.all_secrets(until)?;
    let start = after.map_or(0, |after| all.records.partition_point(|record| record.id() <= after));
    let mut page = SecretPage { secrets: Vec::new(), next: None };
    let mut last = None;
    for record in &all.records[start..] {
        let address = record.address(&session.key)?;
        if !is_chosen(&query.environment, &address) {
            continue;
        }
        if page.secrets.len() >= query.limit.max(1) {
            page.next = last.map(|id| cursor(id, Items::Secrets, session.profile.project));
            break;
        }
        let value = query.with_values.then(|| record.value(&session.key)).transpose()?;
        page.secrets.push(ListedSecret { header: record.header_at(address, &session.key)?, value });
        last = Some(record.id());
    }
    if let EnvironmentFilter::In(environment) = &query.environment
        && page.secrets.is_empty()
        && !any_chosen(session, &all.records[..start], &query.environment)?
    {
        session.check_environment(environment, all.begun, until)?;
    }
    if page.next.is_some() {
        session.keep_list(&all, until);
    } else {
        session.list.clear();
    }
    Ok(page)
}

fn is_chosen(filter: &EnvironmentFilter, address: &SecretAddress) -> bool {
    match filter {
        EnvironmentFilter::All => true,
        EnvironmentFilter::Shared => address.environment.is_none(),
        EnvironmentFilter::In(chosen) => address.environment.as_ref() == Some(chosen),
    }
}

fn any_chosen(
    session: &Session,
    records: &[SecretRecord],
    filter: &EnvironmentFilter,
) -> Result<bool, StoreError> {
    for record in records {
        if is_chosen(filter, &record.address(&session.key)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Lists environments.
pub(crate) fn environments(
    session: &Session,
    after: Option<&Cursor>,
    limit: usize,
    until: Instant,
) -> Result<EnvironmentPage, StoreError> {
    let after =
        after.map(|cursor| id_in(cursor, Items::Environments, session.profile.project)).transpose()?;
    let records: Vec<EnvironmentRecord> = session.items(Items::Environments, "", until)?.records;
    let rest: Vec<_> =
        records.iter().filter(|record| after.is_none_or(|after| record.id() > after)).collect();
    let page = &rest[..rest.len().min(limit.max(1))];
    let environments =
        page.iter().map(|record| record.environment(&session.key)).collect::<Result<_, _>>()?;
    let last = page.last().filter(|_| page.len() < rest.len());
    let next = last.map(|record| cursor(record.id(), Items::Environments, session.profile.project));
    Ok(EnvironmentPage { environments, next })
}

/// Makes a cursor: the list, the project, and the id of the last item.
fn cursor(id: &str, items: Items, project: u64) -> Cursor {
    Cursor::from_bytes(format!("{}:{project}:{id}", items.path()))
}

/// Returns the id in a cursor of this list.
fn id_in(cursor: &Cursor, items: Items, project: u64) -> Result<&str, StoreError> {
    let id = std::str::from_utf8(cursor.as_bytes()).ok().and_then(|text| {
        let rest = text.strip_prefix(items.path())?.strip_prefix(':')?;
        rest.strip_prefix(&*project.to_string())?.strip_prefix(':')
    });
    id.ok_or_else(|| {
        StoreError::invalid("the cursor", "it is not one of this list: list again from the start")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_leads_to_its_own_list_only(id in "[A-Za-z0-9_-]{1,40}", project: u64, other: u64) {
            prop_assume!(project != other);
            let made = cursor(&id, Items::Secrets, project);
            prop_assert_eq!(id_in(&made, Items::Secrets, project).unwrap(), id);
            prop_assert!(id_in(&made, Items::Secrets, other).is_err());
            prop_assert!(id_in(&made, Items::Environments, project).is_err());
        }

        #[test]
        fn no_cursor_causes_a_panic(bytes: Vec<u8>) {
            let _ = id_in(&Cursor::from_bytes(bytes), Items::Secrets, 1);
        }
    }
}
