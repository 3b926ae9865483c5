//! No heap operation on the realtime path: callback and worker, every shipped graph,
//! with bad input, gaps, breaks, a panicking node's stand-in, a format change and a
//! swap. Two planted allocations must be caught, one on each side.

mod kit;

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kit::{Grip, Hand};
use tympan::backend::Notice;
use tympan::core::{Build, Built, Flow, Input, Kind, Node, Output, Refusal, Spec};
use tympan::{Format, Graph, Pipeline, Registry, Runner, Totals};

static OPERATIONS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

fn count() {
    // While a thread ends its locals are gone, and it is not on the audio path.
    if ARMED.try_with(Cell::get).unwrap_or(false) {
        OPERATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

/// Where C's own names can be taken over, what libraries in C ask for is counted too;
/// Rust's allocator asks through the same names.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod names {
    use super::count;
    use std::ffi::{c_int, c_void};

    /// C libraries are heard as well as Rust.
    pub(super) const C_TOO: bool = true;

    unsafe extern "C" {
        fn __libc_malloc(size: usize) -> *mut c_void;
        fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
        fn __libc_realloc(at: *mut c_void, size: usize) -> *mut c_void;
        fn __libc_memalign(align: usize, size: usize) -> *mut c_void;
        fn __libc_free(at: *mut c_void);
    }

    /// Passes a call on to the C library's own allocator.
    macro_rules! counted {
        ($name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)? = $real:ident) => {
            #[unsafe(no_mangle)]
            extern "C" fn $name($($arg: $type),*) $(-> $result)? {
                count();
                // SAFETY: the caller's promise is passed on.
                unsafe { $real($($arg),*) }
            }
        };
    }

    counted!(malloc(size: usize) -> *mut c_void = __libc_malloc);
    counted!(calloc(count: usize, size: usize) -> *mut c_void = __libc_calloc);
    counted!(realloc(at: *mut c_void, size: usize) -> *mut c_void = __libc_realloc);
    counted!(memalign(align: usize, size: usize) -> *mut c_void = __libc_memalign);
    counted!(aligned_alloc(align: usize, size: usize) -> *mut c_void = __libc_memalign);
    counted!(free(at: *mut c_void) = __libc_free);

    #[unsafe(no_mangle)]
    extern "C" fn posix_memalign(to: *mut *mut c_void, align: usize, size: usize) -> c_int {
        count();
        // SAFETY: the caller's promise is passed on, and `to` is a place to write to.
        unsafe { *to = __libc_memalign(align, size) };
        0
    }
}

/// Elsewhere only Rust is heard.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod names {
    use super::count;

    /// C libraries are not heard.
    pub(super) const C_TOO: bool = false;

    struct Counting;

    // SAFETY: every call goes to the system's allocator unchanged; counting touches an
    // atomic and a thread-local without a destructor, and allocates nothing.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            count();
            // SAFETY: the caller's promise is passed on.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
            count();
            // SAFETY: the caller's promise is passed on.
            unsafe { System.dealloc(at, layout) }
        }

        unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            count();
            // SAFETY: the caller's promise is passed on.
            unsafe { System.realloc(at, layout, size) }
        }
    }

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;
}

/// Arms the thread that runs the graph, from its first call on.
struct Arm {
    plant: i64,
}

impl Kind for Arm {
    const NAME: &'static str = "arm";
    const ABOUT: &'static str = "Counts the heap operations of the thread it runs on.";
    const OUTPUT: Flow = Flow::Events;
    const PARAMS: &'static [tympan::core::Param] =
        &[tympan::core::Param::whole("plant", 0, 2, 0).about("allocates: 1 in Rust, 2 in C")];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::events().runs(Self { plant: cx.whole("plant") })
    }
}

impl Node for Arm {
    fn process(&mut self, _: Input<'_>, _: &mut Output<'_>) {
        ARMED.set(true);
        if self.plant == 1 {
            std::hint::black_box(Box::new(0u8));
        }
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        if self.plant == 2 {
            // SAFETY: what is asked for is given back, and not touched.
            unsafe { libc::free(std::hint::black_box(libc::malloc(1))) };
        }
    }
}

