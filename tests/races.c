/* Locks of std, as ThreadSanitizer has to see them: it knows nothing of what std does in
   places that were compiled without it. These are those: a lock that is had only after a
   wait, and a wait for news, which gives the lock away and takes it again. `./x tsan` has
   the linker put these functions before std's, whose names it finds out. */

#include <stdbool.h>
#include <stdint.h>

void __tsan_acquire(void *);
void __tsan_release(void *);

void real_lock(void *lock) __asm__("__real_" LOCK);
void seen_lock(void *lock) __asm__("__wrap_" LOCK);
void real_wait(void *news, void *lock) __asm__("__real_" WAIT);
void seen_wait(void *news, void *lock) __asm__("__wrap_" WAIT);
bool real_wait_for(void *news, void *lock, uint64_t s, uint32_t ns) __asm__("__real_" WAIT_FOR);
bool seen_wait_for(void *news, void *lock, uint64_t s, uint32_t ns) __asm__("__wrap_" WAIT_FOR);

void seen_lock(void *lock)
{
    real_lock(lock);
    __tsan_acquire(lock);
}

void seen_wait(void *news, void *lock)
{
    __tsan_release(lock);
    real_wait(news, lock);
    __tsan_acquire(lock);
}

bool seen_wait_for(void *news, void *lock, uint64_t s, uint32_t ns)
{
    __tsan_release(lock);
    bool told = real_wait_for(news, lock, s, ns);
    __tsan_acquire(lock);
    return told;
}
