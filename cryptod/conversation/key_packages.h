/* Our key packages that others can still use, and their private keys: each in a cell of its own, so that the keys of
 * one that was used are gone from the disk. */
#pragma once

#include "cryptod/conversation/device.h"

enum {
        KEY_PACKAGES_STOCK = 32, /* one-time key packages that are made at a time */
        KEY_PACKAGES_MAX = 1024, /* one-time ones of a hub whose keys are kept */
        KEY_PACKAGE_DAYS = 90,
        /* What is taken from others, in seconds, a day more than ours have (RFC 9420 §7.2): a key that was stolen from
         * somebody who was never seen serves nobody for ever. */
        KEY_PACKAGE_LIFETIME_MAX = (KEY_PACKAGE_DAYS + 1) * 24 * 3600,
};

/* Within a transaction: makes @count one-time key packages for the hub of @place, and one of last resort if there is
 * none yet, stores their keys, and appends  struct { uint8 last_resort; opaque key_package<V>; } packages<V>  for
 * relayd. @now: seconds since 1970. Expired ones are erased, and the oldest of that hub if there are too many: whoever
 * claims ours without ever writing to us, or a hub that always wants more, is not to fill the disk. */
int key_packages_make(struct vault *v, const struct device *d, const struct device_place *place, unsigned count,
                      uint64_t now, struct writer *out);

/* Within a transaction: erases all. */
int key_packages_erase(struct vault *v);

/* What a Welcome needs that is meant for one of ours. */
struct held_key_package {
        uint8_t ref[SUITE_HASH_MAX];
        size_t ref_size;
        int64_t cell;
        bool last_resort;
        struct secret *content; /* the views below point into it */
        struct bytes key_package;
        struct secret *init_key, *leaf_key;
};

void held_key_package_release(struct held_key_package *k);

/* Finds the one with the KeyPackageRef @ref. -ENOENT; -EBADMSG if the vault is damaged. */
int key_packages_find(struct vault *v, struct bytes ref, struct held_key_package *out);

/* Within a transaction: forgets one that was used, unless it is the last resort. */
int key_packages_used(struct vault *v, const struct held_key_package *k);
