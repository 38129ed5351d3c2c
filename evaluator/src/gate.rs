//! What requests must pass, whoever sends them, and how many may come in at once.

use std::net::IpAddr;

use crate::caller::Caller;
use crate::config::Config;
use crate::places::{NoPlace, Place, Places};
use crate::refusal::{Code, Refusal};

/// What requests must pass.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Names by which the service may be called.
    hosts: Vec<String>,
    /// Whose word on a sender's address counts.
    proxies: Vec<IpAddr>,
    /// Kibibytes of requests that may be in memory.
    requests: Places,
    /// Event streams that may be open.
    pub(crate) events: Places,
}

/// Memory for requests while they are received and checked: a hundred and more of the usual ones,
/// and the largest that a contract may ask for, one at a time.
const REQUEST_KIB: usize = 64 << 10;

impl Gate {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            hosts: config.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            proxies: config.trusted_proxies.clone(),
            requests: Places::new(REQUEST_KIB, REQUEST_KIB / 8),
            events: Places::new(config.event_streams, config.event_streams_per_caller),
        }
    }

    /// The address that a request comes from: that of the connection, or what a trusted proxy says
    /// of it in `X-Forwarded-For`, where the last address counts that is no such proxy's.
    pub(crate) fn sender(&self, peer: IpAddr, forwarded_for: &[&str]) -> IpAddr {
        let mut sender = peer;
        let mut named = forwarded_for.iter().flat_map(|value| value.split(',')).rev();
        while self.trusts(sender) {
            match named.next().map(|text| text.trim().parse()) {
                Some(Ok(address)) => sender = address,
                _ => break,
            }
        }
        sender
    }

    /// Whether this is one of the proxies whose word counts.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.proxies.contains(&peer.to_canonical())
    }

    /// Refuses requests that were meant for somebody else: a page of another site can have its own
    /// name point to this machine, and would be let in by the browser (DNS rebinding). It cannot
    /// have an address for a name.
    ///
    /// # Errors
    /// `wrong_host`.
    pub(crate) fn check_host(&self, host: &str) -> Result<(), Refusal> {
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let local = name == "localhost" || name.ends_with(".localhost");
        if local || name.parse::<IpAddr>().is_ok() || self.hosts.contains(&name) {
            return Ok(());
        }
        let detail = "This service does not go by that name (--hosts adds one).";
        Err(Refusal::new(Code::WrongHost, detail))
    }

    /// Room in memory for a request of at most so many bytes, until what is returned is dropped. An
    /// eighth of it is one caller's share: bodies may come slowly.
    ///
    /// # Errors
    /// `busy`.
    pub(crate) fn admit(&self, caller: &Caller, bytes: u64) -> Result<Place, Refusal> {
        let kib = usize::try_from(bytes.div_ceil(1024)).unwrap_or(usize::MAX);
        self.requests.take_some(caller, kib).map_err(|why| {
            let detail = match why {
                NoPlace::Share => "You send too many requests side by side; try again.",
                NoPlace::Full => "Too many requests at this moment; try again.",
            };
            Refusal::new(Code::Busy, detail).retry_after(1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_speak_for_others() {
        let trusted_proxies = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().unwrap()).to_vec();
        let gate = Gate::new(&Config { trusted_proxies, ..Config::default() });
        let sender = |peer: &str, forwarded: &[&str]| {
            gate.sender(peer.parse().unwrap(), forwarded).to_string()
        };
        assert_eq!(sender("192.0.2.7", &["198.51.100.1"]), "192.0.2.7");
        assert_eq!(sender("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(sender("10.0.0.1", &["203.0.113.9, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(sender("10.0.0.1", &["198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(sender("10.0.0.1", &["198.51.100.1", "10.0.0.2"]), "198.51.100.1");
        assert_eq!(sender("10.0.0.1", &["nonsense"]), "10.0.0.1");
        assert_eq!(sender("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn other_names_are_refused() {
        let hosts = vec!["Blindsight.example".to_owned()];
        let gate = Gate::new(&Config { hosts, ..Config::default() });
        for right in [
            "127.0.0.1:8080",
            "localhost",
            "LOCALHOST:1",
            "a.localhost:80",
            "[::1]:8080",
            "192.0.2.7",
            "blindsight.example",
            "blindsight.EXAMPLE.:443",
        ] {
            assert_eq!(gate.check_host(right), Ok(()), "{right}");
        }
        for wrong in [
            "evil.example",
            "blindsight.example.evil.example",
            "localhost.evil.example",
            "",
            "127.0.0.1.evil.example",
            "[evil.example]",
        ] {
            assert!(gate.check_host(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn requests_have_room_by_their_size_and_sender() {
        let gate = Gate::new(&Config::default());
        let most = (REQUEST_KIB as u64) << 10;
        let [a, b] = ["a", "b"].map(Caller::stored);
        let share: Vec<_> = (0..8).map(|_| gate.admit(&a, most / 64).unwrap()).collect();
        assert_eq!(gate.admit(&a, 1).err().map(|refusal| refusal.code), Some(Code::Busy));
        let other = gate.admit(&b, most / 2).unwrap();
        assert!(gate.admit(&Caller::stored("c"), most / 2).is_err());
        drop((share, other));
        // What is larger than all there is comes alone.
        let all = gate.admit(&a, u64::MAX).unwrap();
        assert!(gate.admit(&b, 1).is_err());
        drop(all);
        assert!(gate.admit(&b, 1).is_ok());
    }
}
