//! The shop's API keys: what there is, making one, which is shown once, and ending one. For sessions that
//! may manage keys; to all others there is no such page.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use sellvik_actions::{ActionError, NewKey, Page};
use sellvik_domain::{AdminKey, Issue, Name, PathPart, Scope, Scopes};
use serde_json::json;

use crate::components::{
    code_block, copyable, field_errors, form, heading, link_button, next_page, notice, post_button,
};
use crate::form::{Fields, Posted};
use crate::layout::{Crumb, Part, page};
use crate::refusal::Refusal;
use crate::visit::Visit;
use crate::{PanelParts, time};

const LIST: &str = "/keys";

pub(crate) async fn show(State(panel): State<PanelParts>, visit: Visit) -> Result<Html<String>, Refusal> {
    list(&panel, &visit, &Draft::default()).await
}

pub(crate) async fn create(
    State(panel): State<PanelParts>,
    Posted { visit, fields }: Posted,
) -> Result<Response, Refusal> {
    let keyring = visit.merchant.keyring()?;
    let scopes: Vec<&str> = fields.all("scope").collect();
    let body = json!({"name": fields.text_or_null("name"), "scopes": scopes});
    match panel.actions.key_create(keyring, body.to_string().as_bytes()).await {
        Ok(new) => Ok(made(&panel, &visit, &new).into_response()),
        Err(ActionError::InvalidBody(issues)) => {
            let again = list(&panel, &visit, &Draft::refused(&fields, issues)).await?;
            Ok((StatusCode::BAD_REQUEST, again).into_response())
        }
        Err(other) => Err(other.into()),
    }
}

pub(crate) async fn confirm_revoke(
    State(panel): State<PanelParts>,
    visit: Visit,
) -> Result<Html<String>, Refusal> {
    let key = panel.actions.key_get(visit.merchant.keyring()?, visit.id("key")).await?;
    let crumbs = [Crumb::new("API keys", visit.path(LIST))];
    let content = html! {
        (heading(&html! { "Revoke this key?" }, &html! {}))
        section.card {
            dl.facts {
                dt { "Name" }
                dd { (name(&key)) }
                dt { "Begins with" }
                dd { code { (key.prefix) } }
                dt { "Last used" }
                dd { (last_used(&visit, &key)) }
            }
        }
        p {
            "The key stops working at once: whatever still uses it is turned away from then on. "
            "This cannot be undone. Webhooks that were created with it stay as they are."
        }
        div.actions {
            (post_button(&visit, &revoke_path(&visit, &key), "Revoke key", "danger", &[]))
            (link_button(&visit.path(LIST), "Keep it", "plain"))
        }
    };
    Ok(page(&visit, Part::Keys, "Revoke a key", &crumbs, &content))
}

pub(crate) async fn revoke(State(panel): State<PanelParts>, posted: Posted) -> Result<Redirect, Refusal> {
    let visit = &posted.visit;
    panel.actions.key_revoke(visit.merchant.keyring()?, visit.id("key")).await?;
    Ok(Redirect::to(&visit.path("/keys?done=revoked")))
}

/// What the form for a new key holds, and what is wrong with it.
#[derive(Default)]
struct Draft {
    name: String,
    scopes: Scopes,
    name_problems: Vec<String>,
    scope_problems: Vec<String>,
}

impl Draft {
    fn refused(fields: &Fields, issues: Vec<Issue>) -> Self {
        let about_name = |issue: &Issue| issue.path.first() == Some(&PathPart::from("name"));
        let (of_name, of_scopes): (Vec<_>, Vec<_>) = issues.into_iter().partition(about_name);
        let scope_problems =
            if of_scopes.is_empty() { Vec::new() } else { vec!["Choose at least one".to_owned()] };
        Self {
            name: fields.one("name").to_owned(),
            scopes: fields.all("scope").filter_map(Scope::parse).fold(Scopes::default(), Scopes::with),
            name_problems: of_name.into_iter().map(|issue| issue.message).collect(),
            scope_problems,
        }
    }
}

async fn list(panel: &PanelParts, visit: &Visit, draft: &Draft) -> Result<Html<String>, Refusal> {
    let keyring = visit.merchant.keyring()?;
    let cursor = visit.parameter("cursor").map(|cursor| format!("cursor={cursor}"));
    let keys = panel.actions.key_list(keyring, &cursor.unwrap_or_default()).await?;
    let content = html! {
        (heading(&html! { "API keys" }, &html! {}))
        @if visit.parameter("done").as_deref() == Some("revoked") {
            (notice("good", &html! { "The key was revoked. It no longer opens anything." }))
        }
        p {
            "With a key, a server of yours manages the shop's webhooks by itself, without this page. "
            "Give each system a key of its own, so that one can be revoked without stopping the others."
        }
        @if keys.items.is_empty() {
            p.muted { "There is no key yet." }
        } @else {
            (table(visit, &keys))
        }
        (new_key(visit, draft))
    };
    Ok(page(visit, Part::Keys, "API keys", &[], &content))
}

