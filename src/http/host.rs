//! Whether a request names the host it reached: one `Host`, well formed, and one that this server answers to.

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, Version, header};

use super::problem::Problem;
use crate::code::Code;

/// Which names a server answers to.
#[derive(Clone, Debug, Default)]
pub enum Hosts {
    /// Any: another server in front has checked.
    #[default]
    Any,
    /// These names, beside every address.
    These(Vec<String>),
}

impl Hosts {
    /// Whether a request can name a host so: ASCII letters, digits, `-`, `.` and `_`, or an address, of IPv6 in brackets;
    /// at most 255 bytes, without a port.
    pub fn can_name(text: &str) -> bool {
        name(text) == Some(text)
    }

    /// Checks the `Host` of a request, and in its place the host of a target that names one (RFC 9112, section 3.2.2). A page
    /// that a browser loaded from elsewhere names its own host, so it is turned away before it can ask anything.
    ///
    /// # Errors
    /// `malformed` unless it stands once and is well formed, `misdirected` for another name.
    pub(super) fn check(&self, version: Version, target: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let mut all = headers.get_all(header::HOST).iter();
        let in_target = target.authority().map(Authority::as_str);
        let host = match (all.next(), all.next()) {
            (Some(host), None) => {
                host.to_str().ok().filter(|host| name(host).is_some()).map(|host| in_target.unwrap_or(host))
            }
            (None, _) if version == Version::HTTP_10 => match in_target {
                Some(host) => Some(host),
                None => return Ok(()),
            },
            _ => None,
        };
        let Some(name) = host.and_then(name) else {
            let message = "the request must name its host once, as NAME or NAME:PORT";
            return Err(Problem::new(Code::Malformed, message).hint("send one header Host"));
        };
        let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        match self {
            Self::These(names) if !is_address && !names.iter().any(|known| known.eq_ignore_ascii_case(name)) => {
                let message = format!("this server does not answer to the name `{name}`");
                Err(Problem::new(Code::Misdirected, message))
            }
            _ => Ok(()),
        }
    }
}

/// Takes the name off its port.
fn name(host: &str) -> Option<&str> {
    let bracket = host.rfind(']').unwrap_or(0);
    let (name, port) = match host[bracket..].rfind(':') {
        Some(at) => (&host[..bracket + at], &host[bracket + at + 1..]),
        None => (host, ""),
    };
    let is_port = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let inside = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let is_well_formed = match inside {
        Some(address) => address.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte)),
        None => name.bytes().all(is_name),
    };
    (is_port && is_well_formed && (1..=255).contains(&name.len())).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hosts: &Hosts, all: &[&'static str]) -> Option<Code> {
        check_target(hosts, Version::HTTP_11, "/", all)
    }

    fn check_target(hosts: &Hosts, version: Version, target: &str, all: &[&'static str]) -> Option<Code> {
        let headers = all.iter().map(|host| (header::HOST, host.parse().unwrap())).collect();
        hosts.check(version, &target.parse().unwrap(), &headers).err().map(|problem| problem.code)
    }

    #[test]
    fn a_host_stands_once_and_is_well_formed() {
        for good in ["localhost", "a.example:7420", "[::1]:7420", "127.0.0.1"] {
            assert_eq!(check(&Hosts::Any, &[good]), None, "{good}");
        }
        for bad in ["", ":7420", "a b", "a.example:x", "a/b", "user@a", "[::1", "a,b"] {
            assert_eq!(check(&Hosts::Any, &[bad]), Some(Code::Malformed), "{bad}");
        }
        assert_eq!(check(&Hosts::Any, &[]), Some(Code::Malformed));
        assert_eq!(check(&Hosts::Any, &["a", "a"]), Some(Code::Malformed));
    }

    #[test]
    fn a_name_has_no_port() {
        for (text, expected) in [
            ("a.example", true),
            ("127.0.0.1", true),
            ("[::1]", true),
            ("a.example:8080", false),
            ("a.example:", false),
            ("a b", false),
            ("*.example", false),
            ("::1", false),
            ("", false),
        ] {
            assert_eq!(Hosts::can_name(text), expected, "{text}");
        }
    }

    #[test]
    fn other_names_are_turned_away() {
        let hosts = Hosts::These(vec!["localhost".to_owned()]);
        for (host, expected) in [
            ("LocalHost:7420", None),
            ("127.0.0.1:7420", None),
            ("[::1]", None),
            ("rebound.example", Some(Code::Misdirected)),
        ] {
            assert_eq!(check(&hosts, &[host]), expected, "{host}");
        }
    }

    #[test]
    fn a_host_in_the_target_counts_in_place_of_the_header() {
        let hosts = Hosts::These(vec!["localhost".to_owned()]);
        for (version, target, host, expected) in [
            (Version::HTTP_11, "http://localhost:7420/", &["127.0.0.1"][..], None),
            (Version::HTTP_11, "http://localhost/", &["rebound.example"], None),
            (Version::HTTP_11, "http://rebound.example/", &["127.0.0.1"], Some(Code::Misdirected)),
            (Version::HTTP_11, "http://user@localhost/", &["localhost"], Some(Code::Malformed)),
            (Version::HTTP_11, "http://localhost/", &[], Some(Code::Malformed)),
            (Version::HTTP_11, "http://localhost/", &["a b"], Some(Code::Malformed)),
            (Version::HTTP_10, "http://localhost/", &[], None),
            (Version::HTTP_10, "http://rebound.example/", &[], Some(Code::Misdirected)),
        ] {
            assert_eq!(check_target(&hosts, version, target, host), expected, "{version:?} {target} {host:?}");
        }
    }
}
