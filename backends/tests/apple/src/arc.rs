//! What Clang's runtime for Objective-C has and GCC's lacks: the entry points of
//! automatic reference counting, by the messages that they stand for.

use std::ffi::{CStr, c_char, c_void};

type Object = *mut c_void;
type Method = unsafe extern "C" fn(Object, *const c_void) -> Object;

unsafe extern "C" {
    fn objc_msg_lookup(receiver: Object, selector: *const c_void) -> Option<Method>;
    fn sel_registerName(name: *const c_char) -> *const c_void;
    fn objc_getClass(name: *const c_char) -> Object;
}

unsafe fn send(receiver: Object, message: &CStr) -> Object {
    if receiver.is_null() {
        return receiver;
    }
    let selector = sel_registerName(message.as_ptr());
    let method = objc_msg_lookup(receiver, selector).expect("every object has it");
    method(receiver, selector)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn objc_retain(object: Object) -> Object {
    send(object, c"retain")
}

#[unsafe(no_mangle)]
unsafe extern "C" fn objc_release(object: Object) {
    send(object, c"release");
}

#[unsafe(no_mangle)]
unsafe extern "C" fn objc_autorelease(object: Object) -> Object {
    send(object, c"autorelease")
}

#[unsafe(no_mangle)]
unsafe extern "C" fn objc_retainAutorelease(object: Object) -> Object {
    send(send(object, c"retain"), c"autorelease")
}

#[unsafe(no_mangle)]
unsafe extern "C" fn objc_retainAutoreleasedReturnValue(object: Object) -> Object {
    send(object, c"retain")
}

#[unsafe(no_mangle)]
unsafe extern "C" fn objc_autoreleaseReturnValue(object: Object) -> Object {
    send(object, c"autorelease")
}

#[unsafe(no_mangle)]
unsafe extern "C" fn objc_retainAutoreleaseReturnValue(object: Object) -> Object {
    objc_retainAutorelease(object)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn objc_autoreleasePoolPush() -> Object {
    send(objc_getClass(c"NSAutoreleasePool".as_ptr()), c"new")
}

#[unsafe(no_mangle)]
unsafe extern "C" fn objc_autoreleasePoolPop(pool: Object) {
    send(pool, c"release");
}

#[unsafe(no_mangle)]
unsafe extern "C" fn object_getClass(object: Object) -> Object {
    // An object begins with its class.
    if object.is_null() { object } else { *object.cast::<Object>() }
}
