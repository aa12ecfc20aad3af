/* How long an account has to wait until authd looks at a face for it again, after too many failures. */
#pragma once

#include <stdint.h>
#include <systemd/sd-bus.h>

struct lock_out;

/* @changed is called each second while there is a wait, and once when it is over. Ended by lock_out_free(). */
struct lock_out *lock_out_new(void (*changed)(void *userdata), void *userdata);
struct lock_out *lock_out_free(struct lock_out *l);

/* Asks authd about the account with this id; an earlier one is forgotten. If authd cannot be asked there is no wait:
 * the attempt itself will say what is wrong. */
void lock_out_ask(struct lock_out *l, sd_bus *bus, const char *account);
void lock_out_stop(struct lock_out *l);

/* Seconds; 0: none. */
uint64_t lock_out_seconds(const struct lock_out *l);

/* That as a sentence; the caller frees it with g_free(). */
char *lock_out_sentence(const struct lock_out *l);
