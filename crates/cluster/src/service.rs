//! The cluster's own service beside Ballista's on the scheduler: bytes that plans refer to, and which kernels have taken
//! executors down. One call with bytes in and bytes out, so that no interface has to be generated.
//!
//! ```text
//! request   kind, then
//!           HAS     hashes                    answer: those that are missing
//!           PUT     hash, offset, total, part answer: nothing
//!           GET     hash, offset              answer: total, part
//!           CRASH   executor, hash, name      answer: nothing
//!           CHECK   hashes                    answer: names of those that are in quarantine
//!           TELL    name and job, executor, rows, lines answer: nothing
//!           ASK     name, first line          answer: job, rows, lines
//!           HELLO   nothing                   answer: version of plans, version of Fuseline
//! ```

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use crate::news::Line;
use crate::rehearsal;
use bytes::{Buf, BufMut};
use engine::wire::bytes::{Reader, Writer};
use engine::wire::{Hash, hash_of};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http;
use tonic::server::{NamedService, UnaryService};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

mod kind {
    pub const HAS: u8 = 0;
    pub const PUT: u8 = 1;
    pub const GET: u8 = 2;
    pub const CRASH: u8 = 3;
    pub const CHECK: u8 = 4;
    pub const TELL: u8 = 5;
    pub const ASK: u8 = 6;
    pub const HELLO: u8 = 7;
}

/// What processes must agree on: raised when what travels changes its form or meaning, besides the IR's own version.
const PLAN_VERSION: u64 = 2;

/// The version of plans, that of the IR within.
fn version() -> u64 {
    rehearsal::version(PLAN_VERSION << 16 | u64::from(ir::wire::VERSION))
}

const PATH: &str = "/fuseline.Cluster/Call";

/// Bytes of a part of a blob.
const PART_BYTES: usize = 2 << 20;

/// Bytes that the scheduler keeps for plans; the oldest go when there are more. A client puts them anew when they are
/// missing.
const KEPT_BYTES_MAX: usize = 1 << 30;

/// The largest blob.
const BLOB_BYTES_MAX: usize = 512 << 20;

/// Executors that a kernel may take down before nobody runs it any more.
const CRASHES_MAX: usize = 2;

/// Jobs whose news are kept, and lines of each.
const JOBS_MAX: usize = 256;
const LINES_MAX: usize = 100_000;

/// What the service knows.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    state: Mutex<LedgerState>,
}

#[derive(Debug, Default)]
struct LedgerState {
    blobs: HashMap<Hash, (Arc<[u8]>, u64)>,
    arriving: HashMap<Hash, Vec<u8>>,
    bytes: usize,
    clock: u64,
    /// The executors that each kernel took down, and its name.
    crashes: HashMap<Hash, (String, Vec<String>)>,
    news: HashMap<String, JobNews>,
}

/// What the tasks of a job have told.
#[derive(Debug, Default)]
struct JobNews {
    /// Ballista's name of it.
    job: String,
    /// Rows read by each executor.
    rows: HashMap<String, u64>,
    lines: Vec<Line>,
    used: u64,
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, LedgerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &[u8]) -> engine::Result<Vec<u8>> {
        let mut reader = Reader::new(request);
        let mut writer = Writer::default();
        match reader.byte()? {
            kind::HAS => {
                let hashes = reader.list(Reader::hash)?;
                let mut state = self.state();
                let missing: Vec<Hash> = hashes.into_iter().filter(|hash| state.touch(hash).is_none()).collect();
                writer.list(missing.iter(), |writer, hash| writer.raw(hash));
            }
            kind::PUT => {
                let hash = reader.hash()?;
                let (offset, total) = (reader.number()? as usize, reader.number()? as usize);
                self.state().put(hash, offset, total, reader.block()?)?;
            }
            kind::GET => {
                let (hash, offset) = (reader.hash()?, reader.number()? as usize);
                let blob = self.state().touch(&hash);
                let blob = blob.ok_or_else(|| engine::Error::engine("a part of the plan is gone"))?;
                let end = offset.saturating_add(PART_BYTES).min(blob.len());
                writer.number(blob.len() as u64);
                writer.block(blob.get(offset..end).unwrap_or_default());
            }
            kind::CRASH => {
                let (executor, hash, name) = (reader.text()?, reader.hash()?, reader.text()?);
                let mut state = self.state();
                let (_, executors) = state.crashes.entry(hash).or_insert((name, Vec::new()));
                if !executors.contains(&executor) {
                    executors.push(executor);
                }
            }
            kind::CHECK => {
                let hashes = reader.list(Reader::hash)?;
                let state = self.state();
                let bad = hashes.iter().filter_map(|hash| state.crashes.get(hash));
                let bad: Vec<&String> =
                    bad.filter(|(_, executors)| executors.len() >= CRASHES_MAX).map(|(name, _)| name).collect();
                writer.list(bad.into_iter(), |writer, name| writer.text(name));
            }
            kind::TELL => {
                let (job, executor, rows) = (reader.text()?, reader.text()?, reader.number()?);
                let lines = reader.list(Line::read)?;
                let (name, id) = job.rsplit_once(' ').unwrap_or(("", &job));
                let mut state = self.state();
                let news = state.news_of(name.to_owned());
                if news.job != id {
                    // The job was handed in anew: what the lost one had read does not count.
                    news.job = id.to_owned();
                    news.rows.clear();
                }
                news.rows.insert(executor, rows);
                let room = LINES_MAX.saturating_sub(news.lines.len());
                news.lines.extend(lines.into_iter().take(room));
            }
            kind::ASK => {
                let (job, first) = (reader.text()?, reader.number()? as usize);
                let mut state = self.state();
                let news = state.news_of(job);
                writer.text(&news.job);
                writer.number(news.rows.values().sum());
                writer.list(news.lines.iter().skip(first), |writer, line| line.write(writer));
            }
            kind::HELLO => {
                writer.number(version());
                writer.text(env!("CARGO_PKG_VERSION"));
            }
            _ => return Err(engine::Error::engine("the client and the scheduler are of different versions")),
        }
        Ok(writer.finish())
    }
}

