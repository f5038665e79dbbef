//! One scenario, every host, identical results.

use crate::deployment::Deployment;
use crate::scenario;
use serde_json::Value;

async fn on_a_laptop() -> Value {
    scenario::play(&Deployment::laptop().await.site).await
}

/// Plays it on a host and compares; a host whose parts are missing has said so already.
async fn assert_same(host: Option<Deployment>) {
    let Some(deployment) = host else { return };
    let name = deployment.site.name;
    let result = scenario::play(&deployment.site).await;
    deployment.stop();
    let expected = on_a_laptop().await;
    let steps = expected.as_object().unwrap();
    for (step, expected) in steps {
        let (expected, result) = (lines(expected), lines(&result[step]));
        let pairs = expected.iter().zip(&result);
        let differs = pairs.enumerate().find(|(_, (expected, result))| expected != result);
        assert!(differs.is_none(), "{name} differs in step {step}: {differs:#?}\n{result:#?}");
        assert_eq!(expected.len(), result.len(), "{name} tells more or less in step {step}");
    }
    println!("{name}: {} steps, identical", steps.len());
}

fn lines(value: &Value) -> Vec<String> {
    let text = serde_json::to_string_pretty(value).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scenario_goes_twice_alike_on_a_laptop() {
    assert_eq!(on_a_laptop().await, on_a_laptop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = ".ci/hosts runs it on what cargo-lambda built"]
async fn lambda_gives_the_results_of_a_laptop() {
    assert_same(Deployment::lambda().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = ".ci/hosts runs it on what Vercel's builder built"]
async fn vercel_gives_the_results_of_a_laptop() {
    assert_same(Deployment::vercel().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = ".ci/hosts runs it with Vercel's own development server"]
async fn vercel_dev_gives_the_results_of_a_laptop_with_a_process_for_each_request() {
    assert_same(Deployment::vercel_dev().await).await;
}
