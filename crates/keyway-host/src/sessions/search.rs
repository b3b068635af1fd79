//! Walks through the candidates of a fetch, accounts outer and assets inner.
//!
//! See decision S4.

use std::sync::Arc;

use keyway_credentials::{
    Account, Asset, AssetSource, Candidate, CandidateQuestion, Candidates, Connection, CredentialError,
    CredentialStore, SessionContext, Tried,
};

use super::vault::Rules;
use crate::plugin::contain;

/// The most candidates that a fetch asks for. A list of a store's own may be longer, or endless.
pub(super) const MOST_CANDIDATES: u16 = 10_000;

/// The most names that a fetch takes from lists, since duplicates and accounts without assets are no candidates.
const MOST_NAMES: u32 = 100_000;

/// The places of a fetch's candidates. It follows from the host's rules and the connection, and is stored with the intent:
/// after a crash the same candidates are asked about, also if the rules have changed since.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Search {
    pub(super) accounts: Accounts,
    pub(super) assets: Arc<[Assets]>,
}

/// The place of the accounts.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Accounts {
    /// The account by the host's rule, if there is one.
    Given(Option<Account>),
    /// The store's own list.
    Own,
}

/// A place of assets.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Assets {
    /// An asset by the host's rules.
    Given(Asset),
    /// A generator of the store's own.
    Own(String),
}

impl Search {
    /// Applies the host's rules to a connection. A store with accounts `of_its_own` lists them itself.
    pub(super) fn of(rules: &Rules, connection: &Connection, of_its_own: bool) -> Self {
        let accounts =
            if of_its_own { Accounts::Own } else { Accounts::Given(rules.accounts.account(connection)) };
        let assets = rules.assets.assets(connection).map(|source| match source {
            AssetSource::Asset(asset) => Assets::Given(asset),
            AssetSource::Own(generator) => Assets::Own(generator.to_owned()),
        });
        Self { accounts, assets: assets.collect() }
    }

    /// Asks for one candidate.
    pub(super) fn one(candidate: Candidate) -> Self {
        let Candidate { account, asset } = candidate;
        Self { accounts: Accounts::Given(Some(account)), assets: [Assets::Given(asset)].into() }
    }
}

/// A walk through the candidates of a search, one after the other, each once.
pub(super) struct Walk {
    search: Search,
    /// The account by the rule, until it is taken.
    given: Option<Account>,
    own_accounts: Option<Candidates<Account>>,
    account: Option<Account>,
    /// The number of the next place of assets.
    place: usize,
    own_assets: Option<Candidates<Asset>>,
    tried: Tried,
    /// How many accounts and assets were taken so far.
    names: u32,
    /// How many candidates were found so far.
    pub(super) count: u16,
}

impl Walk {
    pub(super) fn new(search: Search) -> Self {
        let given = match &search.accounts {
            Accounts::Given(account) => account.clone(),
            Accounts::Own => None,
        };
        Self {
            search,
            given,
            own_accounts: None,
            account: None,
            place: 0,
            own_assets: None,
            tried: Tried::default(),
            names: 0,
            count: 0,
        }
    }