impl LedgerState {
    fn news_of(&mut self, job: String) -> &mut JobNews {
        self.clock += 1;
        if self.news.len() >= JOBS_MAX && !self.news.contains_key(&job) {
            let oldest = self.news.iter().min_by_key(|(_, news)| news.used).map(|(job, _)| job.clone());
            oldest.and_then(|oldest| self.news.remove(&oldest));
        }
        let news = self.news.entry(job).or_default();
        news.used = self.clock;
        news
    }

    fn touch(&mut self, hash: &Hash) -> Option<Arc<[u8]>> {
        self.clock += 1;
        let now = self.clock;
        let (blob, used) = self.blobs.get_mut(hash)?;
        *used = now;
        Some(blob.clone())
    }

    fn put(&mut self, hash: Hash, offset: usize, total: usize, part: &[u8]) -> engine::Result<()> {
        if total > BLOB_BYTES_MAX {
            return Err(engine::Error::engine(format!(
                "captured values of {total} bytes are more than a cluster takes ({BLOB_BYTES_MAX})"
            )));
        }
        if self.touch(&hash).is_some() {
            // Another client has brought it meanwhile.
            return Ok(());
        }
        if offset == 0 && self.arriving.values().map(Vec::len).sum::<usize>() > KEPT_BYTES_MAX {
            // Of clients that went away half way; one that is still there begins anew.
            self.arriving.clear();
        }
        let arriving = self.arriving.entry(hash).or_default();
        if offset > arriving.len() || offset + part.len() > total {
            return Err(engine::Error::engine("a part of a plan came out of order"));
        }
        // What two clients bring at a time is the same, or one of them is damaged, which shows at the end.
        let part = part.get(arriving.len() - offset..).unwrap_or_default();
        arriving.extend_from_slice(part);
        if arriving.len() < total {
            return Ok(());
        }
        let blob = self.arriving.remove(&hash).unwrap_or_default();
        if hash_of(&blob) != hash {
            return Err(engine::Error::engine("a part of a plan was damaged on its way"));
        }
        self.bytes += blob.len();
        self.blobs.insert(hash, (blob.into(), self.clock));
        while self.bytes > KEPT_BYTES_MAX {
            let oldest = self.blobs.iter().min_by_key(|(_, (_, used))| *used).map(|(hash, _)| *hash);
            let Some((blob, _)) = oldest.and_then(|hash| self.blobs.remove(&hash)) else { break };
            self.bytes -= blob.len();
        }
        Ok(())
    }
}

/// The service as a server sees it.
#[derive(Clone, Debug)]
pub(crate) struct ClusterServer {
    pub ledger: Arc<Ledger>,
}

impl NamedService for ClusterServer {
    const NAME: &'static str = "fuseline.Cluster";
}

type Answered = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, Status>> + Send>>;

impl UnaryService<Vec<u8>> for ClusterServer {
    type Response = Vec<u8>;
    type Future = Answered;

    fn call(&mut self, request: Request<Vec<u8>>) -> Answered {
        let answer = self.ledger.answer(request.get_ref());
        Box::pin(async move { answer.map(Response::new).map_err(|error| Status::internal(error.to_string())) })
    }
}

