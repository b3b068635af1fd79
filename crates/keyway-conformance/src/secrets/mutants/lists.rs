//! Mutants in lists.

use async_trait::async_trait;
use keyway_secrets::{
    Cursor, ListQuery, SecretAddress, SecretChange, SecretHeader, SecretPage, SecretStore, StoreError,
};

use super::warp::{Warp, Warped, mutants};

mutants! {
    SkipsAtPageEnd of FULL "skips a secret at the beginning of later pages";
    OffsetPages of FULL "counts how many secrets earlier pages held";
    AlwaysValues of FULL "lists values that nobody asked for";
    ChangedGoLast of FULL "moves a changed secret to the end of the list";
    TurnsPages of FULL "lists each page backwards";
    ListsNoEmptyValues of FULL "lists no secret whose value is empty";
    ListsOldValues of FULL "lists each value as it was when it was listed first";
    AnyCursor of FULL "begins anew after a cursor that is not its own";
}

#[async_trait]
impl Warp for SkipsAtPageEnd {
    async fn list(&self, it: &Warped, query: &ListQuery) -> Result<SecretPage, StoreError> {
        let mut page = it.store.list(query).await?;
        if query.after.is_some() && page.secrets.len() > 1 {
            page.secrets.remove(0);
        }
        Ok(page)
    }
}

#[async_trait]
impl Warp for OffsetPages {
    async fn list(&self, it: &Warped, query: &ListQuery) -> Result<SecretPage, StoreError> {
        const MARK: &[u8] = b"offset ";
        let foreign = || StoreError::invalid("the cursor", "it is not one that this store gave");
        let offset = match &query.after {
            None => 0,
            Some(cursor) => {
                let number =
                    cursor.as_bytes().strip_prefix(MARK).and_then(|text| std::str::from_utf8(text).ok());
                number.and_then(|text| text.parse::<usize>().ok()).ok_or_else(foreign)?
            }
        };
        let mut all = query.clone().limit(usize::MAX);
        all.after = None;
        let mut page = it.store.list(&all).await?;
        page.secrets.drain(..offset.min(page.secrets.len()));
        if page.secrets.len() > query.limit {
            page.secrets.truncate(query.limit);
            let next = offset + query.limit;
            page.next = Some(Cursor::from_bytes([MARK, next.to_string().as_bytes()].concat()));
        }
        Ok(page)
    }
}

#[async_trait]
impl Warp for AlwaysValues {
    async fn list(&self, it: &Warped, query: &ListQuery) -> Result<SecretPage, StoreError> {
        it.store.list(&query.clone().with_values()).await
    }
}

#[async_trait]
impl Warp for ChangedGoLast {
    async fn modify(
        &self,
        it: &Warped,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        let header = it.store.modify(address, change).await?;
        it.store
            .change(|content| {
                let (at, place) = (content.find(address)?, content.number());
                content.secrets[at].place = place;
                Ok(())
            })
            .await?;
        Ok(header)
    }
}

#[async_trait]
impl Warp for TurnsPages {
    async fn list(&self, it: &Warped, query: &ListQuery) -> Result<SecretPage, StoreError> {
        let mut page = it.store.list(query).await?;
        page.secrets.reverse();
        Ok(page)
    }
}

#[async_trait]
impl Warp for AnyCursor {
    async fn list(&self, it: &Warped, query: &ListQuery) -> Result<SecretPage, StoreError> {
        match it.store.list(query).await {
            Err(StoreError::Invalid { .. }) => {
                let mut query = query.clone();
                query.after = None;
                it.store.list(&query).await
            }
            other => other,
        }
    }
}

#[async_trait]
impl Warp for ListsNoEmptyValues {
    async fn list(&self, it: &Warped, query: &ListQuery) -> Result<SecretPage, StoreError> {
        let mut page = it.store.list(&query.clone().with_values()).await?;
        page.secrets.retain(|listed| {
            listed.value.as_ref().and_then(keyway_core::SecretValue::expose_text) != Some("")
        });
        if !query.with_values {
            page.secrets.iter_mut().for_each(|listed| listed.value = None);
        }
        Ok(page)
    }
}

#[async_trait]
impl Warp for ListsOldValues {
    async fn list(&self, it: &Warped, query: &ListQuery) -> Result<SecretPage, StoreError> {
        let mut page = it.store.list(query).await?;
        let mut first = it.notes.values();
        for listed in page.secrets.iter_mut().filter(|listed| listed.value.is_some()) {
            let value = first.entry(listed.header.address.clone()).or_insert_with(|| listed.value.clone());
            listed.value = value.clone();
        }
        Ok(page)
    }
}
