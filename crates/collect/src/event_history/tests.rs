use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, atomic::AtomicUsize},
    time::Duration,
};

use chrono::{SubsecRound as _, TimeDelta, Utc};
use kms_insights_model::{EventSelectors, TrailStatus};
use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::{
    RetryPolicy, Stop,
    cloud::{Answer, ApiError, Page, TrailEntry},
};

const PAGE: usize = 50;

/// Something that was done with keys, so many minutes ago.
#[derive(Clone)]
struct Done {
    minutes_ago: i64,
    operation: &'static str,
    keys: Vec<usize>,
    refused: bool,
    /// Whether its record is no JSON.
    damaged: bool,
    /// Whether the history leaves out the event's name, which its record has.
    nameless: bool,
}

fn done(minutes_ago: i64, operation: &'static str, key: usize) -> Done {
    Done { minutes_ago, operation, keys: vec![key], refused: false, damaged: false, nameless: false }
}

/// An event history that answers as CloudTrail does, and counts.
#[derive(Default)]
struct History {
    /// Newest first.
    events: Vec<Done>,
    requests: AtomicUsize,
    refusal: Option<ErrorCode>,
    /// The operation of which alone it refuses to list the events.
    refused_operation: Option<&'static str>,
    /// Whether each page names itself as the next.
    is_endless: bool,
    /// Whether events are found by their keys.
    knows_keys: bool,
}

impl History {
    fn of(mut events: Vec<Done>) -> Self {
        events.sort_by_key(|done| done.minutes_ago);
        Self { events, knows_keys: true, ..Self::default() }
    }
}

fn key(number: usize) -> KeyId {
    format!("00000000-0000-0000-0000-{number:012}").parse().unwrap()
}

fn account() -> AccountId {
    "111122223333".parse().unwrap()
}

fn region() -> Region {
    "eu-central-1".parse().unwrap()
}

fn arn(number: usize) -> String {
    KeyArn::new(account(), region(), key(number)).to_string()
}

/// Moments of one test are told from one.
fn ago(now: Timestamp, minutes: i64) -> Timestamp {
    now - TimeDelta::minutes(minutes)
}

fn event(now: Timestamp, at: usize, done: &Done) -> HistoryEvent {
    let moment = ago(now, done.minutes_ago);
    let mut record = json!({
        "eventTime": moment.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "eventSource": "kms.amazonaws.com",
        "eventName": done.operation,
        "awsRegion": "eu-central-1",
        "eventID": format!("event-{at}"),
        "recipientAccountId": "111122223333",
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/app/session"},
        "resources": done.keys.iter().map(|key| json!({"ARN": arn(*key)})).collect::<Vec<_>>(),
    });
    if done.refused {
        record["errorCode"] = "AccessDenied".into();
    }
    let record = if done.damaged { "{\"eventSource\":\"kms.amazonaws.com\",".to_owned() } else { record.to_string() };
    HistoryEvent { name: (!done.nameless).then(|| done.operation.to_owned()), at: moment, record }
}

struct Served {
    history: History,
    now: Timestamp,
}

impl TrailReader for Served {
    async fn trails(&self) -> Answer<Vec<TrailEntry>> {
        Ok(Vec::new())
    }

    async fn status(&self, _: &str) -> Answer<TrailStatus> {
        Ok(TrailStatus { is_logging: true, started_at: None, stopped_at: None, last_delivery_at: None, delivery_error: None })
    }

    async fn selectors(&self, _: &str) -> Answer<EventSelectors> {
        Ok(EventSelectors::Basic(Vec::new()))
    }

