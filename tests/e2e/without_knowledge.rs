//! While the permissions service is away: what customers write and what becomes of texts is taken in, and nothing is handed out or changed
//! by what is no longer known.

use std::collections::BTreeMap;

use chat::acknowledge_outbound_request::Result as Outcome;
use chat::watch_thread_request::Position;
use chat::watch_thread_response::Frame;
use chat::{Accepted, Audience, DeliveryStatus, ListThreadsRequest, WatchInboxRequest, WatchOutboundRequest};
use crewline::party::Party;
use crewline_api::chat::v1 as chat;
use tonic::Status;
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::apart::Apart;
use crate::callers::rpcs;
use crate::calls;
use crate::company::{CUSTOMER, Company, JOB, try_send, try_text};
use crate::gateway::{Gateway, by_token, provider_id};
use crate::inbox_reader::InboxReader;
use crate::operating::{explain, operator};
use crate::opting_out::text_to;
use crate::reader::Reader;
use crate::refusals::reason_of;

const ACCEPTED: &str = "OK";
const HELD_BACK: &str = "ACCESS_UNKNOWN, to be tried again";

/// What is expected of an RPC by its name.
fn expected(method: &str) -> &'static str {
    match method {
        // What a customer says and what the provider reports comes once; it is not the gateway's to keep.
        "ReceiveMessage" | "ReportDelivery" | "AcknowledgeOutbound" => ACCEPTED,
        // Who is to find out why nothing goes on must be able to look.
        "ExplainThread" | "DescribeStreams" | "ListOperatorReads" => ACCEPTED,
        _ => HELD_BACK,
    }
}

/// What became of a call, as a table has it.
fn told<T>(result: Result<T, Status>) -> String {
    let Err(status) = result else { return ACCEPTED.to_owned() };
    let reason = reason_of(&status);
    let again = status.get_details_retry_info().and_then(|info| info.retry_delay).is_some_and(|delay| !delay.is_zero());
    if again { format!("{reason}, to be tried again") } else { reason }
}

/// The first frame of a stream, if the call itself is not refused.
async fn opened(company: &Company) -> Result<Option<Frame>, Status> {
    Reader::try_open_at(&company.tina, &company.thread, Position::AfterSeq(0)).await?.frame().await
}

/// Calls an RPC with what it would accept. Fails for one that is not in the table: somebody has to say what it does.
async fn call(
    (company, operator): (&Company, &Party),
    method: &str,
    texts: &[chat::OutboundText; 2],
    message: &str,
) -> Result<(), Status> {
    let (tina, olga, thread) = (&company.tina, &company.olga, company.thread.as_str());
    let id = Uuid::new_v4().to_string();
    match method {
        "StartThread" => calls::start(olga, "1002", CUSTOMER).await.map(drop),
        "CloseThread" => calls::close(olga, thread).await.map(drop),
        "ReopenThread" => calls::reopen(olga, thread).await.map(drop),
        "MoveThread" => calls::move_to(olga, thread, "1002", false).await.map(drop),
        "GetThread" => calls::get(tina, thread).await.map(drop),
        "ListThreads" => calls::list(tina, ListThreadsRequest::default()).await.map(drop),
        "SendMessage" => try_send(tina, thread, &id, "hello").await.map(drop),
        "ResendMessage" => calls::resend(tina, thread, message, &id).await.map(drop),
        "AddNote" => calls::note(tina, thread, &id, "hello", Audience::Crew).await.map(drop),
        "ListMessages" => calls::try_messages(tina, thread).await.map(drop),
        "GetAttachment" => calls::attachment(tina, thread, message, "photo").await.map(drop),
        "MarkRead" => calls::read(tina, thread, 1).await.map(drop),
        "MarkUnread" => calls::unread(tina, thread, 1).await.map(drop),
        "SetTyping" => calls::set_typing(tina, thread, true).await,
        "WatchThread" => opened(company).await.map(drop),
        "WatchInbox" => InboxReader::try_open(tina, WatchInboxRequest::default()).await.map(drop),
        "SetOptOut" => {
            let set = chat::SetOptOutRequest { contact_number: CUSTOMER.into(), business_number: String::new(), opted_out: true };
            olga.records().set_opt_out(set).await.map(drop)
        }
        "ListOptOuts" => olga.records().list_opt_outs(chat::ListOptOutsRequest::default()).await.map(drop),
        "ReceiveMessage" => try_text(&company.carrier, "during", "during").await.map(drop),
        "RecordNotification" => {
            let record = chat::RecordNotificationRequest {
                provider: "reminders".into(),
                provider_message_id: id,
                contact_number: CUSTOMER.into(),
                job_id: JOB.into(),
                body: "we are on our way".into(),
            };
            company.carrier.carrier().record_notification(record).await.map(drop)
        }
        "WatchOutbound" => company.carrier.carrier().watch_outbound(WatchOutboundRequest {}).await.map(drop),
        "AcknowledgeOutbound" => {
            let accepted = Accepted { provider: "test".into(), provider_message_id: provider_id(&texts[1].token) };
            let acknowledge =
                chat::AcknowledgeOutboundRequest { token: texts[1].token.clone(), result: Some(Outcome::Accepted(accepted)) };
            company.carrier.carrier().acknowledge_outbound(acknowledge).await.map(drop)
        }
        "ReportDelivery" => {
            let report = chat::ReportDeliveryRequest {
                status: DeliveryStatus::Delivered.into(),
                error: String::new(),
                text: Some(by_token(&texts[0].token)),
            };
            company.carrier.carrier().report_delivery(report).await.map(drop)
        }
        "ExplainThread" => explain(operator, thread, "tina").await.map(drop),
        "DescribeStreams" => {
            let describe = chat::DescribeStreamsRequest { reason: "a call".into(), ..Default::default() };
            operator.operator().describe_streams(describe).await.map(drop)
        }
        "ListOperatorReads" => operator.operator().list_operator_reads(chat::ListOperatorReadsRequest::default()).await.map(drop),
        unknown => panic!("what does {unknown} do while access is not known?"),
    }
}

