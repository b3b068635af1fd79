//! Walks through the candidates of a fetch: an outer loop over accounts, and an inner one over assets.
//!
//! See decision S4.

use std::convert::Infallible;
use std::sync::Arc;

use keyway_credentials::{
    Account, Asset, AssetSource, Candidate, CandidateQuestion, Candidates, Connection, CredentialError,
    CredentialStore, FetchOutcome, SessionContext,
};

use super::vault::Rules;
use crate::plugin::contain;

/// The maximum number of candidates that a fetch asks for. A store's own list may be longer, or endless.
pub(super) const MOST_CANDIDATES: u16 = 10_000;

/// The maximum number of names that a fetch takes from lists. It is larger than the number of candidates, since
/// duplicates and accounts without assets are not candidates.
const MOST_NAMES: u32 = 100_000;

/// The sources of a fetch's candidates, by the host's rules and the connection. They are stored with the intent, so
/// that after a crash the host asks about the same candidates even if the rules have changed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Search {
    pub(super) accounts: Accounts,
    pub(super) assets: Arc<[Assets]>,
}

/// The source of the accounts.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Accounts {
    /// The account by the host's rule, if the rule finds one.
    Given(Option<Account>),
    /// The store's own list.
    Own,
}

/// A source of assets.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Assets {
    /// An asset by the host's rules.
    Given(Asset),
    /// A generator of the store itself, by name.
    Own(String),
}

impl Search {
    /// Applies the host's rules to a connection. If the store has accounts `of_its_own`, it lists them itself.
    pub(super) fn of(rules: &Rules, connection: &Connection, of_its_own: bool) -> Self {
        let accounts =
            if of_its_own { Accounts::Own } else { Accounts::Given(rules.accounts.account(connection)) };
        let assets = rules.assets.assets(connection).map(|source| match source {
            AssetSource::Asset(asset) => Assets::Given(asset),
            AssetSource::Own(generator) => Assets::Own(generator.to_owned()),
        });
        Self { accounts, assets: assets.collect() }
    }

    /// Creates a search for one candidate.
    pub(super) fn one(candidate: Candidate) -> Self {
        let Candidate { account, asset } = candidate;
        Self { accounts: Accounts::Given(Some(account)), assets: [Assets::Given(asset)].into() }
    }
}

/// The outcome of a candidate that has no credentials.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Attempt {
    /// The account and the asset.
    pub candidate: Candidate,
    /// The outcome, which is not `Found`.
    pub outcome: FetchOutcome<Infallible>,
}

/// A walk through the candidates of a search. It visits each candidate once.
pub(super) struct Walk {
    /// The sources. The walk takes the account of [`Accounts::Given`] out of them.
    search: Search,
    own_accounts: Option<Candidates<Account>>,
    account: Option<Account>,
    /// The number of the next source of assets. While the walk reads a store's list of assets, this is the number of
    /// that source.
    place: usize,
    own_assets: Option<Candidates<Asset>>,
    /// The asset that was read last from the store's list, until it becomes part of a candidate.
    own_asset: Option<Asset>,
    /// The candidates that the walk has visited, each with its outcome if the store was asked for the candidate.
    tried: Vec<(Candidate, Option<FetchOutcome<Infallible>>)>,
    /// The numbers of the candidates in `tried`, sorted by name, to find a repeated candidate.
    sorted: Vec<u16>,
    /// The position in `sorted` at which the last candidate is to be inserted.
    at: usize,
    /// How many accounts and assets were taken so far.
    names: u32,
    /// How many candidates were found so far.
    pub(super) count: u16,
}

/// The next step of a walk.
enum Next {
    Candidate(Candidate),
    /// The next name is in the store's own list.
    Own,
    End,
}

impl Walk {
    pub(super) fn new(search: Search) -> Self {
        Self {
            search,
            own_accounts: None,
            account: None,
            place: 0,
            own_assets: None,
            own_asset: None,
            tried: Vec::new(),
            sorted: Vec::new(),
            at: 0,
            names: 0,
            count: 0,
        }
    }

