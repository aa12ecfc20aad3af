/* The hub that is measured: the program itself, in a process of its own, with the limits out of the way that protect it
 * from what a load generator does. */
#pragma once

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct hub_process {
        char *directory; /* the state is in state/ below it */
        pid_t pid;
        uint16_t port;
        clockid_t clock;
};

/* Starts the hub in @directory, on the port that it had before if @h->port is set. Errors end the program. */
void hub_process_start(struct hub_process *h, const char *program);

/* Ends it without a word, as a loss of power does. Its port and directory stay. */
void hub_process_kill(struct hub_process *h);

/* Processor time that a process has used so far, in ns: not changed by what else the machine does. */
uint64_t process_cpu_ns(const struct hub_process *h);

/* Memory that is its alone, in bytes. */
uint64_t process_private_bytes(pid_t pid);

/* What the hub says of itself on its control socket: transactions so far, and the requests in them. */
struct commits {
        uint64_t count, requests;
};
struct commits hub_process_commits(const struct hub_process *h);

/* A free port on loopback. */
uint16_t free_port(void);
