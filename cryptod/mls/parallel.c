#include "cryptod/mls/parallel.h"

#include <pthread.h>
#include <stdatomic.h>

struct job {
        size_t count;
        void (*work)(void *userdata, size_t index);
        void *userdata;
        atomic_size_t next;
};

static void *run(void *userdata)
{
        struct job *j = userdata;

        for (size_t i; (i = atomic_fetch_add(&j->next, 1)) < j->count;)
                j->work(j->userdata, i);
        return NULL;
}

void parallel_for(unsigned threads, size_t count, void (*work)(void *userdata, size_t index), void *userdata)
{
        struct job job = { .count = count, .work = work, .userdata = userdata };
        pthread_t others[PARALLEL_THREADS_MAX];
        unsigned started = 0;

        while (started + 1 < threads && started + 1 < count && started < PARALLEL_THREADS_MAX &&
               pthread_create(&others[started], NULL, run, &job) == 0)
                started++;
        run(&job);
        while (started > 0)
                pthread_join(others[--started], NULL);
}
