//! Names that only newer systems have, looked up in the process: linked to, they would
//! keep an app from starting on an older one.

use std::ffi::CStr;

use objc2_foundation::NSString;

/// The string that a symbol stands for, if this system has it.
pub(super) fn name(symbol: &CStr) -> Option<&'static NSString> {
    // SAFETY: looking a name up touches nothing.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, symbol.as_ptr()) };
    // SAFETY: whoever calls this names a symbol that is declared as a constant string,
    // which the system sets before the process runs and keeps.
    unsafe { found.cast::<Option<&'static NSString>>().as_ref() }.copied().flatten()
}
