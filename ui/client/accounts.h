/* The accounts of the person who runs the program, whether they are locked or not. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-bus.h>

#include "ui/client/calls.h"

struct account_entry {
        const char *path; /* the account's object at cryptod */
        const char *id;   /* 32 hex digits */
        const char *address;
        const char *label; /* the owner's, or "" */
        bool unlocked;
        bool destroyed; /* nothing opens it any more; its end waits for the hub */
};

/* Asks cryptod. @list is borrowed: it is valid during @done; empty with an error. Errors: as calls_send(). */
typedef void (*accounts_done)(const struct account_entry *list, size_t n, const sd_bus_error *error, void *userdata);
int accounts_list(sd_bus *bus, struct calls *c, accounts_done done, void *userdata);

/* The object of the account's link at relayd. @id is one of 32 hex digits; else -EINVAL. */
enum { LINK_PATH_SIZE = sizeof("/im/visavis/Relay1/link/") + 32 };
int account_link_path(const char *id, char out[static LINK_PATH_SIZE]);
