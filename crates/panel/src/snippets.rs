//! Code that verifies what a webhook sends, to copy: complete receivers, run by this crate's tests.

/// A receiver in one language.
pub(crate) struct Snippet {
    /// Part of element ids.
    pub(crate) id: &'static str,
    /// The language, and what it reads requests with.
    pub(crate) label: &'static str,
    /// What its file is called.
    pub(crate) file: &'static str,
    /// The file.
    pub(crate) code: &'static str,
}

pub(crate) const ALL: [Snippet; 5] = [
    Snippet {
        id: "node",
        label: "Node.js, with Express",
        file: "webhook.mjs",
        code: include_str!("snippets/webhook.mjs"),
    },
    Snippet {
        id: "python",
        label: "Python, with Flask",
        file: "webhook.py",
        code: include_str!("snippets/webhook.py"),
    },
    Snippet { id: "php", label: "PHP", file: "webhook.php", code: include_str!("snippets/webhook.php") },
    Snippet {
        id: "ruby",
        label: "Ruby, with Sinatra",
        file: "webhook.rb",
        code: include_str!("snippets/webhook.rb"),
    },
    Snippet { id: "go", label: "Go, with net/http", file: "main.go", code: include_str!("snippets/main.go") },
];
