//! What must hold of any input whatsoever, as plain functions of bytes.
//!
//! The fuzzer in `fuzz/` calls them with bytes it makes up, led by coverage; the tests here call them with
//! the bytes it has found so far. A check panics where a rule is broken. What it compares with is written
//! anew, by other means than the product's, so that one mistake cannot stand on both sides.

#![expect(clippy::unwrap_used, reason = "a check may panic")]

mod address;
mod catalog;
mod cursor;
mod input;
mod publish;
#[cfg(test)]
mod replay;
mod retry_after;
mod runtime;
mod signature;
mod url;

/// One kind of input.
pub struct Target {
    /// Its name: a fuzzing binary, and a folder of seeds and of findings.
    pub name: &'static str,
    /// Panics if these bytes break a rule.
    pub check: fn(&[u8]),
}

/// Every kind of input.
pub const TARGETS: [Target; 7] = [
    Target { name: "address", check: address::check },
    Target { name: "catalog", check: catalog::check },
    Target { name: "cursor", check: cursor::check },
    Target { name: "publish", check: publish::check },
    Target { name: "retry_after", check: retry_after::check },
    Target { name: "signature", check: signature::check },
    Target { name: "url", check: url::check },
];

/// Runs one target's check.
pub fn check(target: &str, data: &[u8]) {
    let known = TARGETS.iter().find(|known| known.name == target);
    (known.unwrap_or_else(|| panic!("no target {target}")).check)(data);
}
