//! The numbers behind a webhook's charts, for whoever reads rather than looks.

use maud::{Markup, html};
use sellvik_domain::{HourCounts, WebhookHour};

use crate::time::{span, strftime};

pub(crate) fn table(hours: &[WebhookHour]) -> Markup {
    let counted = hours.iter().rev().filter(|hour| hour.counts != HourCounts::default());
    html! {
        details.numbers {
            summary { "Show the numbers" }
            div.scroll tabindex="0" role="region" aria-label="Numbers per hour" {
                table.plain-table {
                    caption.visually-hidden { "Attempts and response times per hour, newest first" }
                    thead { tr {
                        th scope="col" { "Hour (UTC)" }
                        th scope="col" { "Succeeded" }
                        th scope="col" { "Failed attempts" }
                        th scope="col" { "Given up" }
                        th scope="col" { "Half within" }
                        th scope="col" { "95 % within" }
                    } }
                    tbody {
                        @for hour in counted {
                            tr {
                                th scope="row" { (strftime(hour.begins, "%-d %b, %H:%M")) }
                                td { (hour.counts.succeeded) }
                                td { (hour.counts.failed) }
                                td { (hour.counts.dropped) }
                                @for percent in [50, 95] {
                                    td { (hour.counts.response_ms(percent).map_or_else(|| "–".to_owned(), span)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
