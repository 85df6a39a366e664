//! A webhook's URL (CONTRACT §3).

use std::net::IpAddr;

use url::{Host, Url};

/// Longest URL taken, in characters: what browsers and proxies carry without trouble.
pub const URL_CHARS_MAX: usize = 2048;

/// A URL that passed every rule which needs neither DNS nor knowledge of the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointUrl {
    as_sent: String,
    parsed: Url,
}

/// Who a URL points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointHost<'a> {
    /// A literal address, in whatever spelling it was written.
    Address(IpAddr),
    /// A name: lower case, in ASCII, without a trailing dot.
    Name(&'a str),
}

impl EndpointUrl {
    /// Takes a URL as a merchant sent it; the error is a sentence that says what to change.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("must not be empty");
        }
        if text.chars().count() > URL_CHARS_MAX {
            return Err("must be at most 2048 characters");
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err("must not contain white space, control characters or backslashes");
        }
        // The WHATWG parser repairs `https:host` and the like; a merchant should see the slip instead.
        let scheme_end =
            text.find("://").ok_or("must be an absolute URL such as https://example.com/sellvik-webhook")?;
        let scheme = text[..scheme_end].to_ascii_lowercase();
        if scheme != "https" && scheme != "http" {
            return Err("must start with https://");
        }
        if text.contains('#') {
            return Err("must not have a fragment (#…)");
        }
        let rest = &text[scheme_end + 3..];
        let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
        if authority.contains('@') {
            return Err("must not carry a user name or password");
        }
        if authority.is_empty() {
            return Err("must name a host");
        }
        let parsed = Url::parse(text).map_err(|_| "is not a valid URL")?;
        Self::of_parsed(text, parsed)
    }

    /// Where a redirect from `self` leads: `location` may be relative and its fragment is dropped.
    pub fn join(&self, location: &str) -> Result<Self, &'static str> {
        let mut target = self.parsed.join(location).map_err(|_| "the Location is not a valid URL")?;
        target.set_fragment(None);
        if !target.username().is_empty() || target.password().is_some() {
            return Err("the Location carries a user name or password");
        }
        if !matches!(target.scheme(), "https" | "http") {
            return Err("the Location is neither https nor http");
        }
        if target.as_str().len() > URL_CHARS_MAX {
            return Err("the Location is longer than 2048 characters");
        }
        let as_sent = target.as_str().to_owned();
        Self::of_parsed(&as_sent, target)
    }

    fn of_parsed(as_sent: &str, mut parsed: Url) -> Result<Self, &'static str> {
        // `https://example.com./` and `https://example.com/` reach the same place.
        if let Some(Host::Domain(name)) = parsed.host()
            && let Some(bare) = name.strip_suffix('.').map(str::to_owned)
        {
            if bare.is_empty() || bare.ends_with('.') {
                return Err("is not a valid URL");
            }
            parsed.set_host(Some(&bare)).map_err(|_| "is not a valid URL")?;
        }
        if parsed.host().is_none() || parsed.port() == Some(0) {
            return Err("must name a host and a usable port");
        }
        Ok(Self { as_sent: as_sent.to_owned(), parsed })
    }

    /// As the merchant wrote it.
    pub fn as_sent(&self) -> &str {
        &self.as_sent
    }

    /// The form by which two URLs are the same endpoint: WHATWG-serialised, without a trailing dot.
    pub fn normalised(&self) -> &str {
        self.parsed.as_str()
    }

    /// Whether the scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.parsed.scheme() == "https"
    }

    /// Whom to connect to.
    pub fn host(&self) -> EndpointHost<'_> {
        match self.parsed.host() {
            Some(Host::Ipv4(v4)) => EndpointHost::Address(v4.into()),
            Some(Host::Ipv6(v6)) => EndpointHost::Address(v6.into()),
            Some(Host::Domain(name)) => EndpointHost::Name(name),
            None => EndpointHost::Name(""),
        }
    }

    /// The host in text, IPv6 in brackets, without the port.
    pub fn host_text(&self) -> &str {
        self.parsed.host_str().unwrap_or_default()
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.parsed.port_or_known_default().unwrap_or(443)
    }

    /// The `Host` header: host, and the port where it is not the scheme's own.
    pub fn authority(&self) -> String {
        match self.parsed.port() {
            Some(port) => format!("{}:{port}", self.host_text()),
            None => self.host_text().to_owned(),
        }
    }

    /// Path and query, as the request line carries them.
    pub fn path_and_query(&self) -> &str {
        &self.parsed[url::Position::BeforePath..url::Position::AfterQuery]
    }
}

