//! One quiet runtime to wait in. The real way out and the real routes stand in it, but nothing is sent.

use std::net::SocketAddr;
use std::time::Duration;

use sellvik_domain::AddressPolicy;
use sellvik_egress::{Egress, EgressSettings};
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_all().build().unwrap();
}

/// The output of a future.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// The way out by the public rules alone, with a name server that nobody runs.
pub(crate) fn egress() -> Egress {
    let settings = EgressSettings {
        policy: AddressPolicy::default(),
        timeout: Duration::from_secs(1),
        extra_ca_pem: None,
        dns: Some(SocketAddr::from(([127, 0, 0, 1], 1))),
    };
    RUNTIME.with(|runtime| {
        let _inside = runtime.enter();
        Egress::new(settings).unwrap()
    })
}
