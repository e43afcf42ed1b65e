//! Plays a story through the Rust client: its connections and its identity, with messages made of the descriptors.
//!
//! `tests/stories/README.md` has the form; the players in other languages are in `tests/drivers`.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use crewline_client::client::Authorized;
use crewline_client::{Client, Services};
use futures_util::stream;
use prost_reflect::prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor, SerializeOptions};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Request, Status, Streaming};

use crate::outcomes::{answered, matches, refused, with_defaults};
use crate::running::PATIENCE;

const CALL_LIMIT: Duration = Duration::from_secs(10);
/// Between two tries of an `eventually` step: it only keeps the tries from being a load.
const PACE: Duration = Duration::from_millis(50);

/// What the strings of a story can name: `tenant`, and what its steps have saved.
pub type Variables = BTreeMap<String, String>;

/// Plays a story with the tokens of its callers, and gives the variables as they are after it. Its streams end with it.
pub async fn play(story: &Value, services: &Services, tokens: &Value, variables: Variables) -> Variables {
    let callers = tokens.as_object().expect("tokens").iter();
    let callers = callers.map(|(name, token)| (name.clone(), Client::new(services.clone(), token.as_str().expect("a token"))));
    let mut player = Player {
        api: DescriptorPool::decode(crewline_api::FILE_DESCRIPTOR_SET).expect("descriptors"),
        callers: callers.collect(),
        ignored: story["ignore"].as_array().expect("what to ignore").clone(),
        streams: HashMap::new(),
        reading: JoinSet::new(),
        variables,
    };
    for step in story["steps"].as_array().expect("steps") {
        if let Err(mismatch) = player.play(step).await {
            panic!("{}: {}\n{mismatch}", story["title"], step["say"]);
        }
    }
    player.reading.shutdown().await;
    player.variables
}

struct Player {
    api: DescriptorPool,
    callers: HashMap<String, Client>,
    ignored: Vec<Value>,
    streams: HashMap<String, mpsc::UnboundedReceiver<Item>>,
    reading: JoinSet<()>,
    variables: Variables,
}

/// A call that can be made.
struct Prepared {
    service: Grpc<Authorized>,
    /// One, but where the client streams.
    requests: Vec<DynamicMessage>,
    path: PathAndQuery,
    codec: Dynamic,
}

/// What a stream has brought.
#[derive(Debug)]
enum Item {
    Frame(Value),
    End(Value),
}

type Mismatch = String;

impl Player {
    async fn play(&mut self, raw: &Value) -> Result<(), Mismatch> {
        let step = self.fill(raw);
        if let Some(name) = step["open"].as_str() {
            let stream = self.open(&step);
            self.streams.insert(name.to_owned(), stream);
        } else if step.get("call").is_some() {
            let outcome = self.call_until_expected(&step).await?;
            self.save(&step, &outcome["response"]);
        } else {
            for name in step["on"].as_array().expect("streams") {
                let found = self.next_of(name.as_str().expect("a name"), &step).await?;
                self.save(&step, &found);
            }
        }
        Ok(())
    }