    async fn events(&self, sought: &Sought, token: Option<String>) -> Answer<Page<HistoryEvent>> {
        self.history.requests.fetch_add(1, Ordering::Relaxed);
        let is_refused = matches!(sought, Sought::Operation(name) if Some(*name) == self.history.refused_operation);
        if let Some(code) = self.history.refusal.or(is_refused.then_some(ErrorCode::AccessDenied)) {
            return Err(ApiError { code, aws_code: None, message: "no".to_owned() });
        }
        let from: usize = token.as_deref().map_or(0, |token| token.parse().unwrap());
        let fits = |done: &Done| match sought {
            Sought::Resource(name) => self.history.knows_keys && done.keys.iter().any(|key| arn(*key) == *name),
            Sought::Operation(name) => done.operation == *name,
        };
        let all: Vec<(usize, &Done)> = self.history.events.iter().enumerate().filter(|(_, done)| fits(done)).collect();
        let next = (from + PAGE < all.len()).then(|| (from + PAGE).to_string());
        let next = if self.history.is_endless { Some("0".to_owned()) } else { next };
        let items = all.into_iter().skip(from).take(PAGE).map(|(at, done)| event(self.now, at, done)).collect();
        Ok(Page { items, next, truncated: false })
    }
}

#[derive(Default)]
struct Told(Mutex<BTreeMap<KeyId, Fact<EventHistory>>>);

impl Sink for Told {
    async fn record(&self, record: StagedRecord) -> Result<(), SinkError> {
        if let StagedRecord::History(history) = record {
            let again = self.0.lock().unwrap().insert(history.arn.key_id().clone(), history.event_history);
            assert_eq!(again, None, "each key is told of once");
        }
        Ok(())
    }
}

/// What is told of so many keys, in their order, and by how many requests.
async fn looked_through(history: History, keys: usize, until: Until) -> (Vec<Fact<EventHistory>>, usize, Timestamp) {
    observed(history, keys, until, Arc::new(|_| ())).await
}

async fn observed(history: History, keys: usize, until: Until, observer: Observer) -> (Vec<Fact<EventHistory>>, usize, Timestamp) {
    resumed(BTreeMap::new(), history, keys, until, observer).await
}

async fn resumed(
    prior: BTreeMap<KeyId, RecordedUse>,
    history: History,
    keys: usize,
    until: Until,
    observer: Observer,
) -> (Vec<Fact<EventHistory>>, usize, Timestamp) {
    let (served, told) = (Served { history, now: Utc::now().trunc_subsecs(0) }, Told::default());
    let (requests, bucket) = (Requests::new(RetryPolicy::default(), NonZeroUsize::MIN, Stop::default()), Bucket::new(ApiAction::CloudTrailLookupEvents, 1.0));
    let (region, search) = (region(), Search::default());
    let reading = HistoryReading {
        account: account(),
        region: &region,
        trail: &served,
        requests: &requests,
        sink: &told,
        bucket: &bucket,
        until,
        observer: &observer,
        prior,
        search,
    };
    reading.read((0..keys).map(key).collect()).await.unwrap();
    (told.0.into_inner().unwrap().into_values().collect(), served.history.requests.into_inner(), served.now)
}

/// The operation of each key's last use and how many minutes ago that was; the code of what lacks.
async fn last_uses(history: History, keys: usize) -> (Vec<Result<Option<(String, i64)>, ErrorCode>>, usize) {
    let (told, requests, now) = looked_through(history, keys, Until::always()).await;
    let last = |fact: Fact<EventHistory>| match fact {
        Fact::Observed(history) => Ok(history.last_use.map(|found| (found.operation, (now - found.at).num_minutes()))),
        lacking => Err(lacking.failure().unwrap().code),
    };
    (told.into_iter().map(last).collect(), requests)
}

#[allow(clippy::unnecessary_wraps, reason = "as the answers that it is compared with are")]
fn used(operation: &str, minutes_ago: i64) -> Result<Option<(String, i64)>, ErrorCode> {
    Ok(Some((operation.to_owned(), minutes_ago)))
}

#[tokio::test(start_paused = true)]
async fn few_keys_are_asked_for_one_by_one_and_each_costs_a_request() {
    let history = History::of((0..5).flat_map(|key| [done(90, "Decrypt", key), done(60, "Encrypt", key), done(30, "DescribeKey", key)]).collect());
    assert_eq!(last_uses(history, 5).await, ((0..5).map(|_| used("Encrypt", 60)).collect(), 5));
}

