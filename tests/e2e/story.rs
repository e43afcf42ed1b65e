//! Plays a story through the Rust client: its connections and its identity, with messages made of the descriptors.
//!
//! `tests/stories/README.md` has the form; the players in other languages are in `tests/drivers`.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use crewline_client::client::Authorized;
use crewline_client::{Client, Services};
use prost_reflect::prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor, SerializeOptions};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status, Streaming};
use tonic_types::{ErrorDetail, StatusExt};

use crate::running::PATIENCE;

const CALL_LIMIT: Duration = Duration::from_secs(10);
/// Between two tries of an `eventually` step: it only keeps the tries from being a load.
const PACE: Duration = Duration::from_millis(50);

/// Plays a story for a tenant with the tokens of its callers, and tells how many steps have passed.
pub async fn play(story: &Value, services: Services, tenant: &str, tokens: &Value) -> usize {
    let callers = tokens.as_object().expect("tokens").iter().map(|(name, token)| {
        let client = Client::new(services.clone(), token.as_str().expect("a token"));
        (name.clone(), client.with_tenant(tenant.parse().expect("ascii")))
    });
    let mut player = Player {
        api: DescriptorPool::decode(crewline_api::FILE_DESCRIPTOR_SET).expect("descriptors"),
        callers: callers.collect(),
        ignored: story["ignore"].as_array().expect("what to ignore").clone(),
        streams: HashMap::new(),
        variables: BTreeMap::from([("tenant".to_owned(), tenant.to_owned())]),
    };
    let steps = story["steps"].as_array().expect("steps");
    for step in steps {
        if let Err(mismatch) = player.play(step).await {
            panic!("{}: {}\n{mismatch}", story["title"], step["say"]);
        }
    }
    steps.len()
}

struct Player {
    api: DescriptorPool,
    callers: HashMap<String, Client>,
    ignored: Vec<Value>,
    streams: HashMap<String, mpsc::UnboundedReceiver<Item>>,
    variables: BTreeMap<String, String>,
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

    async fn call_until_expected(&self, step: &Value) -> Result<Value, Mismatch> {
        let expected = with_defaults(&step["expect"]);
        let began = Instant::now();
        loop {
            let actual = self.call(step).await;
            if matches(&expected, &actual) {
                return Ok(actual);
            }
            if step["eventually"] != true || began.elapsed() > PATIENCE {
                return Err(format!("expected {expected:#}\nactual {actual:#}"));
            }
            tokio::time::sleep(PACE).await;
        }
    }

    async fn call(&self, step: &Value) -> Value {
        let (mut service, mut request, path, codec) = self.prepare(step);
        request.set_timeout(CALL_LIMIT);
        service.ready().await.expect("always ready");
        match service.unary(request, path, codec).await {
            Ok(response) => json!({"code": "OK", "reason": "", "response": to_json(response.get_ref())}),
            Err(status) => outcome_of(&status),
        }
    }

    /// Opens a stream, and reads it in the background.
    fn open(&self, step: &Value) -> mpsc::UnboundedReceiver<Item> {
        let (mut service, request, path, codec) = self.prepare(step);
        let (give, stream) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            service.ready().await.expect("always ready");
            let end = match service.server_streaming(request, path, codec).await {
                Ok(opened) => read(opened.into_inner(), &give).await,
                Err(status) => outcome_of(&status),
            };
            // The story may be over.
            let _unread = give.send(Item::End(end));
        });
        stream
    }

    fn prepare(&self, step: &Value) -> (Grpc<Authorized>, Request<DynamicMessage>, PathAndQuery, Dynamic) {
        let name = step["call"].as_str().expect("a call");
        let method = self.method(name);
        let request = DynamicMessage::deserialize(method.input(), &step["request"]).expect("a request of the API");
        let caller = &self.callers[step["as"].as_str().expect("a caller")];
        let service = if name.starts_with("crewline.chat.") { caller.chat() } else { caller.permissions() };
        let path = format!("/{name}").parse().expect("a path");
        (Grpc::new(service), Request::new(request), path, Dynamic(method.output()))
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
                assert!(!filled.contains("${"), "no such variable: {filled}");
                filled.into()
            }
            Value::Array(elements) => elements.iter().map(|element| self.fill(element)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(key, field)| (key.clone(), self.fill(field))).collect::<Map<_, _>>().into()
            }
            other => other.clone(),
        }
    }
}

/// Gives all frames on; the outcome, when there are no more.
async fn read(mut stream: Streaming<DynamicMessage>, give: &mpsc::UnboundedSender<Item>) -> Value {
    loop {
        match stream.message().await {
            Ok(Some(frame)) => {
                let _unread = give.send(Item::Frame(to_json(&frame)));
            }
            Ok(None) => return json!({"code": "OK", "reason": ""}),
            Err(status) => return outcome_of(&status),
        }
    }
}

/// Whether what is expected is a part of what has come.
fn matches(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            expected.iter().all(|(key, value)| actual.get(key).is_some_and(|actual| matches(value, actual)))
        }
        (Value::Array(expected), Value::Array(actual)) => {
            expected.len() == actual.len() && expected.iter().zip(actual).all(|(expected, actual)| matches(expected, actual))
        }
        _ => expected == actual,
    }
}

fn with_defaults(outcome: &Value) -> Value {
    let mut whole = json!({"code": "OK", "reason": ""});
    whole.as_object_mut().expect("an object").extend(outcome.as_object().expect("an outcome").clone());
    whole
}

/// Whether a frame says nothing but what these kinds do.
fn has_only(frame: &Value, kinds: &[Value]) -> bool {
    frame.as_object().is_some_and(|fields| fields.keys().all(|key| kinds.iter().any(|kind| kind == key.as_str())))
}

fn outcome_of(status: &Status) -> Value {
    let code = code_name(status.code());
    let infos: Vec<_> = status
        .get_error_details_vec()
        .into_iter()
        .filter_map(|detail| match detail {
            ErrorDetail::ErrorInfo(info) => Some(info),
            _ => None,
        })
        .collect();
    match infos.as_slice() {
        [info] if info.domain == "crewline" => {
            json!({"code": code, "reason": info.reason, "metadata": info.metadata, "message": status.message()})
        }
        _ => json!({"code": code, "reason": format!("not one ErrorInfo of Crewline: {infos:?}"), "message": status.message()}),
    }
}

/// As gRPC writes it: `NOT_FOUND`.
fn code_name(code: Code) -> String {
    let name = format!("{code:?}");
    let words = name.char_indices().flat_map(|(index, letter)| {
        let gap = (index > 0 && letter.is_ascii_uppercase()).then_some('_');
        gap.into_iter().chain([letter.to_ascii_uppercase()])
    });
    words.collect()
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
