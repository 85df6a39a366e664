use super::*;
use sellvik_domain::{EndpointUrl, ShopId, Timestamp, WebhookId};

const CATALOGUE: [Event<'static>; 4] = [
    event("cart.abandoned", "A customer left without ordering.", "Carts"),
    event("order.created", "A customer placed an order.", "Orders"),
    event("order.paid", "An order was paid in full.", "Orders"),
    event("refund.created", "A refund was started.", "Payments"),
];

const fn event(name: &'static str, description: &'static str, family: &'static str) -> Event<'static> {
    Event { name, description, family, example: &Value::Null }
}

fn sent(pairs: &[(&str, &str)]) -> (Draft, Step) {
    Draft::sent(&Fields::of(pairs), &CATALOGUE)
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn webhook(events: &[&str]) -> Webhook {
    Webhook {
        id: WebhookId::from_bytes([1; 16]),
        shop: ShopId::new([2; 16]),
        name: None,
        url: EndpointUrl::parse("https://example.com/a").unwrap(),
        events: events.iter().map(|name| EventType::parse(name).unwrap()).collect(),
        enabled: true,
        failure_count: 0,
        last_delivery_at: None,
        created_at: Timestamp::from_millis(0),
    }
}

#[test]
fn fields_become_the_body_of_the_action() {
    let (draft, step) = sent(&[
        ("csrf", "x"),
        ("url", " https://example.com/a "),
        ("name", "  "),
        ("events", "order.paid"),
        ("events", "cart.abandoned"),
        ("events", "order.paid"),
        ("step", "save"),
    ]);
    assert_eq!(step, Step::Save);
    let body =
        json!({"url": "https://example.com/a", "name": null, "events": ["order.paid", "cart.abandoned"]});
    assert_eq!(json(&draft.to_create()), body);
    assert_eq!(draft.url, " https://example.com/a ", "the form shows what was typed");
    let (named, _) = sent(&[("name", " <b>ERP</b> & \"co\" ")]);
    assert_eq!(json(&named.to_create()), json!({"url": "", "name": "<b>ERP</b> & \"co\"", "events": []}));
}

#[test]
fn a_search_keeps_what_it_does_not_show() {
    let fields = [("url", "half"), ("name", "n"), ("search", " Refund "), ("events", "order.paid")];
    let (draft, step) = sent(&[&fields[..], &[("step", "search")]].concat());
    assert_eq!((step, draft.search.as_str()), (Step::Again, "Refund"));
    assert_eq!((draft.url.as_str(), draft.name.as_str()), ("half", "n"));
    assert_eq!(draft.chosen, ["order.paid"]);
    let shown: Vec<&str> =
        CATALOGUE.iter().filter(|event| event.matches(&draft.search)).map(|event| event.name).collect();
    assert_eq!(shown, ["refund.created"]);

    let (cleared, step) = sent(&[&fields[..], &[("step", "clear")]].concat());
    assert_eq!((step, cleared.search.as_str()), (Step::Again, ""));
    assert_eq!(cleared.chosen, ["order.paid"]);
}

#[test]
fn a_search_looks_for_every_word_anywhere() {
    for (search, found) in
        [("", 4), ("ORDER", 3), ("orders paid", 1), ("paid  orders", 1), ("order.c", 1), ("nothing", 0)]
    {
        let matches = CATALOGUE.iter().filter(|event| event.matches(search)).count();
        assert_eq!(matches, found, "{search}");
    }
}

#[test]
fn a_whole_family_is_chosen_or_cleared_as_far_as_it_is_shown() {
    let kept = ("events", "refund.created");
    let (all, step) = sent(&[kept, ("events", "order.paid"), ("step", "all:Orders")]);
    assert_eq!(step, Step::Again);
    assert_eq!(all.chosen, ["refund.created", "order.paid", "order.created"]);
    let (none, _) = sent(&[kept, ("events", "order.paid"), ("step", "none:Orders")]);
    assert_eq!(none.chosen, ["refund.created"]);
    let (found, _) = sent(&[kept, ("search", "paid"), ("step", "all:Orders")]);
    assert_eq!(found.chosen, ["refund.created", "order.paid"]);
    let (hidden, _) = sent(&[("events", "order.created"), ("search", "paid"), ("step", "none:Orders")]);
    assert_eq!(hidden.chosen, ["order.created"]);
}

#[test]
fn enter_searches_only_if_something_else_was_typed_there() {
    let step = |search, searched| sent(&[("step", "enter"), ("search", search), ("searched", searched)]).1;
    assert_eq!(step("", ""), Step::Save);
    assert_eq!(step("paid", "paid"), Step::Save);
    assert_eq!(step("paid", ""), Step::Again);
    assert_eq!(step("", "paid"), Step::Again);
}

#[test]
fn an_unknown_step_saves_nothing() {
    for step in ["delete", "all:", "all:Nobody", "drop:Orders", ":"] {
        let (draft, taken) = sent(&[("events", "order.paid"), ("step", step)]);
        assert_eq!((taken, draft.chosen.len()), (Step::Again, 1), "{step}");
    }
}

#[test]
fn a_change_keeps_the_order_and_leaves_out_what_is_as_before() {
    let webhook = webhook(&["order.paid", "gone.away", "cart.abandoned"]);
    let mut draft = Draft::of(&webhook);
    draft.chosen.sort();
    draft.name = "ERP".to_owned();
    assert_eq!(json(&draft.to_update(&webhook)), json!({"name": "ERP"}));
    assert_eq!(draft.strangers(&CATALOGUE), ["gone.away"]);

    draft.chosen = ["cart.abandoned", "order.created", "order.paid"].map(str::to_owned).to_vec();
    draft.url = "https://example.com/b".to_owned();
    let body = json!({
        "name": "ERP",
        "url": "https://example.com/b",
        "events": ["order.paid", "cart.abandoned", "order.created"],
    });
    assert_eq!(json(&draft.to_update(&webhook)), body);

    draft.chosen.clear();
    assert_eq!(json(&draft.to_update(&webhook))["events"], json!([]));
}

#[test]
fn every_problem_stands_at_its_field() {
    let issues = vec![
        Issue::field("events", "must not be empty"),
        Issue::element("events", 2, "\"x\" is not an event type"),
        Issue::field("name", "is long"),
        Issue::field("url", "is bad"),
        Issue::body("is odd"),
    ];
    let (status, problems) = Problems::of(ActionError::InvalidBody(issues)).unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let fields: Vec<_> = problems.all().into_iter().map(|(id, _, problem)| (id, problem)).collect();
    assert_eq!(
        fields,
        [
            ("", "is odd"),
            ("url", "is bad"),
            ("name", "is long"),
            ("events", "choose at least one"),
            ("events", "\"x\" is not an event type"),
        ]
    );
    for (error, status, field) in [
        (ActionError::HttpUrlRejected, StatusCode::BAD_REQUEST, "url"),
        (ActionError::DuplicateEndpoint, StatusCode::UNPROCESSABLE_ENTITY, "url"),
        (ActionError::WebhookLimit { limit: 100 }, StatusCode::UNPROCESSABLE_ENTITY, ""),
    ] {
        let (answered, problems) = Problems::of(error).unwrap();
        assert_eq!((answered, problems.all()[0].0), (status, field));
    }
    assert!(Problems::of(ActionError::NotFound).is_err());
}
