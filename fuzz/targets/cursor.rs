#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sellvik_fuzz_checks::check("cursor", data));
