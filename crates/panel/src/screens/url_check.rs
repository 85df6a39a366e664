//! What is wrong with an address, asked as its field is left.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::PanelParts;
use crate::components::sentence;
use crate::form::Posted;
use crate::refusal::Refusal;

pub(crate) async fn check(
    State(panel): State<PanelParts>,
    Posted { visit, fields }: Posted,
) -> Result<Json<Value>, Refusal> {
    let issues = panel.actions.url_problems(visit.admin(), fields.one("url").trim()).await?;
    let problems: Vec<String> = issues.iter().map(|issue| sentence(&issue.message)).collect();
    Ok(Json(json!({ "problems": problems })))
}
