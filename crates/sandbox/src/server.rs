//! The HTTP server.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream, ToSocketAddrs},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::{
    AssumedRole, Behaviour, Fault, Organization, RequestCounts, Truth,
    reply::{ApiError, JSON, Protocol, Reply, ReplyBody},
    request::{Call, NotACall},
    world::{Answer, World},
};

/// The simulated AWS, not yet running.
#[derive(Debug)]
pub struct Sandbox;

/// A running sandbox. It stops when it is dropped, or by [`shutdown`](Self::shutdown).
pub struct RunningSandbox {
    world: Arc<World>,
    address: std::net::SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl std::fmt::Debug for RunningSandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunningSandbox").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Serves an organization on the current tokio runtime. Port 0 takes a free one.
    pub async fn start(organization: Organization, behaviour: Behaviour, address: impl ToSocketAddrs) -> io::Result<RunningSandbox> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let world = Arc::new(World::new(organization, behaviour));
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(accept(listener, Arc::clone(&world), stopped));
        Ok(RunningSandbox { world, address, stop, server })
    }
}

impl RunningSandbox {
    /// The URL for `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The organization.
    pub fn organization(&self) -> &Organization {
        &self.world.organization
    }

    /// The account whose credentials a static access key is.
    pub fn caller_account(&self) -> kms_insights_model::AccountId {
        self.world.caller_account()
    }

    /// What was asked so far.
    pub fn requests(&self) -> RequestCounts {
        self.world.counters.read()
    }

    /// Begins to count anew.
    pub fn reset_requests(&self) {
        self.world.counters.reset();
    }

    /// The sessions that `sts:AssumeRole` gave out, sorted by role. Where there are very many, those that have expired are forgotten.
    pub fn assumed_roles(&self) -> Vec<AssumedRole> {
        self.world.assumed_roles()
    }

    /// How many requests each of the present faults befell, in the order in which they were declared.
    pub fn befallen(&self) -> Vec<u64> {
        self.world.faults().befallen()
    }

    /// Replaces the faults; what the former ones did is forgotten.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.world.set_faults(faults);
    }

    /// From now on nothing goes wrong.
    pub fn clear_faults(&self) {
        self.set_faults(Vec::new());
    }

    /// What a collector finds that makes no mistakes, under the faults of this moment.
    pub fn truth(&self) -> Truth {
        truth(&self.world)
    }

    /// Closes all connections and the port.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        // The task ends by itself, or was aborted with its runtime.
        let _ = (&mut self.server).await;
    }
}

impl Drop for RunningSandbox {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        self.server.abort();
    }
}

fn truth(world: &World) -> Truth {
    Truth::new(Arc::clone(&world.organization), world.behaviour.clone(), world.faults().faults().to_vec())
}

async fn accept(listener: TcpListener, world: Arc<World>, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = stopped.changed() => break,
            // Finished connections are taken away, or they would pile up.
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    world.counters.connected();
                    connections.spawn(serve(stream, Arc::clone(&world)));
                }
            }
        }
    }
    connections.shutdown().await;
}

async fn serve(stream: TcpStream, world: Arc<World>) {
    // Small answers must not wait for one another.
    let _ = stream.set_nodelay(true);
    let reset = Arc::new(AtomicBool::new(false));
    let io = TokioIo::new(Connection { stream, reset: Arc::clone(&reset) });
    let service = service_fn(move |request| {
        let (world, reset) = (Arc::clone(&world), Arc::clone(&reset));
        async move {
            match handle(&world, request).await {
                Answered::Response(response) => Ok(response),
                Answered::Reset => {
                    reset.store(true, Ordering::Relaxed);
                    Err(io::Error::from(io::ErrorKind::ConnectionReset))
                }
            }
        }
    });
    // An error here is the client's going away, or a fault that was asked for.
    let _ = http1::Builder::new().pipeline_flush(true).half_close(false).serve_connection(io, service).await;
}

enum Answered {
    Response(Response<ReplyBody>),
    Reset,
}

