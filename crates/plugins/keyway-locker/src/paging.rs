//! Chooses the pages in which a list is read, so that the answer for each page stays within its limit.

use crate::answer::{MAX_BYTES, Page, Record};
use crate::failure::Failure;

/// The number of items on a page.
const PAGE: u64 = 1000;
/// The ratio of a page to the next smaller one.
const STEP: u64 = 10;
/// The size of an answer up to which the next page may be larger. The answer for it probably stays far below the limit.
const SMALL: usize = MAX_BYTES / 16;
/// The maximum size of all items of a list in memory, in bytes. Without it, a service could fill the memory.
const MAX_LIST_BYTES: usize = 256 << 20;

/// The next page of a list.
///
/// A page whose answer is too large is read in smaller pages. Behind it, the pages become larger again. Pages may
/// overlap, but leave out no item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paging {
    /// The number of the page; the first one is 1.
    pub(crate) number: u64,
    /// The number of items on a page.
    pub(crate) size: u64,
    /// The maximum number of items on a page.
    most: u64,
    /// The size of all items that were read, in bytes.
    bytes: usize,
}

impl Paging {
    /// Starts a list.
    pub(crate) const fn start() -> Self {
        Self { number: 1, size: PAGE, most: PAGE, bytes: 0 }
    }

    /// Chooses a smaller page that begins with the same item or before it. Tells whether there is one.
    pub(crate) fn shrink(&mut self) -> bool {
        let is_possible = self.size > 1;
        self.go_to(self.begin(), (self.size / STEP).max(1));
        is_possible
    }

    /// Goes on to the page after `page`, whose answer had this many bytes.
    ///
    /// # Errors
    /// [`Failure::TooLarge`] if the list is too large.
    pub(crate) fn advance<R: Record>(&mut self, page: &Page<R>, answer: usize) -> Result<(), Failure> {
        self.bytes += page.records.iter().map(Record::bytes).sum::<usize>();
        if self.bytes > MAX_LIST_BYTES {
            return Err(Failure::TooLarge);
        }
        let items = page.records.len() as u64;
        if page.more && (1..self.size).contains(&items) {
            // The service returns smaller pages than were asked for. So every page but the first one begins earlier
            // than it seemed.
            self.most = items;
            self.go_to(if self.number == 1 { items } else { self.begin() }, items);
            return Ok(());
        }
        let end = self.begin() + self.size;
        let larger = self.size * STEP;
        let grows = answer <= SMALL && larger <= self.most && end.is_multiple_of(larger);
        self.go_to(end, if grows { larger } else { self.size });
        Ok(())
    }

    /// Returns the number of items before the page.
    const fn begin(self) -> u64 {
        (self.number - 1) * self.size
    }

    /// Goes to the page of this size that contains the item with this index.
    const fn go_to(&mut self, item: u64, size: u64) {
        (self.number, self.size) = (item / size + 1, size);
    }
}

#[cfg(test)]
mod tests {
    use keyway_core::Json;
    use proptest::prelude::*;

    use super::*;
    use crate::answer::Malformed;

    /// An item of this many bytes.
    struct Item(usize);

    impl Record for Item {
        fn read(_: &Json) -> Result<Self, Malformed> {
            Err(Malformed("item"))
        }

        fn id(&self) -> &'static str {
            ""
        }

        fn bytes(&self) -> usize {
            self.0
        }
    }

    fn page(items: &[usize], more: bool) -> Page<Item> {
        let records = items.iter().map(|bytes| Item(*bytes)).collect();
        Page { count: 0, revised: None, more, records }
    }

    /// Reads a list of items of these sizes from a service that returns at most `most` items on a page. Returns which
    /// items were read, and the number of requests. Returns `None` if an item is too large for any page.
    fn read(items: &[usize], most: u64) -> Option<(Vec<bool>, usize)> {
        let (mut paging, mut are_read, mut requests) = (Paging::start(), vec![false; items.len()], 0);
        loop {
            requests += 1;
            assert!(requests <= 10 * items.len() + 10, "it does not end");
            let size = usize::try_from(paging.size.min(most)).unwrap();
            let begin = (usize::try_from(paging.number).unwrap() - 1) * size;
            let end = items.len().min(begin + size);
            let there = items.get(begin..end).unwrap_or_default();
            let bytes = there.iter().sum();
            if bytes > MAX_BYTES {
                if !paging.shrink() {
                    return None;
                }
                continue;
            }
            are_read[begin.min(end)..end].fill(true);
            let more = end < items.len();
            paging.advance(&page(&vec![1; there.len()], more), bytes).unwrap();
            if !more {
                return Some((are_read, requests));
            }
        }
    }

    #[test]
    fn few_large_items_cost_few_requests() {
        let mut items = vec![1000; 10_000];
        items[5000..5024].fill(3 << 20);
        let (are_read, requests) = read(&items, 2000).unwrap();
        assert!(are_read.iter().all(|is_read| *is_read) && requests < 40, "{requests}");
        items.fill(1000);
        for (most, expected) in [(2000, 10), (500, 20)] {
            assert_eq!(read(&items, most).unwrap().1, expected);
        }
    }

    #[test]
    fn a_list_that_fills_the_memory_is_refused() {
        let mut paging = Paging::start();
        let full = page(&[MAX_LIST_BYTES / 2], true);
        for _ in 0..2 {
            paging.advance(&full, 0).unwrap();
        }
        let error = paging.advance(&page(&[1], false), 0).unwrap_err();
        assert!(matches!(error, Failure::TooLarge), "{error}");
    }

    proptest! {
        #[test]
        fn every_item_is_read_whatever_its_size_and_the_pages_of_the_service(
            items in prop::collection::vec(
                prop_oneof![8 => Just(1000_usize), 1 => 0..=MAX_BYTES, 1 => Just(MAX_BYTES)], 0..1500
            ),
            most in prop_oneof![1_u64..40, 1_u64..2000],
        ) {
            let (are_read, _) = read(&items, most).unwrap();
            prop_assert!(are_read.iter().all(|is_read| *is_read));
        }

        #[test]
        fn an_item_beyond_the_limit_of_an_answer_is_refused(before in 0_usize..50, most in 1_u64..40) {
            let mut items = vec![1000; before];
            items.push(MAX_BYTES + 1);
            prop_assert!(read(&items, most).is_none());
        }
    }
}
