//! What happens to RocksDB when the process exits.
#![allow(unsafe_code)]

/// Makes the process leave without destroying RocksDB's static objects.
///
/// `exit` destroys the static objects of C++ while other threads go on: one that then closes a database
/// locks a mutex that is gone, and the process aborts after its work was done. Nothing of ours is lost by
/// leaving at once: what must survive is in the log, and the output streams of Rust are flushed before
/// exit handlers run.
///
/// To be called when a database is open, because handlers run in the opposite order of their
/// registration and the statics are registered by then.
pub(crate) fn leave_statics_alone() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        static REGISTERED: std::sync::Once = std::sync::Once::new();
        REGISTERED.call_once(|| {
            // SAFETY: the handler is a function without state that may run at any time. If there is no
            // room for it the process exits as it would without.
            unsafe { on_exit(leave, std::ptr::null_mut()) };
        });
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
unsafe extern "C" {
    /// glibc's `atexit` that tells the exit status.
    fn on_exit(
        handler: extern "C" fn(i32, *mut std::ffi::c_void),
        argument: *mut std::ffi::c_void,
    ) -> i32;
    /// Leaves without handlers.
    fn _exit(status: i32) -> !;
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
extern "C" fn leave(status: i32, _argument: *mut std::ffi::c_void) {
    // SAFETY: `_exit` has no preconditions.
    unsafe { _exit(status) }
}
