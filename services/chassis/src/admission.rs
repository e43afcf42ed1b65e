//! How often who may call, and how much of the service one tenant may have at a time: what one of them does costs the others little.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crewline_api::errors::v1::ErrorReason;
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use serde::Deserialize;

use crate::clock::{Clock, Moment};
use crate::identity::Identity;
use crate::refusal::Refusal;

/// Who has saved up nothing for a while may call this many times their rate at once.
const BURST: u32 = 10;
/// Those who have not called for a while are forgotten after so many calls of others.
const FORGET_EVERY: u64 = 10_000;
/// By then some of the calls that are under way have ended.
const UNDER_WAY_RETRY: Duration = Duration::from_millis(250);

/// The limits. Zero is none.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Calls in a second of one caller whose token holds no scope: a person. Ten times as many at once.
    pub calls_per_second_per_caller: u32,
    /// Calls for one tenant in a second; ten times as many at once.
    pub calls_per_second_per_tenant: u32,
    /// Calls for one tenant that are under way, streams not counted once they are open.
    pub calls_under_way_per_tenant: u32,
}

/// Lets calls in. Clones share what is counted.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    callers: Option<Rate>,
    tenants: Option<Rate>,
    most_under_way: u32,
    under_way: Mutex<HashMap<u64, u32>>,
    calls: AtomicU64,
    keys: RandomState,
}

type Rate = RateLimiter<u64, HashMapStateStore<u64>, Ticks, NoOpMiddleware<Duration>>;

/// The service's clock, as the rate limiter reads it.
#[derive(Clone, Debug)]
struct Ticks(Clock);

impl governor::clock::Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.now().since(Moment::default())
    }
}

/// A call that is under way, until this is dropped.
#[derive(Debug)]
pub struct Turn {
    shared: Arc<Shared>,
    tenant: u64,
}

impl Admission {
    /// Nobody has called yet.
    pub fn new(limits: Limits, clock: Clock) -> Self {
        let rate = |per_second| {
            let quota =
                Quota::per_second(NonZeroU32::new(per_second)?).allow_burst(NonZeroU32::new(per_second.saturating_mul(BURST))?);
            Some(RateLimiter::hashmap_with_clock(quota, Ticks(clock)))
        };
        Self(Arc::new(Shared {
            callers: rate(limits.calls_per_second_per_caller),
            tenants: rate(limits.calls_per_second_per_tenant),
            most_under_way: limits.calls_under_way_per_tenant,
            under_way: Mutex::default(),
            calls: AtomicU64::new(0),
            keys: RandomState::new(),
        }))
    }

    /// Lets a call of this caller in, for the tenant that it is for if it is for one.
    pub fn admit(&self, caller: &Identity, tenant: Option<&str>) -> Result<Option<Turn>, Refusal> {
        let shared = &self.0;
        if shared.calls.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            shared.callers.iter().chain(&shared.tenants).for_each(Rate::retain_recent);
        }
        if caller.scopes.is_empty() {
            pass(&shared.callers, shared.keys.hash_one((&caller.tenants, &caller.kind, &caller.subject)), "this caller")?;
        }
        let Some(tenant) = tenant else { return Ok(None) };
        let tenant = shared.keys.hash_one(tenant);
        pass(&shared.tenants, tenant, "this tenant")?;
        shared.enter(tenant).map(|()| Some(Turn { shared: Arc::clone(shared), tenant }))
    }
}

/// Takes one of what a key has saved up.
fn pass(rate: &Option<Rate>, key: u64, who: &str) -> Result<(), Refusal> {
    let Some(rate) = rate else { return Ok(()) };
    rate.check_key(&key).map_err(|early| {
        let wait = early.wait_time_from(rate.clock().now());
        Refusal::new(ErrorReason::RateLimited, format!("calls of {who} come oftener than is allowed")).retry_after(wait)
    })
}

