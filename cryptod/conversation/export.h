/* A conversation as a text or as JSON, for whoever may read it: one message after the other.
 *
 *     {"version": 1, "conversation": "bob@hub.example.org:7843", "messages": [
 *     {"id": 17, "time": "2026-01-31T12:30:00Z", "sender": "bob@…", "kind": "text", "state": "read", "text": "hello"},
 *     …
 *     ]}
 *
 * or such objects alone, a line each. docs/dbus/crypto1.md has all keys. */
#pragma once

#include "cryptod/conversation/conversation.h"
#include "cryptod/conversation/history.h"

enum export_format { EXPORT_TEXT, EXPORT_JSON, EXPORT_LINES };

/* What stands before the first message, and behind the last. */
void export_begin(const struct conversation *c, enum export_format format, struct writer *out);
void export_end(enum export_format format, struct writer *out);

/* A message of @v's. @own: the account's address. @first: nothing stands before it. What said_of() returns. */
int export_message(struct vault *v, const struct conversation *c, const char *own, const struct message *m, bool first,
                   enum export_format format, struct writer *out);
