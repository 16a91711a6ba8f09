//! The binary's memory allocator.
//!
//! A run makes a thousand small allocations for every key, on several threads, and then publishes in other sizes what it collected. docs/benchmarks.md ("Memory") has
//! what the choice and the settings below are worth.

use libmimalloc_sys::{mi_option_get, mi_option_set, mi_option_t};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of mimalloc 2 (include/mimalloc.h), which the bindings do not name.
const PURGE_DELAY: mi_option_t = 15;
/// Its default, in milliseconds (src/options.c).
const DEFAULT_PURGE_DELAY: std::ffi::c_long = 10;

/// Sets the process up to hold no more memory than it uses; before any thread is started.
pub(crate) fn hold_little() {
    use_small_pages();
    return_memory_at_once();
}

/// Asks the kernel for no huge pages: of two MiB that it gives as one, a run often uses a few KiB, and all of it counts. The allocator is built not to ask for them
/// (`no_thp`); this is for systems on which they come unasked. Where the kernel does not know the request, things stay as they are.
fn use_small_pages() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

/// Makes the allocator give freed pages back to the system at once, instead of when the thread that freed them next allocates: what collecting held would else still be
/// counted while the tables are written. An option that does not have the expected default is another one, or was set by `MIMALLOC_PURGE_DELAY`, and is left alone.
fn return_memory_at_once() {
    // SAFETY: both functions take any number, answer 0 to or ignore one that is no option, and are documented to be called at any time; no other thread runs yet.
    #[expect(unsafe_code, reason = "the bindings have no safe way to set an option; docs/benchmarks.md, Memory, has what it saves")]
    unsafe {
        if mi_option_get(PURGE_DELAY) == DEFAULT_PURGE_DELAY {
            mi_option_set(PURGE_DELAY, 0);
        }
    }
}
