/* What a group costs the disk: the bytes of the parts of its state that a step changes, the bytes that then go to the
 * vault's files (its log, its cell keys, its database), and how long the transaction takes, beside one fdatasync.
 *
 *     bench-storage [DIRECTORY]     the vaults go to a new directory below it (default: /var/tmp) */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/cryptod/crowd.h"
#include "bench/stopwatch.h"
#include "cryptod/conversation/conversation.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/seal.h"
#include "services/storage.h"

enum { MESSAGES = 50, COMMITS = 9, PAYLOAD = 100 };

static void must(bool good)
{
        if (!good)
                errx(1, "a group cannot be stored");
}

/* One of two members: its group, once in a store that only counts, once in a vault. */
struct side {
        struct vault *vault; /* NULL: it only counts */
        struct membership membership;
        size_t counted;
};

static int count_put(void *userdata, struct bytes id, struct bytes content, bool secret)
{
        *(size_t *) userdata += id.size + content.size;
        return 0;
}

static int count_drop(void *userdata, struct bytes prefix)
{
        *(size_t *) userdata += prefix.size;
        return 0;
}

/* Bytes that this process has written to files. */
static uint64_t written(void)
{
        FILE *f = fopen("/proc/self/io", "r");
        unsigned long long bytes = 0;

        must(f && fscanf(f, "rchar: %*u wchar: %llu", &bytes) == 1);
        fclose(f);
        return bytes;
}

/* What is measured of each kind of step. */
enum step { SEND_FIRST, SEND, RECEIVE_FIRST, RECEIVE, COMMIT, MERGE, PROCESS, STEPS };

static const char *const step_names[] = {
        "send, first of a sender", "send",     "receive, first of a sender", "receive",
        "make a commit",           "merge it", "process another's"
};

/* Series hold any numbers; their medians come in millionths. */
static struct series parts[STEPS], files[STEPS], took[STEPS], syncs;

static void store(struct side *s, enum step step)
{
        uint64_t before = written(), start = now_ns();

        s->counted = 0;
        if (s->vault) {
                must(vault_begin(s->vault) >= 0 && membership_store(s->vault, &s->membership) >= 0 &&
                     vault_commit(s->vault) >= 0);
                series_add(&took[step], now_ns() - start);
                series_add(&files[step], written() - before);
        } else {
                must(group_save(s->membership.group, &(struct group_store){ count_put, count_drop, &s->counted }) >= 0);
                series_add(&parts[step], s->counted);
        }
}

static void enter(struct side *s, struct group *g, const char *directory, const char *id)
{
        struct vault_account account = { .uid = 1000, .created = 1 };
        struct conversation *c = conversation_new("somebody@hub.example.org:7843");
        struct group_store counting = { count_put, count_drop, &s->counted };

        *s = (struct side){ .membership = { .group = g } };
        (void) snprintf(account.id, sizeof(account.id), "%s", id);
        if (!directory) {
                must(group_save(g, &counting) >= 0);
        } else {
                must(vault_create(directory, &account, BYTES_STRING("slot"), secret_random(VAULT_KEY_SIZE),
                                  &s->vault) >= 0 &&
                     vault_begin(s->vault) >= 0 && conversation_store(s->vault, c) >= 0 &&
                     membership_add(s->vault, &s->membership, conversation_id(c)) >= 0 && vault_commit(s->vault) >= 0);
        }
        conversation_free(c);
}

static void take(struct side *s, const struct writer *message, enum step step)
{
        _cleanup_(received_release) struct received received = { 0 };

        must(group_process(s->membership.group, writer_bytes(message), NULL, &received) >= 0);
        store(s, step);
}

static void say(struct side *from, struct side *to, bool first)
{
        static const uint8_t text[PAYLOAD];
        _cleanup_writer_ struct writer message = WRITER_INIT;

        must(group_protect(from->membership.group, BYTES_OF(text), BYTES(NULL, 0), 0, &message) >= 0);
        store(from, first ? SEND_FIRST : SEND);
        take(to, &message, first ? RECEIVE_FIRST : RECEIVE);
}

