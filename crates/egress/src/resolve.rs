//! From a host to addresses that may be connected to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use sellvik_domain::{
    AddressPolicy, EndpointHost, EndpointUrl, Failure, FailureKind, LOOPBACK, is_local_name, is_loopback_name,
};
use tokio::time::timeout;

use crate::EgressError;

/// Longest an address is believed, in seconds: a receiver that moves is found again soon, however long
/// its records claim to live.
const POSITIVE_TTL_SECONDS_MAX: u64 = 60;

/// Longest the absence of a name is believed, in seconds: a merchant who has just fixed the record should
/// not wait for us.
const NEGATIVE_TTL_SECONDS_MAX: u64 = 5;

/// Answers kept, two to a name; some hundred bytes each.
const CACHED_ANSWERS_MAX: u64 = 16_384;

/// How long one question waits for its answer, in milliseconds; it is asked twice, which leaves more
/// than half of the attempt's ten seconds for the rest.
const QUESTION_MS: u64 = 2_000;

/// How long the other family's addresses are waited for once one family's are there, in milliseconds:
/// some name servers never answer about IPv6.
const OTHER_FAMILY_MS: u64 = 300;

/// Questions at a time on one TCP connection to a name server: as many as attempts may start at once.
const QUESTIONS_IN_FLIGHT_MAX: usize = 1_024;

/// The way from a URL to vetted addresses.
pub struct Resolver {
    dns: TokioResolver,
    policy: AddressPolicy,
}

impl Resolver {
    /// Asks `server`, or else whom the system asks.
    pub fn new(policy: AddressPolicy, server: Option<SocketAddr>) -> Result<Self, EgressError> {
        let name_servers = match server {
            Some(server) => vec![name_server(server)],
            None => system_name_servers(),
        };
        // No search domains: a name is what the merchant wrote, not something of this machine's network.
        let config = ResolverConfig::from_name_servers(name_servers);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        set_options(builder.options_mut(), server.is_none());
        Ok(Self { dns: builder.build().map_err(EgressError::Resolver)?, policy })
    }

    /// The addresses behind a URL's host, each of them vetted; never none.
    pub async fn resolve(&self, url: &EndpointUrl) -> Result<Vec<SocketAddr>, Failure> {
        let addresses = match url.host() {
            EndpointHost::Address(address) if self.policy.permits(address) => vec![address],
            EndpointHost::Address(_) => return Err(blocked(url, "is not a public address")),
            EndpointHost::Name(name) => self.resolve_name(url, name).await?,
        };
        Ok(addresses.into_iter().map(|address| SocketAddr::new(address, url.port())).collect())
    }

    async fn resolve_name(&self, url: &EndpointUrl, name: &str) -> Result<Vec<IpAddr>, Failure> {
        if is_loopback_name(name) {
            return self.opened(url, LOOPBACK.to_vec());
        }
        if is_local_name(name) {
            let addresses = self.look_up(name).await.unwrap_or_default();
            return self.opened(url, addresses);
        }
        let addresses = self.look_up(name).await?;
        if addresses.iter().all(|address| self.policy.permits(*address)) {
            Ok(addresses)
        } else {
            // Which address it is stays here: it may be a name of our own network.
            Err(blocked(url, "resolves to an address that is not public"))
        }
    }

