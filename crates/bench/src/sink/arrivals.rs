//! What came, as compactly as verification allows: 24 bytes a request.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;

/// Events with this number or a higher one were written into the ledger, not published.
pub(crate) const SEEDED_FROM: u32 = 1_000_000_000;

/// How long the beginning of an endpoint's traffic is looked at: 100 ms.
const BEGINNING_NS: u64 = 100_000_000;

const RECORD_BYTES: usize = 24;

/// One request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrival {
    pub(crate) event: u32,
    pub(crate) hook: u32,
    pub(crate) at: u64,
    /// A hash of the delivery's id.
    pub(crate) delivery: u64,
}

/// Everything that came since it was last asked for.
#[derive(Default)]
pub(super) struct Arrivals {
    records: Vec<Arrival>,
    seeded: usize,
    crowds: Vec<Crowd>,
}

/// How many requests one endpoint has at a time.
#[derive(Default, Clone, Copy)]
struct Crowd {
    now: u32,
    most: u32,
    began: u64,
    at_first: u32,
}

impl Arrivals {
    pub(super) fn came(&mut self, arrival: Arrival) {
        self.seeded += usize::from(arrival.event >= SEEDED_FROM);
        self.records.push(arrival);
        let at = arrival.hook as usize;
        if self.crowds.len() <= at {
            self.crowds.resize(at + 1, Crowd::default());
        }
        let crowd = &mut self.crowds[at];
        crowd.now += 1;
        crowd.most = crowd.most.max(crowd.now);
        if crowd.began == 0 {
            crowd.began = arrival.at;
        }
        crowd.at_first += u32::from(arrival.at - crowd.began <= BEGINNING_NS);
    }

    pub(super) fn answered(&mut self, hook: u32) {
        if let Some(crowd) = self.crowds.get_mut(hook as usize) {
            crowd.now -= 1;
        }
    }

    /// Published and seeded deliveries that came.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.records.len() - self.seeded, self.seeded)
    }

    /// Of all endpoints from `first` on: the most requests at a time, and in the first 100 ms.
    pub(super) fn crowding(&self, first: usize) -> (u32, u32) {
        let crowds = self.crowds.get(first..).unwrap_or_default();
        let most = |of: fn(&Crowd) -> u32| crowds.iter().map(of).max().unwrap_or(0);
        (most(|crowd| crowd.most), most(|crowd| crowd.at_first))
    }

    /// Writes everything to a file, and starts anew.
    pub(super) fn dump(&mut self, path: &Path) -> anyhow::Result<()> {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
        for one in self.records.drain(..) {
            file.write_all(&one.event.to_le_bytes())?;
            file.write_all(&one.hook.to_le_bytes())?;
            file.write_all(&one.at.to_le_bytes())?;
            file.write_all(&one.delivery.to_le_bytes())?;
        }
        self.seeded = 0;
        Ok(file.flush()?)
    }
}

/// Reads what [`Arrivals::dump`] wrote.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Arrival>> {
    let bytes = std::fs::read(path)?;
    let arrival = |record: &[u8]| -> Option<Arrival> {
        Some(Arrival {
            event: u32::from_le_bytes(record.get(0..4)?.try_into().ok()?),
            hook: u32::from_le_bytes(record.get(4..8)?.try_into().ok()?),
            at: u64::from_le_bytes(record.get(8..16)?.try_into().ok()?),
            delivery: u64::from_le_bytes(record.get(16..24)?.try_into().ok()?),
        })
    };
    bytes.chunks(RECORD_BYTES).map(|record| arrival(record).context("a record cut short")).collect()
}