#[tokio::test(start_paused = true)]
async fn a_use_is_told_with_the_role_behind_it() {
    let (told, _, now) = looked_through(History::of(vec![done(60, "Decrypt", 0)]), 1, Until::always()).await;
    let last_use = RecordedUse {
        at: ago(now, 60),
        operation: "Decrypt".to_owned(),
        principal: Some("arn:aws:iam::111122223333:role/app".to_owned()),
        resource: None,
        cloudtrail_event_id: "event-0".to_owned(),
    };
    let expected = EventHistory { last_use: Some(last_use), reaches_back_to: EventHistory::beginning(now), is_conclusive: true, cut_short: None };
    assert_eq!(told, [Fact::Observed(expected)]);
}

#[tokio::test(start_paused = true)]
async fn what_the_inventory_asks_and_what_was_refused_is_no_use() {
    let refused = |key| Done { refused: true, ..done(5, "Decrypt", key) };
    let reads = ["DescribeKey", "GetKeyPolicy", "ListGrants", "ListResourceTags", "GetKeyRotationStatus", "GetPublicKey", "CreateGrant", "RetireGrant"];
    let mut events: Vec<Done> = (0..70).flat_map(|day| reads.map(|operation| done(day * 1440, operation, 0))).collect();
    events.extend([refused(0), refused(1), done(80 * 1440, "Decrypt", 0), done(10, "DescribeKey", 1)]);
    // 560 reads are eleven pages; the use is on the twelfth.
    assert_eq!(last_uses(History::of(events), 2).await, (vec![used("Decrypt", 80 * 1440), Ok(None)], 13));
}

#[tokio::test(start_paused = true)]
async fn many_busy_keys_are_settled_by_the_first_pages_of_their_operations() {
    let events = (0..500_i64).map(|at| done(at, "GenerateDataKey", usize::try_from(at % 100).unwrap())).collect();
    let (told, requests) = last_uses(History::of(events), 100).await;
    assert_eq!(told, (0..100).map(|key| used("GenerateDataKey", key)).collect::<Vec<_>>());
    assert_eq!(requests, CRYPTOGRAPHIC.len() + 1, "two pages of one operation, one of each other");
}

#[tokio::test(start_paused = true)]
async fn the_latest_of_all_operations_is_found_and_re_encryption_is_a_use_of_both_keys() {
    let mut events: Vec<Done> = (0..40).map(|key| done(1000, "Decrypt", key)).collect();
    events.extend((0..20).map(|key| done(500, "Sign", key)));
    events.push(Done { keys: vec![30, 31], ..done(300, "ReEncrypt", 0) });
    let (told, requests) = last_uses(History::of(events), 40).await;
    let expected = |key| match key {
        0..20 => used("Sign", 500),
        30 | 31 => used("ReEncrypt", 300),
        _ => used("Decrypt", 1000),
    };
    assert_eq!((told, requests), ((0..40).map(expected).collect(), CRYPTOGRAPHIC.len()));
}

#[tokio::test(start_paused = true)]
async fn keys_that_nobody_used_are_settled_when_every_operation_is_at_its_end() {
    let (told, requests, _) = looked_through(History::of(vec![done(1, "Decrypt", 7)]), 60, Until::always()).await;
    let unused = |fact: &Fact<EventHistory>| fact.observed().is_some_and(|history| history.last_use.is_none() && history.is_conclusive);
    assert_eq!((told.iter().filter(|fact| unused(fact)).count(), requests), (59, CRYPTOGRAPHIC.len()));
}