impl tonic::codegen::Service<http::Request<tonic::body::Body>> for ClusterServer {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(BytesCodec).max_decoding_message_size(8 * PART_BYTES);
            Ok(grpc.unary(service, request).await)
        })
    }
}

/// The service as a client or an executor sees it.
#[derive(Clone, Debug)]
pub(crate) struct ClusterClient {
    channel: Channel,
}

impl ClusterClient {
    pub fn new(channel: Channel) -> ClusterClient {
        ClusterClient { channel }
    }

    async fn call(&self, request: Writer) -> Result<Vec<u8>, Status> {
        let mut grpc = tonic::client::Grpc::new(self.channel.clone()).max_decoding_message_size(8 * PART_BYTES);
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let path = http::uri::PathAndQuery::from_static(PATH);
        Ok(grpc.unary(Request::new(request.finish()), path, BytesCodec).await?.into_inner())
    }

    /// Fails when the scheduler's plans are of another version than this process's.
    pub async fn hello(&self) -> Result<(), HelloError> {
        let mut request = Writer::default();
        request.byte(kind::HELLO);
        let answer = self.call(request).await.map_err(HelloError::Call)?;
        let mut reader = Reader::new(&answer);
        match (reader.number(), reader.text()) {
            (Ok(theirs), Ok(name)) if theirs != version() => Err(HelloError::Version(other_version(theirs, &name))),
            (Ok(_), Ok(_)) => Ok(()),
            (Err(error), _) | (_, Err(error)) => Err(HelloError::Version(error)),
        }
    }

    /// Brings to the scheduler what of these it does not have.
    pub async fn put<'a>(&self, blobs: impl Iterator<Item = (&'a Hash, &'a Arc<[u8]>)>) -> Result<(), Status> {
        let blobs: HashMap<&Hash, &Arc<[u8]>> = blobs.collect();
        if blobs.is_empty() {
            return Ok(());
        }
        let mut request = Writer::default();
        request.byte(kind::HAS);
        request.list(blobs.keys(), |writer, hash| writer.raw(*hash));
        let answer = self.call(request).await?;
        let missing = Reader::new(&answer).list(Reader::hash).map_err(internal)?;
        for hash in missing {
            let Some(blob) = blobs.get(&hash) else { continue };
            let mut offset = 0;
            while offset < blob.len() || offset == 0 {
                let end = (offset + PART_BYTES).min(blob.len());
                let mut request = Writer::default();
                request.byte(kind::PUT);
                request.raw(&hash);
                request.number(offset as u64);
                request.number(blob.len() as u64);
                request.block(blob.get(offset..end).unwrap_or_default());
                self.call(request).await?;
                offset = end.max(offset + 1);
            }
        }
        Ok(())
    }

    pub async fn get(&self, hash: &Hash) -> Result<Arc<[u8]>, Status> {
        let mut blob = Vec::new();
        loop {
            let mut request = Writer::default();
            request.byte(kind::GET);
            request.raw(hash);
            request.number(blob.len() as u64);
            let answer = self.call(request).await?;
            let mut reader = Reader::new(&answer);
            let total = reader.number().map_err(internal)? as usize;
            let part = reader.block().map_err(internal)?;
            blob.extend_from_slice(part);
            if blob.len() >= total {
                break;
            }
            if part.is_empty() {
                return Err(Status::internal("a part of the plan is cut short"));
            }
        }
        if hash_of(&blob) != *hash {
            return Err(Status::internal("a part of the plan was damaged on its way"));
        }
        Ok(blob.into())
    }

    /// Tells that a kernel took an executor down.
    pub async fn crashed(&self, executor: &str, hash: &Hash, name: &str) -> Result<(), Status> {
        let mut request = Writer::default();
        request.byte(kind::CRASH);
        request.text(executor);
        request.raw(hash);
        request.text(name);
        self.call(request).await.map(|_| ())
    }

    /// Tells what a job's tasks on an executor have done so far and printed since the last time.
    pub async fn tell(&self, job: &str, executor: &str, rows: u64, lines: &[Line]) -> Result<(), Status> {
        let mut request = Writer::default();
        request.byte(kind::TELL);
        request.text(job);
        request.text(executor);
        request.number(rows);
        request.list(lines.iter(), |writer, line| line.write(writer));
        self.call(request).await.map(|_| ())
    }

    /// Ballista's name of the job of this name, the rows that it has read so far, and what its functions printed from this
    /// line on.
    pub async fn ask(&self, name: &str, first: usize) -> Result<(String, u64, Vec<Line>), Status> {
        let mut request = Writer::default();
        request.byte(kind::ASK);
        request.text(name);
        request.number(first as u64);
        let answer = self.call(request).await?;
        let mut reader = Reader::new(&answer);
        let (job, rows) = (reader.text().map_err(internal)?, reader.number().map_err(internal)?);
        Ok((job, rows, reader.list(Line::read).map_err(internal)?))
    }

    /// Names of those of these kernels that may not run any more.
    pub async fn quarantined(&self, hashes: &[Hash]) -> Result<Vec<String>, Status> {
        let mut request = Writer::default();
        request.byte(kind::CHECK);
        request.list(hashes.iter(), |writer, hash| writer.raw(hash));
        let answer = self.call(request).await?;
        Reader::new(&answer).list(Reader::text).map_err(internal)
    }
}

