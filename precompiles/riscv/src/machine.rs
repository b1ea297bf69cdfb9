//! What the program has of its machine: memory, and calls.

use alloy_primitives::B256;
use core::{
    alloc::{GlobalAlloc, Layout},
    arch::asm,
    fmt::Write,
    panic::PanicInfo,
    sync::atomic::{AtomicUsize, Ordering},
};

const EXIT: usize = 0;
const BEGIN: usize = 1;
const END: usize = 2;
const PRINT: usize = 3;
const PAUSE: usize = 4;
/// What a panic ends with.
const PANICKED: usize = 101;

fn call(number: usize, arguments: [usize; 4]) {
    let [a0, a1, a2, a3] = arguments;
    // SAFETY: the machine changes no register and no memory.
    unsafe {
        asm!("ecall", in("a7") number, in("a0") a0, in("a1") a1, in("a2") a2, in("a3") a3);
    }
}

/// Ends the program.
pub(crate) fn exit(code: usize) -> ! {
    call(EXIT, [code, 0, 0, 0]);
    // It doesn't come back.
    loop {}
}

/// Starts counting.
pub(crate) fn begin() {
    call(BEGIN, [0; 4]);
}

/// Stops counting.
pub(crate) fn pause() {
    call(PAUSE, [0; 4]);
}

/// Says what was counted.
pub(crate) fn end(gas: u64, hash: &B256, name: &str) {
    call(
        END,
        [
            gas as usize,
            hash.as_ptr() as usize,
            name.as_ptr() as usize,
            name.len(),
        ],
    );
}

/// Memory that is only ever given: a program runs one case.
struct Bump {
    next: AtomicUsize,
    end: AtomicUsize,
}

#[global_allocator]
static MEMORY: Bump = Bump {
    next: AtomicUsize::new(0),
    end: AtomicUsize::new(0),
};

/// Free memory, before anything is allocated.
pub(crate) fn give_memory(begin: usize, end: usize) {
    MEMORY.next.store(begin, Ordering::Relaxed);
    MEMORY.end.store(end, Ordering::Relaxed);
}

// SAFETY: what is given is free, aligned, and given once; there is one thread.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let next = self.next.load(Ordering::Relaxed);
        let begin = next.next_multiple_of(layout.align());
        match begin.checked_add(layout.size()) {
            Some(end) if end <= self.end.load(Ordering::Relaxed) => {
                self.next.store(end, Ordering::Relaxed);
                begin as *mut u8
            }
            _ => core::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // Memory starts as zeros.
        // SAFETY: the caller's.
        unsafe { self.alloc(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let next = self.next.load(Ordering::Relaxed);
        let begin = old as usize;
        // The last allocation grows in place.
        if begin + layout.size() == next && begin + size <= self.end.load(Ordering::Relaxed) {
            self.next.store((begin + size).max(next), Ordering::Relaxed);
            return old;
        }
        if size <= layout.size() {
            return old;
        }
        // SAFETY: the size is the caller's, the alignment was valid before.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both hold that much and don't overlap: the new one was free.
            unsafe { core::ptr::copy_nonoverlapping(old, new, layout.size()) };
        }
        new
    }
}

struct Printer;

impl Write for Printer {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        call(PRINT, [text.as_ptr() as usize, text.len(), 0, 0]);
        Ok(())
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = write!(Printer, "{info}");
    exit(PANICKED)
}
