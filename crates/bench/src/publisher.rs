//! The platform's side, one thread: bodies put together from ready pieces, kept-alive connections, and a
//! note of when each publish was sent.

use std::cell::{Cell, RefCell};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;

use crate::event::{self, Template};
use crate::wire::Wire;
use crate::{child, clock};

/// What to publish.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    /// Connections go to these in turn.
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) key: String,
    /// A file of routes.
    pub(crate) routes: PathBuf,
    pub(crate) first: u32,
    pub(crate) events: u32,
    pub(crate) batch: u32,
    pub(crate) connections: u32,
    /// Events a second; as fast as they are taken without.
    pub(crate) rate: Option<u32>,
    /// Where to leave the moments at which events were sent.
    pub(crate) sent: PathBuf,
}

/// The process's whole life.
pub(crate) fn run() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    child::answer_all(|question| {
        let job: Job = serde_json::from_value(question)?;
        LocalSet::new().block_on(&runtime, publish_all(job))
    })
}

struct Campaign {
    job: Job,
    templates: Vec<Template>,
    filler: String,
    started: Instant,
    /// How many events have been taken up.
    taken: Cell<u32>,
    sent: RefCell<Vec<u64>>,
    /// The longest that an event was sent behind its time.
    late: Cell<Duration>,
}

async fn publish_all(job: Job) -> anyhow::Result<Value> {
    let campaign = Rc::new(Campaign {
        templates: event::read_templates(&job.routes)?,
        filler: event::filler(),
        taken: Cell::new(0),
        sent: RefCell::new(vec![0; job.events as usize]),
        late: Cell::default(),
        started: Instant::now(),
        job,
    });
    let began = clock::monotonic_ns();
    let mut connections = JoinSet::new();
    for address in campaign.job.addresses.iter().cycle().take(campaign.job.connections as usize) {
        connections.spawn_local(publish(campaign.clone(), *address));
    }
    while let Some(ended) = connections.join_next().await {
        ended??;
    }
    let ended = clock::monotonic_ns();
    let mut file = std::io::BufWriter::new(std::fs::File::create(&campaign.job.sent)?);
    for at in campaign.sent.borrow().iter() {
        file.write_all(&at.to_le_bytes())?;
    }
    file.flush()?;
    Ok(json!({ "began": began, "ended": ended, "late_ms": campaign.late.get().as_secs_f64() * 1000.0 }))
}

/// One connection: takes up batches until none is left.
async fn publish(campaign: Rc<Campaign>, address: SocketAddr) -> anyhow::Result<()> {
    let job = &campaign.job;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut wire = Wire::new(stream);
    let (mut body, mut request) = (Vec::new(), Vec::new());
    loop {
        let from = campaign.taken.get();
        if from >= job.events {
            return Ok(());
        }
        let to = (from + job.batch).min(job.events);
        campaign.taken.set(to);
        if let Some(rate) = job.rate {
            let due = campaign.started + Duration::from_secs(1) * from / rate;
            tokio::time::sleep_until(due).await;
            campaign.late.set(campaign.late.get().max(due.elapsed()));
        }
        campaign.write_request(from..to, &mut body, &mut request)?;
        campaign.sent.borrow_mut()[from as usize..to as usize].fill(clock::monotonic_ns());
        wire.write(&request).await?;
        let answer = wire.read().await?.context("the service closed the connection")?;
        campaign.check(from..to, answer.status(), answer.body())?;
    }
}

impl Campaign {
    fn template(&self, event: u32) -> &Template {
        &self.templates[(self.job.first + event) as usize % self.templates.len()]
    }

    fn write_request(
        &self,
        events: std::ops::Range<u32>,
        body: &mut Vec<u8>,
        request: &mut Vec<u8>,
    ) -> anyhow::Result<()> {
        body.clear();
        request.clear();
        let single = self.job.batch == 1;
        if !single {
            body.extend_from_slice(b"{\"events\":[");
        }
        for event in events.clone() {
            if event > events.start {
                body.push(b',');
            }
            self.template(event).write(self.job.first + event, &self.filler, body)?;
        }
        if !single {
            body.extend_from_slice(b"]}");
        }
        let path = if single { "events" } else { "events/batch" };
        write!(
            request,
            "POST /api/v1/platform/{path} HTTP/1.1\r\nhost: service\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.job.key,
            body.len()
        )?;
        request.extend_from_slice(body);
        Ok(())
    }

    /// Every event must have found as many webhooks as there are.
    fn check(&self, events: std::ops::Range<u32>, status: u16, answer: &[u8]) -> anyhow::Result<()> {
        let text = std::str::from_utf8(answer)?;
        let refused = || format!("{status} {}", text.get(..500).unwrap_or(text));
        ensure!((200..300).contains(&status), refused());
        let mut found = text.split("\"deliveries\":").skip(1);
        for event in events {
            let rest = found.next().with_context(refused)?;
            let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
            ensure!(rest[..digits].parse() == Ok(self.template(event).deliveries), refused());
        }
        Ok(())
    }
}

/// Reads the moments that a job left, event by event.
pub(crate) fn read_sent(path: &std::path::Path) -> anyhow::Result<Vec<u64>> {
    let bytes = std::fs::read(path)?;
    let moment = |eight: &[u8]| Some(u64::from_le_bytes(eight.try_into().ok()?));
    bytes.chunks(8).map(|eight| moment(eight).context("a moment cut short")).collect()
}
