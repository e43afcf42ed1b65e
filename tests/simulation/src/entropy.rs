//! The operating system's randomness, which is none here: the keys of every `HashMap` and the choices of every `select!` come
//! from it, and would make two runs of a seed differ.

use std::cell::Cell;
use std::ffi::{c_uint, c_void};
use std::sync::atomic::{AtomicU64, Ordering};

static SEED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Of each thread alone: which thread asks first is left to the machine.
    static DRAWN: Cell<u64> = const { Cell::new(0) };
}

/// Everything that is drawn from now on repeats itself for this seed.
pub fn begin(seed: u64) {
    SEED.store(seed, Ordering::Relaxed);
    DRAWN.set(0);
}

/// Stands before the C library's function of this name, which the standard library and others call.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
extern "C" fn getrandom(buffer: *mut c_void, length: usize, _flags: c_uint) -> isize {
    // SAFETY: whoever calls `getrandom` lends it `length` bytes to write.
    let bytes = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length) };
    for part in bytes.chunks_mut(8) {
        let drawn = DRAWN.replace(DRAWN.get().wrapping_add(1));
        let mixed = mix(SEED.load(Ordering::Relaxed) ^ mix(drawn));
        part.copy_from_slice(&mixed.to_le_bytes()[..part.len()]);
    }
    isize::try_from(length).unwrap_or(isize::MAX)
}

/// SplitMix64.
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