impl Shared {
    fn enter(&self, tenant: u64) -> Result<(), Refusal> {
        let mut under_way = self.lock();
        let calls = under_way.entry(tenant).or_default();
        if self.most_under_way > 0 && *calls >= self.most_under_way {
            let refusal = Refusal::new(ErrorReason::QueueFull, "too many calls of this tenant are under way");
            return Err(refusal.retry_after(UNDER_WAY_RETRY));
        }
        *calls += 1;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, u32>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut under_way = self.shared.lock();
        if let Some(calls) = under_way.get_mut(&self.tenant) {
            *calls -= 1;
            if *calls == 0 {
                under_way.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn person(name: &str) -> Identity {
        identity(name, "technician", &["acme"])
    }

    fn identity(name: &str, kind: &str, tenants: &[&str]) -> Identity {
        let tenants = tenants.iter().map(ToString::to_string).collect();
        Identity { subject: name.into(), kind: kind.into(), scopes: Vec::new(), tenants, expires_at: SystemTime::UNIX_EPOCH }
    }

    fn admission(limits: Limits) -> Admission {
        Admission::new(limits, Clock::with_rate(SystemTime::UNIX_EPOCH, 1_000_000))
    }

    /// How many calls in a row are let in.
    fn let_in(admission: &Admission, caller: &Identity, tenant: &str) -> usize {
        (0..1_000).take_while(|_| admission.admit(caller, Some(tenant)).is_ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_has_ten_seconds_of_calls_and_then_their_rate() {
        let admission = admission(Limits { calls_per_second_per_caller: 5, ..Limits::default() });
        assert_eq!(let_in(&admission, &person("tina"), "acme"), 50);
        assert_eq!(let_in(&admission, &person("theo"), "acme"), 50, "somebody else's calls");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(let_in(&admission, &person("tina"), "acme"), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_refused_is_told_how_long_to_wait_and_is_let_in_then() {
        let admission = admission(Limits { calls_per_second_per_caller: 2, ..Limits::default() });
        let_in(&admission, &person("tina"), "acme");
        let refusal = admission.admit(&person("tina"), Some("acme")).expect_err("refused");
        assert_eq!(refusal.reason(), ErrorReason::RateLimited);
        let wait = refusal.wait().expect("a time to wait");
        assert!(wait > Duration::ZERO && wait <= Duration::from_millis(500), "{wait:?}");
        tokio::time::advance(wait).await;
        assert!(admission.admit(&person("tina"), Some("acme")).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_is_limited_by_its_tenant_alone() {
        let admission = admission(Limits { calls_per_second_per_caller: 5, ..Limits::default() });
        let gateway = Identity { scopes: vec!["carrier".into()], ..identity("gateway", "service", &["acme"]) };
        assert_eq!(let_in(&admission, &gateway, "acme"), 1_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenant_s_callers_share_its_rate_and_another_tenant_has_its_own() {
        let admission = admission(Limits { calls_per_second_per_tenant: 3, ..Limits::default() });
        let gateway = identity("gateway", "service", &["acme", "globex"]);
        assert_eq!(let_in(&admission, &person("tina"), "acme"), 30);
        assert_eq!(let_in(&admission, &gateway, "acme"), 0);
        assert_eq!(let_in(&admission, &gateway, "globex"), 30);
    }

    #[test]
    fn a_tenant_has_so_many_calls_under_way_and_another_one_as_many() {
        let admission = admission(Limits { calls_under_way_per_tenant: 2, ..Limits::default() });
        let gateway = identity("gateway", "service", &["*"]);
        let held: Vec<_> = (0..2).map(|_| admission.admit(&gateway, Some("acme")).expect("let in")).collect();
        let refusal = admission.admit(&person("tina"), Some("acme")).expect_err("too many");
        assert_eq!((refusal.reason(), refusal.wait()), (ErrorReason::QueueFull, Some(UNDER_WAY_RETRY)));
        assert!(admission.admit(&gateway, Some("globex")).is_ok());
        drop(held);
        assert!(admission.admit(&person("tina"), Some("acme")).is_ok());
    }

    #[test]
    fn without_limits_everybody_is_let_in() {
        let admission = admission(Limits::default());
        assert_eq!(let_in(&admission, &person("tina"), "acme"), 1_000);
        assert!(admission.0.lock().is_empty(), "nothing is kept of calls that have ended");
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_have_not_called_for_a_while_are_forgotten() {
        let admission = admission(Limits { calls_per_second_per_caller: 1, ..Limits::default() });
        for number in 0..100 {
            let_in(&admission, &person(&number.to_string()), "acme");
        }
        tokio::time::advance(Duration::from_secs(60)).await;
        admission.0.calls.store(FORGET_EVERY - 1, Ordering::Relaxed);
        assert!(admission.admit(&person("tina"), Some("acme")).is_ok());
        assert_eq!(admission.0.callers.as_ref().expect("a limit").len(), 1);
    }
}
