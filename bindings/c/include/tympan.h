/* tympan.h: the capture pipeline for voice apps, for C and all that speaks it.
 *
 *     tympan *t = tympan_start(toml, (tympan_format){48000, 1});
 *     if (!t) puts(tympan_error());
 *     int speech = tympan_output(t, "speech");
 *     tympan_push(t, format, samples, frames, host_ns);    in the audio callback
 *     tympan_pull(t, speech, &header, bytes, sizeof bytes); wherever you like
 *     tympan_end(t);                                       pull what is left
 *     tympan_free(t);
 *
 * Errors. A negative number, or NULL where a pointer is returned, and tympan_error() says
 * in a sentence what was wrong and what to do. Null pointers, unknown names and buffers that
 * are too small are such errors, and nothing is lost by them. Not noticed, and forbidden:
 * pointers to anything else than what they stand for, and handles that were freed.
 *
 * Threads. Any function may be called from any thread, at the same time as any other,
 * but for tympan_free, which must be the last. One thread pushes at a time, and one pulls
 * from an output at a time; a second one is turned away with TYMPAN_BUSY.
 *
 * Realtime. tympan_push, tympan_room, tympan_lost and tympan_break may be called from an
 * audio callback: they allocate nothing, wait for nothing, and their only system call is
 * the wake of the thread that runs the graph. All others are for ordinary threads.
 *
 * Memory. Texts belong to the library: those of a handle live until it is freed,
 * tympan_error()'s until the calling thread's next error, tympan_version()'s for ever.
 *
 * Panics. None unwinds into C. After one, which is a bug of the library, the handle
 * answers TYMPAN_BROKEN and can only be freed.
 *
 * Header and library belong together: while the version begins with 0, a new minor
 * version may change both.
 */
#ifndef TYMPAN_H
#define TYMPAN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A graph at work. */
typedef struct tympan tympan;

/* What the functions that return `int` say. */
enum {
    TYMPAN_OK = 0,
    TYMPAN_EMPTY = 1,   /* there is nothing at the moment */
    TYMPAN_ENDED = 2,   /* there is nothing, and nothing more will come; or be taken */
    TYMPAN_WRONG = -1,  /* an argument is not what it should be */
    TYMPAN_SMALL = -2,  /* the buffer is too small; the record stays where it is */
    TYMPAN_BUSY = -3,   /* another thread is doing the same */
    TYMPAN_BROKEN = -4  /* the library has panicked */
};

/* Samples are `float`, interleaved, full scale at 1. */
typedef struct tympan_format {
    uint32_t rate;     /* Hz */
    uint16_t channels; /* samples per frame */
} tympan_format;

/* What an output carries. */
typedef struct tympan_info {
    const char *name;     /* as in the graph */
    const char *codec;    /* the kind whose packets it carries, "" for samples */
    tympan_format format; /* of the samples, or of what was encoded */
    size_t largest;       /* bytes of its largest record, as planned for the first format */
} tympan_info;

/* What a record says about itself. */
typedef struct tympan_header {
    int64_t position;   /* the first frame: frames of the output since the segment began;
                           before zero in the first packets of an encoder */
    uint32_t frames;    /* how many it covers */
    uint32_t lead;      /* of these, at the start, lie before what was captured: the first
                           packet's is what files call pre-skip */
    uint32_t trim;      /* of these, at the end, lie behind what was captured */
    uint32_t segment;   /* capture without a break, from 0 */
    uint32_t utterance; /* what a gate lets through, from 0 */
    uint32_t first;     /* 1: nothing came before it in its utterance or segment */
    uint32_t last;      /* 1: nothing comes after it; a record may hold nothing else */
    size_t bytes;       /* of the samples, as float, or of the packet */
} tympan_header;

/* What happened. `kind` says what `count` and `value` hold, in this order. */
typedef struct tympan_event {
    int64_t position; /* where: frames at `rate` since the segment began */
    uint32_t rate;
    uint32_t segment;
    uint32_t kind;
    uint32_t node; /* the node that says so, in the order of the graph; UINT32_MAX: none */
    uint32_t count[2];
    float value[2];
} tympan_event;

