/* This device: its account's root key and sealing key, its own signature key, and the key packages that it offers. */
#pragma once

#include "cryptod/mls/identity.h"
#include "cryptod/vault/vault.h"

struct device {
        const struct suite *suite;
        char address[ADDRESS_TEXT_MAX];                                 /* name@host:port, as the credential has it */
        struct writer root_key, sealing_key, signature_key, credential; /* public */
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
struct identity device_identity(const struct device *d);
