/* Threads beside an event loop. */
#pragma once

#include <pthread.h>

/* Starts a thread in which all signals are blocked, for they belong to the loop's. @attributes may be NULL. A negative
 * errno as pthread_create(3) says. */
int thread_start(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *userdata), void *userdata);