#[tokio::test]
async fn without_the_permissions_service_texts_and_reports_are_taken_in_and_all_else_is_refused_for_now() {
    let mut apart = Apart::start().await;
    let callers = apart.callers().await;
    let company = Company::open(&callers).await;
    let operator = operator(&callers, &company);
    let mut gateway = Gateway::open(&company.carrier).await;
    let sent = try_send(&company.tina, &company.thread, "1", "accepted before").await.expect("sent");
    let first = gateway.accept_next().await;
    let message = sent.message.expect("a message").message_id;
    try_send(&company.tina, &company.thread, "2", "on its way").await.expect("sent");
    let texts = [first, gateway.next().await];
    let before = calls::seen(&company.olga, &company.thread).await.head_seq;
    let mut stream = Reader::open(&company.tina, &company.thread).await;
    stream.read_to(before).await;

    apart.stop_permissions().await;
    stream.until(|frame| matches!(frame, Frame::Holding(_)).then_some(())).await;
    let mut outcomes = BTreeMap::new();
    for path in rpcs("crewline.chat.v1").into_keys() {
        let method = path.rsplit('/').next().expect("a method").to_owned();
        let outcome = told(call((&company, &operator), &method, &texts, &message).await);
        outcomes.insert(method, outcome);
    }
    let wanted: BTreeMap<String, String> = outcomes.keys().map(|method| (method.clone(), expected(method).to_owned())).collect();
    assert_eq!(outcomes, wanted);
    // A word to stop is obeyed without anybody's permission, too.
    text_to(&company.carrier, CUSTOMER, "", "STOP").await;
    // The stream that was open has told nothing of all this.
    let (closing, reason) = stream.end().await;
    assert_eq!((closing, reason.as_str()), (chat::ClosingReason::AccessUnknown, "ACCESS_UNKNOWN"));
    assert_eq!(stream.seq, before);

    apart.start_permissions().await;
    let mut resumed = company.watch(&company.tina).await;
    let messages =
        crewline::party::until_heard(async || calls::try_messages(&company.olga, &company.thread).await).await.expect("back");
    assert_eq!(
        calls::bodies(&messages),
        ["accepted before", "on its way", "during", "STOP"],
        "what was taken in, and nothing else"
    );
    let statuses: Vec<DeliveryStatus> = messages[..2].iter().map(chat::Message::delivery_status).collect();
    assert_eq!(statuses, [DeliveryStatus::Delivered, DeliveryStatus::Accepted]);
    resumed.read_to(calls::seen(&company.olga, &company.thread).await.head_seq).await;
    assert_eq!(resumed.bodies, calls::bodies(&messages));
}
