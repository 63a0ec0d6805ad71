//! An allocator that counts what this thread asks for.
//!
//! Where no binary installed it, everything costs nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counted: a binary makes it its `#[global_allocator]`.
pub struct Counting;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn grew(by: usize) {
    let _ = CALLS.try_with(|c| c.set(c.get() + 1));
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + by as isize);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

fn shrank(by: usize) {
    let _ = LIVE.try_with(|live| live.set(live.get() - by as isize));
}

// Growing in place counts as old and new at once: the worst that it may cost.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        shrank(layout.size());
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        grew(new_size);
        shrank(layout.size());
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

/// How many allocations `work` makes, and by how many bytes they exceed at their highest what was there before.
pub fn count<T>(work: impl FnOnce() -> T) -> (usize, usize) {
    let (calls, live) = (CALLS.get(), LIVE.get());
    PEAK.set(live);
    let kept = work();
    let seen = (CALLS.get() - calls, (PEAK.get() - live) as usize);
    drop(kept);
    seen
}

/// What `work` gives, and how many bytes more are held after it than before.
pub fn held<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let live = LIVE.get();
    let kept = work();
    (kept, (LIVE.get() - live) as usize)
}
