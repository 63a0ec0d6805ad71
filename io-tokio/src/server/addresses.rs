//! The addresses of peers, dense: an IPv4 address stands in its slot, an IPv6 one here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a slot knows of an address: the address itself, or its place among the long ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) bits: u32,
    pub(super) is_long: bool,
}

/// The long addresses.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    long: Vec<Ipv6Addr>,
    free: Vec<u32>,
}

impl Addresses {
    /// Takes an address in; [`leave`](Addresses::leave) gives its place back.
    pub(super) fn enter(&mut self, ip: IpAddr) -> Address {
        let v6 = match ip.to_canonical() {
            IpAddr::V4(v4) => return Address { bits: v4.to_bits(), is_long: false },
            IpAddr::V6(v6) => v6,
        };
        let bits = self.free.pop().unwrap_or_else(|| {
            self.long.push(v6);
            // As many as there are descriptors, at most.
            u32::try_from(self.long.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(place) = self.long.get_mut(bits as usize) {
            *place = v6;
        }
        Address { bits, is_long: true }
    }

    pub(super) fn get(&self, address: Address) -> IpAddr {
        if !address.is_long {
            return Ipv4Addr::from_bits(address.bits).into();
        }
        self.long.get(address.bits as usize).copied().unwrap_or(Ipv6Addr::UNSPECIFIED).into()
    }

    pub(super) fn leave(&mut self, address: Address) {
        if address.is_long {
            self.free.push(address.bits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_in_comes_out_and_places_are_used_again() {
        let mut addresses = Addresses::default();
        let ips = ["192.0.2.1", "2001:db8::1", "::1", "2001:db8::1"].map(|text| text.parse::<IpAddr>().unwrap());
        for _ in 0..3 {
            let known = ips.map(|ip| addresses.enter(ip));
            assert_eq!(known.map(|address| addresses.get(address)), ips);
            known.into_iter().for_each(|address| addresses.leave(address));
        }
        assert_eq!(addresses.long.len(), 3);
        let mapped = addresses.enter("::ffff:192.0.2.9".parse().unwrap());
        assert_eq!((addresses.get(mapped).to_string().as_str(), mapped.is_long), ("192.0.2.9", false));
    }
}
