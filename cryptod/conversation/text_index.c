/* See text_index.h. */
#include "cryptod/conversation/text_index.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "services/cleanup.h"
#include "services/secret.h"

enum { BLOCK_SIZE = 1024 * 1024 - 64, BLOCKS_MAX = TEXT_INDEX_BYTES_MAX / BLOCK_SIZE };

/* Texts stand one behind the other in blocks of locked memory, the oldest of which is the first to go. */
struct block {
        struct secret *memory;
        size_t used;
        size_t entries; /* whose text is in it, the last of all blocks before included */
};

struct entry {
        uint64_t message;
        uint8_t conversation[16];
        uint8_t *text;
        uint32_t size;
};

struct text_index {
        struct entry *entries; /* by their messages' numbers */
        size_t count, room;
        struct block blocks[BLOCKS_MAX];
        size_t block_count;
        uint64_t first, last;
};

/* -- lower case ---------------------------------------------------------------------------------------------------- */

static locale_t unicode(void)
{
        static locale_t locale;

        if (!locale)
                locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t) 0);
        if (!locale)
                abort(); /* glibc has it built in */
        return locale;
}

static size_t put_character(uint32_t c, uint8_t *out)
{
        if (c < 0x80) {
                out[0] = (uint8_t) c;
                return 1;
        }
        if (c < 0x800) {
                out[0] = (uint8_t) (0xc0 | c >> 6);
                out[1] = (uint8_t) (0x80 | (c & 0x3f));
                return 2;
        }
        if (c < 0x10000) {
                out[0] = (uint8_t) (0xe0 | c >> 12);
                out[1] = (uint8_t) (0x80 | (c >> 6 & 0x3f));
                out[2] = (uint8_t) (0x80 | (c & 0x3f));
                return 3;
        }
        out[0] = (uint8_t) (0xf0 | c >> 18);
        out[1] = (uint8_t) (0x80 | (c >> 12 & 0x3f));
        out[2] = (uint8_t) (0x80 | (c >> 6 & 0x3f));
        out[3] = (uint8_t) (0x80 | (c & 0x3f));
        return 4;
}

/* The character at the start of valid UTF-8, and its length. */
static uint32_t get_character(const uint8_t *at, size_t *size)
{
        static const uint8_t masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
        size_t n = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
        uint32_t c = at[0] & masks[n];

        for (size_t i = 1; i < n; i++)
                c = c << 6 | (at[i] & 0x3f);
        *size = n;
        return c;
}

/* @out has room for half as much again as @text: a character of two bytes can have a lower case of three. */
static size_t fold(struct bytes text, uint8_t *out)
{
        size_t used = 0;

        for (size_t i = 0; i < text.size;) {
                size_t n = 1;
                uint32_t c = text.data[i];

                if (c < 0x80) {
                        out[used++] = (uint8_t) (c >= 'A' && c <= 'Z' ? c + 32 : c);
                } else {
                        c = get_character(text.data + i, &n);
                        used += put_character((uint32_t) towlower_l((wint_t) c, unicode()), out + used);
                }
                i += n;
        }
        return used;
}

static size_t folded_max(size_t size)
{
        return size + size / 2;
}

/* -- what it holds ------------------------------------------------------------------------------------------------- */

struct text_index *text_index_new(void)
{
        struct text_index *x = calloc(1, sizeof(*x));

        if (!x)
                abort();
        return x;
}

struct text_index *text_index_free(struct text_index *x)
{
        if (!x)
                return NULL;
        for (size_t i = 0; i < x->block_count; i++)
                secret_free(x->blocks[i].memory);
        free(x->entries);
        free(x);
        return NULL;
}

uint64_t text_index_last(const struct text_index *x)
{
        return x->last;
}

uint64_t text_index_first(const struct text_index *x)
{
        return x->first;
}

/* The oldest block goes, and with it what it has. */
static void drop_block(struct text_index *x)
{
        size_t gone = x->blocks[0].entries;

        secret_free(x->blocks[0].memory);
        x->block_count--;
        memmove(x->blocks, x->blocks + 1, x->block_count * sizeof(*x->blocks));
        for (size_t i = 0; i < x->block_count; i++)
                x->blocks[i].entries -= gone;
        if (gone == 0) /* it had texts of entries alone that went with an older one */
                return;
        x->first = x->entries[gone - 1].message + 1;
        x->count -= gone;
        memmove(x->entries, x->entries + gone, x->count * sizeof(*x->entries));
}