enum {
    TYMPAN_OTHER = 0, /* younger than this header */
    TYMPAN_SEGMENT_START = 1,
    TYMPAN_SEGMENT_END = 2,     /* count: why, a TYMPAN_BY_... */
    TYMPAN_GAP = 3,             /* count: frames lost, of these filled with silence */
    TYMPAN_BAD_INPUT = 4,       /* count: samples not finite, samples clamped */
    TYMPAN_UTTERANCE_START = 5, /* count: which */
    TYMPAN_UTTERANCE_END = 6,   /* count: which */
    TYMPAN_SPEECH_START = 7,
    TYMPAN_SPEECH_END = 8,
    TYMPAN_LEVEL = 9,    /* count: channel, clipped samples; value: peak, root mean square */
    TYMPAN_FAULT = 10,   /* a node failed; count: a TYMPAN_FAULT_..., its own number */
    TYMPAN_OVERRUN = 11, /* a reader was slow; count: output, frames lost */
    TYMPAN_CUSTOM = 12   /* a word of a node's own; count: which; value: how much */
};

enum {
    TYMPAN_BY_OTHER = 0,
    TYMPAN_BY_STOP = 1,
    TYMPAN_BY_INTERRUPTION = 2,
    TYMPAN_BY_FORMAT = 3,
    TYMPAN_BY_OVERRUN = 4,
    TYMPAN_BY_SWAP = 5,
    TYMPAN_BY_DISCARD = 6
};

enum {
    TYMPAN_FAULT_OTHER = 0,
    TYMPAN_FAULT_PANIC = 1,
    TYMPAN_FAULT_NOT_FINITE = 2,
    TYMPAN_FAULT_CODE = 3
};

/* The account, in frames of the input. After tympan_end:
 * input + filled = processed + dropped. */
typedef struct tympan_totals {
    uint64_t input;       /* pushed */
    uint64_t lost;        /* told by tympan_lost */
    uint64_t filled;      /* zeros in the place of lost or dropped ones */
    uint64_t dropped;     /* found no room: push less, or later */
    uint64_t processed;   /* went through the graph */
    uint64_t mended;      /* samples that were not finite or far beyond full scale */
    uint64_t events_lost; /* events that nobody fetched in time */
} tympan_totals;

/* The version of the library, such as "0.1.0". */
const char *tympan_version(void);

/* What was wrong with this thread's last call that failed; "" if none did. */
const char *tympan_error(void);

/* Plans a graph, written in TOML, for a device of this format, and starts the threads
 * that run it. NULL if it cannot: the error shows the place in the text. */
tympan *tympan_start(const char *toml, tympan_format format);

/* The plan as a table: formats, delays, memory. */
const char *tympan_plan(const tympan *t);

/* The number of an output, from 0 in the order of the graph, or an error. */
int tympan_output(const tympan *t, const char *name);

/* What output `output` carries. TYMPAN_WRONG behind the last. */
int tympan_output_info(const tympan *t, int output, tympan_info *info);

/* Realtime. Takes `frames` frames captured from `host_ns` on, in nanoseconds of any
 * clock that does not jump. The format may differ from the last call's. What finds no
 * room is dropped, counted, and told as a gap. TYMPAN_ENDED after tympan_end. */
int tympan_push(tympan *t, tympan_format format, const float *samples, size_t frames,
                uint64_t host_ns);

/* Realtime. How many frames can be pushed now and none be dropped: for whoever can wait,
 * as a file can. Ask from the thread that pushes. */
size_t tympan_room(tympan *t);

/* Realtime. The device has lost so many frames since the last push. */
int tympan_lost(tympan *t, uint64_t frames);

/* Realtime. Capture breaks off here and may go on: what follows is another segment. */
int tympan_break(tympan *t);

/* The next record of an output: TYMPAN_OK, TYMPAN_EMPTY or TYMPAN_ENDED. If it does not
 * fit into `size` bytes it stays where it is: TYMPAN_SMALL, and header->bytes is what it
 * needs. With `size` 0 `data` may be NULL. */
int tympan_pull(tympan *t, int output, tympan_header *header, void *data, size_t size);

/* The next event: TYMPAN_OK, TYMPAN_EMPTY or TYMPAN_ENDED. */
int tympan_next_event(tympan *t, tympan_event *event);

/* The account so far. */
int tympan_count(const tympan *t, tympan_totals *totals);

/* Nothing more will be pushed: waits until everything that was is through the graph.
 * What is in the outputs can still be pulled. A second time it does nothing. */
int tympan_end(tympan *t);

/* Ends, and gives everything back. NULL is allowed. */
void tympan_free(tympan *t);

#ifdef __cplusplus
}
#endif

#endif