/// Whether a name is one that only ever means this machine or this network (RFC 6761, RFC 6762).
pub fn is_local_name(name: &str) -> bool {
    ["localhost", "local", "internal"].iter().any(|local| {
        name.strip_suffix(local)
            .is_some_and(|rest| (rest.is_empty() && *local == "localhost") || rest.ends_with('.'))
    })
}

/// Whether a name means loopback without asking DNS: `localhost` and names below it.
pub fn is_loopback_name(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn takes_what_merchants_send_and_returns_it_as_sent() {
        for (text, normalised) in [
            ("https://erp.example.com/sellvik-events", "https://erp.example.com/sellvik-events"),
            ("HTTPS://ERP.Example.com:443/a?b=c", "https://erp.example.com/a?b=c"),
            ("https://example.com.", "https://example.com/"),
            ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
            ("http://[2606:4700::1111]:8080/x", "http://[2606:4700::1111]:8080/x"),
            ("https://0x7f.1/", "https://127.0.0.1/"),
        ] {
            let url = EndpointUrl::parse(text).unwrap();
            assert_eq!((url.as_sent(), url.normalised()), (text, normalised));
        }
    }

    #[test]
    fn refuses_what_could_mislead() {
        for text in [
            "",
            "example.com",
            "/sellvik-webhook",
            "//example.com",
            "https:example.com",
            "https:/example.com",
            "https://",
            "https:///path",
            "ftp://example.com",
            "javascript://example.com/%0aalert(1)",
            "https://user@example.com",
            "https://user:pass@example.com",
            "https://@example.com",
            "https://example.com/#part",
            "https://example.com/a b",
            " https://example.com",
            "https://example.com\n",
            "https://example.com\\@evil.example",
            "https://exa\u{0}mple.com",
            "https://example.com:0/",
            "https://example.com:99999/",
            "https://exa mple.com",
            "https://example..",
            "https://1.2.3.4.5/",
            "https://256.1.1.1/",
        ] {
            assert!(EndpointUrl::parse(text).is_err(), "{text:?}");
        }
        assert!(EndpointUrl::parse(&format!("https://example.com/{}", "a".repeat(2048))).is_err());
    }

    #[test]
    fn every_spelling_of_an_address_is_an_address() {
        let loopback = EndpointHost::Address("127.0.0.1".parse().unwrap());
        for text in [
            "http://127.0.0.1",
            "http://127.1",
            "http://2130706433",
            "http://0x7f000001",
            "http://0177.0.0.1",
            "http://127.0.0.1.",
            "http://%31%32%37.0.0.1",
            "http://１２７.0.0.1",
            "http://①②⑦.0.0.1",
        ] {
            assert_eq!(EndpointUrl::parse(text).unwrap().host(), loopback, "{text}");
        }
    }

    #[test]
    fn local_names_are_known() {
        for name in ["localhost", "a.localhost", "printer.local", "metadata.google.internal"] {
            assert!(is_local_name(name), "{name}");
        }
        for name in ["example.com", "localhost.example", "mylocalhost", "thelocal", "internal", "local"] {
            assert!(!is_local_name(name), "{name}");
        }
    }

    #[test]
    fn redirects_resolve_like_a_browser() {
        let base = EndpointUrl::parse("https://example.com/a/b?c").unwrap();
        for (location, target) in [
            ("/x", "https://example.com/x"),
            ("y?z#f", "https://example.com/a/y?z"),
            ("//other.example/", "https://other.example/"),
            ("http://other.example/", "http://other.example/"),
        ] {
            assert_eq!(base.join(location).unwrap().normalised(), target);
        }
        for location in ["ftp://x/", "https://u:p@x/", "https://"] {
            assert!(base.join(location).is_err(), "{location}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_normalising_is_stable(text in "(https?://)?[ -~\\PC]{0,40}") {
            if let Ok(url) = EndpointUrl::parse(&text) {
                let again = EndpointUrl::parse(url.normalised()).unwrap();
                prop_assert_eq!(again.normalised(), url.normalised());
                prop_assert!(url.path_and_query().starts_with('/'));
            }
        }
    }
}