    /// Finds the next candidate without asking the store.
    fn next_given(&mut self) -> Next {
        while self.count < MOST_CANDIDATES && self.names < MOST_NAMES {
            let Some(account) = &self.account else {
                self.account = match &mut self.search.accounts {
                    Accounts::Own => return Next::Own,
                    Accounts::Given(account) => account.take(),
                };
                if self.account.is_none() {
                    return Next::End;
                }
                continue;
            };
            let asset = match (self.own_asset.take(), self.search.assets.get(self.place)) {
                (Some(asset), _) => asset,
                (None, Some(Assets::Own(_))) => return Next::Own,
                (None, Some(Assets::Given(asset))) => {
                    self.place += 1;
                    asset.clone()
                }
                (None, None) => {
                    (self.account, self.place) = (None, 0);
                    continue;
                }
            };
            self.names += 1;
            let candidate = Candidate::new(account.clone(), asset);
            // Assets differ more often than accounts, so they are compared first.
            let by_name = |number: &u16| {
                let (tried, _) = &self.tried[usize::from(*number)];
                tried.asset.cmp(&candidate.asset).then_with(|| tried.account.cmp(&candidate.account))
            };
            if let Err(at) = self.sorted.binary_search_by(by_name) {
                self.at = at;
                self.count += 1;
                return Next::Candidate(candidate);
            }
        }
        Next::End
    }

    /// Finds the next candidate; `None` at the end. The function may read the store's own lists.
    pub(super) async fn next(
        &mut self,
        store: &dyn CredentialStore,
        session: &SessionContext,
    ) -> Result<Option<Candidate>, CredentialError> {
        loop {
            match self.next_given() {
                Next::Candidate(candidate) => return Ok(Some(candidate)),
                Next::End => return Ok(None),
                Next::Own => self.ask(store, session).await?,
            }
        }
    }

    /// Takes the next name from the store's own list.
    async fn ask(
        &mut self,
        store: &dyn CredentialStore,
        session: &SessionContext,
    ) -> Result<(), CredentialError> {
        let Some(account) = &self.account else {
            let list = if let Some(list) = &mut self.own_accounts {
                list
            } else {
                let question = CandidateQuestion::accounts(session.clone());
                self.own_accounts.insert(store.accounts(&question).await?)
            };
            self.account = list.next().await?;
            self.names += 1;
            if self.account.is_none() {
                self.search.accounts = Accounts::Given(None);
            }
            return Ok(());
        };
        let list = match (&mut self.own_assets, self.search.assets.get(self.place)) {
            (Some(list), _) => list,
            (none, Some(Assets::Own(generator))) => {
                let question =
                    CandidateQuestion::assets(session.clone(), generator.as_str(), account.clone());
                none.insert(store.assets(&question).await?)
            }
            (None, _) => return Ok(()),
        };
        self.own_asset = list.next().await?;
        if self.own_asset.is_none() {
            (self.own_assets, self.place) = (None, self.place + 1);
        }
        Ok(())
    }

    /// Records the candidate that the walk returned last, with its outcome if it was asked for.
    pub(super) fn tried(&mut self, candidate: Candidate, outcome: Option<FetchOutcome<Infallible>>) {
        self.sorted.insert(self.at, u16::try_from(self.tried.len()).unwrap_or(u16::MAX));
        self.tried.push((candidate, outcome));
    }

    /// Returns the outcomes of the candidates that were asked for.
    pub(super) fn attempts(mut self) -> Vec<Attempt> {
        let attempt = |(candidate, outcome): (_, Option<_>)| Some(Attempt { candidate, outcome: outcome? });
        std::mem::take(&mut self.tried).into_iter().filter_map(attempt).collect()
    }
}

/// The lists belong to a plugin, and their destructors may panic.
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

    /// A store that lists two accounts, and either an endless or a short list of assets.
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
            walk.tried(candidate, None);
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

    /// Tests that an endless list without new candidates neither makes the search endless, nor lets it run into the
    /// deadline of its call.
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