    /// The next item of a stream that is not ignored, if it is what the step wants; with `eventually` the first frame that is.
    async fn next_of(&mut self, name: &str, step: &Value) -> Result<Value, Mismatch> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let stream = self.streams.get_mut(name).expect("an open stream");
        let passes_over = step.get("frame").is_some() && step["eventually"] == true;
        loop {
            let next = tokio::time::timeout_at(deadline, stream.recv()).await;
            let item = next.map_err(|_| format!("{name}: nothing within {PATIENCE:?}"))?.expect("an end is the last");
            match (&item, step.get("frame"), step.get("end")) {
                (Item::Frame(frame), Some(expected), _) if matches(expected, frame) => return Ok(frame.clone()),
                (Item::End(outcome), _, Some(end)) if matches(&with_defaults(end), outcome) => return Ok(outcome.clone()),
                (Item::Frame(frame), ..) if passes_over || has_only(frame, &self.ignored) => {}
                _ => return Err(format!("{name} expected {step:#}\nactual {item:#?}")),
            }
        }
    }

    async fn call_until_expected(&mut self, step: &Value) -> Result<Value, Mismatch> {
        let expected = with_defaults(&step["expect"]);
        let began = Instant::now();
        loop {
            let actual = if step["stream"] == true { self.end_of(step).await? } else { self.call(step).await };
            if matches(&expected, &actual) {
                return Ok(actual);
            }
            let again = step["eventually"] == true || actual["reason"] == "ACCESS_UNKNOWN";
            if !again || began.elapsed() > PATIENCE {
                return Err(format!("expected {expected:#}\nactual {actual:#}"));
            }
            tokio::time::sleep(PACE).await;
        }
    }

    async fn call(&self, step: &Value) -> Value {
        let Prepared { mut service, mut requests, path, codec } = self.prepare(step);
        let mut request = Request::new(requests.pop().expect("a request"));
        request.set_timeout(CALL_LIMIT);
        service.ready().await.expect("always ready");
        match service.unary(request, path, codec).await {
            Ok(response) => answered(to_json(response.get_ref())),
            Err(status) => refused(&status),
        }
    }

    /// How a stream ends, or the first frame that is not ignored.
    async fn end_of(&mut self, step: &Value) -> Result<Value, Mismatch> {
        let mut stream = self.open(step);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let next = tokio::time::timeout_at(deadline, stream.recv()).await;
            match next.map_err(|_| format!("nothing within {PATIENCE:?}"))?.expect("an end is the last") {
                Item::End(outcome) => return Ok(outcome),
                Item::Frame(frame) if has_only(&frame, &self.ignored) => {}
                Item::Frame(frame) => return Ok(json!({"frame": frame})),
            }
        }
    }

    /// Opens a stream, and reads it in the background.
    fn open(&mut self, step: &Value) -> mpsc::UnboundedReceiver<Item> {
        let Prepared { mut service, requests, path, codec } = self.prepare(step);
        let (give, stream) = mpsc::unbounded_channel();
        self.reading.spawn(async move {
            service.ready().await.expect("always ready");
            let end = match service.streaming(Request::new(stream::iter(requests)), path, codec).await {
                Ok(opened) => read(opened.into_inner(), &give).await,
                Err(status) => refused(&status),
            };
            // The story may be over.
            let _unread = give.send(Item::End(end));
        });
        stream
    }

    fn prepare(&self, step: &Value) -> Prepared {
        let name = step["call"].as_str().expect("a call");
        let method = self.method(name);
        let request = |json: &Value| DynamicMessage::deserialize(method.input(), json).expect("a request of the API");
        let requests = match &step["request"] {
            Value::Array(several) => several.iter().map(request).collect(),
            one => vec![request(one)],
        };
        let tenant = step["tenant"].as_str().unwrap_or(&self.variables["tenant"]).parse().expect("ascii");
        let caller = self.callers[step["as"].as_str().expect("a caller")].with_tenant(tenant);
        let service = Grpc::new(if name.starts_with("crewline.chat.") { caller.chat() } else { caller.permissions() });
        Prepared { service, requests, path: format!("/{name}").parse().expect("a path"), codec: Dynamic(method.output()) }
    }

    fn method(&self, name: &str) -> MethodDescriptor {
        let (service, method) = name.split_once('/').expect("service/method");
        let service = self.api.get_service_by_name(service).expect("a service of the API");
        service.methods().find(|known| known.name() == method).expect("a method of the API")
    }

    fn save(&mut self, step: &Value, source: &Value) {
        for (name, path) in step["save"].as_object().into_iter().flatten() {
            let path = path.as_str().expect("a path");
            let found = path.split('.').fold(source, |value, key| match key.parse::<usize>() {
                Ok(index) if value.is_array() => &value[index],
                _ => &value[key],
            });
            self.variables.insert(name.clone(), found.as_str().expect("text to save").to_owned());
        }
    }

    /// Puts the variables in.
    fn fill(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => {
                let filled =
                    self.variables.iter().fold(text.clone(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value));
                let filled = with_repetitions(filled);
                assert!(!filled.contains("${"), "no such variable: {filled}");
                filled.into()
            }
            Value::Array(elements) => {
                let filled = elements.iter().flat_map(|element| match element["repeat"].as_u64() {
                    Some(times) => vec![self.fill(&element["of"]); usize::try_from(times).expect("few")],
                    None => vec![self.fill(element)],
                });
                filled.collect()
            }
            Value::Object(fields) => {
                fields.iter().map(|(key, field)| (key.clone(), self.fill(field))).collect::<Map<_, _>>().into()
            }
            other => other.clone(),
        }
    }
}

/// `${repeat:x:3}` is `xxx`.
fn with_repetitions(mut text: String) -> String {
    while let Some((before, macro_and_rest)) = text.split_once("${repeat:") {
        let (of, rest) = macro_and_rest.split_once(':').expect("what to repeat");
        let (times, rest) = rest.split_once('}').expect("how often");
        text = [before, &of.repeat(times.parse().expect("a number")), rest].concat();
    }
    text
}

/// Gives all frames on; the outcome, when there are no more.
async fn read(mut stream: Streaming<DynamicMessage>, give: &mpsc::UnboundedSender<Item>) -> Value {
    loop {
        match stream.message().await {
            Ok(Some(frame)) => {
                let _unread = give.send(Item::Frame(to_json(&frame)));
            }
            Ok(None) => return answered(Value::Null),
            Err(status) => return refused(&status),
        }
    }
}

/// Whether a frame says nothing but what these kinds do.
fn has_only(frame: &Value, kinds: &[Value]) -> bool {
    frame.as_object().is_some_and(|fields| fields.keys().all(|key| kinds.iter().any(|kind| kind == key.as_str())))
}

fn to_json(message: &DynamicMessage) -> Value {
    let options = SerializeOptions::new().skip_default_fields(false);
    message.serialize_with_options(serde_json::value::Serializer, &options).expect("JSON")
}

/// Encodes any message, and decodes one of this kind.
#[derive(Clone)]
struct Dynamic(MessageDescriptor);

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        self.clone()
    }

    fn decoder(&mut self) -> Self {
        self.clone()
    }
}

impl Encoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, message: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        DynamicMessage::decode(self.0.clone(), buffer).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