/* Room for a text, in the newest block. */
static uint8_t *make_room(struct text_index *x, size_t size)
{
        struct block *b = x->block_count > 0 ? &x->blocks[x->block_count - 1] : NULL;

        if (!b || b->used + size > BLOCK_SIZE) {
                if (x->block_count == BLOCKS_MAX)
                        drop_block(x);
                b = &x->blocks[x->block_count++];
                *b = (struct block){ .memory = secret_new(BLOCK_SIZE), .entries = x->count };
        }
        return b->memory->data + b->used;
}

static struct entry *append_entry(struct text_index *x)
{
        if (x->count == x->room) {
                x->room = x->room > 0 ? 2 * x->room : 1024;
                x->entries = reallocarray(x->entries, x->room, sizeof(*x->entries));
                if (!x->entries)
                        abort();
        }
        return &x->entries[x->count++];
}

void text_index_add(struct text_index *x, uint64_t message, const uint8_t conversation[static 16], struct bytes text)
{
        struct block *b;
        struct entry *e;
        uint8_t *to;

        x->last = message;
        if (text.size == 0 || folded_max(text.size) > BLOCK_SIZE)
                return;
        to = make_room(x, folded_max(text.size));
        b = &x->blocks[x->block_count - 1];
        e = append_entry(x);
        *e = (struct entry){ .message = message, .text = to, .size = (uint32_t) fold(text, to) };
        memcpy(e->conversation, conversation, sizeof(e->conversation));
        b->used += e->size;
        b->entries = x->count;
}

static int compare_entries(const void *key, const void *member)
{
        uint64_t message = *(const uint64_t *) key, other = ((const struct entry *) member)->message;

        return message < other ? -1 : message > other;
}

void text_index_replace(struct text_index *x, uint64_t message, struct bytes text)
{
        struct entry *e = x->count > 0 ? bsearch(&message, x->entries, x->count, sizeof(*e), compare_entries) : NULL;

        if (!e)
                return;
        explicit_bzero(e->text, e->size);
        e->size = 0;
        if (text.size == 0 || folded_max(text.size) > BLOCK_SIZE)
                return;
        size_t before = x->count;
        uint8_t *to = make_room(x, folded_max(text.size));

        e -= before - x->count; /* the oldest block may have gone for it, and this entry with it */
        if (e < x->entries || e->message != message)
                return;
        e->text = to;
        e->size = (uint32_t) fold(text, to);
        x->blocks[x->block_count - 1].used += e->size;
}

/* -- searching ----------------------------------------------------------------------------------------------------- */

static bool is_space(uint8_t c)
{
        return c == ' ' || (c >= '\t' && c <= '\r');
}

int text_query_read(struct bytes text, struct text_query *out)
{
        size_t size;

        *out = (struct text_query){ 0 };
        if (folded_max(text.size) > sizeof(out->folded))
                return -EMSGSIZE;
        size = fold(text, out->folded);
        for (size_t i = 0; i < size;) {
                size_t start = i;

                while (i < size && !is_space(out->folded[i]))
                        i++;
                if (i > start && out->count == TEXT_INDEX_WORDS_MAX)
                        return -EMSGSIZE;
                if (i > start)
                        out->words[out->count++] = BYTES(out->folded + start, i - start);
                while (i < size && is_space(out->folded[i]))
                        i++;
        }
        return out->count > 0 ? 0 : -EINVAL;
}

static bool has_words(const struct text_query *q, const uint8_t *folded, size_t size)
{
        for (size_t i = 0; i < q->count; i++)
                if (!memmem(folded, size, q->words[i].data, q->words[i].size))
                        return false;
        return true;
}

bool text_query_matches(const struct text_query *q, struct bytes text)
{
        _cleanup_secret_ struct secret *folded = NULL;

        if (text.size == 0)
                return false;
        folded = secret_new(folded_max(text.size));
        return has_words(q, folded->data, fold(text, folded->data));
}

size_t text_index_search(const struct text_index *x, const struct text_query *q, const uint8_t *conversation,
                         uint64_t before, size_t limit, struct text_match *out)
{
        size_t found = 0;

        for (size_t i = x->count; i > 0 && found < limit; i--) {
                const struct entry *e = &x->entries[i - 1];

                if (e->message >= before || (conversation && memcmp(e->conversation, conversation, 16) != 0))
                        continue;
                if (!has_words(q, e->text, e->size))
                        continue;
                memcpy(out[found].conversation, e->conversation, sizeof(e->conversation));
                out[found++].message = e->message;
        }
        return found;
}