/// Why a process cannot work with a scheduler.
pub(crate) enum HelloError {
    /// It was not reached.
    Call(Status),
    Version(engine::Error),
}

fn other_version(theirs: u64, name: &str) -> engine::Error {
    let shown = |version: u64| format!("{}.{}", version >> 16, version & 0xffff);
    engine::Error::engine_hint(
        format!(
            "the scheduler is Fuseline {name} with plans of version {}, this process is Fuseline {} with version {}",
            shown(theirs),
            env!("CARGO_PKG_VERSION"),
            shown(version())
        ),
        "run the same version of Fuseline in the client and in every process of the cluster",
    )
}

fn internal(error: engine::Error) -> Status {
    Status::internal(error.to_string())
}

/// Messages as they are.
#[derive(Clone, Copy, Debug)]
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = BytesCodec;
    type Decoder = BytesCodec;

    fn encoder(&mut self) -> BytesCodec {
        BytesCodec
    }

    fn decoder(&mut self) -> BytesCodec {
        BytesCodec
    }
}

impl Encoder for BytesCodec {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, target: &mut EncodeBuf<'_>) -> Result<(), Status> {
        target.put_slice(&item);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(source.copy_to_bytes(source.remaining()).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ledger: &Ledger, hash: &Hash) -> Vec<String> {
        let mut request = Writer::default();
        request.byte(kind::CHECK);
        request.list([hash].into_iter(), |writer, hash| writer.raw(hash));
        Reader::new(&ledger.answer(&request.finish()).unwrap()).list(Reader::text).unwrap()
    }

    #[test]
    fn a_kernel_is_quarantined_when_it_took_two_executors_down() {
        let ledger = Ledger::default();
        let hash = [7; 32];
        for (executor, expected) in [("a", 0), ("a", 0), ("b", 1)] {
            let mut request = Writer::default();
            request.byte(kind::CRASH);
            request.text(executor);
            request.raw(&hash);
            request.text("speed");
            ledger.answer(&request.finish()).unwrap();
            assert_eq!(check(&ledger, &hash).len(), expected, "{executor}");
        }
        assert_eq!(check(&ledger, &hash), ["speed"]);
    }

    #[test]
    fn another_version_is_named() {
        let answer = Ledger::default().answer(&[kind::HELLO]).unwrap();
        assert_eq!(Reader::new(&answer).number().unwrap(), version());
        let text = other_version(version() + 1, "9.9").to_string();
        assert!(text.contains("Fuseline 9.9 with plans of version"), "{text}");
    }

    fn put(ledger: &Ledger, hash: &Hash, offset: u64, total: u64, part: &[u8]) -> engine::Result<Vec<u8>> {
        let mut request = Writer::default();
        request.byte(kind::PUT);
        request.raw(hash);
        request.number(offset);
        request.number(total);
        request.block(part);
        ledger.answer(&request.finish())
    }

    #[test]
    fn two_clients_may_bring_the_same_blob_at_a_time() {
        let (ledger, hash) = (Ledger::default(), hash_of(b"abcdef"));
        for (offset, part) in [(0, b"ab"), (0, b"ab"), (2, b"cd"), (2, b"cd"), (4, b"ef"), (4, b"ef"), (0, b"ab")] {
            put(&ledger, &hash, offset, 6, part).unwrap();
        }
        let state = ledger.state();
        assert_eq!((&*state.blobs[&hash].0, state.bytes, state.arriving.len()), (&b"abcdef"[..], 6, 0));
    }

    #[test]
    fn damaged_blobs_and_requests_are_errors() {
        let ledger = Ledger::default();
        assert!(put(&ledger, &[1; 32], 2, 4, b"ab").unwrap_err().to_string().contains("out of order"));
        assert!(
            put(&ledger, &[1; 32], 0, u64::MAX, b"ab").unwrap_err().to_string().contains("more than a cluster takes")
        );
        for bytes in [&[][..], &[9], &[kind::PUT, 1, 2], &[kind::GET]] {
            assert!(ledger.answer(bytes).is_err(), "{bytes:?}");
        }
        assert!(put(&ledger, &[1; 32], 0, 3, b"abc").unwrap_err().to_string().contains("damaged"));
    }
}
