//! [`Guesses`]: how often a peer may give a wrong key before it has to wait.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How many wrong keys a peer may give in a minute: so many at once, and one more as each is forgiven. Ten by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance(NonZeroU32);

/// Peers that are remembered; beyond them all strangers share one account.
const MAX_PEERS: usize = 4_096;

/// Counts wrong keys by peer. It decides nothing that a ledger must agree with: each instance counts for itself.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    accounts: Mutex<HashMap<IpAddr, Account>>,
}

#[derive(Clone, Copy, Debug)]
struct Account {
    wrong: u32,
    since: Instant,
}

impl Guesses {
    /// Says for how many seconds a peer must wait before any key of its is looked at; `None` when it need not.
    pub(super) fn must_wait(&self, peer: IpAddr, allowance: Allowance, now: Instant) -> Option<u64> {
        let every = allowance.forgives_every();
        let accounts = self.accounts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let account = accounts.get(&key(peer)).or_else(|| accounts.get(&STRANGERS))?.forgiven(every, now);
        let wait = every.saturating_sub(now.saturating_duration_since(account.since));
        (account.wrong >= allowance.0.get()).then_some(wait.as_secs().max(1))
    }

    /// Remembers a wrong key.
    pub(super) fn was_wrong(&self, peer: IpAddr, allowance: Allowance, now: Instant) {
        let every = allowance.forgives_every();
        let mut accounts = self.accounts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if accounts.len() >= MAX_PEERS {
            accounts.retain(|_, account| account.forgiven(every, now).wrong > 0);
        }
        let key = key(peer);
        let key = if accounts.len() >= MAX_PEERS && !accounts.contains_key(&key) { STRANGERS } else { key };
        let account = accounts.entry(key).or_insert(Account { wrong: 0, since: now });
        *account = account.forgiven(every, now);
        account.wrong = account.wrong.saturating_add(1).min(allowance.0.get());
    }
}

/// Where peers are counted that no account is left for.
const STRANGERS: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// A network of 64 bits is one household of IPv6.
fn key(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Allowance {
    /// Allows so many in a minute.
    pub fn a_minute(count: NonZeroU32) -> Self {
        Self(count)
    }

    fn forgives_every(self) -> Duration {
        Duration::from_secs(60) / self.0.get()
    }
}

impl Default for Allowance {
    fn default() -> Self {
        Self(NonZeroU32::MIN.saturating_add(9))
    }
}

impl Account {
    /// Takes off what time has forgiven, one every so often.
    fn forgiven(mut self, every: Duration, now: Instant) -> Self {
        let spans = now.saturating_duration_since(self.since).as_nanos() / every.as_nanos().max(1);
        if spans > 0 {
            self.wrong = self.wrong.saturating_sub(u32::try_from(spans).unwrap_or(u32::MAX));
            self.since = now;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Allowance = Allowance(NonZeroU32::new(10).unwrap());

    #[test]
    fn a_peer_that_guesses_has_to_wait_and_others_have_not() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        for _ in 0..10 {
            assert_eq!(guesses.must_wait(one, TEN, start), None);
            guesses.was_wrong(one, TEN, start);
        }
        assert_eq!(guesses.must_wait(one, TEN, start), Some(6));
        assert_eq!(guesses.must_wait(other, TEN, start), None);
        assert_eq!(guesses.must_wait(one, TEN, start + Duration::from_secs(6)), None);
    }

    #[test]
    fn so_many_are_allowed_as_the_operator_says() {
        assert_eq!(Allowance::default(), TEN);
        let (guesses, start, peer) = (Guesses::default(), Instant::now(), IpAddr::from([192, 0, 2, 1]));
        let hundred = Allowance::a_minute(NonZeroU32::new(100).unwrap());
        for _ in 0..100 {
            assert_eq!(guesses.must_wait(peer, hundred, start), None);
            guesses.was_wrong(peer, hundred, start);
        }
        assert_eq!(guesses.must_wait(peer, hundred, start), Some(1));
        assert_eq!(guesses.must_wait(peer, hundred, start + Duration::from_millis(599)), Some(1));
        assert_eq!(guesses.must_wait(peer, hundred, start + Duration::from_millis(600)), None);
    }

    #[test]
    fn any_number_of_peers_takes_a_bounded_amount_of_memory() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        for peer in 0..3 * u32::try_from(MAX_PEERS).unwrap() {
            guesses.was_wrong(IpAddr::V4(peer.into()), TEN, start);
        }
        assert!(guesses.accounts.lock().unwrap().len() <= MAX_PEERS + 1);
        assert_eq!(guesses.must_wait(IpAddr::from([203, 0, 113, 9]), TEN, start), Some(6));
    }

    #[test]
    fn addresses_of_one_network_are_one_peer() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        let address = |host: u128| IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8 << 96 | host));
        (0..10).for_each(|host| guesses.was_wrong(address(host), TEN, start));
        assert!(guesses.must_wait(address(99), TEN, start).is_some());
    }
}
