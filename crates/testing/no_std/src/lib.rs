//! Links every core package without std.
//!
//! The fault-proof program is made of these packages and runs where there is no operating system. A
//! static library has to be complete: it needs one `#[panic_handler]` and one `#[global_allocator]`. Both
//! stand here, so that a dependency that brings std along brings a second panic handler, and the build
//! fails with "found duplicate lang item `panic_impl`".
#![no_std]

use core::{
    alloc::{GlobalAlloc, Layout},
    panic::PanicInfo,
    ptr,
};

#[rustfmt::skip]
pub use {
    openledger_derive as derive,
    openledger_execution as execution,
    openledger_precompiles as precompiles,
    openledger_primitives as primitives,
    openledger_protocol as protocol,
    openledger_trie as trie,
};

/// An allocator that has nothing to give: this library is linked, never run.
struct NoMemory;

// SAFETY: null is what `alloc` answers when it is out of memory, and nothing was ever allocated that
// could be given back.
unsafe impl GlobalAlloc for NoMemory {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        ptr::null_mut()
    }
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: NoMemory = NoMemory;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
