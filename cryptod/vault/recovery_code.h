/* A recovery code: 160 random bits, written as 15 words that people can copy by hand.
 *
 * It is BIP-39's encoding (the English list): the bits, then the first 5 bits of their SHA-256 as a checksum, 11 bits a
 * word. A slip of the pen is noticed 31 times out of 32, and most slips are no word at all. */
#pragma once

#include "services/bytes.h"
#include "services/secret.h"

enum {
        RECOVERY_CODE_SIZE = 20,
        RECOVERY_CODE_WORDS = 15,
        RECOVERY_WORD_COUNT = 2048,
        RECOVERY_WORD_MAX = 8,
        RECOVERY_TEXT_MAX = RECOVERY_CODE_WORDS * (RECOVERY_WORD_MAX + 1),
};

extern const char recovery_words[RECOVERY_WORD_COUNT][RECOVERY_WORD_MAX + 1];

/* The words of @code (RECOVERY_CODE_SIZE bytes), lower case, a space between two. The caller owns the result. */
struct secret *recovery_code_write(const struct secret *code);

/* Reads words as people type them: any case, any white space, and four letters are enough for a word. -EBADMSG if they
 * are not 15 words of the list or the checksum says that one is wrong. */
int recovery_code_read(struct bytes text, struct secret **out);
