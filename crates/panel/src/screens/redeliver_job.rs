//! How far sending again has come.

use axum::extract::State;
use axum::response::Html;
use maud::{Markup, html};
use sellvik_actions::Job;

use super::webhook_place::{crumbs, path};
use crate::components::{heading, link_button, notice};
use crate::layout::{Crumb, Part, page};
use crate::refusal::Refusal;
use crate::visit::Visit;
use crate::{PanelParts, time, words};

pub(crate) async fn show(State(panel): State<PanelParts>, visit: Visit) -> Result<Html<String>, Refusal> {
    let webhook = panel.actions.webhook_get(visit.admin(), visit.id("id")).await?;
    let job = panel.actions.job_get(visit.admin(), visit.id("id"), visit.id("job")).await?;
    let [list, own] = crumbs(&visit, &webhook);
    let crumbs = [list, own, Crumb::new("Send again", path(&visit, &webhook, "/redeliver"))];
    let is_running = job.finished_at.is_none();
    let here = path(&visit, &webhook, &format!("/redeliver/{}", job.id));
    let content = html! {
        @if is_running { noscript { meta http-equiv="refresh" content="3"; } }
        p.live-note.visually-hidden #live-note role="status" aria-live="polite" {}
        div #job data-live=[is_running.then_some(here)] data-live-every="2"
            data-live-state={ (job.processed) "-" (is_running) } {
            (heading(&html! { @if is_running { "Sending again" } @else { "Sent again" } }, &html! {}))
            (progress(&visit, &job))
        }
        (link_button(&path(&visit, &webhook, ""), "Back to the webhook", "plain"))
    };
    Ok(page(&visit, Part::Webhooks, "Progress", &crumbs, &content))
}

fn progress(visit: &Visit, job: &Job) -> Markup {
    html! {
        @if let Some(finished) = job.finished_at {
            (notice("good", &html! {
                strong { (sent(job.processed)) " on the way again." }
                " Finished " (time::ago(finished, visit.now)) "."
            }))
        }
        section.card aria-labelledby="progress-title" {
            h2 #progress-title { (job.processed) " of " (job.matched) }
            // Nothing matched, nothing to wait for.
            progress max=(job.matched.max(1)) value=(if job.matched == 0 { 1 } else { job.processed })
                aria-labelledby="progress-title" { (job.processed) " of " (job.matched) }
            dl.facts {
                dt { "Status" }
                dd { (words::status(job.window.status)) }
                dt { "Created from" }
                dd { (time::moment(job.window.since)) }
                dt { "to" }
                dd { (time::moment(job.window.until)) }
                dt { "Started" }
                dd { (time::ago(job.created_at, visit.now)) }
            }
            @if job.finished_at.is_none() {
                p.muted { "This goes on by itself; you may leave this page." }
            }
        }
    }
}

fn sent(many: u32) -> String {
    if many == 1 { "1 delivery is".to_owned() } else { format!("{many} deliveries are") }
}
