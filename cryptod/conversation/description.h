/* A message in words, for where there is room for a text alone: lists, notifications, programs that know no more. */
#pragma once

#include "cryptod/conversation/history.h"

/* Appends the text of a message; or what it is, if it has none. */
void describe_message(const struct message *m, struct writer *out);

/* The same of a content that was not deleted. */
void describe_content(const struct content *c, struct writer *out);

/* What kind of a message it is, for programs: text, file, lifetime, notice, deleted, unknown. */
const char *message_kind_name(const struct message *m);
