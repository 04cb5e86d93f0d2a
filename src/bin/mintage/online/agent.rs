//! How a server is spoken to: which addresses are taken, and through which proxy.

use std::net::IpAddr;
use std::time::Duration;

use mintage::code::Code;
use ureq::http::Uri;
use ureq::{Agent, Proxy};

use super::tls::Tls;
use crate::failure::Failure;

/// How long a connection may take, and a request with its answer.
const CONNECT_TIME: Duration = Duration::from_secs(10);
const CALL_TIME: Duration = Duration::from_secs(60);

/// Variables that name a proxy; the first that is set counts.
const PROXIES: [&str; 6] = ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/// What speaks to a server.
pub(super) struct Way {
    /// The address, without its last slash.
    pub(super) base: String,
    /// The proxy that is asked first, without its password.
    pub(super) proxy: Option<String>,
    pub(super) agent: Agent,
    /// What helps where a server breaks off for want of a certificate that it accepts; nothing without TLS.
    pub(super) certificate: Option<&'static str>,
}

/// Finds the way to an address.
pub(super) fn agent(url: &str, tls: &Tls, insecure: bool) -> anyhow::Result<Way> {
    let (is_plain, is_here) = checked(url)?;
    if is_plain && !is_here && !insecure {
        let message = format!("`{url}` would be spoken to without TLS, and whoever listens would read the license key");
        let hint = "write https://, or say --insecure-http where something else encrypts";
        return Err(Failure::new(Code::Usage, message).hint(hint).into());
    }
    // What does not leave this machine needs no proxy, and would be read there.
    let proxy = if is_plain && is_here { None } else { proxy()? };
    let passed = |proxy: &&Proxy| url.parse().is_ok_and(|uri: Uri| proxy.is_no_proxy(&uri));
    let shown = proxy.as_ref().filter(|proxy| !passed(proxy)).map(|proxy| {
        let scheme = proxy.uri().scheme_str().unwrap_or("http");
        format!("{scheme}://{}:{}", proxy.host(), proxy.port())
    });
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(CONNECT_TIME))
        .timeout_global(Some(CALL_TIME))
        .user_agent(concat!("mintage/", env!("CARGO_PKG_VERSION")))
        .proxy(proxy);
    if !is_plain {
        config = config.tls_config(tls.config()?);
    }
    // What answers is named by its routes; who names these with the server means the server.
    let base = url.trim_end_matches('/');
    let base = base.strip_suffix("/api/v1").unwrap_or(base).trim_end_matches('/').to_owned();
    let certificate = (!is_plain).then(|| tls.hint());
    Ok(Way { base, proxy: shown, agent: config.build().new_agent(), certificate })
}

/// Whether an address is without TLS, and whether it is on this machine.
fn checked(url: &str) -> Result<(bool, bool), Failure> {
    let fault = |what: &str| {
        let message = format!("`{url}` is no address of a server: {what}");
        Failure::new(Code::Usage, message).hint("write https://NAME or https://NAME:PORT")
    };
    let uri: Uri = url.parse().map_err(|_| fault("it is no URL"))?;
    let is_plain = match uri.scheme_str() {
        Some("https") => false,
        Some("http") => true,
        _ => return Err(fault("it begins neither with https:// nor with http://")),
    };
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| fault("it names no host"))?;
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(fault("a user or a password does not belong there"));
    }
    if uri.query().is_some() || url.contains('#') {
        return Err(fault("what stands behind `?` or `#` does not belong there"));
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_here =
        bare.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    Ok((is_plain, is_here))
}

/// Finds the proxy of the environment. One that cannot be used is not passed by.
fn proxy() -> Result<Option<Proxy>, Failure> {
    let set = PROXIES.iter().find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    let Some(name) = set else { return Ok(None) };
    match std::env::var(name).ok().and_then(|value| Proxy::new(&value).ok()) {
        Some(proxy) if ["http", "https"].contains(&proxy.uri().scheme_str().unwrap_or_default()) => {
            Ok(Proxy::try_from_env())
        }
        _ => {
            let message = format!("the proxy that {name} names cannot be used");
            Err(Failure::new(Code::Usage, message).hint("write http://NAME:PORT, or exempt the server with NO_PROXY"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_whether_it_is_encrypted_and_whether_it_is_here() {
        for (url, expected) in [
            ("https://licenses.example", Some((false, false))),
            ("https://licenses.example:8443/prefix/", Some((false, false))),
            ("http://127.0.0.1:7420", Some((true, true))),
            ("http://127.9.9.9", Some((true, true))),
            ("http://[::1]:7420", Some((true, true))),
            ("http://LocalHost", Some((true, true))),
            ("http://localhost.example", Some((true, false))),
            ("http://127.0.0.1.example", Some((true, false))),
            ("http://10.0.0.1", Some((true, false))),
            ("ftp://licenses.example", None),
            ("licenses.example", None),
            ("https://user:word@licenses.example", None),
            ("http://127.0.0.1@licenses.example", None),
            ("https://licenses.example/?a=b", None),
            ("https://licenses.example/#a", None),
            ("https://", None),
            ("", None),
        ] {
            assert_eq!(checked(url).ok(), expected, "{url}");
        }
    }
}
