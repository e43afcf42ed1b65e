//! The table of bad inputs (`tests/bad_inputs`), through four clients: each is answered as its row says, and leaves nothing behind.

use std::io::Write;

use serde_json::Value;
use uuid::Uuid;

use crate::bad_inputs_table::{SCENE, Table, rows_about_what_holds, tables};
use crate::drivers::{self, Driver, GRPC_JS, GRPCIO, GRPCURL, LIMIT, Told};
use crate::dump::Dump;
use crate::running::Running;
use crate::story::{self, Variables};
use crate::tokens::{Claims, Mint};

const RUST: &str = "the Rust client";

/// Services with the scene set, and what is in their databases.
struct Stage {
    running: Running,
    variables: Variables,
    before: Dump,
}

#[tokio::test]
async fn bad_input_leaves_nothing_behind_through_the_rust_client() {
    let stage = Stage::set().await;
    let services = drivers::services(&stage.running);
    for Told { story, tokens, variables, .. } in stage.told().await {
        let played = story::play(&story, &services, &tokens, variables);
        tokio::time::timeout(LIMIT, played).await.expect("an end within the limit");
    }
    stage.assert_untouched(RUST).await;
}

#[tokio::test]
async fn bad_input_leaves_nothing_behind_through_grpc_js() {
    play_all(GRPC_JS).await;
}

#[tokio::test]
async fn bad_input_leaves_nothing_behind_through_grpcio() {
    play_all(GRPCIO).await;
}

#[tokio::test]
async fn bad_input_leaves_nothing_behind_through_grpcurl() {
    play_all(GRPCURL).await;
}

async fn play_all(driver: Driver) {
    let Some(found) = driver.find("the table of bad inputs") else { return };
    let stage = Stage::set().await;
    for told in stage.told().await {
        found.play(&told, &stage.running).await;
    }
    stage.assert_untouched(driver.client).await;
}

impl Stage {
    async fn set() -> Self {
        let running = Running::pair().await;
        let tenants = ["tenant", "other", "quiet", "gone"].map(|name| (name.to_owned(), format!("t{}", Uuid::new_v4().simple())));
        let scene = drivers::read(&drivers::tests().join(SCENE));
        let variables = Variables::from(tenants);
        let tokens = drivers::tokens_for(steps(&scene), &running.callers().await, &variables);
        let services = drivers::services(&running);
        let played = story::play(&scene, &services, &tokens, variables);
        let variables = tokio::time::timeout(LIMIT, played).await.expect("an end within the limit");
        let before = Dump::settled(&running).await;
        before.assert_full();
        Self { running, variables, before }
    }

    /// The table, file by file, with a token for everybody in it.
    async fn told(&self) -> Vec<Told> {
        let callers = self.running.callers().await;
        let tell = |Table { path, story }| {
            let mut tokens = drivers::tokens_for(steps(&story), &callers, &self.variables);
            for (name, token) in self.bad_tokens() {
                tokens[name] = token.into();
            }
            Told { path, story, tokens, variables: self.variables.clone() }
        };
        tables().into_iter().map(tell).collect()
    }

    /// One that has run out, and one of which only the signature is not as it was.
    fn bad_tokens(&self) -> [(&'static str, String); 2] {
        let (mint, tenants) = (Mint::of(&self.running), [self.variables["tenant"].as_str()]);
        let expired = mint.token(Claims { expires_in: -60, ..Claims::person("office", "olga", &tenants) });
        let good = mint.token(Claims::person("office", "olga", &tenants));
        let (head, signature) = good.rsplit_once('.').expect("a signature");
        [("expired", expired), ("forged", format!("{head}.{}", signature.chars().rev().collect::<String>()))]
    }

    /// No table is allowed to differ.
    async fn assert_untouched(&self, client: &str) {
        let after = Dump::settled(&self.running).await;
        self.before.assert_same(&after, &format!("bad input through {client}"));
        let tables = tables();
        let (rows, held) = (tables.iter().map(|table| table.rows().len()).sum::<usize>(), rows_about_what_holds(&tables));
        let line = format!("{rows} bad inputs through {client}, {held} of them about order, ownership or state\n");
        // Not with `println!`: the output of a test that passes is not shown.
        std::io::stderr().write_all(line.as_bytes()).expect("stderr");
    }
}

fn steps(story: &Value) -> &[Value] {
    story["steps"].as_array().expect("steps")
}
