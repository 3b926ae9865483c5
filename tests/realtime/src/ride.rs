//! Shipped graphs at work while an instrument watches: with speech, bad samples, losses,
//! breaks, swaps, full rings and small callbacks, on a worker and in the callback itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tympan::backend::Notice;
use tympan::core::{Build, Built, Flow, Input, Kind, Node, Output, Param, Refusal, Spec};
use tympan::{Format, Graph, Pipeline, Registry, Runner, Totals};

use crate::kit::{self, Grip, Hand};
use crate::plants::{Deed, PLANTS};
use crate::{Role, instrument};

/// Has the thread that runs the graph watched, from its first call on to the end of the take.
struct Watched {
    worker: bool,
    deed: Option<Deed>,
}

impl Kind for Watched {
    const NAME: &'static str = "watched";
    const ABOUT: &'static str = "Has the thread that it runs on watched.";
    const OUTPUT: Flow = Flow::Events;
    const PARAMS: &'static [Param] = &[
        Param::whole("worker", 0, 1, 0).about("whether that is the worker"),
        Param::whole("plant", 0, PLANTS.len() as i64, 0).about("what to do on it"),
    ];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let plant = (cx.whole("plant") as usize).checked_sub(1);
        let deed = plant.map(|n| PLANTS[n].1());
        Spec::events().runs(Self { worker: cx.whole("worker") == 1, deed })
    }
}

impl Node for Watched {
    fn process(&mut self, _: Input<'_>, _: &mut Output<'_>) {
        if self.worker {
            (instrument().watch)(Role::Worker);
        }
        if let Some(deed) = &mut self.deed {
            deed();
        }
    }

    fn reset(&mut self, border: tympan::core::Border) {
        // What a thread does when it ends is nobody's audio path.
        if self.worker && border == tympan::core::Border::Take {
            (instrument().let_go)();
        }
    }
}

fn registry() -> Registry {
    tympan::registry().add::<Watched>()
}

/// A graph that ships, with the watch beside it.
fn watched(path: &std::path::Path, worker: bool, plant: usize) -> Graph {
    let text = std::fs::read_to_string(path).unwrap();
    let worker = u8::from(worker);
    let node = format!(
        "\n[[node]]\nid = \"watched\"\nkind = \"watched\"\nfrom = \"mic\"\nworker = {worker}\nplant = {plant}\n"
    );
    Graph::named(&path.display().to_string(), &(text + &node), &registry()).unwrap()
}

/// Calls the device's side with its thread watched.
fn on_callback<T>(call: impl FnOnce() -> T) -> T {
    (instrument().watch)(Role::Callback);
    let result = call();
    (instrument().let_go)();
    result
}

/// How long callbacks are.
#[derive(Clone, Copy)]
enum Sizes {
    /// Of every usual length.
    Mixed,
    /// Shorter than devices have them, so that there can be many.
    Short,
}

impl Sizes {
    fn of(self) -> [usize; 6] {
        match self {
            Self::Mixed => [480, 1, 4800, 333, 1024, 128],
            Self::Short => [16, 8, 24, 16, 12, 8],
        }
    }
}

/// Samples that are made before anybody is watched, and where in them the next callback is.
struct Reel {
    samples: Vec<f32>,
    format: Format,
    at: usize,
    count: usize,
}

/// The longest callback.
const MOST: usize = 4800;

impl Reel {
    /// Speech, so that gates open and close, with what no device should deliver.
    fn new(format: Format) -> Self {
        let speech = kit::speech("fan-20db");
        let channels = format.channels as usize;
        let mut samples: Vec<f32> = (0..format.rate as usize * 8)
            .map(|frame| speech[frame * 16_000 / format.rate as usize % speech.len()])
            .flat_map(|x| std::iter::repeat_n(x, channels))
            .collect();
        for bad in samples.chunks_mut(30_000) {
            bad[..4].copy_from_slice(&[f32::NAN, f32::INFINITY, 1e30, 1e-40]);
        }
        Self { samples, format, at: 0, count: 0 }
    }