#[tokio::test(start_paused = true)]
async fn a_busy_key_among_quiet_ones_does_not_cost_all_of_its_pages() {
    // One key has 10,000 events, which are 200 pages; forty others were used once, before all of them.
    let mut events: Vec<Done> = (0..10_000).map(|at| done(at, "Decrypt", 0)).collect();
    events.extend((1..=40).map(|key| done(20_000, "Decrypt", key)));
    let (told, requests) = last_uses(History::of(events), 41).await;
    assert_eq!(told[1..], vec![used("Decrypt", 20_000); 40]);
    assert_eq!(requests, CRYPTOGRAPHIC.len() + 41 + 40, "as many in vain as there are keys left, and then one for each");
}

#[tokio::test(start_paused = true)]
async fn few_keys_with_endless_reads_are_looked_for_by_operation() {
    let mut events: Vec<Done> = (0..3).flat_map(|key| (0..2_000).map(move |at| done(at, "DescribeKey", key))).collect();
    events.extend((0..3).map(|key| done(5_000, "Decrypt", key)));
    let (told, requests) = last_uses(History::of(events), 3).await;
    assert_eq!(told, vec![used("Decrypt", 5_000); 3]);
    // By key each would have been on its 41st page.
    assert!(requests <= 2 * CRYPTOGRAPHIC.len() + 4, "{requests}");
}

#[tokio::test(start_paused = true)]
async fn a_history_that_calls_keys_otherwise_is_searched_by_operation() {
    let history = History { knows_keys: false, ..History::of(vec![done(60, "Decrypt", 0)]) };
    assert_eq!(last_uses(history, 2).await, (vec![used("Decrypt", 60), Ok(None)], 2 + CRYPTOGRAPHIC.len()));
}

