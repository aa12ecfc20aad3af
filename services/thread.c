/* See thread.h. */
#include "thread.h"

#include <signal.h>

int thread_start(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *userdata), void *userdata)
{
        sigset_t all, before;

        (void) sigfillset(&all);
        (void) pthread_sigmask(SIG_SETMASK, &all, &before);
        int error = pthread_create(thread, attributes, work, userdata);

        (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
        return -error;
}
