/* A graph over generated audio: talk GRAPH RATE CHANNELS SECONDS
 *
 * Writes every record to stdout: its output, its header, its bytes. What it pushes is
 * made of whole numbers only, so that the judge can make the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tympan.h"

enum { MOST_OUTPUTS = 8, MOST_BYTES = 1 << 16, MOST_FRAMES = 1024, MOST_CHANNELS = 2 };

static unsigned char bytes[MOST_BYTES];
static float block[MOST_FRAMES * MOST_CHANNELS];

static void fail(const char *what) {
    fprintf(stderr, "talk: %s: %s\n", what, tympan_error());
    exit(1);
}

static char *text_of(const char *path) {
    FILE *file = fopen(path, "rb");
    char *text = (char *)calloc(1, 1 << 20);
    if (!file || !text) fail(path);
    if (!fread(text, 1, (1 << 20) - 1, file)) fail(path);
    fclose(file);
    return text;
}

/* Bursts over a low hum of noise: gates open and close. */
static float sample(uint64_t at, uint64_t rate) {
    static uint32_t noise = 1;
    int loud = at / (rate / 2) % 3 == 1;
    int32_t tooth = (int32_t)(at * 150 * 512 / rate % 512) - 256;
    noise = noise * 1664525u + 1013904223u;
    return (float)((loud ? tooth * 48 : 0) + (int32_t)(noise >> 26) - 32) / 32768.0f;
}

static void write_records(tympan *t, int output) {
    tympan_header h;
    int answer;
    while ((answer = tympan_pull(t, output, &h, bytes, sizeof bytes)) == TYMPAN_OK) {
        printf("%d %lld %u %u %u %u %u %u %u %llu\n", output, (long long)h.position, h.frames,
               h.lead, h.trim, h.segment, h.utterance, h.first, h.last,
               (unsigned long long)h.bytes);
        fwrite(bytes, 1, h.bytes, stdout);
    }
    if (answer < 0) fail("tympan_pull");
}

int main(int argc, char **argv) {
    tympan_format format;
    tympan_info info;
    tympan_totals totals;
    tympan_event event;
    tympan *t;
    uint64_t frames, at = 0, events = 0;
    unsigned cut = 0;
    char *graph;
    int outputs = 0, i;

    if (argc != 5) return 2;
    graph = text_of(argv[1]);
    format.rate = (uint32_t)atoi(argv[2]);
    format.channels = (uint16_t)atoi(argv[3]);
    frames = (uint64_t)format.rate * (uint64_t)atoi(argv[4]);
    if (!(t = tympan_start(graph, format))) fail("tympan_start");
    free(graph);
    if (!strstr(tympan_plan(t), "output")) fail("the plan names no output");
    while (tympan_output_info(t, outputs, &info) == TYMPAN_OK) {
        if (tympan_output(t, info.name) != outputs) fail("tympan_output");
        outputs++;
    }

    while (at < frames) {
        /* A device would not wait; this one has no hurry. */
        static const unsigned cuts[] = {480, 1, 1024, 333, 128, 960};
        unsigned count = cuts[cut++ % 6], n, c;
        if (count > frames - at) count = (unsigned)(frames - at);
        while (tympan_room(t) < format.rate)
            for (i = 0; i < outputs; i++) write_records(t, i);
        for (n = 0; n < count; n++) {
            float x = sample(at + n, format.rate);
            for (c = 0; c < format.channels; c++) block[n * format.channels + c] = x;
        }
        if (tympan_push(t, format, block, count, at * 1000000000 / format.rate)) fail("tympan_push");
        at += count;
        for (i = 0; i < outputs; i++) write_records(t, i);
        while ((i = tympan_next_event(t, &event)) == TYMPAN_OK) events++;
        if (i < 0) fail("tympan_next_event");
    }
    if (tympan_end(t)) fail("tympan_end");
    for (i = 0; i < outputs; i++) {
        tympan_header h;
        write_records(t, i);
        if (tympan_pull(t, i, &h, bytes, sizeof bytes) != TYMPAN_ENDED) fail("no end");
    }
    while (tympan_next_event(t, &event) == TYMPAN_OK) events++;
    if (tympan_count(t, &totals)) fail("tympan_count");
    if (totals.input != frames || totals.dropped || totals.events_lost || !events ||
        totals.input + totals.filled != totals.processed + totals.dropped)
        fail("the account");
    tympan_free(t);
    return 0;
}
