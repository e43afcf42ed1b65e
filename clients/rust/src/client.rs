//! One identity that calls the services.

use crewline_api::chat::v1 as chat;
use crewline_api::chat::v1::carrier_service_client::CarrierServiceClient;
use crewline_api::chat::v1::operator_service_client::OperatorServiceClient;
use crewline_api::chat::v1::records_service_client::RecordsServiceClient;
use crewline_api::chat::v1::thread_service_client::ThreadServiceClient;
use crewline_api::permissions::v1::access_service_client::AccessServiceClient;
use crewline_api::permissions::v1::audit_service_client::AuditServiceClient;
use crewline_api::permissions::v1::directory_service_client::DirectoryServiceClient;
use crewline_api::permissions::v1::dispatch_service_client::DispatchServiceClient;
use crewline_api::permissions::v1::tenant_service_client::TenantServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::{Request, Response, Status};

use crate::inbox::{Inbox, InboxNews, InboxSource};
use crate::keyed::{Keyed, with_key};
use crate::outbound::{OutboundNews, OutboundSource};
use crate::retry::{CallError, Retry};
use crate::services::Services;
use crate::subscription::{Pace, Subscription};
use crate::thread::{Position, Reading, ThreadNews, ThreadSource};
use crate::token::{Bearer, TokenSource};
use crate::transport::Transport;

/// A service that is called with a token.
pub type Authorized = InterceptedService<Transport, Bearer>;

/// One identity. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Client {
    services: Services,
    bearer: Bearer,
    retry: Retry,
    pace: Pace,
}

impl Client {
    /// Calls `services` with a token.
    pub fn new(services: Services, token: impl Into<TokenSource>) -> Self {
        let bearer = Bearer { tokens: token.into(), tenant: None };
        Self { services, bearer, retry: Retry::default(), pace: Pace::default() }
    }

    /// The same identity that names a tenant in each call: needed with a token for several.
    pub fn with_tenant(&self, tenant: MetadataValue<Ascii>) -> Self {
        let bearer = Bearer { tenant: Some(tenant), ..self.bearer.clone() };
        Self { bearer, ..self.clone() }
    }

    /// The same identity, which retries otherwise.
    pub fn with_retry(&self, retry: Retry) -> Self {
        Self { retry, ..self.clone() }
    }

    /// The same identity, which reconnects otherwise.
    pub fn with_pace(&self, pace: Pace) -> Self {
        Self { pace, ..self.clone() }
    }

    /// Makes a call that may be made again: a read, or a change that is the same however often it is made.
    ///
    /// `call` is given a client and the request with its deadline, once for each attempt.
    pub async fn read<M, T, F>(&self, message: M, call: impl FnMut(Self, Request<M>) -> F) -> Result<T, CallError>
    where
        M: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        self.attempt(message, None, call).await
    }

    /// Makes a call that is made once however often it is sent, because it has a key. One without a key is given one, the same for each attempt.
    pub async fn write<M, T, F>(&self, message: M, call: impl FnMut(Self, Request<M>) -> F) -> Result<T, CallError>
    where
        M: Keyed,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let (message, key) = with_key(message);
        self.attempt(message, Some(key), call).await
    }

    async fn attempt<M, T, F>(
        &self,
        message: M,
        key: Option<String>,
        mut call: impl FnMut(Self, Request<M>) -> F,
    ) -> Result<T, CallError>
    where
        M: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let attempt = |limit| {
            let mut request = Request::new(message.clone());
            request.set_timeout(limit);
            call(self.clone(), request)
        };
        self.retry.run(&self.bearer.tokens, key, attempt).await
    }

    /// Writes into a thread, once. The answer means that the message is on disk; after `OutcomeUnknown` send it again with the key as its `client_message_id`.
    pub async fn send_message(&self, message: chat::SendMessageRequest) -> Result<chat::SendMessageResponse, CallError> {
        self.write(message, |client, request| async move { client.threads().send_message(request).await }).await
    }

    /// Says what became of a text that was handed out. The first answer counts, so it is sent again as it is.
    pub async fn acknowledge_outbound(
        &self,
        result: chat::AcknowledgeOutboundRequest,
    ) -> Result<chat::AcknowledgeOutboundResponse, CallError> {
        self.read(result, |client, request| async move { client.carrier().acknowledge_outbound(request).await }).await
    }

    /// Follows a thread from a position on: `AfterSeq(0)` is the beginning.
    pub fn watch_thread(&self, thread_id: impl Into<String>, position: Position) -> Subscription<ThreadNews> {
        self.follow(Reading::new(thread_id.into(), false, position))
    }

    /// Follows a thread that is on the person's screen: others who watch it are told so.
    pub fn view_thread(&self, thread_id: impl Into<String>, position: Position) -> Subscription<ThreadNews> {
        self.follow(Reading::new(thread_id.into(), true, position))
    }

    fn follow(&self, thread: Reading) -> Subscription<ThreadNews> {
        let source = ThreadSource { client: self.clone(), thread };
        Subscription::to(source, self.bearer.tokens.clone(), self.pace)
    }

    /// Follows the threads that the identity may see.
    pub fn watch_inbox(&self, filter: chat::WatchInboxRequest) -> Subscription<InboxNews> {
        let source = InboxSource { client: self.clone(), filter, inbox: Inbox::default() };
        Subscription::to(source, self.bearer.tokens.clone(), self.pace)
    }

    /// Takes the texts that are to be handed to the provider.
    pub fn watch_outbound(&self) -> Subscription<OutboundNews> {
        let source = OutboundSource { client: self.clone() };
        Subscription::to(source, self.bearer.tokens.clone(), self.pace)
    }

    /// The chat service, for calls of any kind.
    pub fn chat(&self) -> Authorized {
        InterceptedService::new(self.services.chat.clone(), self.bearer.clone())
    }

    /// The permissions service, for calls of any kind.
    pub fn permissions(&self) -> Authorized {
        InterceptedService::new(self.services.permissions.clone(), self.bearer.clone())
    }

    /// Threads.
    pub fn threads(&self) -> ThreadServiceClient<Authorized> {
        ThreadServiceClient::new(self.chat())
    }

    /// The carrier's side.
    pub fn carrier(&self) -> CarrierServiceClient<Authorized> {
        CarrierServiceClient::new(self.chat())
    }

    /// Opt-outs.
    pub fn records(&self) -> RecordsServiceClient<Authorized> {
        RecordsServiceClient::new(self.chat())
    }

    /// Explanations, for operators.
    pub fn operator(&self) -> OperatorServiceClient<Authorized> {
        OperatorServiceClient::new(self.chat())
    }

    /// Checks.
    pub fn access(&self) -> AccessServiceClient<Authorized> {
        AccessServiceClient::new(self.permissions())
    }

    /// Settings, roles and people.
    pub fn directory(&self) -> DirectoryServiceClient<Authorized> {
        DirectoryServiceClient::new(self.permissions())
    }

    /// Jobs and assignments.
    pub fn dispatch(&self) -> DispatchServiceClient<Authorized> {
        DispatchServiceClient::new(self.permissions())
    }

    /// The audit log.
    pub fn audit(&self) -> AuditServiceClient<Authorized> {
        AuditServiceClient::new(self.permissions())
    }

    /// Tenants.
    pub fn tenants(&self) -> TenantServiceClient<Authorized> {
        TenantServiceClient::new(self.permissions())
    }
}
