//! `include_dir!` notices a changed file but not a new one, so the folder itself is watched here.

fn main() {
    println!("cargo::rerun-if-changed=events");
}
