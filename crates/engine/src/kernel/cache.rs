//! Compiled kernels, kept for the whole process by what they were compiled from.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::Duration;

use codegen::{CallKernel, CodegenError, FoldKernel, MapKernel, MergeKernel, Options, ParamInput};

use crate::error::{Error, Result};
use crate::function::CompiledFunction;
use crate::run::lock;

/// Kernels kept of each sort; the one that was used longest ago goes when there is another.
const KERNELS_MAX: usize = 512;

/// The identity of the IR, and where the parameters come from. Captured values are parameters of a kernel, so they are not
/// part of it: a function with other captured values is the same kernel.
type Key = ([u8; 32], Vec<ParamInput>);

/// How long compiling a function may take; without it, as long as it takes.
static COMPILE_TIME_MAX: OnceLock<Duration> = OnceLock::new();

/// Has every function of this process that takes longer to compile be an error. For processes that compile what others
/// send them; the first limit stays.
pub fn set_compile_time_max(limit: Duration) {
    let _ = COMPILE_TIME_MAX.set(limit);
}

/// Stack of a thread that compiles: LLVM recurses over what functions are made of.
const COMPILE_STACK_BYTES: usize = 64 << 20;

struct Cache<Kernel> {
    entries: Mutex<Entries<Kernel>>,
}

struct Entries<Kernel> {
    kernels: HashMap<Key, (Arc<Kernel>, u64)>,
    clock: u64,
    /// What took too long to compile: nobody tries again.
    endless: HashSet<Key>,
}

impl<Kernel: Send + 'static> Cache<Kernel> {
    fn new() -> Cache<Kernel> {
        Cache { entries: Mutex::new(Entries { kernels: HashMap::new(), clock: 0, endless: HashSet::new() }) }
    }

    /// The lock is held while compiling, so that threads that want the same kernel do not all make it.
    fn get(
        &self,
        name: &str,
        key: Key,
        time_max: Option<Duration>,
        compile: impl FnOnce() -> Result<Kernel, CodegenError> + Send + 'static,
    ) -> Result<Arc<Kernel>> {
        let mut entries = lock(&self.entries);
        entries.clock += 1;
        let now = entries.clock;
        if let Some((kernel, used)) = entries.kernels.get_mut(&key) {
            *used = now;
            return Ok(kernel.clone());
        }
        if entries.endless.contains(&key) {
            return Err(takes_too_long(name));
        }
        let compiled = match time_max {
            None => compile(),
            Some(limit) => match within(limit, compile)? {
                Some(compiled) => compiled,
                None => {
                    entries.endless.insert(key);
                    return Err(takes_too_long(name));
                }
            },
        };
        let kernel = Arc::new(compiled.map_err(|error| Error::plan(error.message))?);
        if entries.kernels.len() >= KERNELS_MAX {
            remove_oldest(&mut entries.kernels);
        }
        entries.kernels.insert(key, (kernel.clone(), now));
        Ok(kernel)
    }
}

/// What `work` gives, unless it takes longer; then its thread is left to itself, since LLVM cannot be stopped.
fn within<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> Result<Option<T>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let started =
        std::thread::Builder::new().name("compile".to_owned()).stack_size(COMPILE_STACK_BYTES).spawn(move || {
            // Nobody waits for what came too late.
            let _ = sender.send(work());
        });
    started.map_err(|error| Error::engine(format!("cannot start a thread to compile: {error}")))?;
    match receiver.recv_timeout(limit) {
        Ok(done) => Ok(Some(done)),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Disconnected) => Err(Error::engine("the thread that compiles failed")),
    }
}

fn takes_too_long(name: &str) -> Error {
    Error::engine_hint(
        format!("compiling `{name}` takes longer than this executor allows"),
        "split the function, or start executors with a larger `--compile-seconds`",
    )
}

fn remove_oldest<K: Hash + Eq + Clone, V>(kernels: &mut HashMap<K, (V, u64)>) {
    let oldest = kernels.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
    if let Some(oldest) = oldest {
        kernels.remove(&oldest);
    }
}

macro_rules! cached {
    ($(#[$doc:meta])* $visibility:vis $name:ident($($inputs:ident: $type:ty)?) -> $kernel:ident, $compile:path) => {
        $(#[$doc])*
        $visibility fn $name(function: &CompiledFunction $(, $inputs: $type)?) -> Result<Arc<$kernel>> {
            static CACHE: std::sync::LazyLock<Cache<$kernel>> = std::sync::LazyLock::new(Cache::new);
            #[allow(unused_mut, reason = "not every kernel has inputs")]
            let mut inputs_key = Vec::new();
            $(inputs_key.extend_from_slice($inputs);)?
            let module = function.module().clone();
            $(let $inputs = $inputs.to_vec();)?
            let time_max = COMPILE_TIME_MAX.get().copied();
            CACHE.get(function.name(), (*function.module_hash(), inputs_key), time_max, move || {
                $compile(&module $(, &$inputs)?, &Options::default())
            })
        }
    };
}

cached! {
    /// The function as a kernel for single calls.
    pub call_kernel() -> CallKernel, codegen::compile_call
}
cached! {
    /// The function as a kernel over columns.
    pub(crate) map_kernel(inputs: &[ParamInput]) -> MapKernel, codegen::compile_map
}
cached! {
    /// The function as the step of a fold over columns.
    pub(crate) fold_kernel(inputs: &[ParamInput]) -> FoldKernel, codegen::compile_fold
}
cached! {
    /// The function as the merge of a fold.
    pub(crate) merge_kernel() -> MergeKernel, codegen::compile_merge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_to_compile_is_an_error_and_is_not_tried_again() {
        let cache = Cache::<u8>::new();
        let key = ([7; 32], Vec::new());
        let limit = Some(Duration::from_millis(1));
        let (stop, wait) = mpsc::channel::<()>();
        let endless = move || {
            let _ = wait.recv();
            Ok(1)
        };
        let error = cache.get("spin", key.clone(), limit, endless).unwrap_err();
        assert!(error.to_string().contains("compiling `spin` takes longer"), "{error}");
        assert!(cache.get("spin", key, limit, || panic!("tried again")).is_err());
        let quick = cache.get("quick", ([8; 32], Vec::new()), Some(Duration::from_secs(60)), || Ok(2)).unwrap();
        assert_eq!(*quick, 2);
        drop(stop);
    }

    #[test]
    fn the_oldest_goes() {
        let mut kernels = HashMap::from([(1, ("a", 7)), (2, ("b", 3)), (3, ("c", 5))]);
        remove_oldest(&mut kernels);
        assert_eq!(kernels.keys().copied().collect::<std::collections::BTreeSet<_>>(), [1, 3].into());
    }
}