static void commit(struct side *from, struct side *to)
{
        _cleanup_writer_ struct writer message = WRITER_INIT, welcome = WRITER_INIT;

        must(group_commit(from->membership.group, &(struct group_change){ 0 }, NULL, &message, &welcome) >= 0);
        store(from, COMMIT);
        group_merge_pending(from->membership.group);
        store(from, MERGE);
        take(to, &message, PROCESS);
}

/* Commits by turns, and messages after each: the first of a sender in that epoch, and more. */
static void steps(struct side sides[static 2], int sync_fd)
{
        for (unsigned i = 0; i < COMMITS; i++) {
                commit(&sides[i % 2], &sides[1 - i % 2]);
                for (unsigned k = 0; k < 2; k++)
                        say(&sides[k], &sides[1 - k], true);
                for (unsigned k = 0; k < MESSAGES / COMMITS; k++) {
                        say(&sides[0], &sides[1], false);
                        if (sync_fd >= 0)
                                series_add(&syncs, sync_once(sync_fd));
                }
        }
}

/* As at a log-in, and when a transaction has failed. */
static double read_back_ms(struct side *s)
{
        uint64_t start = now_ns();

        must(membership_load(s->vault, &s->membership) >= 0);
        return (double) (now_ns() - start) / 1e6;
}

static void run(const struct suite *s, uint32_t members, const char *directory, int sync_fd)
{
        _cleanup_writer_ struct writer whole = WRITER_INIT;
        struct side sides[2];
        struct crowd c;

        crowd_make(s, members, true, &c);
        enter(&sides[0], TAKE(c.committer), directory, "0123456789abcdef0123456789abcdef");
        enter(&sides[1], TAKE(c.follower), directory, "fedcba9876543210fedcba9876543210");
        steps(sides, sync_fd);
        group_write(sides[0].membership.group, &whole);
        if (directory)
                printf("%s, %u members: whole state %zu bytes, read back in %.1f ms; fdatasync of 4 KiB %.2f ms\n",
                       s->name, members, whole.size, read_back_ms(&sides[0]), series_median(&syncs));
        for (unsigned k = 0; k < 2; k++) {
                group_free(sides[k].membership.group);
                vault_free(sides[k].vault);
        }
        crowd_release(&c);
}

static void group_of(const struct suite *s, uint32_t members, const char *parent, int sync_fd)
{
        _cleanup_free_ char *directory = NULL;

        if (asprintf(&directory, "%s/%u-XXXXXX", parent, members) < 0 || !mkdtemp(directory))
                err(1, "%s", parent);
        syncs.count = 0;
        for (unsigned i = 0; i < STEPS; i++)
                parts[i].count = files[i].count = took[i].count = 0;
        run(s, members, NULL, -1);
        run(s, members, directory, sync_fd);
        printf("    %-28s %14s %14s %10s\n", "", "parts, bytes", "files, bytes", "ms");
        for (unsigned i = 0; i < STEPS; i++)
                printf("    %-28s %14.0f %14.0f %10.2f\n", step_names[i], series_median(&parts[i]) * 1e6,
                       series_median(&files[i]) * 1e6, series_median(&took[i]));
}

int main(int argc, char *argv[])
{
        static const uint32_t sizes[] = { 2, 100, 1000, 10000 };
        _cleanup_free_ char *directory = NULL;
        _cleanup_close_ int fd = -1;

        log_open("bench-storage", LOG_ERR);
        setlinebuf(stdout);
        if (asprintf(&directory, "%s/bench-storage-XXXXXX", argc > 1 ? argv[1] : "/var/tmp") < 0 || !mkdtemp(directory))
                err(1, "%s", directory);
        fd = sync_file(directory);
        for (size_t i = 0; i < COUNT_OF(sizes); i++)
                group_of(suite_by_id(1), sizes[i], directory, fd);
        remove_directory(directory);
        return 0;
}
