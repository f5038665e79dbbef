//! What no function can notice for itself: that every host was told of it, and how it was built.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

type Names = BTreeSet<String>;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

/// The lines under each `[header]` of that name.
fn section(manifest: &str, header: &str) -> Vec<String> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == header;
        } else if inside {
            lines.push(line.to_owned());
        }
    }
    lines
}

/// `key = "value"`.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let (found, value) = line.split_once('=')?;
    (found.trim().trim_matches('"') == key).then(|| value.trim().trim_matches('"'))
}

fn sources() -> Names {
    let folders = fs::read_dir(path("api")).unwrap();
    let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
    let paths = files.map(|file| file.unwrap().path());
    paths.map(|path| path.strip_prefix(self::path("")).unwrap().display().to_string()).collect()
}

/// `api/twilio/voice.rs`: the binary `voice` under `/api/twilio/voice`.
fn name(source: &str) -> String {
    source.rsplit('/').next().unwrap().trim_end_matches(".rs").to_owned()
}

#[test]
fn every_source_under_api_is_a_binary_of_its_name() {
    // Vercel builds every file there, takes the binary from its path and the URL from its name.
    let bins = section(&read("Cargo.toml"), "[[bin]]");
    let paths: Names = bins.iter().filter_map(|line| value(line, "path")).map(Into::into).collect();
    let names: Names = bins.iter().filter_map(|line| value(line, "name")).map(Into::into).collect();
    assert_eq!(paths, sources());
    assert_eq!(names, sources().iter().map(|source| name(source)).collect());
}

#[test]
fn cargo_lambda_watch_routes_every_url_to_its_binary() {
    let router = section(&read("Cargo.toml"), "[workspace.metadata.lambda.watch.router]");
    for source in sources() {
        let url = format!("/{}", source.trim_end_matches(".rs"));
        let binary = router.iter().find_map(|line| value(line, &url));
        assert_eq!(binary, Some(name(&source).as_str()), "{url}");
    }
}

#[test]
fn the_template_has_a_function_and_a_route_for_every_binary() {
    let template = read("template.yaml");
    let all = |key: &str| -> Names {
        let values = template.lines().filter_map(|line| line.trim().strip_prefix(key));
        values.map(|value| value.trim().to_owned()).collect()
    };
    assert_eq!(all("Binary:"), sources().iter().map(|source| name(source)).collect());
    let urls =
        sources().iter().map(|source| format!("/{}", source.trim_end_matches(".rs"))).collect();
    assert_eq!(all("Path:"), urls);
}

#[test]
fn release_builds_unwind() {
    // Unsaid, cargo-lambda would choose abort, and no panic would be answered any more.
    let release = section(&read("Cargo.toml"), "[profile.release]");
    assert_eq!(release.iter().find_map(|line| value(line, "panic")), Some("unwind"));
}

#[test]
fn vercel_has_files_to_publish_in_place_of_the_repository() {
    // Without a file in public/ it would publish the sources.
    assert!(fs::read_dir(path("public")).unwrap().next().is_some());
    let ignored = read(".gitignore");
    assert!(!ignored.lines().any(|line| line.trim_matches('/') == "public"));
}