#[tokio::test(start_paused = true)]
async fn a_use_of_a_key_that_is_not_named_may_be_of_any_and_leaves_nothing_certain() {
    let unnamed = Done { keys: Vec::new(), ..done(60, "Decrypt", 0) };
    for (events, expected) in [(vec![unnamed.clone()], false), (vec![Done { refused: true, ..unnamed }], true)] {
        let (told, _, _) = looked_through(History::of(events), 20, Until::always()).await;
        assert_eq!(told.iter().map(|fact| fact.observed().unwrap().is_conclusive).collect::<Vec<_>>(), vec![expected; 20]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_of_each_key_and_not_asked_for_again_and_again() {
    for keys in [8, 100] {
        let history = History { refusal: Some(ErrorCode::AccessDenied), ..History::default() };
        let (told, requests) = last_uses(history, keys).await;
        assert_eq!(told, vec![Err(ErrorCode::AccessDenied); keys]);
        assert!(requests <= KEYS_AT_ONCE, "{requests}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_without_end_are_recognized() {
    let history = History { is_endless: true, ..History::of(vec![done(60, "DescribeKey", 0)]) };
    assert_eq!(last_uses(history, 1).await, (vec![Err(ErrorCode::EndlessPagination)], 2));
}

#[tokio::test(start_paused = true)]
async fn what_the_time_does_not_suffice_for_is_told_as_that_and_the_quota_is_kept() {
    let events = (0..12).map(|key| done(60, "Decrypt", key)).collect();
    let until = Until::budget(Instant::now().checked_add(Duration::from_secs(2)));
    let (told, requests, _) = looked_through(History::of(events), 12, until).await;
    let unread = told.iter().filter(|fact| fact.failure().is_some_and(|failure| failure.code == ErrorCode::Budget)).count();
    // Two at once, and two more after a second.
    assert_eq!((requests, unread, told.len()), (4, 8, 12));
}

/// The operation of each key's last use, how many minutes ago that was, whether it is known to be the last, and why that is not known.
async fn at_least(history: History, keys: usize, until: Until) -> Vec<Result<(String, i64, bool, Option<ErrorCode>), ErrorCode>> {
    let (told, _, now) = looked_through(history, keys, until).await;
    let of = |fact: Fact<EventHistory>| match fact {
        Fact::Observed(EventHistory { last_use, is_conclusive, cut_short, .. }) => {
            let found = last_use.unwrap();
            Ok((found.operation, (now - found.at).num_minutes(), is_conclusive, cut_short.map(|failure| failure.code)))
        }
        lacking => Err(lacking.failure().unwrap().code),
    };
    told.into_iter().map(of).collect()
}

#[allow(clippy::unnecessary_wraps, reason = "as the answers that it is compared with are")]
fn at_least_used(operation: &str, minutes_ago: i64, why: Option<ErrorCode>) -> Result<(String, i64, bool, Option<ErrorCode>), ErrorCode> {
    Ok((operation.to_owned(), minutes_ago, false, why))
}

#[tokio::test(start_paused = true)]
async fn uses_that_were_listed_when_the_time_is_up_are_told_as_uses_after_which_there_may_be_later_ones() {
    // Each page of an operation lists all the keys but the last two.
    let events = CRYPTOGRAPHIC.iter().zip(60..).flat_map(|(operation, at)| (0..38).map(move |key| done(at, operation, key))).collect();
    let until = Until::budget(Instant::now().checked_add(Duration::from_secs(1)));
    let told = at_least(History::of(events), 40, until).await;
    let [first @ .., one, other] = told.as_slice() else { panic!("{told:?}") };
    assert!(first.iter().all(|told| matches!(told, Ok((_, 60.., false, Some(ErrorCode::Budget))))), "{first:?}");
    assert_eq!((first.len(), one, other), (38, &Err(ErrorCode::Budget), &Err(ErrorCode::Budget)));
}

#[tokio::test(start_paused = true)]
async fn where_one_operation_is_refused_the_uses_by_the_others_are_told_all_the_same() {
    for refused in CRYPTOGRAPHIC {
        let others = || CRYPTOGRAPHIC.iter().filter(|operation| *operation != refused);
        let events = others().flat_map(|operation| [done(60, operation, 0), done(90, operation, 0)]).collect();
        let history = History { refused_operation: Some(refused), ..History::of(events) };
        let told = at_least(history, 40, Until::always()).await;
        // The last of the operations is asked for first, so that nothing is known yet where it is that one.
        let is_first = CRYPTOGRAPHIC.last() == Some(refused);
        match &told[0] {
            Ok((_, 60, false, Some(ErrorCode::AccessDenied))) => assert!(!is_first, "{refused}"),
            other => assert_eq!((other, is_first), (&Err(ErrorCode::AccessDenied), true), "{refused}"),
        }
        assert_eq!(told[1..], vec![Err(ErrorCode::AccessDenied); 39], "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn uses_that_were_listed_by_operation_are_not_lost_where_the_time_is_up_by_key() {
    let mut events: Vec<Done> = CRYPTOGRAPHIC.iter().flat_map(|operation| (0..30).map(move |key| done(60, operation, key))).collect();
    events.extend(CRYPTOGRAPHIC.iter().map(|operation| Done { damaged: true, ..done(30, operation, 0) }));
    let until = Until::budget(Instant::now().checked_add(Duration::from_secs(2)));
    let history = History { knows_keys: false, ..History::of(events) };
    let told = at_least(history, 30, until).await;
    let whys: Vec<_> = told.iter().map(|told| told.as_ref().map(|(_, minutes, is_last, why)| (*minutes, *is_last, *why))).collect();
    // Some are asked for by key, where the history does not know them; the others are not come to.
    assert!(whys.iter().all(|told| matches!(told, Ok((60, false, None | Some(ErrorCode::Budget))))), "{whys:?}");
    assert!(whys.contains(&Ok((60, false, Some(ErrorCode::Budget)))), "{whys:?}");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_read_may_be_a_later_use_and_hides_none_before_it() {
    let unreadable = Done { damaged: true, ..done(30, "Decrypt", 0) };
    let told = at_least(History::of(vec![unreadable, done(60, "Encrypt", 0)]), 1, Until::always()).await;
    assert_eq!(told, [at_least_used("Encrypt", 60, Some(ErrorCode::InvalidResponse))]);
    let unreadable = Done { damaged: true, ..done(90, "Decrypt", 0) };
    let told = at_least(History::of(vec![unreadable, done(60, "Encrypt", 0)]), 1, Until::always()).await;
    assert_eq!(told, [Ok(("Encrypt".to_owned(), 60, true, None))]);
}

#[tokio::test(start_paused = true)]
async fn a_use_of_a_key_that_is_not_named_may_be_a_later_one() {
    let unnamed = |minutes| Done { keys: Vec::new(), ..done(minutes, "Decrypt", 0) };
    let events = |minutes| (0..20).map(|key| done(60, "Decrypt", key)).chain([unnamed(minutes)]).collect();
    assert_eq!(at_least(History::of(events(30)), 20, Until::always()).await, vec![at_least_used("Decrypt", 60, None); 20]);
    assert_eq!(at_least(History::of(events(90)), 20, Until::always()).await, vec![Ok(("Decrypt".to_owned(), 60, true, None)); 20]);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_the_history_gives_no_name_is_what_its_record_says() {
    let nameless = |minutes, operation| Done { nameless: true, ..done(minutes, operation, 0) };
    let history = History::of(vec![nameless(30, "DescribeKey"), nameless(60, "Decrypt"), done(90, "Encrypt", 0)]);
    assert_eq!(last_uses(history, 1).await, (vec![used("Decrypt", 60)], 1));
}

#[tokio::test(start_paused = true)]
async fn a_long_search_is_told_of_every_half_a_minute() {
    // By key three pages each; by operation first those of another key, which is the busiest.
    let events = (0..30).flat_map(|key| (0..120).map(move |at| done(at, "DescribeKey", key)).chain([done(3_000, "Decrypt", key)]));
    let busy = (0..4_000).map(|at| done(at % 80, "Decrypt", 40));
    let told: Arc<Mutex<Vec<(u64, u64)>>> = Arc::default();
    let observer: Observer = {
        let told = Arc::clone(&told);
        Arc::new(move |event| {
            if let Event::SearchingHistory { requests, keys, .. } = event {
                told.lock().unwrap().push((requests, keys));
            }
        })
    };
    let (_, requests, _) = observed(History::of(events.chain(busy).collect()), 30, Until::always(), observer).await;
    let signs: Vec<(u64, u64)> = told.lock().unwrap().clone();
    let expected: Vec<u64> = (1..=requests as u64 / 60).map(|sign| sign * 60).chain([requests as u64]).collect();
    assert_eq!(signs.iter().map(|(requests, _)| *requests).collect::<Vec<_>>(), expected);
    assert!(signs.len() > 2 && signs.is_sorted_by(|one, other| one.1 >= other.1) && signs.last().unwrap().1 == 0, "{signs:?}");
}

#[tokio::test(start_paused = true)]
async fn a_use_that_an_earlier_attempt_found_outlives_an_attempt_that_finds_nothing() {
    for keys in [2, 40] {
        let found =
            RecordedUse { at: ago(Utc::now(), 60), operation: "Sign".to_owned(), principal: None, resource: None, cloudtrail_event_id: "earlier".to_owned() };
        let prior = BTreeMap::from([(key(0), found.clone())]);
        let history = History { refusal: Some(ErrorCode::Throttled), ..History::default() };
        let (told, _, _) = resumed(prior.clone(), history, keys, Until::always(), Arc::new(|_| ())).await;
        let kept = |fact: &Fact<EventHistory>| fact.observed().map(|history| (history.last_use.clone(), history.is_conclusive, history.cut_short.is_some()));
        assert_eq!(kept(&told[0]), Some((Some(found.clone()), false, true)));
        assert!(told[1..].iter().all(Fact::is_lacking));
        // A later one takes its place.
        let (told, _, now) = resumed(prior, History::of(vec![done(30, "Decrypt", 0)]), keys, Until::always(), Arc::new(|_| ())).await;
        let last = told[0].observed().unwrap();
        assert_eq!((last.last_use.as_ref().map(|found| found.at), last.is_conclusive), (Some(ago(now, 30)), true));
    }
}
