//! Candidates, each an account at an asset, and the lists of accounts and assets from which a host makes candidates.

use std::fmt;
use std::task::Poll;

use async_trait::async_trait;

use crate::{Account, Asset, CredentialError, SessionContext};

/// An account at an asset: one of the "account, asset pairs" of the seed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Candidate {
    /// The account.
    pub account: Account,
    /// The asset.
    pub asset: Asset,
}

impl Candidate {
    /// Creates a candidate.
    pub const fn new(account: Account, asset: Asset) -> Self {
        Self { account, asset }
    }
}

/// The question by which a host asks a store for accounts or assets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CandidateQuestion {
    /// The session.
    pub session: SessionContext,
    /// The name of the generator in the host's configuration. `None` in a question about accounts.
    pub generator: Option<String>,
    /// The account whose assets are asked for. `None` in a question about accounts.
    pub account: Option<Account>,
}

impl CandidateQuestion {
    /// Creates the question about the accounts of a session.
    pub const fn accounts(session: SessionContext) -> Self {
        Self { session, generator: None, account: None }
    }

    /// Creates the question to a generator about the assets of an account.
    pub fn assets(session: SessionContext, generator: impl Into<String>, account: Account) -> Self {
        Self { session, generator: Some(generator.into()), account: Some(account) }
    }
}

/// A lazy list of accounts or assets (decision S4).
///
/// The host asks for the next item only after it tried the previous one without success. So an error of the list does
/// not undo the earlier attempts. Every iterator that is `Send` is a lazy list.
#[async_trait]
pub trait CandidateStream<T>: Send {
    /// Returns the next item, or `None` at the end.
    ///
    /// # Errors
    /// An error ends the search, as an error of a fetch does. The host does not ask this list again.
    ///
    /// # Cancel safety
    /// A host may drop the future. It then drops the list too.
    async fn next(&mut self) -> Result<Option<T>, CredentialError>;

    /// Returns the next item if the list knows it already, and `Pending` otherwise. The default always returns
    /// `Pending`, so the host awaits [`next`](Self::next).
    fn next_ready(&mut self) -> Poll<Option<T>> {
        Poll::Pending
    }
}

#[async_trait]
impl<T: Send, I: Iterator<Item = T> + Send> CandidateStream<T> for I {
    async fn next(&mut self) -> Result<Option<T>, CredentialError> {
        Ok(Iterator::next(self))
    }

    fn next_ready(&mut self) -> Poll<Option<T>> {
        Poll::Ready(Iterator::next(self))
    }
}

/// A lazy list in a box, as the operations of a store return it.
pub struct Candidates<T>(Box<dyn CandidateStream<T>>);

impl<T> Candidates<T> {
    /// Wraps a list.
    pub fn new(list: impl CandidateStream<T> + 'static) -> Self {
        Self(Box::new(list))
    }

    /// Returns the next item, or `None` at the end.
    ///
    /// # Errors
    /// See [`CandidateStream::next`].
    ///
    /// # Cancel safety
    /// See [`CandidateStream::next`].
    pub async fn next(&mut self) -> Result<Option<T>, CredentialError> {
        match self.0.next_ready() {
            Poll::Ready(next) => Ok(next),
            Poll::Pending => self.0.next().await,
        }
    }
}

impl<T> fmt::Debug for Candidates<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Candidates")
    }
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;

    #[test]
    fn a_list_that_fails_keeps_what_came_before() {
        struct Failing(u32);

        #[async_trait]
        impl CandidateStream<Account> for Failing {
            async fn next(&mut self) -> Result<Option<Account>, CredentialError> {
                self.0 += 1;
                match self.0 {
                    1 => Ok(Some(Account::new("root")?)),
                    _ => Err(CredentialError::system("list accounts", "the directory is gone")),
                }
            }
        }

        let mut list = Candidates::new(Failing(0));
        assert_eq!(block_on(list.next()).unwrap().unwrap().as_str(), "root");
        assert!(block_on(list.next()).is_err());
    }

    #[test]
    fn an_iterator_is_a_list() {
        let mut list = Candidates::new(["a", "b"].into_iter().map(|name| Asset::new(name).unwrap()));
        let mut names = Vec::new();
        while let Some(asset) = block_on(list.next()).unwrap() {
            names.push(asset.to_string());
        }
        assert_eq!(names, ["a", "b"]);
    }
}
