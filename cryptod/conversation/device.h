/* This device: its account's root key and sealing key, its own signature key, and the key packages that it offers. */
#pragma once

#include "cryptod/mls/identity.h"
#include "cryptod/vault/hubs.h"

/* What the account is called on one of its hubs. */
struct device_place {
        unsigned number;                /* vault_hub.number; 0: the account's own address */
        char address[ADDRESS_TEXT_MAX]; /* name@host:port, as the credential has it */
        struct writer credential;
};

struct device {
        const struct suite *suite;
        struct device_place places[1 + HUBS_MAX]; /* its own hub first, then in the order of preference */
        unsigned place_count;
        struct writer root_key, sealing_key, signature_key; /* public */
        struct secret *root_private_key, *sealing_private_key, *signature_private_key;
};

/* Makes the keys of a new account and stores them in its unlocked vault. -EPROTONOSUPPORT if the account's suite is
 * unknown; what vault_seal() and storage_run() return. */
int device_create(struct vault *v);

/* Reads them back. -ENOENT if they were never made, else as device_create() and -EBADMSG. */
int device_load(struct vault *v, struct device **out);

/* Zeroes the keys. NULL is allowed. Returns NULL. */
struct device *device_free(struct device *d);

/* A view for cryptod/mls, valid as long as @d. */
struct identity device_identity(const struct device *d, const struct device_place *place);

/* Reads the hubs again. */
int device_load_places(struct device *d, struct vault *v);

/* The place of that number, or NULL; the one on the hub of @address, or that of the account's own address. */
const struct device_place *device_place(const struct device *d, unsigned number);
const struct device_place *device_place_beside(const struct device *d, struct bytes address);

/* Whether it is one of ours. */
bool device_is_at(const struct device *d, struct bytes address);

/* Whether two addresses (name@host:port) are on the same hub. */
bool same_hub(struct bytes a, struct bytes b);