    /// Finds the next candidate, which may ask the store; `None` at the end.
    pub(super) async fn next(
        &mut self,
        store: &dyn CredentialStore,
        session: &SessionContext,
    ) -> Result<Option<Candidate>, CredentialError> {
        while self.count < MOST_CANDIDATES && self.names < MOST_NAMES {
            self.names += 1;
            let Some(account) = self.account.clone() else {
                self.account = match self.next_account(store, session).await? {
                    Some(account) => Some(account),
                    None => return Ok(None),
                };
                self.place = 0;
                continue;
            };
            let asset = if let Some(list) = &mut self.own_assets {
                let Some(asset) = list.next().await? else {
                    self.own_assets = None;
                    continue;
                };
                asset
            } else {
                let place = self.search.assets.get(self.place);
                self.place += 1;
                match place {
                    Some(Assets::Given(asset)) => asset.clone(),
                    Some(Assets::Own(generator)) => {
                        let question =
                            CandidateQuestion::assets(session.clone(), generator.as_str(), account);
                        self.own_assets = Some(store.assets(&question).await?);
                        continue;
                    }
                    None => {
                        self.account = None;
                        continue;
                    }
                }
            };
            let candidate = Candidate::new(account, asset);
            if self.tried.is_new(&candidate) {
                self.count += 1;
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }

    async fn next_account(
        &mut self,
        store: &dyn CredentialStore,
        session: &SessionContext,
    ) -> Result<Option<Account>, CredentialError> {
        if self.search.accounts != Accounts::Own {
            return Ok(self.given.take());
        }
        let list = if let Some(list) = &mut self.own_accounts {
            list
        } else {
            let question = CandidateQuestion::accounts(session.clone());
            self.own_accounts.insert(store.accounts(&question).await?)
        };
        list.next().await
    }
}

/// The lists are a plugin's, and their destructors may panic.
impl Drop for Walk {
    fn drop(&mut self) {
        let lists = (self.own_accounts.take(), self.own_assets.take());
        let _ = contain(move || drop(lists));
    }
}

#[cfg(test)]
mod tests {
    use keyway_credentials::{Capabilities, SessionId, async_trait};

    use super::*;

    /// Lists two accounts, and endless or few assets.
    #[derive(Debug)]
    struct Lists;

    #[async_trait]
    impl CredentialStore for Lists {
        fn capabilities(&self) -> Capabilities {
            Capabilities::MINIMAL.own_accounts(true).own_assets(true)
        }

        async fn accounts(&self, _: &CandidateQuestion) -> Result<Candidates<Account>, CredentialError> {
            Ok(Candidates::new(["a", "b"].into_iter().map(|name| Account::new(name).unwrap())))
        }

        async fn assets(&self, question: &CandidateQuestion) -> Result<Candidates<Asset>, CredentialError> {
            let account = question.account.clone().unwrap();
            if question.generator.as_deref() == Some("same") {
                return Ok(Candidates::new(std::iter::repeat_with(|| Asset::new("same").unwrap())));
            }
            let count = if question.generator.as_deref() == Some("endless") { u32::MAX } else { 2 };
            let asset = move |number| Asset::new(format!("{account}{number}")).unwrap();
            Ok(Candidates::new((0..count).map(asset)))
        }
    }

    fn asset(name: &str) -> Assets {
        Assets::Given(Asset::new(name).unwrap())
    }

    async fn walked(search: Search) -> Vec<String> {
        let session = SessionContext::new(Connection::new(SessionId::new("s").unwrap()));
        let (mut walk, mut seen) = (Walk::new(search), Vec::new());
        while let Some(candidate) = walk.next(&Lists, &session).await.unwrap() {
            seen.push(format!("{}@{}", candidate.account, candidate.asset));
        }
        seen
    }

    #[tokio::test]
    async fn accounts_are_outer_and_every_pair_comes_once() {
        let assets = vec![asset("x"), Assets::Own("two".into()), asset("a1"), asset("x")];
        let search = Search { accounts: Accounts::Own, assets: assets.into() };
        assert_eq!(walked(search).await, ["a@x", "a@a0", "a@a1", "b@x", "b@b0", "b@b1", "b@a1"]);
    }

    #[tokio::test]
    async fn an_endless_list_ends() {
        let assets = vec![Assets::Own("endless".into())];
        let account = Accounts::Given(Some(Account::new("a").unwrap()));
        assert_eq!(
            walked(Search { accounts: account, assets: assets.into() }).await.len(),
            usize::from(MOST_CANDIDATES)
        );
    }

    /// Such a list never ends a search, and never lets the deadline of its call end it.
    #[tokio::test]
    async fn an_endless_list_without_candidates_ends() {
        let assets = vec![Assets::Own("same".into())];
        assert_eq!(
            walked(Search { accounts: Accounts::Own, assets: assets.clone().into() }).await,
            ["a@same"]
        );
        let account = Accounts::Given(Some(Account::new("b").unwrap()));
        assert_eq!(walked(Search { accounts: account, assets: assets.into() }).await, ["b@same"]);
    }

    #[tokio::test]
    async fn without_an_account_there_is_no_candidate() {
        assert!(
            walked(Search { accounts: Accounts::Given(None), assets: [asset("x")].into() }).await.is_empty()
        );
    }
}
