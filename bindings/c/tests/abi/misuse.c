/* What people get wrong, and what they are told. Each line of stdout is one mistake. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tympan.h"

static const char *GRAPH =
    "[[node]]\nkind = \"mix\"\nchannels = 1\n"
    "[[node]]\nkind = \"pcm16\"\nframe = \"10ms\"\n"
    "[[output]]\nname = \"voice\"\nfrom = \"mix\"\n"
    "[[output]]\nname = \"packets\"\nfrom = \"pcm16\"\n";

static const char *TWO =
    "[[source]]\nname = \"mic\"\n[[source]]\nname = \"render\"\n"
    "[[output]]\nname = \"far\"\nfrom = \"render\"\n";

static void tell(const char *mistake, long answer) {
    printf("%s: %ld\n%s\n\n", mistake, answer, tympan_error());
}

int main(void) {
    tympan_format mono = {48000, 1}, none = {48000, 0}, slow = {1, 1};
    tympan_header h;
    tympan_info info;
    tympan_event e;
    tympan_totals n;
    float zeros[481] = {0};
    char data[2000];
    tympan *t;
    int voice, packets, answer;

    printf("before anything: \"%s\"\n\n", tympan_error());
    tell("a graph that is NULL", tympan_start(NULL, mono) == NULL);
    tell("a graph that is not TOML", tympan_start("[[node", mono) == NULL);
    tell("a graph that is not text", tympan_start("\xff\xfe", mono) == NULL);
    tell("a kind that does not exist", tympan_start("[[node]]\nkind = \"gian\"\n", mono) == NULL);
    tell("no channels", tympan_start(GRAPH, none) == NULL);
    tell("one frame a second", tympan_start(GRAPH, slow) == NULL);
    tell("a second source", tympan_start(TWO, mono) == NULL);

    tell("no handle: plan", tympan_plan(NULL) == NULL);
    tell("no handle: output", tympan_output(NULL, "voice"));
    tell("no handle: info", tympan_output_info(NULL, 0, &info));
    tell("no handle: push", tympan_push(NULL, mono, zeros, 480, 0));
    tell("no handle: room", (long)tympan_room(NULL));
    tell("no handle: lost", tympan_lost(NULL, 1));
    tell("no handle: break", tympan_break(NULL));
    tell("no handle: pull", tympan_pull(NULL, 0, &h, data, sizeof data));
    tell("no handle: event", tympan_next_event(NULL, &e));
    tell("no handle: count", tympan_count(NULL, &n));
    tell("no handle: end", tympan_end(NULL));
    tympan_free(NULL);

    if (!(t = tympan_start(GRAPH, mono))) return 1;
    voice = tympan_output(t, "voice");
    packets = tympan_output(t, "packets");
    if (voice != 0 || packets != 1) return 1;
    tell("a name that is NULL", tympan_output(t, NULL));
    tell("a name almost right", tympan_output(t, "voise"));
    tell("a name nothing resembles", tympan_output(t, "telephone"));
    tell("an output behind the last", tympan_output_info(t, 2, &info));
    tell("an output before the first", tympan_pull(t, -1, &h, data, sizeof data));
    tell("no place for the info", tympan_output_info(t, voice, NULL));
    tell("no samples", tympan_push(t, mono, NULL, 480, 0));
    tell("more samples than memory", tympan_push(t, mono, zeros, (size_t)-1 / 2, 0));
    tell("samples at an odd address", tympan_push(t, mono, (float *)(void *)((char *)zeros + 1), 480, 0));
    tell("a push of no channels", tympan_push(t, none, zeros, 480, 0));
    if (tympan_push(t, mono, NULL, 0, 0)) return 1;

    /* Nothing of the above has cost a frame. */
    if (tympan_push(t, mono, zeros, 480, 0)) return 1;
    while ((answer = tympan_pull(t, packets, &h, NULL, 0)) == TYMPAN_EMPTY) {}
    tell("a buffer of no bytes", answer);
    if (h.bytes != 960 || h.frames != 480) return 1;
    tell("a buffer one byte too small", tympan_pull(t, packets, &h, data, 959));
    tell("no header", tympan_pull(t, packets, NULL, data, sizeof data));
    tell("no buffer, of some bytes", tympan_pull(t, packets, &h, NULL, sizeof data));
    memset(data, 1, sizeof data);
    if (tympan_pull(t, packets, &h, data, 960) != TYMPAN_OK) return 1;
    if (h.bytes != 960 || h.position != 0 || h.first != 1) return 1;
    if (data[0] != 0 || data[959] != 0 || data[960] != 1) return 1;
    printf("pulled twice: %d\n\n", tympan_pull(t, packets, &h, data, sizeof data));
    tell("no place for the event", tympan_next_event(t, NULL));
    tell("no place for the account", tympan_count(t, NULL));

    if (tympan_end(t) || tympan_end(t)) return 1;
    tell("a push behind the end", tympan_push(t, mono, zeros, 480, 0));
    tell("a break behind the end", tympan_break(t));
    if (tympan_room(t) != 0) return 1;
    while ((answer = tympan_pull(t, voice, &h, data, sizeof data)) == TYMPAN_OK) {}
    printf("pulled behind the end: %d\n", answer);
    if (tympan_count(t, &n) || n.input != 480 || n.processed != 480) return 1;
    tympan_free(t);
    return 0;
}
