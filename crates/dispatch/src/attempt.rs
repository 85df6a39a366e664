//! One attempt: look at the endpoint as it is now, sign, send, judge, settle.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use sellvik_domain::{
    Attempt, Chain, DeliveryRequest, DropReason, Endpoint, FailureKind, Outcome, Passage, Timestamp, Verdict,
    judge,
};
use sellvik_egress::Request;
use sellvik_store::{Leased, NewEvent, Settled, StoreError};

use crate::bounds::POSTPONE;
use crate::courier::Courier;
use crate::lanes::{Lanes, Seat, Start};
use crate::{holds, notice};

/// Makes one attempt after the other, for as long as there is one to start when one has landed.
pub(crate) async fn run(courier: Arc<Courier>, start: Start) {
    let mut next = Some(start);
    while let Some(start) = next {
        next = make(&courier, start).await;
    }
}

/// Carries one delivery through one attempt, and brings the one whose turn is next.
async fn make(courier: &Courier, start: Start) -> Option<Start> {
    let Start { leased, seat } = start;
    // Should this task end early, its socket is free and its lease runs out by itself.
    let mut flight = Flight { courier, leased: &leased, seat, answered: None, landed: false };
    let Next { settled, notice } = match prepare(courier, &leased).await {
        Ok(Ready::Go(endpoint)) => {
            let (outcome, attempt, verdict) = send(courier, &leased, &endpoint).await;
            if outcome.is_ours() {
                tracing::error!(delivery_id = %leased.delivery, error = attempt.error, "no means to connect");
                postponed(courier)
            } else {
                flight.answered = Some(outcome.result.is_ok() || answered_after_all(&outcome));
                conclude(courier, &leased, &endpoint, attempt, verdict)
            }
        }
        Ok(Ready::Not(next)) => *next,
        Err(error) => {
            tracing::error!(delivery_id = %leased.delivery, error = %error, "the endpoint could not be read");
            postponed(courier)
        }
    };
    let (surplus, next) = flight.land();
    courier.settle(&leased, settled, notice);
    for extra in surplus {
        courier.settle(&extra, Settled::Released, None);
    }
    next
}

/// How a delivery's lease is to end, and what the shop's other webhooks hear of it.
struct Next {
    settled: Settled,
    notice: Option<NewEvent>,
}

/// Our own trouble counts no attempt.
fn postponed(courier: &Courier) -> Next {
    Next { settled: Settled::Postponed { until: courier.world.now().after(POSTPONE) }, notice: None }
}

/// Whether an attempt is made.
enum Ready {
    Go(Arc<Endpoint>),
    Not(Box<Next>),
}

impl Ready {
    fn not(settled: Settled, notice: Option<NewEvent>) -> Self {
        Self::Not(Box::new(Next { settled, notice }))
    }
}

/// The rules that stand before an attempt (CONTRACT §3 Disabled, Deleted; §5 after 24 hours).
async fn prepare(courier: &Courier, leased: &Leased) -> Result<Ready, StoreError> {
    let now = courier.world.now();
    let drop = |reason| Ready::not(Settled::Dropped { reason, at: now }, None);
    let Some(endpoint) = courier.store.endpoint(leased.lane).await? else {
        return Ok(drop(DropReason::WebhookDeleted));
    };
    match endpoint.standing.passage(now) {
        Passage::Ended => return Ok(drop(DropReason::WebhookDeleted)),
        Passage::Held if !leased.chain.test => {
            holds::hold(courier, leased.lane, now).await?;
            return Ok(Ready::not(Settled::Released, None));
        }
        Passage::Held | Passage::Open => {}
    }
    let ends = courier.settings.schedule.ends(leased.chain.origin);
    if now > ends && !leased.chain.test {
        if ends <= endpoint.enabled_at {
            return Ok(drop(DropReason::WebhookDisabled));
        }
        if courier.inbox.lanes.lock().was_dead_at(leased.lane, ends) {
            let reason = DropReason::EndpointUnavailable;
            let notice = notice::of_drop(courier, leased, &endpoint, None, reason, now);
            return Ok(Ready::not(Settled::Dropped { reason, at: now }, notice));
        }
        // It fell due while we could not make it: made once, then judged.
    }
    Ok(Ready::Go(endpoint))
}

async fn send(courier: &Courier, leased: &Leased, endpoint: &Endpoint) -> (Outcome, Attempt, Verdict) {
    let started_at = courier.world.now();
    let outcome = courier
        .egress
        .send(Request {
            url: endpoint.url.clone(),
            headers: headers(leased, endpoint, started_at),
            body: leased.event.envelope.clone(),
            http_allowed: endpoint.dev,
        })
        .await;
    let ended_at = courier.world.now();
    let verdict =
        judge(&courier.settings.schedule, leased.chain, outcome.class(), ended_at, courier.world.draw());
    let attempt = Attempt {
        started_at,
        ended_at,
        duration_ms: u32::try_from(outcome.duration.as_millis()).unwrap_or(u32::MAX),
        status: outcome.status(),
        error: outcome.error(),
        final_host: outcome.final_host.clone(),
        body: outcome.body_text(),
        succeeded: verdict == Verdict::Succeeded,
    };
    (outcome, attempt, verdict)
}

