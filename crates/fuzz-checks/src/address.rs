//! `address`: 16 bytes as an address, and the rest as the operator's list of opened ranges.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use clap::Parser;
use sellvik::{ServeArgs, Settings};
use sellvik_domain::AddressPolicy;

use crate::input::Input;

pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let v6 = Ipv6Addr::from(input.array::<16>());
    let [a, b, c, d, ..] = v6.octets();
    let v4 = Ipv4Addr::new(a, b, c, d);
    let addresses = [IpAddr::V6(v6), IpAddr::V4(v4)];
    let policy = AddressPolicy::default();
    for address in addresses {
        assert_eq!(policy.permits(address), is_public(address), "{address}");
        assert!(!policy.opens(address), "{address} is opened by nobody");
    }
    wrappings_make_no_difference(&policy, v4);
    if let Ok(list) = std::str::from_utf8(input.rest()) {
        ranges_open_what_they_say(list, addresses);
    }
}

fn wrappings_make_no_difference(policy: &AddressPolicy, v4: Ipv4Addr) {
    let low = u128::from(u32::from(v4));
    let nat64 = Ipv6Addr::from((0x0064_ff9b_u128 << 96) | low);
    let six_to_four = Ipv6Addr::from((0x2002_u128 << 112) | (low << 80) | 1);
    for wrapped in [v4.to_ipv6_mapped(), nat64, six_to_four] {
        assert_eq!(policy.permits(wrapped.into()), policy.permits(v4.into()), "{wrapped}");
    }
    assert!(!policy.permits(Ipv6Addr::from(low).into()), "::/96 is nobody's");
}

/// Reads the list as the service does at its start and by hand, and compares what is opened.
fn ranges_open_what_they_say(list: &str, addresses: [IpAddr; 2]) {
    let by_hand: Option<Vec<Range>> =
        list.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Range::parse).collect();
    let settings = match (settings_with(list), by_hand) {
        (Ok(settings), Some(ranges)) => (settings, ranges),
        (Err(error), None) => {
            let text = error.to_string();
            assert!(text.contains("SELLVIK_ENDPOINT_ALLOW") && text.len() < 200, "{text}");
            return;
        }
        (settings, by_hand) => panic!("{list:?}: read {}, by hand {by_hand:?}", settings.is_ok()),
    };
    let (settings, ranges) = settings;
    assert_eq!(settings.endpoint_allow.len(), ranges.len(), "{list:?}");
    let policy = AddressPolicy::new(settings.endpoint_allow);
    for address in addresses.into_iter().chain(ranges.iter().map(|range| range.address)) {
        let opened = ranges.iter().any(|range| range.holds(unwrapped(address)));
        assert_eq!(policy.opens(address), opened, "{address} by {list:?}");
        assert_eq!(policy.permits(address), opened || is_public(address), "{address} by {list:?}");
    }
}

fn settings_with(list: &str) -> Result<Settings, sellvik::SettingsError> {
    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        args: ServeArgs,
    }
    thread_local! {
        static ARGS: RefCell<ServeArgs> = RefCell::new(Flags::try_parse_from(["serve"]).unwrap().args);
    }
    ARGS.with_borrow_mut(|args| {
        list.clone_into(&mut args.endpoint_allow);
        Settings::resolve(args)
    })
}

#[derive(Debug)]
struct Range {
    address: IpAddr,
    prefix: u32,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().ok()?;
        let (most, digits_most) = if address.is_ipv4() { (32, 2) } else { (128, 3) };
        let prefix = match prefix {
            None => most,
            Some(text) => {
                let digits = text.bytes().all(|b| b.is_ascii_digit()) && text.len() <= digits_most;
                digits.then(|| text.parse().ok()).flatten().filter(|prefix| *prefix <= most)?
            }
        };
        Some(Self { address, prefix })
    }

    fn holds(&self, address: IpAddr) -> bool {
        let differing = match (self.address, address) {
            (IpAddr::V4(one), IpAddr::V4(other)) => u128::from(u32::from(one) ^ u32::from(other)) << 96,
            (IpAddr::V6(one), IpAddr::V6(other)) => u128::from(one) ^ u128::from(other),
            _ => return false,
        };
        differing.leading_zeros() >= self.prefix
    }
}

/// The contract's address rules, in arithmetic and what the standard library knows.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match unwrapped(address) {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let bits = u128::from(v6);
    let low = |bits: u128| IpAddr::V4(Ipv4Addr::from(u32::try_from(bits & 0xffff_ffff).unwrap()));
    if bits >> 32 == 0xffff || bits >> 32 == 0x0064_ff9b_u128 << 64 {
        low(bits)
    } else if bits >> 112 == 0x2002 {
        low(bits >> 80)
    } else {
        address
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, d] = v4.octets();
    let named = v4.is_loopback()
        || v4.is_private()
        || v4.is_link_local()
        || v4.is_multicast()
        || v4.is_broadcast()
        || v4.is_unspecified()
        || v4.is_documentation();
    let others = a == 0
        || a >= 240
        || (a == 100 && b & 0b1100_0000 == 64)
        || (a == 198 && b & 0b1111_1110 == 18)
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || (a, b, c, d) == (168, 63, 129, 16);
    !named && !others
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    let [a, b, ..] = v6.segments();
    let refused = (a == 0x2001 && (b < 0x200 || b == 0xdb8)) || (a == 0x3fff && b < 0x1000);
    let public = (0x2000..=0x3fff).contains(&a) && !refused;
    let named = v6.is_loopback()
        || v6.is_unspecified()
        || v6.is_multicast()
        || v6.is_unique_local()
        || v6.is_unicast_link_local();
    assert!(!(public && named), "{v6}");
    public
}