    /// The addresses of a name that means this network: merchants may use it only if the operator's
    /// setting opens every one of them.
    fn opened(&self, url: &EndpointUrl, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, Failure> {
        if !addresses.is_empty() && addresses.iter().all(|address| self.policy.opens(*address)) {
            Ok(addresses)
        } else {
            Err(blocked(url, "is a name of the local network"))
        }
    }

    /// All addresses of a name, IPv4 first; never none.
    async fn look_up(&self, name: &str) -> Result<Vec<IpAddr>, Failure> {
        let absolute = Name::from_ascii(format!("{name}."))
            .map_err(|_| Failure::new(FailureKind::Dns, format!("{name} is not a possible name")))?;
        let mut four = pin!(self.ask(absolute.clone(), RecordType::A));
        let mut six = pin!(self.ask(absolute, RecordType::AAAA));
        let (four, six) = tokio::select! {
            answer = &mut four => { let other = beside(&answer, six).await; (answer, other) }
            answer = &mut six => { let other = beside(&answer, four).await; (other, answer) }
        };
        match (four, six) {
            (Ok(mut addresses), Ok(six)) => {
                addresses.extend(six);
                Ok(addresses)
            }
            (Ok(addresses), Err(_)) | (Err(_), Ok(addresses)) => Ok(addresses),
            (Err(trouble), Err(_)) => {
                let words = match trouble {
                    Trouble::UnknownName => "does not exist",
                    Trouble::WithoutAddress => "has no address",
                    Trouble::Unanswered => "could not be looked up: its name servers gave no answer",
                };
                Err(Failure::new(FailureKind::Dns, format!("{name} {words}")))
            }
        }
    }

    async fn ask(&self, name: Name, kind: RecordType) -> Result<Vec<IpAddr>, Trouble> {
        let answer = self.dns.lookup(name, kind).await.map_err(|error| Trouble::of(&error))?;
        let addresses: Vec<_> = answer.answers().iter().filter_map(|record| record.data.ip_addr()).collect();
        if addresses.is_empty() { Err(Trouble::WithoutAddress) } else { Ok(addresses) }
    }
}

/// Why a question brought no address.
#[derive(Clone, Copy)]
enum Trouble {
    UnknownName,
    WithoutAddress,
    Unanswered,
}

impl Trouble {
    fn of(error: &NetError) -> Self {
        if error.is_nx_domain() {
            Self::UnknownName
        } else if error.is_no_records_found() {
            Self::WithoutAddress
        } else {
            Self::Unanswered
        }
    }
}

type Found = Result<Vec<IpAddr>, Trouble>;

/// The second family's answer, for which nobody waits long once the first has addresses.
async fn beside(first: &Found, second: impl Future<Output = Found>) -> Found {
    match first {
        Ok(_) => {
            timeout(Duration::from_millis(OTHER_FAMILY_MS), second).await.unwrap_or(Err(Trouble::Unanswered))
        }
        Err(_) => second.await,
    }
}

fn blocked(url: &EndpointUrl, why: &str) -> Failure {
    Failure::new(FailureKind::BlockedAddress, format!("{} {why}", url.host_text()))
}

fn set_options(options: &mut ResolverOpts, system: bool) {
    options.timeout = Duration::from_millis(QUESTION_MS);
    options.attempts = 1;
    options.cache_size = CACHED_ANSWERS_MAX;
    options.positive_max_ttl = Some(Duration::from_secs(POSITIVE_TTL_SECONDS_MAX));
    options.negative_max_ttl = Some(Duration::from_secs(NEGATIVE_TTL_SECONDS_MAX));
    options.max_active_requests = QUESTIONS_IN_FLIGHT_MAX;
    options.use_hosts_file = if system { ResolveHosts::Always } else { ResolveHosts::Never };
}

fn name_server(server: SocketAddr) -> NameServerConfig {
    let on_its_port = |mut connection: ConnectionConfig| {
        connection.port = server.port();
        connection
    };
    let connections = vec![on_its_port(ConnectionConfig::udp()), on_its_port(ConnectionConfig::tcp())];
    NameServerConfig::new(server.ip(), true, connections)
}

/// The system's name servers; without a readable list the one on this machine, as libc does it.
fn system_name_servers() -> Vec<NameServerConfig> {
    match read_system_conf() {
        Ok((config, _)) => config.into_parts().2,
        Err(error) => {
            tracing::warn!(%error, "the system's list of name servers is not usable, asking 127.0.0.1");
            vec![name_server(SocketAddr::from((Ipv4Addr::LOCALHOST, 53)))]
        }
    }
}
