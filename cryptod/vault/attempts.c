/* What wrong factors cost an account, and what authd's failures have: the part of vault.h about attempts. */
#include <errno.h>

#include "cryptod/vault/vault_state.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/storage.h"

enum { UNLOCK_BYTES = 1 << 16 /* counting what an attempt costs, some pages each time */ };

int vault_attempts_read(struct vault *v)
{
        _cleanup_statement_ sqlite3_stmt *throttle = NULL;
        int r = storage_prepare(v->db, &throttle, "SELECT content FROM throttle", "");
        if (r >= 0)
                r = storage_step(throttle);
        if (r > 0) {
                struct reader reader;

                reader_init(&reader, storage_column_bytes(throttle, 0));
                throttle_read(&reader, &v->throttle);
                r = reader_finish(&reader);
        }
        return r;
}

static int store_throttle(struct vault *v, const struct throttle *t)
{
        _cleanup_writer_ struct writer content = WRITER_INIT;
        int r;

        throttle_write(t, &content);
        r = writer_finish(&content);
        if (r >= 0)
                r = storage_run(v->db, "INSERT OR REPLACE INTO throttle VALUES (1, ?)", "b", writer_bytes(&content));
        if (r >= 0)
                v->throttle = *t;
        return r;
}

int vault_wait(const struct vault *v, uint64_t *wait_usec)
{
        struct boot_time now;
        int r = boot_time_now(&now);

        if (r < 0)
                return r;
        *wait_usec = throttle_remaining(&v->throttle, &now);
        return *wait_usec > 0 ? -EAGAIN : 0;
}

int vault_check_room(const struct vault *v)
{
        return storage_check_room(v->db, UNLOCK_BYTES);
}

int vault_attempt(struct vault *v, uint64_t *wait_usec)
{
        struct throttle next = v->throttle;
        struct boot_time now;
        int r = boot_time_now(&now);

        if (r >= 0)
                r = vault_wait(v, wait_usec);
        if (r < 0)
                return r;
        throttle_attempt(&next, &now);
        return store_throttle(v, &next);
}

uint64_t vault_redemptions(const struct vault *v)
{
        return v->redemptions;
}

int vault_count_redemption(struct vault *v, uint64_t count, uint64_t unopened)
{
        struct throttle next = v->throttle;
        struct boot_time now;
        uint64_t unknown = count > v->redemptions ? count - v->redemptions - 1 : 0;
        uint64_t missed = unknown < unopened ? unknown : unopened - (unopened > 0);
        int r = boot_time_now(&now);

        if (r >= 0)
                r = storage_run(v->db, "UPDATE account SET redemptions = ?", "i", (int64_t) count);
        if (r < 0)
                return r;
        v->redemptions = count;
        if (unknown == 0)
                return 0;
        log_warning(
                "authd has redeemed %llu tickets for account %s that are not known here: cryptod's state was put back "
                "from an older copy, or its end cut attempts off. Those after the last that opened it, %llu, count as "
                "wrong factors.",
                (unsigned long long) unknown, v->account.id, (unsigned long long) missed);
        for (uint64_t i = 0; i < missed && i < THROTTLE_LOCK_OUT; i++)
                throttle_attempt(&next, &now);
        return store_throttle(v, &next);
}

int vault_compare_failures(struct vault *v, struct throttle_word *face)
{
        if (face->turn > v->face.turn) {
                int r = storage_run(v->db, "UPDATE account SET face_turn = ?, face_failures = ?", "ii",
                                    (int64_t) face->turn, (int64_t) face->failures);

                if (r < 0)
                        return r;
                v->face = *face;
        }
        *face = v->face;
        return 0;
}

int vault_attempts_clear(struct vault *v)
{
        return store_throttle(v, &(struct throttle){ 0 });
}
