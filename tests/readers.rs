//! Readers that block, poll and await get the same, and are told when it is over.

mod kit;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use kit::{Grip, Hand};
use tympan::{Format, Graph, Pipeline, Runner};

const DEVICE: Format = Format::mono(16_000);
const TEXT: &str = "[[node]]\nkind = \"pcm16\"\nframe = \"10ms\"\n\n[[output]]\nname = \"voice\"\nfrom = \"mic\"\n\n[[output]]\nname = \"packets\"\nfrom = \"pcm16\"\n";

fn start(runner: Runner) -> (Pipeline, Grip) {
    let graph = Graph::from_toml(TEXT, &tympan::registry()).unwrap();
    let (hand, grip) = Hand::new(DEVICE);
    (Pipeline::builder(&graph).backend(hand).runner(runner).start().unwrap(), grip)
}

fn talk(grip: &Grip) {
    for _ in 0..20 {
        grip.audio(&[0.25; 160], DEVICE);
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_blocking_reader_gets_all_and_ends() {
    for runner in [Runner::Worker, Runner::Inline] {
        let (mut pipeline, grip) = start(runner);
        let mut pcm = pipeline.pcm("voice").unwrap();
        let mut packets = pipeline.packets("packets").unwrap();
        let mut events = pipeline.events().unwrap();
        let listener = std::thread::spawn(move || {
            let mut frames = 0;
            while let Some(block) = pcm.next_block() {
                assert!(block.samples.iter().all(|x| *x == 0.25));
                frames += block.samples.len();
            }
            frames
        });
        let taker = std::thread::spawn(move || {
            let mut frames = 0;
            while let Some(packet) = packets.next_packet() {
                frames += packet.bytes.len() / 2;
            }
            frames
        });
        talk(&grip);
        let totals = pipeline.stop();
        assert_eq!(listener.join().unwrap(), 3200, "{runner:?}: {totals:?}");
        assert_eq!(taker.join().unwrap(), 3200);
        let mut told = 0;
        while events.next_event().is_some() {
            told += 1;
        }
        assert_eq!(told, 2, "a segment began and ended");
    }
}

#[test]
fn a_reader_that_waits_in_vain_comes_back() {
    let (mut pipeline, _grip) = start(Runner::Worker);
    let mut pcm = pipeline.pcm("voice").unwrap();
    assert!(pcm.next_timeout(Duration::from_millis(20)).is_none());
    assert!(!pcm.is_finished(), "nothing came, but it is not over");
    pipeline.stop();
    assert!(pcm.next_timeout(Duration::from_secs(10)).is_none());
    assert!(pcm.is_finished());
}

#[derive(Default)]
struct Rings(AtomicUsize);

impl Wake for Rings {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn an_awaiting_reader_is_woken() {
    let (mut pipeline, grip) = start(Runner::Manual);
    let mut pcm = pipeline.pcm("voice").unwrap();
    let rings = Arc::new(Rings::default());
    let waker = Waker::from(rings.clone());
    let mut cx = Context::from_waker(&waker);
    {
        let mut next = pin!(pcm.next());
        assert!(next.as_mut().poll(&mut cx).is_pending());
        grip.audio(&[0.5; 10], DEVICE);
        assert_eq!(rings.0.load(Ordering::SeqCst), 0);
        pipeline.poll();
        assert_eq!(rings.0.load(Ordering::SeqCst), 1, "woken once, by the control side");
        let Poll::Ready(Some(block)) = next.as_mut().poll(&mut cx) else { panic!("not ready") };
        assert_eq!(block.samples, [0.5; 10]);
        assert!(block.header.first);
    }
    pipeline.stop();
    let end = loop {
        let mut next = pin!(pcm.next());
        match next.as_mut().poll(&mut cx) {
            Poll::Ready(Some(block)) => assert!(block.header.last && block.samples.is_empty()),
            Poll::Ready(None) => break true,
            Poll::Pending => break false,
        }
    };
    assert!(end, "the end wakes as well");
}

#[test]
fn a_reader_can_be_taken_once_and_must_be_of_the_right_sort() {
    let (mut pipeline, _grip) = start(Runner::Manual);
    assert!(pipeline.packets("voice").is_none(), "it carries samples");
    assert!(pipeline.pcm("packets").is_none(), "it carries packets");
    assert!(pipeline.pcm("voice").is_some());
    assert!(pipeline.pcm("voice").is_none(), "taken");
    assert!(pipeline.pcm("nobody").is_none());
    pipeline.stop();
}