async fn handle(world: &World, request: Request<Incoming>) -> Answered {
    let (parts, body) = request.into_parts();
    let request_id = world.request_id();
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else { return Answered::Reset };
    if parts.uri.path().starts_with("/_sandbox/") {
        return Answered::Response(admin(world, &parts, &body).into_response(&request_id));
    }
    let head = parts.method == http::Method::HEAD;
    let call = match Call::parse(parts, body) {
        Ok(call) => call,
        Err(error) => return Answered::Response(not_a_call(&error, &request_id).into_response(&request_id)),
    };
    match world.answer(&call, &request_id).await {
        Answer::Reply(mut reply) => {
            if head {
                reply.length = reply.length.or(Some(reply.body.len() as u64));
                reply.body = Bytes::new();
            }
            Answered::Response(reply.into_response(&request_id))
        }
        Answer::Reset => Answered::Reset,
    }
}

fn not_a_call(error: &NotACall, request_id: &str) -> Reply {
    match error {
        NotACall::NoSignature => {
            let message = "Missing Authentication Token";
            let mut reply = Reply::json(403, JSON, &json!({"__type": "MissingAuthenticationTokenException", "message": message}));
            reply.headers.push(("x-amzn-errortype", "MissingAuthenticationTokenException".to_owned()));
            reply
        }
        NotACall::Unknown(what) => match what.split(':').next() {
            Some("sts" | "iam" | "ec2") => {
                Reply::error(Protocol::Query, &ApiError::new(400, "InvalidAction", format!("Could not find operation {what}")), request_id)
            }
            Some("s3") => Reply::error(Protocol::RestXml, &ApiError::new(501, "NotImplemented", "The sandbox does not implement this."), request_id),
            Some("account") => Reply::error(Protocol::RestJson, &ApiError::new(404, "UnknownOperationException", what.clone()), request_id),
            _ => Reply::error(Protocol::AwsJson, &ApiError::new(400, "UnknownOperationException", what.clone()), request_id),
        },
    }
}

/// The control of a sandbox in another process: `GET /_sandbox/truth`, `GET /_sandbox/usage`, `GET|DELETE /_sandbox/requests`, `GET|PUT|DELETE /_sandbox/faults`.
fn admin(world: &World, parts: &http::request::Parts, body: &Bytes) -> Reply {
    match (parts.method.as_str(), parts.uri.path()) {
        ("GET", "/_sandbox/truth") => {
            let mut lines = Vec::new();
            for record in truth(world).records() {
                serde_json::to_writer(&mut lines, &record).unwrap_or_default();
                lines.push(b'\n');
            }
            Reply::new(200, "application/x-ndjson", lines)
        }
        ("GET", "/_sandbox/usage") => {
            let truth = truth(world);
            let mut lines = Vec::new();
            for row in truth.trail_days().map_or_else(Vec::new, |(from, until)| truth.daily_usage(from, until)) {
                serde_json::to_writer(&mut lines, &row).unwrap_or_default();
                lines.push(b'\n');
            }
            Reply::new(200, "application/x-ndjson", lines)
        }
        ("GET", "/_sandbox/requests") => Reply::json(200, JSON, &json!(world.counters.read())),
        ("DELETE", "/_sandbox/requests") => {
            world.counters.reset();
            Reply::new(204, JSON, Bytes::new())
        }
        ("GET", "/_sandbox/faults") => Reply::json(200, JSON, &json!(world.faults().faults())),
        ("PUT", "/_sandbox/faults") => match serde_json::from_slice::<Vec<Fault>>(body) {
            Ok(faults) => {
                world.set_faults(faults);
                Reply::new(204, JSON, Bytes::new())
            }
            Err(error) => Reply::json(400, JSON, &json!({"error": error.to_string()})),
        },
        ("DELETE", "/_sandbox/faults") => {
            world.set_faults(Vec::new());
            Reply::new(204, JSON, Bytes::new())
        }
        _ => Reply::json(
            404,
            JSON,
            &json!({"error": "GET /_sandbox/truth, GET /_sandbox/usage, GET|DELETE /_sandbox/requests, GET|PUT|DELETE /_sandbox/faults"}),
        ),
    }
}

/// A TCP connection that can be made to end with a reset instead of a farewell.
struct Connection {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            // Closing a socket that does not linger sends RST.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffers: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
