//! What is packed, and what strangers can fetch of it: the page and the functions, and nothing else of
//! the repository.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::deployment::{Deployment, Site, part};
use crate::vercel::{files_below, vercel_functions};
use crate::wire;
use bytes::Bytes;
use http::{Request, Response};

/// Files and folders that a careless build publishes.
const PRIVATE: [&str; 14] = [
    "/.ci/run",
    "/.env",
    "/.env.example",
    "/.vercel/project.json",
    "/Cargo.lock",
    "/Cargo.toml",
    "/README.md",
    "/api/twilio/",
    "/docs/ARCHITECTURE.md",
    "/shared/",
    "/shared/src/lib.rs",
    "/template.yaml",
    "/tools/dev/src/main.rs",
    "/vercel.json",
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

async fn get(site: &Site, path: &str) -> Response<Bytes> {
    let request = Request::get(path).header("host", site.address.to_string());
    wire::ask(site.address, request.body(Bytes::new()).unwrap()).await.unwrap()
}

async fn assert_only_the_page_is_published(site: &Site) {
    for (name, content) in files_below(&repository().join("public")) {
        let answer = get(site, &format!("/{name}")).await;
        assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &content[..]), "{name}");
    }
    let page = std::fs::read(repository().join("public/index.html")).unwrap();
    let answer = get(site, "/").await;
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &page[..]));
    for path in PRIVATE {
        assert_eq!(get(site, path).await.status(), 404, "{}: {path}", site.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = ".ci/hosts runs it on what Vercel's builder built"]
async fn a_vercel_deployment_publishes_the_page_and_nothing_else() {
    if let Some(deployment) = Deployment::vercel().await {
        assert_only_the_page_is_published(&deployment.site).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = ".ci/hosts runs it with Vercel's own development server"]
async fn vercels_own_router_publishes_the_page_and_nothing_else() {
    if let Some(deployment) = Deployment::vercel_dev().await {
        assert_only_the_page_is_published(&deployment.site).await;
    }
}

#[test]
#[ignore = ".ci/hosts runs it on what sam built"]
fn sam_packs_exactly_what_cargo_lambda_built() {
    let (Some(built), Some(packed)) = (part("HOSTS_BOOTSTRAPS"), part("HOSTS_SAM")) else { return };
    let bootstraps = |folder: &Path| -> BTreeSet<Vec<u8>> {
        let files = files_below(folder).into_iter();
        let is_bootstrap = |(name, _): &(String, _)| name.ends_with("/bootstrap");
        files.filter(is_bootstrap).map(|(_, content)| content).collect()
    };
    let built = bootstraps(&built);
    // Not `assert_eq`: a failure would print megabytes.
    assert!(built == bootstraps(&packed));
    assert_eq!(built.len(), files_below(&repository().join("api")).len());
}

#[test]
#[ignore = ".ci/hosts runs it on what Vercel's builder built"]
fn vercel_builds_a_function_for_each_source_and_copies_what_is_public() {
    let Some(output) = part("HOSTS_VERCEL_OUTPUT") else { return };
    let sources: BTreeSet<String> = files_below(&repository().join("api"))
        .into_keys()
        .map(|source| format!("api/{}", source.trim_end_matches(".rs")))
        .collect();
    assert_eq!(vercel_functions(&output), sources);
    assert_eq!(files_below(&output.join("static")), files_below(&repository().join("public")));
}
