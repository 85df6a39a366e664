//! Every input kept under `fuzz/`, through the very checks the fuzzer runs.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{TARGETS, check};

/// Findings of one target that are kept at most; `scripts/fuzz` holds them below.
const FOUND_FILES_MAX: usize = 300;

/// The same in bytes.
const FOUND_BYTES_MAX: usize = 300 << 10;

/// The files of `fuzz/<kind>/<target>`; none if there is no such folder.
fn inputs(kind: &str, target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(kind).join(target);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn replay(target: &str) {
    let seeds = inputs("seeds", target);
    assert!(!seeds.is_empty(), "{target} has no seeds");
    for (path, input) in seeds.into_iter().chain(inputs("corpus", target)) {
        // Shown if the check fails.
        println!("{}", path.display());
        check(target, &input);
    }
}

macro_rules! replays {
    ($($test:ident: $target:literal;)*) => {
        $(#[test]
        fn $test() {
            replay($target);
        })*

        #[test]
        fn every_target_is_replayed() {
            assert_eq!([$($target),*], TARGETS.map(|target| target.name));
        }
    };
}

replays! {
    known_addresses_and_ranges_are_vetted_by_the_rules: "address";
    known_event_type_files_are_sound_or_clearly_refused: "catalog";
    known_cursors_open_only_what_was_issued: "cursor";
    known_bodies_are_published_as_sent_or_refused: "publish";
    known_answers_are_judged_by_the_table: "retry_after";
    known_signatures_verify: "signature";
    known_urls_are_stable_and_lead_nowhere_private: "url";
}

#[test]
fn findings_stay_small() {
    for target in TARGETS {
        let found = inputs("corpus", target.name);
        let bytes: usize = found.iter().map(|(_, input)| input.len()).sum();
        assert!(found.len() < FOUND_FILES_MAX && bytes < FOUND_BYTES_MAX, "{}", target.name);
    }
}

#[test]
fn every_target_is_a_fuzzing_binary() {
    let manifest = include_str!("../../../fuzz/Cargo.toml");
    for target in TARGETS {
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.name);
    }
}

/// A door that takes nothing would pass every other check.
#[test]
fn the_seeds_reach_both_verdicts() {
    let body = |name: &str| inputs("seeds", "publish").into_iter().find(|(path, _)| path.ends_with(name));
    for (name, taken) in [("order_created", true), ("webhook_failed", false)] {
        assert_eq!(crate::publish::is_taken(&body(name).unwrap().1), taken, "{name}");
    }
}
