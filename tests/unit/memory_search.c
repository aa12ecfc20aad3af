#include "tests/unit/memory_search.h"

#include <alloca.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/secret.h"

enum { PIECE = 16, PIECE_MIN = 12, TABLE = 1 << 17, DISTINCT_MIN = 8, TOLD_MAX = 10 };

static const uint64_t mask = 0x9e3779b97f4a7c15;

/* The first eight bytes masked, and the rest. */
struct piece {
        uint64_t head, tail;
        size_t size; /* 0: free */
        const void *who;
        bool found;
};

bool search_notes_freed;
static struct piece pieces[TABLE];
static size_t noted;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct piece piece_of(const uint8_t *p, size_t size)
{
        struct piece piece = { .size = size };

        memcpy(&piece.head, p, 8);
        memcpy(&piece.tail, p + 8, size - 8);
        piece.head ^= mask;
        piece.tail ^= size == PIECE ? mask : mask & UINT32_MAX;
        return piece;
}

/* Where a piece is, or the free place where it belongs. */
static struct piece *place_of(uint64_t head)
{
        size_t i = (size_t) (head * mask >> 40) % TABLE;

        while (pieces[i].size > 0 && pieces[i].head != head)
                i = (i + 1) % TABLE;
        return &pieces[i];
}

static bool is_random(const uint8_t *p, size_t size)
{
        unsigned distinct = 0;

        for (size_t i = 0; i < size; i++)
                distinct += memchr(p, p[i], i) == NULL;
        return distinct >= DISTINCT_MIN;
}

static void note_piece(const uint8_t *p, size_t size, const void *who)
{
        struct piece piece = piece_of(p, size), *place = place_of(piece.head);

        if (place->size > 0 || !is_random(p, size))
                return;
        if (++noted == TABLE / 2)
                abort();
        *place = piece;
        place->who = who;
}

/* As it is, and as processors and bignums keep it: bytes, or those of a word, in reverse. */
static void note_all_ways(const uint8_t *p, size_t size, const void *who)
{
        static const size_t words[] = { 1, 4, 8, PIECE };

        for (size_t w = 0; w < COUNT_OF(words); w++) {
                uint8_t turned[PIECE];

                if (size % words[w] != 0 && words[w] != PIECE)
                        continue;
                for (size_t i = 0; i < size; i++) {
                        size_t word = words[w] == PIECE ? size : words[w];

                        turned[i] = p[i / word * word + word - 1 - i % word];
                }
                note_piece(turned, size, who);
                explicit_bzero(turned, sizeof(turned));
        }
}

void search_note(struct bytes secret, const void *who)
{
        pthread_mutex_lock(&lock);
        if (secret.size >= PIECE_MIN && secret.size < PIECE)
                note_all_ways(secret.data, PIECE_MIN, who);
        for (size_t i = 0; i + PIECE <= secret.size; i += PIECE)
                note_all_ways(secret.data + i, PIECE, who);
        pthread_mutex_unlock(&lock);
}

struct secret *__real_secret_free(struct secret *s);
struct secret *__wrap_secret_free(struct secret *s);
struct secret *__wrap_secret_free(struct secret *s)
{
        if (search_notes_freed)
                search_note(secret_bytes(s), __builtin_return_address(0));
        return __real_secret_free(s);
}

void __real_secret_release(struct secret **s);
void __wrap_secret_release(struct secret **s);
void __wrap_secret_release(struct secret **s)
{
        if (search_notes_freed)
                search_note(secret_bytes(*s), __builtin_return_address(0));
        __real_secret_release(s);
}

void __attribute__((noinline)) search_deep(void (*act)(void *userdata), void *userdata)
{
        volatile uint8_t *room = alloca(64 * 1024);

        room[0] = 0;
        act(userdata);
}

void search_forget(void)
{
        memset(pieces, 0, sizeof(pieces));
        noted = 0;
}

size_t search_notes(void)
{
        return noted;
}

static size_t search_mapping(const uint8_t *start, const uint8_t *end, const char *name, size_t told)
{
        size_t found = 0;

        for (const uint8_t *p = start; p + PIECE <= end; p++) {
                uint64_t head;

                memcpy(&head, p, 8);
                struct piece *place = place_of(head ^ mask);
                struct piece here = place->size > 0 ? piece_of(p, place->size) : (struct piece){ 0 };

                if (place->size == 0 || here.tail != place->tail || place->found)
                        continue;
                place->found = true;
                if (told + found++ < TOLD_MAX)
                        fprintf(stderr, "found at %p, %zu bytes from the end of %s: noted at %p\n", (const void *) p,
                                (size_t) (end - p), name, place->who);
        }
        return found;
}

static size_t search_where(const char *where, bool expected)
{
        FILE *maps = fopen("/proc/self/maps", "re");
        char line[512], permissions[5], name[256];
        unsigned long start, end;
        size_t found = 0;

        if (!maps)
                abort();
        for (size_t i = 0; i < TABLE; i++)
                pieces[i].found = false;
        while (fgets(line, sizeof(line), maps)) {
                name[0] = '\0';
                if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %255[^\n]", &start, &end, permissions, name) < 3 ||
                    strncmp(permissions, "rw", 2) != 0 || (where && strcmp(name, where) != 0))
                        continue;
                found += search_mapping((const uint8_t *) start, (const uint8_t *) end, name[0] ? name : "memory",
                                        expected ? TOLD_MAX : found);
        }
        fclose(maps);
        return found;
}

size_t search(bool expected)
{
        return search_where(NULL, expected);
}

size_t search_stack(void)
{
        return search_where("[stack]", false);
}
