//! Observers by block as Apple keeps them: the notification centre holds one until it is
//! removed. GNUstep's leaks it for good.

use std::cell::RefCell;
use std::ptr::NonNull;
use std::sync::OnceLock;

use block2::RcBlock;
use objc2::rc::Retained;
use objc2::runtime::{AnyObject, Imp, NSObject, Sel};
use objc2::{AnyThread, ClassType, DefinedClass, define_class, msg_send, sel};
use objc2_foundation::{NSNotification, NSNotificationCenter, NSString};

type Block = block2::Block<dyn Fn(NonNull<NSNotification>)>;
type Remove = unsafe extern "C" fn(&AnyObject, Sel, *const AnyObject);

thread_local! {
    static HELD: RefCell<Vec<Retained<Observer>>> = RefCell::default();
}

/// What GNUstep does by itself, also when the process ends.
static REMOVE: OnceLock<Remove> = OnceLock::new();

define_class!(
    #[unsafe(super(NSObject))]
    #[name = "StageObserver"]
    #[ivars = RcBlock<dyn Fn(NonNull<NSNotification>)>]
    struct Observer;

    impl Observer {
        #[unsafe(method(heard:))]
        fn heard(&self, notification: &NSNotification) {
            self.ivars().call((NonNull::from(notification),));
        }
    }
);

unsafe extern "C" fn add(
    centre: &AnyObject,
    _: Sel,
    name: Option<&NSString>,
    object: *const AnyObject,
    _queue: *const AnyObject,
    block: &Block,
) -> *mut AnyObject {
    let observer = Observer::alloc().set_ivars(block.copy());
    let observer: Retained<Observer> = msg_send![super(observer), init];
    let () = msg_send![centre, addObserver: &*observer, selector: sel!(heard:), name: name, object: object];
    HELD.with_borrow_mut(|held| held.push(observer.clone()));
    Retained::autorelease_return(observer).cast()
}

unsafe extern "C" fn remove(centre: &AnyObject, selector: Sel, observer: *const AnyObject) {
    if let Some(remove) = REMOVE.get() {
        remove(centre, selector, observer);
    }
    // What goes is let go outside: it may have observers of its own.
    let gone = HELD.try_with(|held| {
        let mut held = held.borrow_mut();
        let at = held.iter().position(|own| std::ptr::addr_eq(&raw const **own, observer));
        at.map(|at| held.swap_remove(at))
    });
    drop(gone);
}

pub(crate) fn register() {
    let _ = Observer::class();
    let centre = NSNotificationCenter::class();
    let method = |selector| centre.instance_method(selector).expect("centres have it");
    // Safety: the same signatures.
    unsafe {
        let new: unsafe extern "C" fn(
            &AnyObject,
            Sel,
            Option<&NSString>,
            *const AnyObject,
            *const AnyObject,
            &Block,
        ) -> *mut AnyObject = add;
        method(sel!(addObserverForName:object:queue:usingBlock:))
            .set_implementation(std::mem::transmute::<_, Imp>(new));
        let new: Remove = remove;
        let old = method(sel!(removeObserver:))
            .set_implementation(std::mem::transmute::<Remove, Imp>(new));
        let _ = REMOVE.set(std::mem::transmute::<Imp, Remove>(old));
    }
}
