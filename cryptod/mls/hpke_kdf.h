/* LabeledExtract and LabeledExpand (RFC 9180 §4): HKDF bound to a purpose, and to a KEM or to all of a suite. */
#pragma once

#include "cryptod/mls/hash.h"

struct secret *hpke_labeled_extract(const struct hash *h, struct bytes suite_id, struct bytes salt, const char *label,
                                    struct bytes ikm);
struct secret *hpke_labeled_expand(const struct hash *h, struct bytes suite_id, const struct secret *prk,
                                   const char *label, struct bytes info, size_t size);
