/* What happens is told, with the numbers of the header. Prints each event. */
#include <math.h>
#include <stdio.h>

#include "tympan.h"

int main(void) {
    static float samples[480];
    tympan_format mono = {16000, 1};
    tympan_event e;
    tympan_totals totals;
    tympan *t = tympan_start("[[node]]\nkind = \"gain\"\ndb = 0\n"
                             "[[node]]\nkind = \"level\"\nevery = \"100ms\"\n"
                             "[[output]]\nname = \"voice\"\nfrom = \"gain\"\n", mono);
    int n, answer;
    if (!t) return 1;
    for (n = 0; n < 480; n++) samples[n] = n % 2 ? 0.5f : -0.5f;
    for (n = 0; n < 10; n++) {
        samples[7] = n == 2 ? NAN : 0.5f;
        if (n == 5 && tympan_lost(t, 16)) return 1;
        if (n == 8 && tympan_break(t)) return 1;
        if (tympan_push(t, mono, samples, 480, 0)) return 1;
    }
    if (tympan_end(t)) return 1;
    while ((answer = tympan_next_event(t, &e)) == TYMPAN_OK) {
        printf("%ld %u %u ", (long)e.position, e.rate, e.segment);
        switch (e.kind) {
            case TYMPAN_SEGMENT_START: printf("start"); break;
            case TYMPAN_SEGMENT_END:
                printf("end by %s", e.count[0] == TYMPAN_BY_STOP           ? "stop"
                                    : e.count[0] == TYMPAN_BY_INTERRUPTION ? "interruption"
                                                                           : "?");
                break;
            case TYMPAN_GAP: printf("gap of %u, filled %u", e.count[0], e.count[1]); break;
            case TYMPAN_BAD_INPUT: printf("bad %u %u", e.count[0], e.count[1]); break;
            case TYMPAN_LEVEL:
                printf("level of %u: %.1f", e.count[0], (double)e.value[0]);
                break;
            default: printf("kind %u", e.kind);
        }
        if (e.node == UINT32_MAX) printf("\n");
        else printf(", node %u\n", e.node);
    }
    if (answer != TYMPAN_ENDED) return 1;
    if (tympan_count(t, &totals)) return 1;
    printf("in %u lost %u filled %u mended %u\n", (unsigned)totals.input, (unsigned)totals.lost,
           (unsigned)totals.filled, (unsigned)totals.mended);
    tympan_free(t);
    return 0;
}
