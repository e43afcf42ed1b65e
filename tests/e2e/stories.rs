//! The stories of `tests/stories`, played through four clients: each has its own idea of what gRPC is.

use std::path::PathBuf;

use crewline::party::Pair;
use uuid::Uuid;

use crate::drivers::{self, Driver, GRPC_JS, GRPCIO, GRPCURL, LIMIT, Told};
use crate::running::Running;
use crate::story;

#[tokio::test]
async fn every_story_passes_through_the_rust_client() {
    let running = Running::pair().await;
    let services = drivers::services(&running);
    for Told { story, tokens, variables, .. } in stories(&running.callers().await) {
        let played = story::play(&story, &services, &tokens, variables);
        tokio::time::timeout(LIMIT, played).await.expect("an end within the limit");
    }
}

#[tokio::test]
async fn every_story_passes_through_grpc_js() {
    play_all(GRPC_JS).await;
}

#[tokio::test]
async fn every_story_passes_through_grpcio() {
    play_all(GRPCIO).await;
}

#[tokio::test]
async fn every_story_passes_through_grpcurl() {
    play_all(GRPCURL).await;
}

async fn play_all(driver: Driver) {
    let Some(driver) = driver.find("the stories") else { return };
    let running = Running::pair().await;
    for told in stories(&running.callers().await) {
        driver.play(&told, &running).await;
    }
}

fn stories(callers: &Pair) -> Vec<Told> {
    drivers::files("stories").into_iter().map(|path| tell(path, callers)).collect()
}

/// A story in a tenant of its own.
fn tell(path: PathBuf, callers: &Pair) -> Told {
    let story = drivers::read(&path);
    let variables = [("tenant".to_owned(), format!("t{}", Uuid::new_v4().simple()))].into();
    let tokens = drivers::tokens_for(story["steps"].as_array().expect("steps"), callers, &variables);
    Told { path, story, tokens, variables }
}