fn table(visit: &Visit, keys: &Page<AdminKey>) -> Markup {
    html! {
        table.list {
            caption.visually-hidden { "Your API keys" }
            thead { tr {
                th scope="col" { "Name" }
                th scope="col" { "May" }
                th scope="col" { "Created" }
                th scope="col" { "Last used" }
                th scope="col" { span.visually-hidden { "Actions" } }
            } }
            tbody { @for key in &keys.items { (row(visit, key)) } }
        }
        (next_page(keys, &visit.path(LIST), ""))
    }
}

fn row(visit: &Visit, key: &AdminKey) -> Markup {
    html! {
        tr {
            th scope="row" data-label="Name" {
                b { (name(key)) }
                span.sub { code { (key.prefix) "…" } }
            }
            td data-label="May" {
                @for scope in key.scopes.to_vec() { span.tag { (label(scope)) } " " }
            }
            td data-label="Created" { (time::ago(key.created_at, visit.now)) }
            td data-label="Last used" { (last_used(visit, key)) }
            td {
                a.button.plain.small href=(revoke_path(visit, key)) {
                    "Revoke" span.visually-hidden { " " (name(key)) }
                }
            }
        }
    }
}

fn new_key(visit: &Visit, draft: &Draft) -> Markup {
    let wrong = |problems: &[String]| (!problems.is_empty()).then_some("true");
    let fields = html! {
        div.field {
            label for="name" { "Name" }
            p.hint #name-hint { "Which system will use it, so that you can tell your keys apart." }
            input #name type="text" name="name" maxlength="200" autocomplete="off" value=(draft.name)
                aria-describedby="name-hint name-problem" aria-invalid=[wrong(&draft.name_problems)];
            (field_errors("name", &draft.name_problems))
        }
        fieldset aria-describedby="scopes-hint scopes-problem" aria-invalid=[wrong(&draft.scope_problems)] {
            legend { "What it may do" }
            p.hint #scopes-hint { "Neither includes the other, and this cannot be changed later." }
            @for scope in Scope::ALL { (checkbox(scope, draft.scopes.contains(scope))) }
            (field_errors("scopes", &draft.scope_problems))
        }
        button.button.primary type="submit" { "Create key" }
    };
    html! {
        section.card aria-labelledby="new-key" {
            h2 #new-key { "Create a key" }
            (form(visit, &visit.path(LIST), "new-key", &fields))
        }
    }
}

fn checkbox(scope: Scope, checked: bool) -> Markup {
    html! {
        label.check {
            input type="checkbox" name="scope" value=(scope.as_str()) checked[checked];
            span { b { (label(scope)) } (sentence_of(scope)) }
        }
    }
}

/// The one page on which a key stands.
fn made(panel: &PanelParts, visit: &Visit, new: &NewKey) -> Html<String> {
    let crumbs = [Crumb::new("API keys", visit.path(LIST))];
    let example = format!(
        "curl {}/api/v1/admin/webhooks \\\n  -H \"Authorization: Bearer $SELLVIK_ADMIN_KEY\"",
        panel.front.origin
    );
    let content = html! {
        (heading(&html! { "Your new key" }, &html! {}))
        (notice("note", &html! {
            strong { "Copy it now." } " It is shown this once; afterwards nobody can see it, not even we."
        }))
        section.card {
            (copyable("key", "API key", &new.plaintext))
            p {
                "Put it where your server keeps its passwords, for example in an environment variable named "
                code { "SELLVIK_ADMIN_KEY" } ", and send it with every request in the header "
                code { "Authorization: Bearer …" } ". Never put it into a web page or an app: "
                "whoever has it can act for your shop."
            }
            @if new.key.scopes.contains(Scope::WebhooksRead) {
                h2 { "Try it" }
                (code_block("example", &example))
            }
        }
        div.actions { (link_button(&visit.path(LIST), "I have copied it", "primary")) }
    };
    page(visit, Part::Keys, "Your new key", &crumbs, &content)
}

fn revoke_path(visit: &Visit, key: &AdminKey) -> String {
    visit.path(&format!("/keys/{}/revoke", key.id))
}

fn name(key: &AdminKey) -> &str {
    key.name.as_ref().map(Name::as_str).filter(|name| !name.trim().is_empty()).unwrap_or("Unnamed key")
}

fn last_used(visit: &Visit, key: &AdminKey) -> Markup {
    html! {
        @if let Some(at) = key.last_used_at { (time::ago(at, visit.now)) } @else { span.muted { "never" } }
    }
}

fn label(scope: Scope) -> &'static str {
    match scope {
        Scope::WebhooksRead => "Read webhooks",
        Scope::WebhooksWrite => "Change webhooks",
    }
}

fn sentence_of(scope: Scope) -> &'static str {
    match scope {
        Scope::WebhooksRead => "See webhooks, their deliveries and what was answered.",
        Scope::WebhooksWrite => {
            "Create, change and delete webhooks, send tests, and send deliveries once more."
        }
    }
}
