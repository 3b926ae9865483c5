//! `UIApplication`, what the app declares, and the main queue.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;

use objc2::rc::Retained;
use objc2::runtime::{AnyObject, Bool, NSObject, Sel};
use objc2::{AnyThread, ClassType, define_class, msg_send, sel};
use objc2_foundation::{NSArray, NSBundle, NSString, NSThread};

use crate::world::with;

thread_local! {
    static MAIN: Cell<bool> = const { Cell::new(false) };
    /// What the app declares: each key with its texts.
    static PLIST: RefCell<Vec<(String, Vec<String>)>> = RefCell::default();
}

/// From here on the app declares this, and nothing else.
pub fn plist(entries: &[(&str, &[&str])]) {
    let own = |(key, texts): &(&str, &[&str])| {
        ((*key).to_owned(), texts.iter().map(|text| (*text).to_owned()).collect())
    };
    PLIST.set(entries.iter().map(own).collect());
}

unsafe extern "C" fn declaration(_: &AnyObject, _: Sel, key: &NSString) -> *mut AnyObject {
    let key = key.to_string();
    let texts = PLIST.with_borrow(|all| all.iter().find(|(of, _)| *of == key).cloned());
    let Some((_, texts)) = texts else { return std::ptr::null_mut() };
    if key == "UIBackgroundModes" {
        let texts: Vec<_> = texts.iter().map(|text| NSString::from_str(text)).collect();
        let list = NSArray::from_retained_slice(&texts);
        return Retained::autorelease_return(list).cast();
    }
    Retained::autorelease_return(NSString::from_str(&texts[0])).cast()
}

define_class!(
    #[unsafe(super(NSObject))]
    #[name = "UIApplication"]
    struct Application;

    impl Application {
        #[unsafe(method(sharedApplication))]
        fn shared() -> *mut Self {
            let application = Self::alloc().set_ivars(());
            let application: Retained<Self> = unsafe { msg_send![super(application), init] };
            Retained::autorelease_return(application)
        }

        #[unsafe(method(openURL:options:completionHandler:))]
        fn open(&self, url: &AnyObject, _options: *const AnyObject, _done: *const AnyObject) {
            let text: Retained<NSString> = unsafe { msg_send![url, absoluteString] };
            with(|world| world.opened.push(text.to_string()));
        }
    }
);

pub(crate) fn register() {
    let _ = Application::class();
    let main = NSThread::class().class_method(sel!(isMainThread)).expect("threads have it");
    // Safety: the same signature.
    unsafe {
        let new: unsafe extern "C" fn(&AnyObject, Sel) -> Bool = is_main;
        main.set_implementation(std::mem::transmute::<_, objc2::runtime::Imp>(new));
    }
    let selector = sel!(objectForInfoDictionaryKey:);
    let method = NSBundle::class().instance_method(selector).expect("bundles have it");
    // Safety: the same signature.
    unsafe {
        let new: unsafe extern "C" fn(&AnyObject, Sel, &NSString) -> *mut AnyObject = declaration;
        method.set_implementation(std::mem::transmute::<_, objc2::runtime::Imp>(new));
    }
}

/// The main queue: here everything runs at once.
#[unsafe(no_mangle)]
pub static _dispatch_main_q: [u64; 16] = [0; 16];

#[unsafe(no_mangle)]
unsafe extern "C" fn dispatch_async_f(
    _queue: *const c_void,
    context: *mut c_void,
    work: unsafe extern "C" fn(*mut c_void),
) {
    MAIN.set(true);
    work(context);
    MAIN.set(false);
}

/// The main thread is whichever does the work of the main queue.
unsafe extern "C" fn is_main(_: &AnyObject, _: Sel) -> Bool {
    Bool::new(MAIN.get())
}
