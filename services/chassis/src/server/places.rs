//! How many connections there are, in all and from each address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts connections. Clones share the count.
#[derive(Clone, Debug)]
pub struct Places {
    in_all: usize,
    per_address: usize,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    in_all: usize,
    addresses: HashMap<IpAddr, usize>,
}

/// The right to one connection, until it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Places,
    address: IpAddr,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// This address has as many as one may.
    Address,
    /// All of them together are as many as there may be.
    Server,
}

impl Places {
    /// So many in all, and from one address.
    pub fn new(in_all: usize, per_address: usize) -> Self {
        Self { in_all, per_address, held: Arc::default() }
    }

    /// Takes a place for a connection from this address.
    pub fn take(&self, address: IpAddr) -> Result<Place, Full> {
        let address = counted(address);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = held.addresses.get(&address).copied().unwrap_or_default();
        if of_address >= self.per_address {
            return Err(Full::Address);
        }
        if held.in_all >= self.in_all {
            return Err(Full::Server);
        }
        held.in_all += 1;
        held.addresses.insert(address, of_address + 1);
        Ok(Place { places: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.in_all = held.in_all.saturating_sub(1);
        match held.addresses.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                held.addresses.remove(&self.address);
            }
        }
    }
}

/// What counts as one address: of IPv6, what a single host is commonly given (a /64); an IPv4 address by whichever family it comes.
fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(long) => {
            let [a, b, c, d, ..] = long.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        short => short,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_and_all_together_hold_as_many_as_they_may_and_who_leaves_makes_room() {
        let places = Places::new(3, 2);
        let take = |text| places.take(address(text)).map_err(|full| (text, full));
        let first = take("10.0.0.1").expect("room");
        let _second = take("10.0.0.1").expect("room");
        assert_eq!(take("10.0.0.1").err(), Some(("10.0.0.1", Full::Address)));
        let third = take("10.0.0.2").expect("room");
        assert_eq!(take("10.0.0.3").err(), Some(("10.0.0.3", Full::Server)));
        assert_eq!(take("10.0.0.1").err(), Some(("10.0.0.1", Full::Address)), "what helps is told first");
        drop(third);
        let _elsewhere = take("10.0.0.3").expect("room again");
        drop(first);
        let _again = take("10.0.0.1").expect("room again");
        assert_eq!(places.held.lock().expect("no panic").addresses.len(), 2, "who has left is forgotten");
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address_and_a_mapped_address_as_what_it_is() {
        for (one, other, same) in [
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("::1", "127.0.0.1", false),
        ] {
            assert_eq!(counted(address(one)) == counted(address(other)), same, "{one} {other}");
        }
    }
}
