//! The functions beside an existing site, whose page a browser uses through the site's rewrites.

use std::path::{Path, PathBuf};

use crate::beside::Beside;
use crate::visit::{every_webhook_was_believed, visit};
use stores::{Missing, skip};
use tokio::process::Command;

fn judges() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../judges")
}

fn page() -> Vec<u8> {
    std::fs::read(judges().join("existing-page.html")).unwrap()
}

/// A real browser presses every button of the page; what a browser needs may be missing here.
async fn browse(beside: &Beside) {
    let chromium = std::env::var("JUDGES_CHROMIUM");
    let chromium = chromium.unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    let node = Command::new("node").arg("--version").output().await;
    for (is_here, what) in [
        (node.is_ok_and(|node| node.status.success()), "node"),
        (Path::new(&chromium).exists(), "chromium"),
        (judges().join("node_modules").exists(), "tools/judges/node_modules (npm ci)"),
    ] {
        if !is_here {
            return skip(&Missing(format!("{what} is not here: no browser visits the site")));
        }
    }
    let mut command = Command::new("node");
    command.arg(judges().join("drive-existing-page.mjs"));
    command.arg(format!("http://{}/", beside.deployment.site.address));
    let told = command.kill_on_drop(true).output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(told.status.success(), "{}{}", text(&told.stdout), text(&told.stderr));
    every_webhook_was_believed(beside).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_existing_sites_page_works_through_its_rewrites_to_a_laptop() {
    let beside = Beside::laptop(&page()).await;
    visit(&beside).await;
    browse(&beside).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = ".ci/hosts runs it with Vercel's own development server"]
async fn an_existing_sites_page_works_through_its_rewrites_to_vercel_dev() {
    let Some(beside) = Beside::vercel_dev(&page()).await else { return };
    visit(&beside).await;
    browse(&beside).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = ".ci/hosts runs it on what Vercel's builder built"]
async fn an_existing_sites_page_works_through_its_rewrites_to_deployed_functions() {
    let Some(beside) = Beside::vercel(&page()).await else { return };
    visit(&beside).await;
    browse(&beside).await;
    beside.deployment.stop();
}
