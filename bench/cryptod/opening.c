/* See parts.h. What Unlock does after the factors have given the vault key, and what a program asks next, by how much
 * history there is: a hundred groups of two, in which everything is unread. */
#include <err.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "bench/cryptod/parts.h"
#include "bench/cryptod/person.h"
#include "cryptod/conversation/history_search.h"
#include "services/cleanup.h"
#include "services/seal.h"

enum { CONVERSATIONS = 100, ROUNDS = 15, SHOWN = 50, AT_ONCE = 1000 };

static struct series syncs, loads, unlocks, opens, lists, reads, indexes, searches, texts;

static void must(bool good, const char *what)
{
        if (!good)
                errx(1, "%s fails", what);
}

/* A group of two, which the hub has taken. */
static void meet(struct person *p, struct person *other, unsigned number)
{
        _cleanup_writer_ struct writer packages = WRITER_INIT;
        struct conversation *c = NULL;
        char name[32];
        struct reader r, inner;

        must(messenger_key_packages(other->messenger, 0, 1, PERSON_NOW, &packages) >= 0, "making key packages");
        reader_init(&r, writer_bytes(&packages));
        inner = read_vector_open(&r);
        (void) read_u8(&inner); /* whether it is the one of last resort */
        const struct invitee invitee = { other->address, read_vector(&inner) };

        (void) snprintf(name, sizeof(name), "group %u", number);
        must(messenger_create_group(p->messenger, BYTES_STRING(name), &invitee, 1, PERSON_NOW, &c) >= 0,
             "making a group");
        for (;;) {
                _cleanup_(envelope_release) struct envelope e = { 0 };

                if (messenger_next_envelope(p->messenger, 0, &e) == 0)
                        return;
                must(messenger_outcome(p->messenger, BYTES_OF(e.id), OUTCOME_STORED) >= 0, "an outcome");
        }
}

/* A text of 100 bytes that has been received. */
static void add_message(struct person *p, const struct conversation *c)
{
        _cleanup_writer_ struct writer encoded = WRITER_INIT;
        uint8_t id[CONTENT_ID_SIZE], author[AUTHOR_SIZE] = { 1 }, text[PAYLOAD];
        const struct content content = { .kind = CONTENT_TEXT,
                                         .salt = BYTES(id, CONTENT_SALT_SIZE),
                                         .text = BYTES_OF(text) };
        struct message m = { .state = MESSAGE_RECEIVED,
                             .sender = SENDER_OTHER,
                             .content_id = BYTES_OF(id),
                             .author = BYTES_OF(author) };

        random_fill(id, sizeof(id));
        random_fill(text, sizeof(text));
        for (size_t i = 0; i < sizeof(text); i++) /* words of five letters */
                text[i] = i % 6 == 0 ? ' ' : (uint8_t) ('a' + text[i] % 26);
        content_write(&encoded, &content);
        m.encoded = writer_bytes(&encoded);
        must(history_add(p->vault, conversation_id(c), &m) >= 0, "adding a message");
}

static void fill(struct person *p, unsigned from, unsigned to)
{
        const struct conversation *c = messenger_conversations(p->messenger);

        for (unsigned i = from; i < to; i++) {
                if (i % AT_ONCE == 0)
                        must(vault_begin(p->vault) >= 0, "a transaction");
                add_message(p, c);
                c = c->next ? c->next : messenger_conversations(p->messenger);
                if ((i + 1) % AT_ONCE == 0)
                        must(vault_commit(p->vault) >= 0, "a transaction");
        }
}

/* As a window does first: how much of each is unread, and what was said last. */
static void list(struct person *p)
{
        for (const struct conversation *c = messenger_conversations(p->messenger); c; c = c->next) {
                _cleanup_(message_release) struct message last = { 0 };

                must(history_unread(p->vault, conversation_id(c), c->read) > 0 &&
                             history_last(p->vault, conversation_id(c), &last) > 0,
                     "listing a conversation");
        }
}

static void read_end(struct person *p, const struct conversation *c)
{
        _cleanup_(history_cursor_release) struct history_cursor cursor = { 0 };

        must(history_before(p->vault, conversation_id(c), 0, &cursor) >= 0, "reading");
        for (int i = 0; i < SHOWN; i++) {
                _cleanup_(message_release) struct message m = { 0 };

                if (history_read(&cursor, &m) <= 0)
                        break;
        }
}

