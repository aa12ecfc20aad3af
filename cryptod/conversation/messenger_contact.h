/* Whom the person trusts: safety numbers, verified marks, and root keys that have changed.
 *
 *     known key ── another one comes up ──▶ refused, shown, remembered ── messenger_accept_key ──▶ known, not verified
 *
 * @time: microseconds since 1970, of the remark in the history that each change leaves. */
#pragma once

#include "cryptod/conversation/messenger.h"
#include "cryptod/conversation/safety_number.h"

struct contact_view {
        bool verified; /* the safety number of the key that is known was compared */
        bool changed;  /* another key came up and was refused */
};

/* The person with this address, also if there is no group with them any more. NULL if their root key is not known. */
struct conversation *messenger_contact(struct messenger *m, const char *address);

/* True if @c is with a person whose root key is known. */
bool messenger_is_contact(const struct conversation *c);

int messenger_contact_view(struct messenger *m, const struct conversation *c, struct contact_view *out);

/* The safety number with the key that is known, or with the one that was @offered, and what to show as a QR code
 * (owned by the caller). -ENOENT if none was offered. */
int messenger_safety_number(struct messenger *m, const struct conversation *c, bool offered,
                            char digits[static SAFETY_NUMBER_DIGITS + 1], char **code);

/* Marks the known key as verified, or takes that back. */
int messenger_set_verified(struct messenger *m, struct conversation *c, bool verified, uint64_t time);

/* Compares what was scanned from the other's screen, and marks the known key as verified if it is right. Errors of
 * safety_code_compare(), after which nothing has changed. */
int messenger_compare_code(struct messenger *m, struct conversation *c, const char *code, uint64_t time);

/* The key to seal files to for this person, appended; -ENOENT if it is not known. Learn: takes it from an encoded key
 * package of theirs that relayd has claimed, also in place of another. -ENOENT if there is none in it; -EBADMSG also if
 * theirs is forged; else as messenger_start(). */
int messenger_sealing_key(struct messenger *m, const struct conversation *c, struct writer *out);
int messenger_learn_sealing_key(struct messenger *m, const struct conversation *c, struct bytes key_package,
                                uint64_t now);

/* What an account is to us that is named by its address and root key, by which something was signed. */
enum acquaintance {
        ACQUAINTANCE_SELF,
        ACQUAINTANCE_VERIFIED,
        ACQUAINTANCE_KNOWN,
        ACQUAINTANCE_OTHER_KEY,
        ACQUAINTANCE_STRANGER
};
int messenger_acquaintance(struct messenger *m, struct bytes address, struct bytes root_key, enum acquaintance *out);

/* This account as others know it; its keys are borrowed. */
const struct device *messenger_device(const struct messenger *m);

/* Trusts the key that was offered, if @digits are its safety number: what the person looked at and not what has come
 * since. Groups with the old key are erased, what waited for them has failed, the mark is gone, and the invitation that
 * came with the new key is followed. -ENOENT: none was offered; -EKEYREJECTED: other digits. */
int messenger_accept_key(struct messenger *m, struct conversation *c, const char *digits, uint64_t time);
