/* Contacts, requests of strangers, and what else the person has decided about conversations (standing.h).
 *
 *     nobody ── their Welcome ──▶ request ──┬─ accept, or an answer ─▶ contact ── remove ─▶ met
 *       │                            ▲      └─ decline, block ───────▶ met                  │
 *       └── add, start ─▶ contact    └──────────────────────── they write again ────────────┘
 *
 * A request is joined and kept, so that it can be read before it is decided; nobody but the person learns of it, and
 * nothing of it is notified. Whoever is blocked is neither told nor heard. */
#pragma once

#include "cryptod/conversation/contact_link.h"
#include "cryptod/conversation/messenger.h"

/* Makes somebody a contact, also before their key is known: from then on it has to have the fingerprint @pin
 * (contact_link.h; NULL: the first one is trusted), and is verified if that came @in_person. -EKEYREJECTED: the key
 * that is known has another one; -EINVAL: our own address. */
int messenger_add_contact(struct messenger *m, const char *address, const uint8_t *pin, bool in_person,
                          struct conversation **out);

/* The link that makes us somebody's contact. */
void messenger_contact_link(const struct messenger *m, struct contact_link *out);

/* The same with the address on the hub of @own, one of ours. */
void messenger_contact_link_at(const struct messenger *m, struct bytes own, struct contact_link *out);

/* Somebody with this address of whom anything is remembered. NULL */
struct conversation *messenger_somebody(struct messenger *m, const char *address);

/* The history stays; their next message is a request. */
int messenger_remove_contact(struct messenger *m, struct conversation *c);

/* -EINVAL: not nickname_valid(), or no person. */
int messenger_set_nickname(struct messenger *m, struct conversation *c, struct bytes nickname);

/* Of a person: from then on their messages, their invitations and what they say in groups are dropped. A request of
 * theirs is declined. -EINVAL: no person. */
int messenger_block(struct messenger *m, struct conversation *c, bool blocked);

/* Decides a request. Declining forgets its messages and keys, and leaves a group. -ENOENT: it is none. */
int messenger_accept_request(struct messenger *m, struct conversation *c);
int messenger_decline_request(struct messenger *m, struct conversation *c);

/* @until: seconds since 1970; 0: not muted; MUTED_FOR_GOOD. */
int messenger_mute(struct messenger *m, struct conversation *c, uint64_t until);
int messenger_archive(struct messenger *m, struct conversation *c, bool archived);