    /// One callback, and now and then what else a device has to tell.
    fn turn(&mut self, grip: &Grip, sizes: Sizes) {
        let channels = self.format.channels as usize;
        let frames = sizes.of()[self.count % 6];
        if (self.at + MOST) * channels > self.samples.len() {
            self.at = 0;
        }
        let block = &self.samples[self.at * channels..][..frames * channels];
        grip.audio(block, self.format);
        match self.count % 997 {
            5 => grip.notice(Notice::Lost(100)),
            511 => grip.notice(Notice::Lost(100_000)),
            816 => grip.notice(Notice::Break),
            _ => {}
        }
        self.at += frames;
        self.count += 1;
    }

    /// So many callbacks, from a thread that does nothing else.
    fn play(&mut self, grip: &Grip, sizes: Sizes, callbacks: usize) {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..callbacks {
                    on_callback(|| self.turn(grip, sizes));
                }
            });
        });
    }
}

/// Waits until the worker has gone through all that was delivered.
fn settled(pipeline: &Pipeline) -> Totals {
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let t = pipeline.totals();
        if t.processed == t.input - t.dropped + t.filled || Instant::now() > deadline {
            return t;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Callbacks at once, before it is waited for the worker: they fit into its ring.
const AT_ONCE: usize = 10_000;

/// The graph on a worker. Its readers never read in the first part: their rings overflow,
/// which is on the account and costs nothing either. Returns how many callbacks there were.
fn on_worker(graph: &Graph, device: Format, callbacks: usize) -> usize {
    let (hand, grip) = Hand::new(device);
    let builder = Pipeline::builder(graph).backend(hand).entry_seconds(30.0);
    let mut pipeline = builder.runner(Runner::Worker).start().unwrap();
    let mut readers: Vec<_> = graph.outputs().filter_map(|name| pipeline.pcm(name)).collect();
    let mut reel = Reel::new(device);
    reel.play(&grip, Sizes::Mixed, callbacks.min(200));
    settled(&pipeline);
    for part in 0.. {
        for reader in &mut readers {
            while reader.try_next().is_some() {}
        }
        if part % 100 == 0 {
            pipeline.swap(graph).unwrap();
        }
        let left = callbacks.saturating_sub(reel.count).min(AT_ONCE);
        if left == 0 {
            break;
        }
        reel.play(&grip, Sizes::Short, left);
        settled(&pipeline);
    }
    account(&pipeline.stop());
    reel.count
}

/// The graph in the callback itself, whose thread may not wait for anything. The first
/// callback warms libraries up on its thread and is not watched.
fn in_callback(graph: &Graph, device: Format, callbacks: usize, mut deed: Option<Deed>) -> usize {
    let (hand, grip) = Hand::new(device);
    let builder = Pipeline::builder(graph).backend(hand).runner(Runner::Inline);
    let pipeline = builder.start().unwrap();
    let mut reel = Reel::new(device);
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            reel.turn(&grip, Sizes::Short);
            if let Some(deed) = &mut deed {
                deed();
            }
            while reel.count < callbacks {
                on_callback(|| {
                    if let Some(deed) = &mut deed {
                        deed();
                    }
                    let sizes = if reel.count < 200 { Sizes::Mixed } else { Sizes::Short };
                    reel.turn(&grip, sizes);
                });
                done.store(reel.count, Ordering::Relaxed);
            }
        });
        // A swap in the middle of it.
        while done.load(Ordering::Relaxed) < callbacks / 2 {
            std::thread::sleep(Duration::from_millis(1));
        }
        pipeline.swap(graph).unwrap();
    });
    account(&pipeline.stop());
    reel.count
}

