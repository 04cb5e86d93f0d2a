//! [`Proxies`]: servers in front of this one, which are believed when they say for whom they ask.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The networks of servers in front of this one. By default there are none, and the header is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Reads addresses and networks, such as `10.0.0.7` and `10.0.0.0/8`.
    ///
    /// # Errors
    /// The first text that is neither.
    pub fn parse(texts: &[String]) -> Result<Self, String> {
        let network = |text: &String| {
            let address = text.parse::<IpAddr>().map(IpNet::from);
            address.or_else(|_| text.parse()).map_err(|_| text.clone()).map(canonical)
        };
        texts.iter().map(network).collect::<Result<_, _>>().map(Self)
    }

    /// Names whom a request comes from: the peer, or where that is one of these, whom its `X-Forwarded-For` names last. Each
    /// server adds its own peer behind the others, so what stands further in front is anybody's word.
    pub(super) fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.holds(peer) {
            return peer;
        }
        let mut caller = peer;
        for value in headers.get_all("x-forwarded-for").iter().rev() {
            for text in value.to_str().unwrap_or_default().rsplit(',') {
                let Some(address) = address(text.trim()) else { return caller };
                caller = address;
                if !self.holds(caller) {
                    return caller;
                }
            }
        }
        caller
    }

    fn holds(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address.to_canonical()))
    }
}

/// Writes a network of IPv4 addresses as one, as peers are compared.
fn canonical(network: IpNet) -> IpNet {
    let length = network.prefix_len().checked_sub(96);
    match (network.addr().to_canonical(), length) {
        (IpAddr::V4(address), Some(length)) if matches!(network, IpNet::V6(_)) => {
            IpNet::new(address.into(), length).unwrap_or(network)
        }
        _ => network,
    }
}

/// Reads an address, also with a port, as some proxies write it.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_believed_as_far_as_it_speaks_itself() {
        let proxies = Proxies::parse(&["10.0.0.0/8".to_owned(), "fd00::1".to_owned()]).unwrap();
        let caller = |peer: &str, said: &[&str]| {
            let named = said.iter().map(|value| ("x-forwarded-for".parse().unwrap(), value.parse().unwrap()));
            proxies.caller(peer.parse().unwrap(), &named.collect()).to_string()
        };
        // A stranger's word counts for nothing.
        assert_eq!(caller("203.0.113.9", &["192.0.2.1"]), "203.0.113.9");
        assert_eq!(caller("10.1.2.3", &[]), "10.1.2.3");
        assert_eq!(caller("10.1.2.3", &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(caller("::ffff:10.1.2.3", &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(caller("fd00::1", &["2001:db8::7"]), "2001:db8::7");
        // What the client itself wrote stands in front.
        assert_eq!(caller("10.1.2.3", &["127.0.0.1, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(caller("10.1.2.3", &["127.0.0.1", "192.0.2.1,10.9.9.9"]), "192.0.2.1");
        assert_eq!(caller("10.1.2.3", &["192.0.2.1:4711"]), "192.0.2.1");
        assert_eq!(caller("10.1.2.3", &["[2001:db8::7]:4711"]), "2001:db8::7");
        // What cannot be read ends the search with the last that is believed.
        assert_eq!(caller("10.1.2.3", &["192.0.2.1, unknown"]), "10.1.2.3");
        assert_eq!(caller("10.1.2.3", &["192.0.2.1, unknown, 10.0.0.8"]), "10.0.0.8");
        assert_eq!(caller("10.1.2.3", &["10.0.0.9"]), "10.0.0.9");
    }

    #[test]
    fn a_network_is_known_by_either_spelling() {
        for spelled in ["10.0.0.0/8", "::ffff:10.0.0.0/104", "::ffff:10.1.2.3", "::/0"] {
            let holds = Proxies::parse(&[spelled.to_owned()]).unwrap().holds("10.1.2.3".parse().unwrap());
            assert_eq!(holds, spelled != "::/0", "{spelled}");
        }
        let all = Proxies::parse(&["::ffff:0.0.0.0/96".to_owned()]).unwrap();
        assert!(all.holds("203.0.113.9".parse().unwrap()) && !all.holds("2001:db8::7".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_named() {
        assert_eq!(Proxies::parse(&["10.0.0.1".to_owned(), "ingress".to_owned()]), Err("ingress".to_owned()));
        assert_eq!(Proxies::parse(&["10.0.0.0/33".to_owned()]), Err("10.0.0.0/33".to_owned()));
    }
}