fn registry() -> Registry {
    tympan::registry().add::<Arm>()
}

/// A shipped graph with the counter beside it.
fn armed(path: &std::path::Path, plant: i64) -> Graph {
    let text = std::fs::read_to_string(path).unwrap();
    let arm =
        format!("\n[[node]]\nid = \"arm\"\nkind = \"arm\"\nfrom = \"mic\"\nplant = {plant}\n");
    Graph::named(&path.display().to_string(), &(text + &arm), &registry()).unwrap()
}

/// Calls the callback with its thread armed; the test around it is not.
fn on_callback<T>(call: impl FnOnce() -> T) -> T {
    ARMED.set(true);
    let result = call();
    ARMED.set(false);
    result
}

/// Waits until the worker has gone through all that was delivered.
fn settled(pipeline: &Pipeline) -> Totals {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let t = pipeline.totals();
        if t.processed == t.input - t.dropped + t.filled || Instant::now() > deadline {
            return t;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Speech, so that gates open and close.
fn play(grip: &Grip, format: Format, callbacks: usize) {
    let speech = kit::speech("fan-20db");
    let mut samples = vec![0.0f32; 4800 * format.channels as usize];
    for n in 0..callbacks {
        let frames = [480, 1, 4800, 333, 1024, 128][n % 6];
        let at = n * 4800 * 16_000 / format.rate as usize;
        for (i, x) in samples.iter_mut().enumerate() {
            let frame = at + i / format.channels as usize * 16_000 / format.rate as usize;
            *x = speech[frame % speech.len()];
        }
        if n % 17 == 3 {
            samples[0] = f32::NAN;
            samples[1] = f32::INFINITY;
            samples[2] = 1e30;
            samples[3] = 1e-40;
        }
        on_callback(|| {
            grip.audio(&samples[..frames * format.channels as usize], format);
            match n % 23 {
                5 => grip.notice(Notice::Lost(100)),
                11 => grip.notice(Notice::Lost(100_000)),
                16 => grip.notice(Notice::Break),
                _ => {}
            }
        });
    }
}

/// Heap operations while `graph` runs through everything that can happen.
fn operations(graph: &Graph, device: Format) -> u64 {
    let (hand, grip) = Hand::new(device);
    let mut pipeline = Pipeline::builder(graph).backend(hand).entry_seconds(30.0).start().unwrap();
    let mut readers: Vec<_> = graph.outputs().filter_map(|name| pipeline.pcm(name)).collect();
    let before = OPERATIONS.load(Ordering::Relaxed);
    play(&grip, device, 200);
    settled(&pipeline);
    // Readers that never read until now: their rings have overflowed, which is on the
    // account and costs nothing either. From here on they do read.
    for reader in &mut readers {
        while reader.try_next().is_some() {}
    }
    pipeline.swap(graph).unwrap();
    play(&grip, device, 100);
    settled(&pipeline);
    let operations = OPERATIONS.load(Ordering::Relaxed) - before;
    let totals = pipeline.stop();
    assert!(totals.mended > 0 && totals.filled > 0, "{totals:?}");
    // Gates have opened: every output had something to say.
    assert!(totals.outputs.iter().all(|o| o.delivered + o.dropped > 0), "{totals:?}");
    operations
}

/// One test, because the count is one for all threads.
#[test]
fn the_realtime_path_leaves_the_heap_alone() {
    for path in kit::shipped() {
        for device in [Format::mono(16_000), Format::stereo(48_000), Format::mono(44_100)] {
            let graph = armed(&path, 0);
            if graph.plan(device).is_err() {
                continue;
            }
            let count = operations(&graph, device);
            println!("{}: {device}: {count} heap operations", path.file_stem().unwrap().display());
            assert_eq!(count, 0, "{} at {device}", path.display());
        }
    }

    println!("libraries in C are counted: {}", if names::C_TOO { "yes" } else { "no" });
    for plant in 1..=1 + i64::from(names::C_TOO) {
        let planted = operations(&armed(&kit::shipped()[0], plant), Format::mono(16_000));
        assert!(planted > 100, "allocation {plant} planted in a node was not caught: {planted}");
    }

    let before = OPERATIONS.load(Ordering::Relaxed);
    on_callback(|| std::hint::black_box(Box::new(0u8)));
    assert!(
        OPERATIONS.load(Ordering::Relaxed) > before,
        "one planted in a callback was not caught"
    );

    format_change();
    second_source();
}

/// What the loudspeaker plays, its clock matched, with pauses and a ring that is full.
fn second_source() {
    let text = "[[source]]\nname = \"mic\"\n\n[[source]]\nname = \"render\"\n\n[[output]]\nname = \"far\"\nfrom = \"render\"\n";
    let graph = Graph::from_toml(text, &registry()).unwrap();
    let (mic, far) = (Format::mono(48_000), Format::stereo(44_100));
    let (hand, grip) = Hand::new(mic);
    let builder = Pipeline::builder(&graph).backend(hand).render(far).runner(Runner::Inline);
    let mut pipeline = builder.entry_seconds(0.2).start().unwrap();
    let mut render = pipeline.render().unwrap();
    let played = vec![0.5; 88_200];
    let mut run = |blocks: std::ops::Range<u64>| {
        for n in blocks {
            // Half a frame too many in each block: 1134 ppm.
            let host_ns = (n + 5) * 10_000_000;
            let frames = if n % 97 == 5 { 44_100 } else { 441 + n as usize % 2 };
            if n % 50 < 40 {
                on_callback(|| render.push(&played[..frames * 2], host_ns));
            }
            on_callback(|| grip.at(&[0.25; 480], mic, n * 10_000_000));
        }
    };
    // The first callback warms the graph up on its own thread.
    run(0..1);
    let before = OPERATIONS.load(Ordering::Relaxed);
    run(1..1_000);
    let count = OPERATIONS.load(Ordering::Relaxed) - before;
    let totals = pipeline.stop();
    println!("a second source: {count} heap operations");
    assert_eq!(count, 0, "{totals:?}");
    assert!(totals.processed > 400_000 && totals.render_lost > 0, "{totals:?}");
}

/// A device that changes its format, on a graph whose output keeps its own.
fn format_change() {
    let text = "[[node]]\nkind = \"mix\"\nchannels = 1\n\n[[node]]\nkind = \"arm\"\n\n[[output]]\nname = \"voice\"\nfrom = \"mix\"\n";
    let graph = Graph::from_toml(text, &registry()).unwrap();
    for runner in [Runner::Worker, Runner::Inline] {
        let (hand, grip) = Hand::new(Format::stereo(48_000));
        let pipeline = Pipeline::builder(&graph).backend(hand).runner(runner).start().unwrap();
        if runner == Runner::Inline {
            // The first callback warms the graph up on its own thread.
            on_callback(|| grip.audio(&[0.0; 2], Format::stereo(48_000)));
        }
        let before = OPERATIONS.load(Ordering::Relaxed);
        for n in 0..10 {
            let device = [Format::stereo(48_000), Format::mono(48_000)][n % 2];
            play(&grip, device, 7);
            // Inline, only a callback moves the graph: the control side needs a moment.
            for _ in 0..100 {
                std::thread::sleep(Duration::from_millis(2));
                on_callback(|| grip.audio(&[], device));
                let t = pipeline.totals();
                if t.processed == t.input - t.dropped + t.filled {
                    break;
                }
            }
        }
        let count = OPERATIONS.load(Ordering::Relaxed) - before;
        let totals = pipeline.stop();
        println!("{runner:?} over ten format changes: {count} heap operations");
        assert_eq!(count, 0, "{runner:?}: {totals:?}");
        assert_eq!(totals.input + totals.filled, totals.processed + totals.dropped);
        assert!(totals.processed > totals.input / 2, "{totals:?}");
    }
}
