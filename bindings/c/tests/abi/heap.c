/* Heap operations of the calls that may be made from an audio callback. Prints how many
 * there were, and how many in a call that is for ordinary threads.
 *
 * Linked with the static library on glibc, whose allocator can be called by other names. */
#include <stddef.h>
#include <stdio.h>

#include "tympan.h"

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *at, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *at);

static __thread int armed;
static int operations;

void *malloc(size_t size) { operations += armed; return __libc_malloc(size); }
void *calloc(size_t count, size_t size) { operations += armed; return __libc_calloc(count, size); }
void *realloc(void *at, size_t size) { operations += armed; return __libc_realloc(at, size); }
void *aligned_alloc(size_t align, size_t size) {
    operations += armed;
    return __libc_memalign(align, size);
}
int posix_memalign(void **to, size_t align, size_t size) {
    operations += armed;
    *to = __libc_memalign(align, size);
    return 0;
}
void free(void *at) { operations += armed; __libc_free(at); }

int main(void) {
    static float samples[48000 * 3];
    tympan_format mono = {48000, 1}, stereo = {44100, 2};
    tympan *t = tympan_start("[[node]]\nkind = \"mix\"\nchannels = 1\n"
                             "[[node]]\nkind = \"resample\"\nrate = 16000\n"
                             "[[output]]\nname = \"voice\"\n", mono);
    int n, wrong = 0, realtime;
    if (!t) return 1;
    armed = 1;
    for (n = 0; n < 200; n++) {
        wrong += tympan_push(t, n % 50 < 40 ? mono : stereo, samples, 480, 0) != TYMPAN_OK;
        tympan_room(t);
        if (n % 30 == 3) wrong += tympan_lost(t, 10) != TYMPAN_OK;
        if (n % 40 == 7) wrong += tympan_break(t) != TYMPAN_OK;
    }
    /* More than there is room for, and mistakes: a sentence costs nothing either. */
    wrong += tympan_push(t, mono, samples, 48000 * 3, 0) != TYMPAN_OK;
    wrong += tympan_push(t, mono, NULL, 480, 0) != TYMPAN_WRONG;
    wrong += tympan_push(NULL, mono, samples, 480, 0) != TYMPAN_WRONG;
    armed = 0;
    realtime = operations;
    armed = 1;
    tympan_output(t, "voise");
    armed = 0;
    printf("%d %d %d\n", wrong, realtime, operations - realtime);
    tympan_end(t);
    tympan_free(t);
    return 0;
}
