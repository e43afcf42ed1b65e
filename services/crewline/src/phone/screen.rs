//! The command `crewline phone`: what arrives is printed, what is typed is texted.

use std::time::Duration;

use chassis::clock::Clock;
use chassis::ids::Ids;
use chassis::lifecycle::termination;
use clap::Args;
use crewline_api::chat::v1 as pb;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tonic::Code;

use super::{Answers, Heard, LANDLINE, PROVIDER, Phone};
use crate::config::Config;
use crate::demo_tenant;
use crate::endpoints::Endpoints;
use crate::error::Error;
use crate::party::{CallError, Pair, Party};

/// How long a typed line is tried again while the service does not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Of `crewline phone`.
#[derive(Debug, Args)]
pub struct PhoneArgs {
    /// The tenant whose texts it takes.
    #[arg(long, default_value = demo_tenant::TENANT)]
    tenant: String,
    /// The customer's number that typed lines come from.
    #[arg(long, default_value = demo_tenant::CUSTOMER)]
    number: String,
    /// Answer every text with this.
    #[arg(long)]
    answer: Option<String>,
}

/// Plays the phone until it is interrupted.
pub async fn play(config: Config, args: PhoneArgs) -> Result<(), Error> {
    if !config.signing_key_file().is_file() {
        return Err(Error::NoKey(config.signing_key_file().display().to_string()));
    }
    let endpoints = Endpoints::read(&config.data_dir).unwrap_or_default();
    let pair = Pair::new(&config, endpoints).await?;
    let answers = args.answer.map_or(Answers::Nothing, Answers::Every);
    println!(
        "A simulated phone takes what `{}` sends to its customers. Numbers that end in {LANDLINE} are landlines.",
        args.tenant
    );
    println!("Type a line to text as {}; Ctrl-C ends it.\n", args.number);
    tokio::select! {
        ended = Phone::new(pair.clone(), &args.tenant, answers).run(show) => ended.map(|_| ()),
        ended = text_lines(&pair, &args.tenant, &args.number) => ended,
        ended = termination() => ended.map_err(Error::Runtime),
    }
}

/// Prints as a phone would.
pub fn show(heard: Heard) {
    match heard {
        Heard::Text(text, status) => {
            let from = if text.business_number.is_empty() { String::new() } else { format!(" from {}", text.business_number) };
            let media =
                if text.attachment_ids.is_empty() { String::new() } else { format!(" +{}", text.attachment_ids.join(" +")) };
            let missed = if status == pb::DeliveryStatus::Undelivered { " (a landline: it did not arrive)" } else { "" };
            println!("phone {}{from} <- {}{media}{missed}", text.contact_number, text.body);
        }
        Heard::Answered(number, body) => println!("phone {number} -> {body}"),
        Heard::Away(status) => eprintln!("phone: {}; trying again", CallError(status)),
    }
}

/// Texts each line of the standard input as the customer; its end changes nothing.
async fn text_lines(pair: &Pair, tenant: &str, number: &str) -> Result<(), Error> {
    let (typed, mut lines) = mpsc::channel(1);
    // A thread that the process does not wait for: nothing interrupts a read from a terminal.
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok).filter(|line| !line.trim().is_empty()) {
            if typed.blocking_send(line).is_err() {
                return;
            }
        }
    });
    let ids = Ids::from_os(Clock::system());
    while let Some(body) = lines.recv().await {
        let text = pb::ReceiveMessageRequest {
            provider: PROVIDER.into(),
            provider_message_id: ids.uuid().to_string(),
            contact_number: number.to_owned(),
            body,
            ..Default::default()
        };
        match hand_in(&pair.service("carrier", tenant)?, text).await {
            Ok(received) if received.staff_number => {
                println!("phone: {number} is of the tenant's own people: not stored (rule R34)")
            }
            Ok(received) => println!("phone {number} -> message {} of thread {}", received.seq, received.thread_id),
            Err(error) => eprintln!("phone: not sent: {error}"),
        }
    }
    std::future::pending().await
}

/// The same id each time: it never makes a second message.
async fn hand_in(gateway: &Party, text: pb::ReceiveMessageRequest) -> Result<pb::ReceiveMessageResponse, CallError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match gateway.carrier().receive_message(text.clone()).await {
            Err(status) if status.code() == Code::Unavailable && Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            answer => return Ok(answer?.into_inner()),
        }
    }
}
