//! The kernel's clocks: that of the phone, in the ticks of an iPhone, 24 a microsecond.

use crate::world::with;

pub(crate) const TICKS_PER_MS: u64 = 24_000;

#[unsafe(no_mangle)]
extern "C" fn mach_absolute_time() -> u64 {
    with(|world| (world.now * TICKS_PER_MS).saturating_sub(world.slept))
}

#[unsafe(no_mangle)]
extern "C" fn mach_continuous_time() -> u64 {
    with(|world| world.now * TICKS_PER_MS)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mach_timebase_info(info: *mut [u32; 2]) -> i32 {
    *info = [125, 3];
    0
}
