//! Compiled kernels, kept for the whole process by what they were compiled from.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use codegen::{CallKernel, CodegenError, FoldKernel, MapKernel, MergeKernel, Options, ParamInput};

use crate::error::{Error, Result};
use crate::function::CompiledFunction;
use crate::run::lock;

/// Kernels kept of each sort; the one that was used longest ago goes when there is another.
const KERNELS_MAX: usize = 512;

/// The identity of the IR, and where the parameters come from. Captured values are parameters of a kernel, so they are not
/// part of it: a function with other captured values is the same kernel.
type Key = ([u8; 32], Vec<ParamInput>);

struct Cache<Kernel> {
    entries: Mutex<Entries<Kernel>>,
}

struct Entries<Kernel> {
    kernels: HashMap<Key, (Arc<Kernel>, u64)>,
    clock: u64,
}

impl<Kernel> Cache<Kernel> {
    fn new() -> Cache<Kernel> {
        Cache { entries: Mutex::new(Entries { kernels: HashMap::new(), clock: 0 }) }
    }

    /// The lock is held while compiling, so that threads that want the same kernel do not all make it.
    fn get(&self, key: Key, compile: impl FnOnce() -> Result<Kernel, CodegenError>) -> Result<Arc<Kernel>> {
        let mut entries = lock(&self.entries);
        entries.clock += 1;
        let now = entries.clock;
        if let Some((kernel, used)) = entries.kernels.get_mut(&key) {
            *used = now;
            return Ok(kernel.clone());
        }
        let kernel = Arc::new(compile().map_err(|error| Error::plan(error.message))?);
        if entries.kernels.len() >= KERNELS_MAX {
            remove_oldest(&mut entries.kernels);
        }
        entries.kernels.insert(key, (kernel.clone(), now));
        Ok(kernel)
    }
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
            CACHE.get((*function.module_hash(), inputs_key), || {
                $compile(function.module() $(, $inputs)?, &Options::default())
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
    fn the_oldest_goes() {
        let mut kernels = HashMap::from([(1, ("a", 7)), (2, ("b", 3)), (3, ("c", 5))]);
        remove_oldest(&mut kernels);
        assert_eq!(kernels.keys().copied().collect::<std::collections::BTreeSet<_>>(), [1, 3].into());
    }
}
