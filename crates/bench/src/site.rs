//! Everything that one workload needs: a service with shops and webhooks, the receivers, the publisher.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;
use tempfile::TempDir;

use crate::accounting;
use crate::api::Api;
use crate::child::Child;
use crate::event::{KINDS, Route};
use crate::ledger::{Kind, Ledger};
use crate::service::Service;
use crate::setup::{self, Endpoints};
use crate::sink::SinkConfig;

/// Shops that are alike.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub(crate) shops: usize,
    /// Webhooks per shop.
    pub(crate) hooks: usize,
    /// The last so many of a shop's webhooks never answer.
    pub(crate) dead: usize,
    /// Whether webhook `k` wants type `k` alone; all want the same type otherwise.
    pub(crate) own_kinds: bool,
}

impl Group {
    /// One shop with one webhook.
    pub(crate) const SINGLE: Self = Self { shops: 1, hooks: 1, dead: 0, own_kinds: false };
}

pub(crate) struct Shop {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) group: usize,
    pub(crate) hooks: Vec<Hook>,
}

pub(crate) struct Hook {
    /// What its path ends with.
    pub(crate) number: u32,
    pub(crate) id: String,
    pub(crate) dead: bool,
}

pub(crate) struct Site {
    folder: TempDir,
    binary: PathBuf,
    pub(crate) ledger: Ledger,
    authority: Option<PathBuf>,
    /// The first, and others on the same ledger.
    services: Vec<Service>,
    pub(crate) sink: Child,
    pub(crate) publisher: Child,
    groups: Vec<Group>,
    pub(crate) shops: Vec<Shop>,
}

/// Processor time so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) service: Duration,
    /// The PostgreSQL server, where there is one.
    pub(crate) database: Duration,
    pub(crate) sink: Duration,
    pub(crate) publisher: Duration,
}

impl Site {
    pub(crate) async fn open(
        binary: &Path,
        (kind, place): (Kind, &Path),
        groups: &[Group],
        mut sink: SinkConfig,
        tls: bool,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("sellvik-bench-").tempdir_in(place)?;
        sink.authority = tls.then(|| folder.path().join("authority.pem"));
        sink.ports = sink.ports.max(1);
        let authority = sink.authority.clone();
        let mut sink = Child::start("sink", &serde_json::to_value(sink)?)?;
        let endpoints = Endpoints::read(&sink.answer().await?, tls)?;
        let ledger = Ledger::open(kind, folder.path());
        let service = Service::start(binary, &ledger, authority.as_deref()).await?;
        let shops = setup::make_shops(&service, groups, &endpoints).await?;
        Ok(Self {
            folder,
            binary: binary.to_owned(),
            ledger,
            authority,
            services: vec![service],
            sink,
            publisher: Child::start("publisher", &json!(null))?,
            groups: groups.to_vec(),
            shops,
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn service(&self) -> anyhow::Result<&Service> {
        self.services.first().context("the service is stopped")
    }

    /// Where it takes publishes.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.services.iter().map(|service| service.address).collect()
    }

    /// Stops it, all processes of it.
    pub(crate) async fn stop_service(&mut self) -> anyhow::Result<()> {
        for service in self.services.drain(..) {
            service.stop().await?;
        }
        Ok(())
    }

    /// Starts the service again, or one more process of it; how long that took.
    pub(crate) async fn start_service(&mut self) -> anyhow::Result<Duration> {
        let service = Service::start(&self.binary, &self.ledger, self.authority.as_deref()).await?;
        let start_up = service.start_up;
        self.services.push(service);
        Ok(start_up)
    }

    pub(crate) async fn api(&self) -> anyhow::Result<Api> {
        Api::connect(self.service()?.address).await
    }

    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        let mut service = Duration::ZERO;
        for one in &self.services {
            service += accounting::cpu(one.pid())?;
        }
        Ok(Usage {
            service,
            database: self.ledger.cpu()?,
            sink: accounting::cpu(self.sink.pid())?,
            publisher: accounting::cpu(self.publisher.pid())?,
        })
    }

    pub(crate) fn memory(&self) -> anyhow::Result<accounting::Memory> {
        accounting::memory(self.service()?.pid())
    }

    /// Where events for a group of shops go, neighbours to different shops.
    pub(crate) fn routes(&self, group: usize) -> Vec<Route> {
        let shape = self.groups[group];
        let shops = || self.shops.iter().filter(move |shop| shop.group == group);
        let route = |shop: &Shop, kind, hooks: &[Hook]| Route {
            shop: shop.id.clone(),
            kind,
            deliveries: hooks.len(),
            hooks: hooks.iter().filter(|hook| !hook.dead).map(|hook| hook.number).collect(),
        };
        if !shape.own_kinds {
            return shops().map(|shop| route(shop, KINDS[0], &shop.hooks)).collect();
        }
        let of_kind = |k: usize| shops().map(move |shop| route(shop, KINDS[k], &shop.hooks[k..=k]));
        (0..shape.hooks).flat_map(of_kind).collect()
    }

    /// Waits until no delivery of the living webhooks of these groups is left undecided.
    pub(crate) async fn wait_until_settled(&self, group: usize, patience: Duration) -> anyhow::Result<()> {
        let mut api = self.api().await?;
        let all = async {
            for shop in self.shops.iter().filter(|shop| shop.group == group) {
                for hook in shop.hooks.iter().filter(|hook| !hook.dead) {
                    while !api.is_settled(&shop.key, &hook.id).await? {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(patience, all).await.context("deliveries stay undecided")?
    }

    /// Waits until the service has nothing to do any more: for sites with too many webhooks to ask for each.
    pub(crate) async fn wait_until_quiet(&self, patience: Duration) -> anyhow::Result<()> {
        let quiet = async {
            let mut before = self.usage()?.service;
            loop {
                tokio::time::sleep(Duration::from_millis(300)).await;
                let now = self.usage()?.service;
                if now.saturating_sub(before) <= Duration::from_millis(10) {
                    return anyhow::Ok(());
                }
                before = now;
            }
        };
        tokio::time::timeout(patience, quiet).await.context("the service stays busy")?
    }
}
