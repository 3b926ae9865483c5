//! The threads that have to be done in time for the same device, as the system sees them.
//!
//! On a Mac and an iPhone the thread of a device and those that work for it form a group,
//! which the system schedules by the device's deadline. Elsewhere there is no such thing.

use std::fmt;

/// The group of a device's threads.
#[derive(Clone)]
pub struct Workgroup(sys::Group);

/// While it lives, this thread is one of the group.
#[must_use = "the thread is in the group only while this lives"]
pub struct Member {
    _inner: sys::Member,
}

impl Workgroup {
    /// Makes the calling thread one of the group. Not for callbacks: it calls the system.
    pub fn join(&self) -> Result<Member, WorkgroupError> {
        sys::join(&self.0).map(|inner| Member { _inner: inner }).map_err(WorkgroupError)
    }
}

impl fmt::Debug for Workgroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workgroup").finish_non_exhaustive()
    }
}

/// The system did not take a thread into a group; the number is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkgroupError(i32);

impl fmt::Display for WorkgroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the thread was not taken into the device's workgroup (error {})", self.0)
    }
}

impl std::error::Error for WorkgroupError {}

#[cfg(all(feature = "apple", any(target_os = "ios", target_os = "macos", rehearsal)))]
#[allow(unsafe_code, reason = "groups are reached through C")]
mod sys {
    use std::ffi::c_void;
    use std::marker::PhantomData;
    use std::ptr::NonNull;

    unsafe extern "C" {
        fn os_retain(object: *mut c_void) -> *mut c_void;
        fn os_release(object: *mut c_void);
        fn os_workgroup_join(group: *mut c_void, token: *mut Token) -> i32;
        fn os_workgroup_leave(group: *mut c_void, token: *mut Token);
    }

    /// What a thread that has joined keeps: 40 bytes for the system's own use, and some
    /// to spare.
    #[repr(C)]
    struct Token([u64; 8]);

    /// A reference to a group.
    pub(super) struct Group(NonNull<c_void>);

    // SAFETY: it is counted atomically, and the system's functions take it on any thread.
    unsafe impl Send for Group {}
    // SAFETY: as above.
    unsafe impl Sync for Group {}

    impl Group {
        /// # Safety
        /// It is a group that is alive.
        unsafe fn retained(group: NonNull<c_void>) -> Self {
            // SAFETY: the caller's promise.
            unsafe { os_retain(group.as_ptr()) };
            Self(group)
        }
    }

    impl Clone for Group {
        fn clone(&self) -> Self {
            // SAFETY: we hold a reference to it.
            unsafe { Self::retained(self.0) }
        }
    }

    impl Drop for Group {
        fn drop(&mut self) {
            // SAFETY: the reference is ours, and this is the last that is done with it.
            unsafe { os_release(self.0.as_ptr()) }
        }
    }

    impl super::Workgroup {
        /// The group that a unit names. Whose the reference is that it hands out is not
        /// said, so we take one of our own and leave that one alone.
        ///
        /// # Safety
        /// It is none, or a group that is alive.
        pub(crate) unsafe fn of(group: *mut c_void) -> Option<Self> {
            // SAFETY: the caller's promise.
            NonNull::new(group).map(|group| Self(unsafe { Group::retained(group) }))
        }
    }

    /// A thread in a group.
    pub(super) struct Member {
        group: Group,
        /// Where the system was told that it is.
        token: Box<Token>,
        /// It is about this thread and no other.
        _here: PhantomData<*const ()>,
    }

    pub(super) fn join(group: &Group) -> Result<Member, i32> {
        let mut token = Box::new(Token([0; 8]));
        // SAFETY: we hold a reference to the group, and the token stays where it is until
        // the thread has left.
        match unsafe { os_workgroup_join(group.0.as_ptr(), &raw mut *token) } {
            0 => Ok(Member { group: group.clone(), token, _here: PhantomData }),
            error => Err(error),
        }
    }

    impl Drop for Member {
        fn drop(&mut self) {
            // SAFETY: this thread joined it with this token; it cannot have gone to another.
            unsafe { os_workgroup_leave(self.group.0.as_ptr(), &raw mut *self.token) }
        }
    }
}

#[cfg(not(all(feature = "apple", any(target_os = "ios", target_os = "macos", rehearsal))))]
mod sys {
    /// There is none.
    #[derive(Clone)]
    pub(super) enum Group {}
    pub(super) enum Member {}

    pub(super) fn join(group: &Group) -> Result<Member, i32> {
        match *group {}
    }
}
