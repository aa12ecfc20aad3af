/* See retention.h. */
#include "cryptod/conversation/retention.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <time.h>

#include "services/cleanup.h"
#include "services/storage.h"

struct instant instant_now(void)
{
        struct instant now = { 0 };
        struct timespec t;
        sd_id128_t boot;

        (void) clock_gettime(CLOCK_REALTIME, &t);
        now.wall = (uint64_t) t.tv_sec;
        (void) clock_gettime(CLOCK_BOOTTIME, &t);
        now.up = (uint64_t) t.tv_sec;
        if (sd_id128_get_boot(&boot) >= 0)
                memcpy(now.boot, boot.bytes, sizeof(now.boot));
        return now;
}

struct reading {
        uint64_t time;
        struct instant at;
};

static int read_clock(struct vault *v, struct reading *out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        struct bytes boot;
        int r = storage_prepare(vault_database(v), &s, "SELECT time, wall, up, boot FROM retention_clock", "");

        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r;
        boot = storage_column_bytes(s, 3);
        if (boot.size != sizeof(out->at.boot))
                return -EBADMSG;
        out->time = (uint64_t) storage_column_integer(s, 0);
        out->at.wall = (uint64_t) storage_column_integer(s, 1);
        out->at.up = (uint64_t) storage_column_integer(s, 2);
        memcpy(out->at.boot, boot.data, boot.size);
        return 1;
}

static uint64_t elapsed(uint64_t from, uint64_t to)
{
        return to > from ? to - from : 0;
}

/* 1: and a reading is stored; 0: none is. */
static int read_time(struct vault *v, const struct instant *now, uint64_t *out)
{
        struct reading last = { 0 };
        int r = read_clock(v, &last);

        if (r < 0)
                return r;
        if (r == 0)
                last.time = now->wall;
        else if (memcmp(last.at.boot, now->boot, sizeof(now->boot)) == 0)
                last.time += elapsed(last.at.up, now->up);
        else
                last.time += elapsed(last.at.wall, now->wall);
        *out = last.time;
        return r;
}

int retention_now(struct vault *v, uint64_t *out)
{
        const struct instant now = instant_now();
        int r = read_time(v, &now, out);

        return r == 0 ? retention_time(v, &now, out) : r < 0 ? r : 0;
}

int retention_time(struct vault *v, const struct instant *now, uint64_t *out)
{
        int r = read_time(v, now, out);

        if (r < 0)
                return r;
        return storage_run(vault_database(v), "INSERT OR REPLACE INTO retention_clock VALUES (1, ?, ?, ?, ?)", "iiib",
                           (int64_t) *out, (int64_t) now->wall, (int64_t) now->up, BYTES_OF(now->boot));
}

int retention_expired(struct vault *v, uint64_t time, struct expired *out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        struct bytes conversation;
        int r = storage_prepare(vault_database(v), &s,
                                "SELECT id, conversation FROM message WHERE deadline <= ? ORDER BY deadline LIMIT 1",
                                "i", (int64_t) time);

        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r;
        conversation = storage_column_bytes(s, 1);
        if (conversation.size != sizeof(out->conversation))
                return -EBADMSG;
        out->id = (uint64_t) storage_column_integer(s, 0);
        memcpy(out->conversation, conversation.data, conversation.size);
        return 1;
}

int retention_next(struct vault *v, uint64_t *deadline)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(vault_database(v), &s, "SELECT MIN(deadline) FROM message WHERE deadline IS NOT NULL",
                                "");

        if (r >= 0)
                r = storage_step(s);
        if (r > 0)
                *deadline = (uint64_t) storage_column_integer(s, 0);
        return r < 0 ? r : 0;
}
