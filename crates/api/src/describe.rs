//! The document's front matter, and the errors that every operation shares, derived from what it takes.

use serde_json::{Value, json};
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HeaderBuilder, InfoBuilder, LicenseBuilder, ObjectBuilder, OpenApi,
    OpenApiBuilder, Ref, RefOr, ResponseBuilder, Schema, ServerBuilder, Type,
};

const ABOUT: &str = "Webhooks for a multi-tenant commerce platform: a shop registers where it wants its \
    events, the platform publishes them, receivers get them signed, at least once, retried for 24 hours.\n\n\
    Errors are `{\"error\": {\"code\", \"message\", …}}`; codes are stable. Timestamps are RFC 3339 in UTC with \
    three decimals. Admin routes are also served under the short form `/v1/admin/…`.";

/// What stands at the top of the document.
pub(crate) fn front_matter() -> OpenApi {
    let bearer = |about: &str| {
        SecurityScheme::Http(Http::builder().scheme(HttpAuthScheme::Bearer).description(Some(about)).build())
    };
    let components = ComponentsBuilder::new()
        .security_scheme("adminKey", bearer("A shop's admin key, `sk_live_…`, within its scopes."))
        .security_scheme("platformKey", bearer("A platform key, `sk_platform_…`."))
        .build();
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Sellvik Webhooks")
                .version("1")
                .description(Some(ABOUT))
                .license(Some(license))
                .build(),
        )
        .servers(Some([ServerBuilder::new().url("/").build()]))
        .components(Some(components))
        .build()
}

/// Adds to every operation the errors that follow from what it takes.
pub(crate) fn complete(mut document: OpenApi) -> OpenApi {
    for item in document.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete, &mut item.put, &mut item.head];
        for operation in operations.into_iter().flatten() {
            add_errors(operation);
            leave_out_null(operation);
        }
    }
    document
}

/// A body that is optional may be absent; `null` is none of its forms.
fn leave_out_null(operation: &mut Operation) {
    let Some(RefOr::T(body)) = &mut operation.request_body else { return };
    for content in body.content.values_mut() {
        if let RefOr::T(content) = content
            && let Some(RefOr::T(Schema::OneOf(forms))) = &content.schema
            && let Some(form @ RefOr::Ref(_)) = forms.items.first()
        {
            content.schema = Some(form.clone());
        }
    }
}

fn add_errors(operation: &mut Operation) {
    let secured_by = |name: &str| {
        let schemes = serde_json::to_value(&operation.security).unwrap_or_default();
        schemes.as_array().is_some_and(|all| all.iter().any(|scheme| scheme.get(name).is_some()))
    };
    let (admin, platform) = (secured_by("adminKey"), secured_by("platformKey"));
    if !admin && !platform {
        return;
    }
    let has = |place: &ParameterIn| {
        operation.parameters.iter().flatten().any(|parameter| match parameter {
            RefOr::T(parameter) => {
                std::mem::discriminant(&parameter.parameter_in) == std::mem::discriminant(place)
            }
            RefOr::Ref(_) => false,
        })
    };
    let (query, path, body) =
        (has(&ParameterIn::Query), has(&ParameterIn::Path), operation.request_body.is_some());
    let mut codes_400 = Vec::new();
    if body {
        codes_400.push("`invalid_body`");
        let takes_url = operation
            .operation_id
            .as_deref()
            .is_some_and(|id| matches!(id, "webhook_create" | "webhook_update"));
        codes_400.extend(takes_url.then_some("`http_url_rejected`"));
    }
    codes_400.extend(query.then_some("`invalid_query`"));
    let mut add = |status: &str, codes: &str, example: Value| {
        let response = error(codes, example);
        operation.responses.responses.entry(status.to_owned()).or_insert(RefOr::T(response));
    };
    if !codes_400.is_empty() {
        let (code, what) = if body { ("invalid_body", "body") } else { ("invalid_query", "query") };
        let message = format!("The {what} is not valid; issues names each problem.");
        add("400", &codes_400.join(" · "), example(code, &message));
    }
    add(
        "401",
        "`missing_or_malformed_authorization` · `invalid_key`",
        example("invalid_key", "The key is unknown, revoked, or not of the kind this route takes."),
    );
    if admin {
        let mut lacking =
            example("insufficient_scope", "The key lacks the scope webhooks:write; mint one that has it.");
        lacking["error"]["required"] = json!("webhooks:write");
        add("403", "`insufficient_scope`", lacking);
        let mut limited = example("rate_limited", "More than 1000 requests in a minute; wait 7 s.");
        limited["error"]["retryAfter"] = json!(7);
        limited["error"]["limit"] = json!(1000);
        add("429", "`rate_limited`: wait as long as `Retry-After` says.", limited);
    }
    if path {
        add("404", "`not_found`", example("not_found", "There is no such object in this shop."));
    }
    if body {
        add(
            "413",
            "`payload_too_large`",
            example("payload_too_large", "The body may have at most 65536 bytes."),
        );
        add(
            "415",
            "`unsupported_media_type`",
            example("unsupported_media_type", "Send the body as Content-Type: application/json."),
        );
    }
    add("500", "`internal_error`", example("internal_error", "Something went wrong on our side."));
    add(
        "503",
        "`unavailable`: nothing was taken. `outcome_unknown`: the connection to the ledger broke during a commit; \
         send it again, an event with the `id` given.",
        example(
            "unavailable",
            "The service cannot take writes at the moment; nothing was taken. Try again shortly.",
        ),
    );
    for (status, response) in &mut operation.responses.responses {
        match (status.as_str(), response) {
            ("409", RefOr::T(response)) => give_example(response),
            ("429", RefOr::T(response)) => {
                let wait = "Seconds after which the next request will be taken.";
                let schema =
                    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(60));
                let header = HeaderBuilder::new().schema(Some(schema)).description(Some(wait)).build();
                response.headers.insert("Retry-After".to_owned(), RefOr::T(header));
            }
            _ => {}
        }
    }
}

fn example(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message}})
}

fn error(codes: &str, example: Value) -> utoipa::openapi::Response {
    let schema = RefOr::Ref(Ref::from_schema_name("ErrorBody"));
    let content = ContentBuilder::new().schema(Some(schema)).example(Some(example)).build();
    ResponseBuilder::new().description(codes).content("application/json", content).build()
}

/// A conflict's example carries the first code of its description.
fn give_example(response: &mut utoipa::openapi::Response) {
    let code = response.description.split('`').nth(1).unwrap_or("conflict").to_owned();
    for content in response.content.values_mut() {
        if let RefOr::T(content) = content {
            content.example = Some(example(&code, "Why, and what to do next."));
        }
    }
}
