//! Networks in CIDR notation, and the addresses in them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network: every address that agrees with `address` in its first `prefix_length` bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Network {
    /// Host bits are zero.
    address: IpAddr,
    prefix_length: u8,
}

/// Why a text is not a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NetworkError {
    #[error("has no \"/\"; write an address and the length of its network part, as in \"10.0.0.0/8\"")]
    NoLength,
    #[error("does not start with an IPv4 or IPv6 address")]
    Address,
    #[error("does not end in a whole number from 0 to {longest}")]
    Length {
        /// The number of bits in an address of this kind.
        longest: u8,
    },
}

impl Network {
    pub(crate) fn parse(text: &str) -> Result<Self, NetworkError> {
        let (address, length) = text.split_once('/').ok_or(NetworkError::NoLength)?;
        let address = parse_address(address).ok_or(NetworkError::Address)?;
        let longest = longest(address);
        let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        let prefix_length = length.parse().ok().filter(|length| digits && *length <= longest);
        let prefix_length = prefix_length.ok_or(NetworkError::Length { longest })?;
        Ok(Self { address: network_part(address, prefix_length), prefix_length })
    }

    /// The network of this length that an address is in; none if the address is shorter.
    pub(crate) fn around(address: IpAddr, prefix_length: u8) -> Option<Self> {
        (prefix_length <= longest(address))
            .then(|| Self { address: network_part(address, prefix_length), prefix_length })
    }

    /// Whether `value` is the text of an address in this network.
    pub(crate) fn contains(&self, value: &str) -> bool {
        parse_address(value).is_some_and(|address| Self::around(address, self.prefix_length) == Some(*self))
    }

    pub(crate) fn prefix_length(&self) -> u8 {
        self.prefix_length
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_length)
    }
}

/// The number of bits in an address of this kind.
fn longest(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// An address with its host bits set to zero. One that has fewer bits than `length` stays as it is.
fn network_part(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let host_bits = u32::MAX.checked_shr(length.into()).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & !host_bits).into()
        }
        IpAddr::V6(address) => {
            let host_bits = u128::MAX.checked_shr(length.into()).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & !host_bits).into()
        }
    }
}

/// An IPv6 address as RFC 4291 writes it, or four decimal numbers, zeros before them allowed.
pub(crate) fn parse_address(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        return text.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    let mut octets = [0; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        let plausible = (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        *octet = plausible.then(|| part.parse().ok())??;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        Network::parse(network).unwrap().contains(address)
    }

    #[test]
    fn host_bits_of_the_network_are_ignored() {
        assert!(contains("10.1.2.3/8", "10.255.255.255") && !contains("10.1.2.3/8", "11.0.0.0"));
        assert!(contains("2001:db8::1/32", "2001:db8:ffff::"));
        assert!(contains("10.0.0.1/32", "10.0.0.1") && !contains("10.0.0.1/32", "10.0.0.2"));
        assert!(contains("::1/128", "0:0:0:0:0:0:0:1") && !contains("::1/128", "::2"));
        assert!(contains("0.0.0.0/0", "255.1.2.3") && contains("::/0", "ffff::"));
    }

    #[test]
    fn families_never_meet() {
        assert!(!contains("0.0.0.0/0", "::1") && !contains("::/0", "10.0.0.1"));
        assert!(!contains("10.0.0.0/8", "::ffff:10.0.0.1"));
    }

    #[test]
    fn only_whole_addresses_count() {
        for value in [
            "",
            "10.0.0",
            "10.0.0.1.1",
            "10.0.0.256",
            "10.0.0.1 ",
            "10.0.0.+1",
            "10.0.0.0001",
            "10.0.0.x",
            ":",
        ] {
            assert!(!contains("0.0.0.0/0", value) && !contains("::/0", value), "{value}");
        }
        assert!(contains("10.0.0.0/31", "10.0.0.01"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for (text, error) in [
            ("10.0.0.0", NetworkError::NoLength),
            ("foo/8", NetworkError::Address),
            ("256.0.0.0/8", NetworkError::Address),
            ("10.0.0.0/33", NetworkError::Length { longest: 32 }),
            ("10.0.0.0/-1", NetworkError::Length { longest: 32 }),
            ("10.0.0.0/+1", NetworkError::Length { longest: 32 }),
            ("10.0.0.0/", NetworkError::Length { longest: 32 }),
            ("::/129", NetworkError::Length { longest: 128 }),
        ] {
            assert_eq!(Network::parse(text), Err(error), "{text}");
        }
    }
}
