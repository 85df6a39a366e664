//! Which addresses an endpoint may have (CONTRACT §3, from IANA's special-purpose registries).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The operator's address rules: public unicast, and the ranges `SELLVIK_ENDPOINT_ALLOW` opens.
#[derive(Debug, Clone, Default)]
pub struct AddressPolicy {
    allow: Vec<IpNet>,
}

/// The loopback addresses, as `localhost` means them without asking DNS (RFC 6761).
pub const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// IPv4 ranges that are not globally reachable unicast.
const REFUSED_V4: [Ipv4Net; 17] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
    // A cloud's metadata service that answers on a public-looking address.
    v4([168, 63, 129, 16], 32),
    v4([255, 255, 255, 255], 32),
];

/// The part of IPv6 that holds global unicast; everything outside is refused.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// IPv6 ranges inside `2000::/3` that are not globally reachable unicast. `2001::/23` holds Teredo,
/// benchmarking, ORCHID and the rest of the protocol assignments.
const REFUSED_V6: [Ipv6Net; 3] = [
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]), prefix)
}

const fn v6(s: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]), prefix)
}

impl AddressPolicy {
    /// The rules with these ranges opened besides.
    pub fn new(allow: Vec<IpNet>) -> Self {
        Self { allow }
    }

    /// Whether an endpoint may have this address, however it is wrapped.
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = unwrap(address);
        self.allow.iter().any(|net| net.contains(&address)) || is_public(address)
    }

    /// Whether the operator's setting opens this address by name of its range.
    pub fn opens(&self, address: IpAddr) -> bool {
        let address = unwrap(address);
        self.allow.iter().any(|net| net.contains(&address))
    }
}

/// The IPv4 address inside a mapped, NAT64 or 6to4 address; any other address itself.
fn unwrap(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let embedded = |hi: u16, lo: u16| {
        let ([a, b], [c, d]) = (hi.to_be_bytes(), lo.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, hi, lo] | [0x64, 0xff9b, 0, 0, 0, 0, hi, lo] | [0x2002, hi, lo, ..] => {
            embedded(hi, lo)
        }
        _ => address,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !REFUSED_V4.iter().any(|net| net.contains(&v4)),
        IpAddr::V6(v6) => GLOBAL_V6.contains(&v6) && !REFUSED_V6.iter().any(|net| net.contains(&v6)),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn permitted(policy: &AddressPolicy, address: &str) -> bool {
        policy.permits(address.parse().unwrap())
    }

    #[test]
    fn public_unicast_is_permitted() {
        let policy = AddressPolicy::default();
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "172.32.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert!(permitted(&policy, address), "{address}");
        }
    }

    #[test]
    fn everything_special_is_refused_in_every_wrapping() {
        let policy = AddressPolicy::default();
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
        ] {
            assert!(!permitted(&policy, address), "{address}");
            let v4: Ipv4Addr = address.parse().unwrap();
            let [a, b, c, d] = v4.octets();
            for wrapped in [
                format!("::ffff:{address}"),
                format!("64:ff9b::{address}"),
                format!("::{address}"),
                format!("2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1"),
            ] {
                assert!(!permitted(&policy, &wrapped), "{wrapped}");
            }
        }
        for address in [
            "::",
            "::1",
            "::8.8.8.8",
            "100::1",
            "64:ff9b:1::1",
            "2001::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!permitted(&policy, address), "{address}");
        }
    }

    #[test]
    fn the_operator_opens_exactly_a_range() {
        let policy = AddressPolicy::new(vec!["127.0.0.0/30".parse().unwrap(), "fd00::/16".parse().unwrap()]);
        for address in ["127.0.0.1", "::ffff:127.0.0.2", "2002:7f00:1::", "fd00::9"] {
            assert!(permitted(&policy, address), "{address}");
        }
        for address in ["127.0.0.4", "10.0.0.1", "::1", "fd01::1"] {
            assert!(!permitted(&policy, address), "{address}");
        }
    }
}