/// What a receiver gets beside the body.
fn headers(leased: &Leased, endpoint: &Endpoint, now: Timestamp) -> Vec<(HeaderName, HeaderValue)> {
    let event = &leased.event;
    let request = DeliveryRequest {
        delivery: leased.delivery,
        event: &event.id,
        kind: &event.kind,
        subdomain: &event.subdomain,
        envelope: &event.envelope,
    };
    let headers = request.headers(endpoint.signer.as_ref(), now);
    // All values are slices of one text, so that no hop copies any.
    let mut text = String::with_capacity(headers.iter().map(|(_, value)| value.len()).sum());
    text.extend(headers.iter().map(|(_, value)| &**value));
    let text = Bytes::from(text);
    let (mut fields, mut at) = (Vec::with_capacity(headers.len()), 0);
    for (name, value) in headers {
        let end = at + value.len();
        // Ids, subdomains and signatures are printable ASCII by their types.
        if let Ok(value) = HeaderValue::from_maybe_shared(text.slice(at..end)) {
            fields.push((HeaderName::from_static(name), value));
        }
        at = end;
    }
    fields
}

/// A redirect that is not followed is still the endpoint answering.
fn answered_after_all(outcome: &Outcome) -> bool {
    matches!(&outcome.result, Err(failure)
        if matches!(failure.kind, FailureKind::TooManyRedirects | FailureKind::BadRedirect))
}

fn conclude(
    courier: &Courier,
    leased: &Leased,
    endpoint: &Endpoint,
    attempt: Attempt,
    verdict: Verdict,
) -> Next {
    let notice = match verdict {
        Verdict::Dropped(reason) => {
            notice::of_drop(courier, leased, endpoint, Some(&attempt), reason, attempt.ended_at)
        }
        Verdict::Succeeded | Verdict::RetryAt { .. } => None,
    };
    log(leased, endpoint, &attempt, verdict);
    Next { settled: Settled::Attempted { attempt, verdict }, notice }
}

/// The one line per attempt; field names are the same everywhere.
fn log(leased: &Leased, endpoint: &Endpoint, attempt: &Attempt, verdict: Verdict) {
    let (outcome, next_attempt_at, drop_reason) = match verdict {
        Verdict::Succeeded => ("succeeded", None, None),
        Verdict::RetryAt { at, .. } => ("failed", Some(at), None),
        Verdict::Dropped(reason) => ("dropped", None, Some(reason.as_str())),
    };
    let Chain { test, .. } = leased.chain;
    tracing::info!(
        event_id = %leased.event.id,
        event_type = leased.event.kind.as_str(),
        shop_id = %endpoint.shop,
        webhook_id = %endpoint.webhook,
        delivery_id = %leased.delivery,
        attempt = leased.attempts + 1,
        outcome,
        response_code = attempt.status,
        duration_ms = attempt.duration_ms,
        host = attempt.final_host,
        error = attempt.error,
        next_attempt_at = next_attempt_at.map(tracing::field::display),
        drop_reason,
        test,
        "attempt"
    );
}

/// Holds an attempt's place in its lane's window, and gives it back whatever happens.
struct Flight<'a> {
    courier: &'a Courier,
    leased: &'a Leased,
    seat: Seat,
    /// What the window learns from it.
    answered: Option<bool>,
    landed: bool,
}

impl Flight<'_> {
    /// Gives the place back; brings what a shrunken window no longer wants in memory, and what starts next.
    fn land(mut self) -> (Vec<Leased>, Option<Start>) {
        let mut lanes = self.courier.inbox.lanes.lock();
        let surplus = self.touch_down(&mut lanes);
        let next = lanes.start_next();
        // What else there is to do is the claimer's.
        if lanes.is_ready() || lanes.next_due().is_some_and(|due| due <= self.courier.world.now()) {
            self.courier.inbox.bell.notify_one();
        }
        (surplus, next)
    }

    fn touch_down(&mut self, lanes: &mut Lanes) -> Vec<Leased> {
        self.landed = true;
        lanes.landed(self.seat, self.answered, self.courier.world.now())
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if !self.landed {
            // The task panicked or was cut off: leases of what it leaves behind run out by themselves.
            let mut lanes = self.courier.inbox.lanes.lock();
            let lost = self.touch_down(&mut lanes);
            for leased in lost.iter().chain([self.leased]) {
                let lease = lanes.lease(leased.delivery).unwrap_or(leased.lease);
                lanes.forget(leased.delivery, lease, leased.lane, leased.event.envelope.len());
            }
            drop(lanes);
            self.courier.inbox.bell.notify_one();
        }
    }
}
