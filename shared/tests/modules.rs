//! No top-level module of `shared` needs, through others, one that needs it.

#![allow(clippy::unwrap_used, reason = "a helper of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

fn source(path: &Path) -> String {
    if path.is_dir() {
        fs::read_dir(path).unwrap().map(|entry| source(&entry.unwrap().path())).collect()
    } else {
        fs::read_to_string(path).unwrap()
    }
}

#[test]
fn the_modules_of_shared_have_no_cycle() {
    let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
    let mut needs = BTreeMap::<String, BTreeSet<String>>::new();
    for path in files.map(|entry| entry.unwrap().path()) {
        let source = source(&path);
        let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
        let named = code.flat_map(|line| line.split("crate::").skip(1));
        let names = named.filter_map(|rest| rest.split(|c: char| !c.is_ascii_lowercase()).next());
        let module = path.file_stem().unwrap().to_str().unwrap();
        let others = names.filter(|name| *name != module).map(str::to_owned);
        needs.entry(module.to_owned()).or_default().extend(others);
    }
    assert!(needs.len() > 8, "{needs:?}");
    // A module that needs none of those that are left is part of no cycle.
    let is_free = |needs: &BTreeMap<String, BTreeSet<String>>, module: &String| {
        !needs[module].iter().any(|other| needs.contains_key(other))
    };
    while let Some(free) = needs.keys().find(|module| is_free(&needs, module)).cloned() {
        needs.remove(&free);
    }
    assert!(needs.is_empty(), "a cycle among {needs:?}");
}
