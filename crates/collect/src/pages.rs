//! Listings to their end, and the recognition of those that have none.

use std::{collections::HashSet, future::Future};

use kms_insights_model::{ApiAction, ErrorCode, Failure};

use crate::{
    call::{Requests, Until},
    cloud::{Answer, Page},
    quota::Bucket,
};

/// More pages than any listing of AWS can have within its resource quotas.
const MAX_PAGES: usize = 100_000;

/// A walk through the pages of one listing.
#[derive(Debug)]
pub(crate) struct Pages {
    next: Next,
    turned: usize,
    seen: HashSet<String>,
}

#[derive(Debug)]
enum Next {
    First,
    At(String),
    End,
}

impl Pages {
    pub(crate) fn new() -> Self {
        Self { next: Next::First, turned: 0, seen: HashSet::new() }
    }

    /// Whether the last page was turned, or the listing failed.
    pub(crate) const fn are_at_end(&self) -> bool {
        matches!(self.next, Next::End)
    }

    /// The next page, or `None` after the last. After a failure the listing is over; what came before stays good.
    pub(crate) async fn next<T, F>(
        &mut self,
        requests: &Requests,
        bucket: &Bucket,
        until: Until,
        fetch: impl Fn(Option<String>) -> F,
    ) -> Option<(Vec<T>, Option<Failure>)>
    where
        F: Future<Output = Answer<Page<T>>>,
    {
        let marker = match std::mem::replace(&mut self.next, Next::End) {
            Next::First => None,
            Next::At(marker) => Some(marker),
            Next::End => return None,
        };
        match requests.call(bucket, until, || fetch(marker.clone())).await {
            Err(failure) => Some((Vec::new(), Some(failure))),
            Ok(page) => {
                self.turned += 1;
                let failure = self.turn(bucket.action(), page.next, page.truncated);
                Some((page.items, failure))
            }
        }
    }

    /// Decides where the next page begins; the failure when the service's word for it makes no sense.
    fn turn(&mut self, action: ApiAction, next: Option<String>, truncated: bool) -> Option<Failure> {
        let endless = |message: String| Some(Failure::new(action, ErrorCode::EndlessPagination, message));
        match next.filter(|marker| !marker.is_empty()) {
            Some(marker) if !self.seen.insert(marker.clone()) => endless(format!("page {} gives the marker of an earlier page", self.turned)),
            Some(_) if self.turned >= MAX_PAGES => endless(format!("no end after {MAX_PAGES} pages")),
            Some(marker) => {
                self.next = Next::At(marker);
                None
            }
            None if truncated => endless(format!("page {} says that there is more, but gives no marker", self.turned)),
            None => None,
        }
    }
}

/// All items of a listing; a failure anywhere fails the whole, for facts of which a part would mislead (half the grants of a key).
pub(crate) async fn all<T, F>(requests: &Requests, bucket: &Bucket, until: Until, fetch: impl Fn(Option<String>) -> F) -> Result<Vec<T>, Failure>
where
    F: Future<Output = Answer<Page<T>>>,
{
    let mut pages = Pages::new();
    let mut all = Vec::new();
    while let Some((items, failure)) = pages.next(requests, bucket, until, &fetch).await {
        if let Some(failure) = failure {
            return Err(failure);
        }
        if all.is_empty() { all = items } else { all.extend(items) }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::{RetryPolicy, Stop};

    async fn list(answer: impl Fn(Option<String>) -> Page<u32>) -> Result<Vec<u32>, ErrorCode> {
        let requests = Requests::new(RetryPolicy::default(), NonZeroUsize::MIN, Stop::default());
        let bucket = Bucket::new(ApiAction::KmsListKeys, 1.0);
        all(&requests, &bucket, Until::always(), |marker| std::future::ready(Ok(answer(marker)))).await.map_err(|failure| failure.code)
    }

    fn page(items: &[u32], next: Option<&str>, truncated: bool) -> Page<u32> {
        Page { items: items.to_vec(), next: next.map(str::to_owned), truncated }
    }

    #[tokio::test(start_paused = true)]
    async fn a_listing_is_read_to_its_end() {
        let listing = list(|marker| match marker.as_deref() {
            None => page(&[1, 2], Some("a"), true),
            // An empty page in the middle is no end: Organizations sends such pages.
            Some("a") => page(&[], Some("b"), true),
            _ => page(&[3], None, false),
        });
        assert_eq!(listing.await, Ok(vec![1, 2, 3]));
    }

    #[tokio::test(start_paused = true)]
    async fn listings_without_an_end_are_recognized() {
        assert_eq!(list(|_| page(&[1], Some("same"), true)).await, Err(ErrorCode::EndlessPagination));
        assert_eq!(list(|marker| page(&[1], Some(if marker.as_deref() == Some("a") { "b" } else { "a" }), true)).await, Err(ErrorCode::EndlessPagination));
        assert_eq!(list(|_| page(&[1], None, true)).await, Err(ErrorCode::EndlessPagination));
        assert_eq!(list(|_| page(&[1], Some(""), true)).await, Err(ErrorCode::EndlessPagination));
    }
}
