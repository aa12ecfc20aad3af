/* Searching in the history of an unlocked vault, and what keeps its index (text_index.h) as it is. */
#pragma once

#include "cryptod/conversation/history.h"
#include "cryptod/conversation/text_index.h"

/* Reads up to @count messages more into the index: 1 if there are further ones, 0 if it has all. -EBADMSG and the like
 * if the vault cannot be read. */
int history_index(struct vault *v, struct text_index *x, unsigned count);

/* A message has changed or is gone: the index follows, if it has seen it. */
int history_reindex(struct vault *v, struct text_index *x, struct bytes conversation, uint64_t message);

/* The newest messages before @before (0: all) that have all words of @q, newest first, up to @limit, of @conversation
 * or (empty) of all. How many; -EBADMSG and the like. */
int history_search(struct vault *v, struct text_index *x, const struct text_query *q, struct bytes conversation,
                   uint64_t before, unsigned limit, struct text_match *out);
