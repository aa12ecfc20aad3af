#include "cryptod/vault/recovery_code.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "services/seal.h"

enum {
        BITS_A_WORD = 11,
        LETTERS_ENOUGH = 4,
        ENCODED_SIZE = RECOVERY_CODE_SIZE + 1 /* the checksum: its upper 5 bits */
};

/* The code and its checksum. */
static struct secret *encode(const struct secret *code)
{
        struct secret *encoded = secret_new(ENCODED_SIZE);
        uint8_t hash[32];

        memcpy(encoded->data, code->data, RECOVERY_CODE_SIZE);
        sha256(secret_bytes(code), hash);
        encoded->data[RECOVERY_CODE_SIZE] = hash[0] & 0xf8;
        explicit_bzero(hash, sizeof(hash));
        return encoded;
}

struct secret *recovery_code_write(const struct secret *code)
{
        _cleanup_secret_ struct secret *encoded = encode(code), *text = secret_new(RECOVERY_TEXT_MAX);
        size_t size = 0;

        for (unsigned i = 0; i < RECOVERY_CODE_WORDS; i++) {
                unsigned index = 0;

                for (unsigned bit = i * BITS_A_WORD; bit < (i + 1) * BITS_A_WORD; bit++)
                        index = index << 1 | (encoded->data[bit / 8] >> (7 - bit % 8) & 1);
                size_t length = strlen(recovery_words[index]);

                if (i > 0)
                        text->data[size++] = ' ';
                memcpy(text->data + size, recovery_words[index], length);
                size += length;
        }
        return secret_copy(BYTES(text->data, size));
}

/* The next word in lower case; its length, 0 at the end, or -EBADMSG for what cannot be a word. */
static int next_word(struct bytes text, size_t *position, char word[static RECOVERY_WORD_MAX])
{
        int length = 0;

        while (*position < text.size && isspace(text.data[*position]))
                (*position)++;
        while (*position < text.size && !isspace(text.data[*position])) {
                if (length == RECOVERY_WORD_MAX)
                        return -EBADMSG;
                word[length++] = (char) tolower(text.data[(*position)++]);
        }
        return length;
}

/* All words are looked at, so that the time says nothing of which it is. */
static int find_word(const char *word, size_t length)
{
        int found = -EBADMSG;

        for (int i = 0; i < RECOVERY_WORD_COUNT; i++) {
                size_t whole = strlen(recovery_words[i]);
                bool is_it = strncmp(recovery_words[i], word, length) == 0 &&
                             (length == whole || (length >= LETTERS_ENOUGH && length < whole));

                found = is_it ? i : found;
        }
        return found;
}

int recovery_code_read(struct bytes text, struct secret **out)
{
        _cleanup_secret_ struct secret *typed = secret_new(ENCODED_SIZE), *word = secret_new(RECOVERY_WORD_MAX);
        size_t position = 0;
        int length;

        for (unsigned i = 0; i < RECOVERY_CODE_WORDS; i++) {
                length = next_word(text, &position, (char *) word->data);
                int index = length > 0 ? find_word((char *) word->data, (size_t) length) : -EBADMSG;

                if (index < 0)
                        return index;
                for (unsigned bit = 0; bit < BITS_A_WORD; bit++) {
                        unsigned place = i * BITS_A_WORD + bit;

                        typed->data[place / 8] |= (uint8_t) ((unsigned) index >> (BITS_A_WORD - 1 - bit) & 1)
                                                  << (7 - place % 8);
                }
        }
        if (next_word(text, &position, (char *) word->data) != 0)
                return -EBADMSG;
        struct secret *code = secret_copy(BYTES(typed->data, RECOVERY_CODE_SIZE));
        _cleanup_secret_ struct secret *expected = encode(code);

        if (!secret_equal(secret_bytes(expected), secret_bytes(typed))) {
                secret_free(code);
                return -EBADMSG;
        }
        *out = code;
        return 0;
}
