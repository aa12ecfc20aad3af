/* An index of what messages say, for searching: their texts in lower case, in locked memory, never on a disk. It is
 * made from the history as far as it is asked for (text_index_last()), and wiped when the account locks.
 *
 * Searching is reading it from its end: 100 000 messages are some ten megabytes, which a core reads in milliseconds,
 * and no structure of words says on which letters somebody searches. Of a history that is larger than the room for it,
 * the newest part is kept; text_index_first() says from where on. */
#pragma once

#include <stdint.h>

#include "services/bytes.h"

enum { TEXT_INDEX_BYTES_MAX = 32 * 1024 * 1024, TEXT_INDEX_WORDS_MAX = 16, TEXT_INDEX_QUERY_MAX = 1024 };

struct text_index;

struct text_index *text_index_new(void);

/* Wipes it. NULL is allowed. Returns NULL. */
struct text_index *text_index_free(struct text_index *x);

/* The newest message that it has seen; 0: none. And the first from which on it has all. */
uint64_t text_index_last(const struct text_index *x);
uint64_t text_index_first(const struct text_index *x);

/* A message of @conversation (16 bytes) whose number is greater than text_index_last(). @text is UTF-8; without any
 * it is only noted that it was seen. */
void text_index_add(struct text_index *x, uint64_t message, const uint8_t conversation[static 16], struct bytes text);

/* Another text for a message that was seen; an empty one takes it out. The old one is wiped. */
void text_index_replace(struct text_index *x, uint64_t message, struct bytes text);

/* A question: the words of a text in lower case. */
struct text_query {
        uint8_t folded[TEXT_INDEX_QUERY_MAX];
        struct bytes words[TEXT_INDEX_WORDS_MAX]; /* views of it */
        size_t count;
};

/* -EINVAL: there is no word in it; -EMSGSIZE: it is longer than TEXT_INDEX_QUERY_MAX, or has too many words. */
int text_query_read(struct bytes text, struct text_query *out);

/* Whether a text has all words of the query, as they are or as parts of other words. */
bool text_query_matches(const struct text_query *q, struct bytes text);

struct text_match {
        uint8_t conversation[16];
        uint64_t message;
};

/* The newest messages before @before that match, newest first, up to @limit; how many. @conversation NULL: of all. */
size_t text_index_search(const struct text_index *x, const struct text_query *q, const uint8_t *conversation,
                         uint64_t before, size_t limit, struct text_match *out);
