//! A browser of no more than a test needs: it keeps cookies, names its origin and reads forms.

use std::cell::RefCell;

use sellvik_testkit::{Answer, Client};

use super::markup::{Element, elements, words};
use crate::harness::Server;

/// A merchant's browser.
pub struct Browser {
    client: Client,
    origin: String,
    cookies: RefCell<Vec<Kept>>,
}

/// A cookie that was set.
#[derive(Clone, Debug)]
struct Kept {
    pair: String,
    path: String,
}

impl Browser {
    pub fn of(server: &Server) -> Self {
        Self::at(server, &server.url())
    }

    /// A browser that reaches the server by another address, through a proxy say.
    pub fn at(server: &Server, origin: &str) -> Self {
        Self { client: server.anonymous.clone(), origin: origin.to_owned(), cookies: RefCell::default() }
    }

    pub async fn get(&self, path: &str) -> Page {
        self.request("GET", path, &[], Vec::new()).await
    }

    /// Sends a form as it is now.
    pub async fn send(&self, form: &Form) -> Page {
        self.send_from(Some(&self.origin), form).await
    }

    /// Sends a form as a page of this origin would, or of none.
    pub async fn send_from(&self, origin: Option<&str>, form: &Form) -> Page {
        let mut headers = vec![("Content-Type", "application/x-www-form-urlencoded")];
        headers.extend(origin.map(|origin| ("Origin", origin)));
        self.request("POST", &form.action, &headers, form.encoded().into_bytes()).await
    }

    pub async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Page {
        let cookie = self.cookie_for(path);
        let mut all = headers.to_vec();
        if !cookie.is_empty() {
            all.push(("Cookie", &cookie));
        }
        let answer = self.client.send(method, path, &all, body).await;
        self.keep(&answer);
        Page::of(answer)
    }

    /// What is sent with a request: cookies of this path, the longest first.
    pub fn cookie_for(&self, path: &str) -> String {
        let path = path.split('?').next().unwrap();
        let below = |of: &str| path == of || path.strip_prefix(of).is_some_and(|rest| rest.starts_with('/'));
        let mut cookies: Vec<Kept> =
            self.cookies.borrow().iter().filter(|kept| below(&kept.path)).cloned().collect();
        cookies.sort_by_key(|kept| std::cmp::Reverse(kept.path.len()));
        cookies.into_iter().map(|kept| kept.pair).collect::<Vec<_>>().join("; ")
    }

    /// Puts a cookie there that the server did not set.
    pub fn plant(&self, path: &str, pair: &str) {
        self.cookies.borrow_mut().push(Kept { pair: pair.to_owned(), path: path.to_owned() });
    }

    fn keep(&self, answer: &Answer) {
        let mut cookies = self.cookies.borrow_mut();
        for set in answer.headers.get_all("set-cookie") {
            let mut parts = set.to_str().unwrap().split("; ");
            let pair = parts.next().unwrap().to_owned();
            let name = pair.split('=').next().unwrap().to_owned();
            let rest: Vec<&str> = parts.collect();
            let path = rest.iter().find_map(|part| part.strip_prefix("Path=")).unwrap().to_owned();
            let same = |kept: &Kept| kept.path == path && kept.pair.starts_with(&format!("{name}="));
            cookies.retain(|kept| !same(kept));
            if !rest.contains(&"Max-Age=0") {
                cookies.push(Kept { pair, path });
            }
        }
    }
}

/// An answer of the panel.
pub struct Page {
    pub answer: Answer,
    pub text: String,
}

impl Page {
    /// Whatever it is about, it is guarded and sound.
    #[track_caller]
    fn of(answer: Answer) -> Self {
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        let page = Self { answer, text };
        page.is_guarded();
        if page.header("content-type").starts_with("text/html") && !page.text.is_empty() {
            super::markup::assert_sound(&page.text);
        }
        page
    }

    pub fn status(&self) -> u16 {
        self.answer.status
    }

    /// A header, empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn location(&self) -> &str {
        self.header("location")
    }

    /// What people read, its entities resolved.
    pub fn words(&self) -> String {
        words(&self.text)
    }

    /// Its elements of this name.
    pub fn all(&self, name: &str) -> Vec<Element> {
        elements(&self.text).into_iter().filter(|element| element.name == name).collect()
    }

    /// The value of the field of this id.
    #[track_caller]
    pub fn value(&self, id: &str) -> String {
        let inputs = self.all("input");
        let field = inputs.iter().find(|input| input.get("id") == id);
        field.unwrap_or_else(|| panic!("no {id}: {}", self.text)).get("value").to_owned()
    }

    /// The form whose address ends so, filled in as it stands.
    #[track_caller]
    pub fn form(&self, end: &str) -> Form {
        let forms = Form::all(&elements(&self.text));
        let found = forms.into_iter().find(|form| form.action.ends_with(end));
        found.unwrap_or_else(|| panic!("no form to {end}: {}", self.text))
    }

    /// What no answer goes without.
    #[track_caller]
    fn is_guarded(&self) {
        let policy = self.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("form-action 'self'; base-uri 'none'; frame-ancestors "), "{policy}");
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        // Nothing goes to other sites; `no-referrer` would make browsers say `Origin: null` with forms, but
        // the way in holds a token and no form.
        let policy = if self.answer.headers.contains_key("location")
            && self.answer.headers.contains_key("set-cookie")
        {
            "no-referrer"
        } else {
            "same-origin"
        };
        assert_eq!(self.header("referrer-policy"), policy);
        let cors = self.answer.headers.keys().find(|name| name.as_str().starts_with("access-control-"));
        assert_eq!(cors, None);
    }
}

/// A form, ready to be sent.
#[derive(Clone, Debug)]
pub struct Form {
    pub action: String,
    fields: Vec<(String, String)>,
}

impl Form {
    pub fn new(action: &str, fields: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self { action: action.to_owned(), fields: fields.iter().map(own).collect() }
    }

    fn all(elements: &[Element]) -> Vec<Self> {
        let mut forms: Vec<Self> = Vec::new();
        for element in elements {
            match element.name.as_str() {
                "form" if element.get("method") == "post" => {
                    forms.push(Self { action: element.get("action").to_owned(), fields: Vec::new() });
                }
                "input" | "textarea" => {
                    let ticked =
                        !matches!(element.get("type"), "checkbox" | "radio") || element.has("checked");
                    if let (Some(form), true, true) = (forms.last_mut(), ticked, element.has("name")) {
                        form.fields.push((element.get("name").to_owned(), element.get("value").to_owned()));
                    }
                }
                _ => {}
            }
        }
        forms
    }

    /// The field, empty if it is not there.
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// With this field besides.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this value in place of what the field holds.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(key, _)| key != name);
        self.and(name, value)
    }

    /// Without this field.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(key, _)| key != name);
        self
    }

    fn encoded(&self) -> String {
        let encode = |text: &str| -> String {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte);
            let one =
                |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
            text.bytes().map(one).collect()
        };
        let pairs = self.fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}
