//! What this machine allows and has left, for those who look for troubles beforehand.

use std::path::Path;

/// How much is left on the disk of this folder, for a program without privileges, in bytes;
/// none where that is unknown.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    sys::free_bytes(folder)
}

/// How much memory this process may lock, in bytes: `u64::MAX` is all of it, none unknown.
pub fn lockable_bytes() -> Option<u64> {
    sys::lockable_bytes()
}

#[cfg(unix)]
#[allow(unsafe_code, reason = "the standard library does not ask for these")]
mod sys {
    use std::ffi::CString;
    use std::mem::MaybeUninit;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    pub(super) fn free_bytes(folder: &Path) -> Option<u64> {
        let path = CString::new(folder.as_os_str().as_bytes()).ok()?;
        let mut room = MaybeUninit::<libc::statvfs>::uninit();
        // SAFETY: the path ends with a zero, and the call fills a place of ours, which is
        // read only if it says that it did.
        let room = unsafe {
            if libc::statvfs(path.as_ptr(), room.as_mut_ptr()) != 0 {
                return None;
            }
            room.assume_init()
        };
        #[allow(clippy::useless_conversion, reason = "these are of other sizes elsewhere")]
        Some(u64::from(room.f_bavail) * u64::from(room.f_frsize))
    }

    pub(super) fn lockable_bytes() -> Option<u64> {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the call fills a place of ours.
        let status = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) };
        (status == 0).then_some(limit.rlim_cur)
    }
}

#[cfg(not(unix))]
mod sys {
    use std::path::Path;

    pub(super) fn free_bytes(_: &Path) -> Option<u64> {
        None
    }

    pub(super) fn lockable_bytes() -> Option<u64> {
        None
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_there_has_room_and_one_that_is_not_has_none() {
        assert!(free_bytes(&std::env::temp_dir()).is_some());
        assert_eq!(free_bytes(Path::new("/no/such/folder")), None);
        assert!(lockable_bytes().is_some());
    }
}