/* The index of all that was said; and a search that has to read all of it, for two words that are nowhere together. */
static void search(struct person *p)
{
        struct text_index *x = text_index_new();
        struct text_match found[50];
        struct text_query q;
        uint64_t at = now_ns();

        while (history_index(p->vault, x, 1000) > 0)
                ;
        series_add(&indexes, now_ns() - at);
        must(text_query_read(BYTES_STRING("herons kingfishers"), &q) >= 0, "a query");
        at = now_ns();
        must(history_search(p->vault, x, &q, BYTES(NULL, 0), 0, COUNT_OF(found), found) == 0, "searching");
        series_add(&searches, now_ns() - at);
        must(text_query_read(BYTES_STRING("ab"), &q) >= 0, "a query");
        at = now_ns();
        must(history_search(p->vault, x, &q, BYTES(NULL, 0), 0, COUNT_OF(found), found) > 0, "searching");
        series_add(&texts, now_ns() - at);
        text_index_free(x);
}

static uint64_t lap(uint64_t *since)
{
        uint64_t before = *since;

        *since = now_ns();
        return *since - before;
}

static void close_all(struct person *p)
{
        p->messenger = messenger_free(p->messenger);
        p->vault = vault_free(p->vault);
}

static void open_all(struct person *p)
{
        uint64_t at = now_ns();

        must(vault_load(p->directory, p->id, &p->vault) >= 0, "loading the vault");
        series_add(&loads, lap(&at));
        must(vault_unlock(p->vault, secret_copy(secret_bytes(p->key))) >= 0, "unlocking the vault");
        series_add(&unlocks, lap(&at));
        must(messenger_open(p->vault, person_events(), &p->messenger) >= 0, "opening the messenger");
        series_add(&opens, lap(&at));
        list(p);
        series_add(&lists, lap(&at));
        read_end(p, messenger_conversations(p->messenger));
        series_add(&reads, lap(&at));
}

/* VmLck of proc(5), in kB. */
static long locked_memory(void)
{
        char line[256];
        long kb = 0;
        FILE *f = fopen("/proc/self/status", "re");

        must(f != NULL, "reading /proc/self/status");
        while (fgets(line, sizeof(line), f))
                if (sscanf(line, "VmLck: %ld kB", &kb) == 1)
                        break;
        fclose(f);
        return kb;
}

/* What is in the heap because an account is unlocked, SQLite's cache included; and all that is in locked memory, whose
 * pages are kept once they were needed. */
static void report_memory(struct person *p)
{
        size_t before;

        close_all(p);
        before = mallinfo2().uordblks;
        open_all(p);
        printf("an unlocked account has %zu kB in the heap; locked memory: %ld kB\n",
               (mallinfo2().uordblks - before) / 1024, locked_memory());
}

static void measure(struct person *p, unsigned messages, int sync_fd)
{
        syncs.count = loads.count = unlocks.count = opens.count = lists.count = reads.count = indexes.count =
                searches.count = texts.count = 0;
        for (int i = 0; i < ROUNDS; i++) {
                close_all(p);
                series_add(&syncs, sync_once(sync_fd));
                open_all(p);
                if (i < ROUNDS / 3)
                        search(p);
        }
        double sync_ms = series_median(&syncs);

        printf("\n%u messages in %d conversations, by the clock:\n", messages, CONVERSATIONS);
        series_report(&loads, "the daemon loads the vault, locked", sync_ms, "fdatasync");
        series_report(&unlocks, "Unlock: the vault", sync_ms, "fdatasync");
        series_report(&opens, "Unlock: the messenger", sync_ms, "fdatasync");
        series_report(&lists, "list all conversations", sync_ms, "fdatasync");
        series_report(&reads, "read the end of one", sync_ms, "fdatasync");
        series_report(&indexes, "index all of it, beside the loop", sync_ms, "fdatasync");
        series_report(&searches, "search: two words that are nowhere", sync_ms, "fdatasync");
        series_report(&texts, "search: the newest 50 with two letters", sync_ms, "fdatasync");
        report_memory(p);
}

void opening_bench(const char *directory)
{
        static const unsigned sizes[] = { 1000, 10000, 100000 };
        struct person alice = { 0 }, bob = { 0 };
        _cleanup_close_ int fd = sync_file(directory);
        unsigned messages = 0;

        person_enter(&alice, directory, "alice", "11111111111111111111111111111111");
        person_enter(&bob, directory, "bob", "22222222222222222222222222222222");
        for (unsigned i = 0; i < CONVERSATIONS; i++)
                meet(&alice, &bob, i);
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
                fill(&alice, messages, sizes[i]);
                messages = sizes[i];
                measure(&alice, messages, fd);
        }
        person_leave(&alice);
        person_leave(&bob);
}