fn account(totals: &Totals) {
    assert_eq!(totals.input + totals.filled, totals.processed + totals.dropped, "{totals:?}");
    assert!(totals.processed > totals.input / 2 && totals.mended > 0, "{totals:?}");
    // Gates have opened: every output had something to say.
    assert!(totals.outputs.iter().all(|o| o.delivered + o.dropped > 0), "{totals:?}");
}

/// Every graph that ships, so many callbacks each, on a worker and in the callback.
///
/// # Panics
/// Where an account is wrong.
pub fn all(callbacks: usize, which: &str) {
    let devices = [Format::mono(16_000), Format::stereo(48_000), Format::mono(44_100)];
    for path in kit::shipped() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if !name.contains(which) {
            continue;
        }
        let (on, inline) = (watched(&path, true, 0), watched(&path, false, 0));
        let fits: Vec<_> = devices.iter().filter(|d| on.plan(**d).is_ok()).collect();
        let each = callbacks.div_ceil(2 * fits.len());
        let mut count = 0;
        for device in fits {
            count += on_worker(&on, *device, each);
            count += in_callback(&inline, *device, each, None);
        }
        println!("{name}: {count} callbacks, nothing seen");
    }
    if which.is_empty() {
        format_change();
        second_source();
    }
}

/// A graph with one plant in it: in a node, or in the callback beside the graph.
///
/// # Panics
/// Where no plant has that name.
pub fn planted(name: &str, in_node: bool) {
    let n = PLANTS.iter().position(|(plant, _)| *plant == name).expect("a plant's name");
    let path = kit::root().join("graphs/levels.toml");
    let (in_graph, beside) = if in_node { (n + 1, None) } else { (0, Some(PLANTS[n].1())) };
    let device = Format::mono(16_000);
    in_callback(&watched(&path, false, in_graph), device, 300, beside);
}

/// A device that changes its format, on a graph whose output keeps its own.
fn format_change() {
    for runner in [Runner::Worker, Runner::Inline] {
        let worker = u8::from(runner == Runner::Worker);
        let text = format!(
            "[[node]]\nkind = \"mix\"\nchannels = 1\n\n[[node]]\nkind = \"watched\"\nworker = {worker}\n\n[[output]]\nname = \"voice\"\nfrom = \"mix\"\n"
        );
        let graph = Graph::from_toml(&text, &registry()).unwrap();
        let formats = [Format::stereo(48_000), Format::mono(48_000)];
        let (hand, grip) = Hand::new(formats[0]);
        let pipeline = Pipeline::builder(&graph).backend(hand).runner(runner).start().unwrap();
        let mut reels = formats.map(Reel::new);
        reels[0].turn(&grip, Sizes::Short);
        for n in 0..10 {
            reels[n % 2].play(&grip, Sizes::Mixed, 7);
            // Inline, only a callback moves the graph: the control side needs a moment.
            for _ in 0..100 {
                std::thread::sleep(Duration::from_millis(2));
                std::thread::scope(|s| {
                    s.spawn(|| on_callback(|| grip.audio(&[], formats[n % 2])));
                });
                let t = pipeline.totals();
                if t.processed == t.input - t.dropped + t.filled {
                    break;
                }
            }
        }
        account(&pipeline.stop());
        println!("ten changes of the device's format, {runner:?}: nothing seen");
    }
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
    let mut block = |n: u64| {
        // Half a frame too many in each block: 1134 ppm.
        let host_ns = (n + 5) * 10_000_000;
        let frames = if n % 97 == 5 { 44_100 } else { 441 + n as usize % 2 };
        if n % 50 < 40 {
            render.push(&played[..frames * 2], host_ns);
        }
        grip.at(&[0.25; 480], mic, n * 10_000_000);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The first callback warms the graph up on its own thread.
            block(0);
            (1..1_000).for_each(|n| on_callback(|| block(n)));
        });
    });
    let totals = pipeline.stop();
    assert!(totals.processed > 400_000 && totals.render_lost > 0, "{totals:?}");
    println!("a second source: nothing seen");
}
