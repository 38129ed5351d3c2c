//! Who causes something, as far as limits are concerned.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use crate::capability::ServiceToken;

/// Whose share something comes out of: a tenant's, a service token's, or else a network address's.
/// Capabilities are free, so they name no caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Caller(Arc<str>);

impl Caller {
    /// Whoever sends from an address. Who has one address of IPv6 has the whole network of 64 bits.
    #[must_use]
    pub fn of_address(address: IpAddr) -> Self {
        let text = match address.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                format!("{}/64", Ipv6Addr::from(network))
            }
        };
        Self(text.into())
    }

    /// Whoever holds a token.
    #[must_use]
    pub fn of_token(token: &ServiceToken) -> Self {
        Self(format!("token {}", token.name()).into())
    }

    /// A tenant, whichever of its keys was shown.
    #[must_use]
    pub fn of_tenant(name: &str) -> Self {
        Self(format!("{TENANT}{name}").into())
    }

    /// The tenant's name, if it is one.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.0.strip_prefix(TENANT)
    }

    /// A caller as it was stored.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }
}

/// No address and no token begins like this. The databases' triggers know it too.
const TENANT: &str = "tenant:";

/// Whether a tenant can be called so: up to 128 visible characters of ASCII.
#[must_use]
pub fn is_tenant_name(name: &str) -> bool {
    (1..=128).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_are_one_caller() {
        let of = |text: &str| Caller::of_address(text.parse().unwrap());
        assert_eq!(of("192.0.2.7"), of("::ffff:192.0.2.7"));
        assert_ne!(of("192.0.2.7"), of("192.0.2.8"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("2001:db8:1:2::1").to_string(), "2001:db8:1:2::/64");
        assert_eq!(Caller::stored("192.0.2.7"), of("192.0.2.7"));
    }

    #[test]
    fn tenants_are_told_from_others() {
        let tenant = Caller::of_tenant("acme");
        assert_eq!(tenant.to_string(), "tenant:acme");
        assert_eq!(Caller::stored("tenant:acme").tenant(), Some("acme"));
        let token = Caller::of_token(&ServiceToken::new("a long enough one"));
        for other in [token, Caller::of_address("2001:db8::1".parse().unwrap())] {
            assert_eq!(other.tenant(), None);
        }
        assert!(is_tenant_name("auth0|5f7c8ec7") && is_tenant_name("a"));
        for wrong in ["", "a b", "\u{e9}", "a\n", &"a".repeat(129)] {
            assert!(!is_tenant_name(wrong), "{wrong}");
        }
    }

    #[test]
    fn tokens_are_callers_and_not_shown() {
        let of = |text: &str| Caller::of_token(&ServiceToken::new(text));
        assert_eq!(of("a long enough one"), of("a long enough one"));
        assert_ne!(of("a long enough one"), of("another long one"));
        assert!(!of("a long enough one").to_string().contains("enough"));
    }
}
