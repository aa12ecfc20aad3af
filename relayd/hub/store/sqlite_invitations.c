/* Invitations, from the moment when they are made until it is forgotten how they ended. */
#include "sqlite.h"

enum store_refusal store_refusal_of(int64_t uses, int64_t until, bool revoked, int64_t now)
{
        if (revoked)
                return STORE_TOKEN_REVOKED;
        if (uses == 0)
                return STORE_TOKEN_USED;
        return until <= now ? STORE_TOKEN_EXPIRED : STORE_TOKEN_UNKNOWN;
}

int store_use_invitation(struct store *s, struct store_request *r)
{
        _cleanup_query_ sqlite3_stmt *use = store_query(s, Q_INVITATION_USE), *fate = store_query(s, Q_INVITATION_FATE);
        int64_t now = now_usec();
        int e;

        bind_bytes(use, 1, BYTES_OF(r->token));
        bind_integer(use, 2, now);
        e = storage_step(use);
        if (e < 0 || sqlite3_changes(s->db) > 0)
                return e < 0 ? e : 1;
        bind_bytes(fate, 1, BYTES_OF(r->token));
        e = storage_step(fate);
        r->refusal = e <= 0 ? STORE_TOKEN_UNKNOWN
                            : store_refusal_of(storage_column_integer(fate, 0), storage_column_integer(fate, 1),
                                               storage_column_integer(fate, 2) != 0, now);
        return e < 0 ? e : 0;
}

int store_run_invite(struct store *s, struct store_request *r)
{
        return storage_run(s->db, "insert into invitations (token, uses, until, created) values (?, ?, ?, ?)", "biii",
                           BYTES_OF(r->token), r->uses, (int64_t) r->until_usec, now_usec());
}

int store_run_revoke(struct store *s, struct store_request *r)
{
        int64_t now = now_usec();
        int e = storage_run(s->db,
                            "update invitations set revoked = 1, ended = ?1"
                            " where substr(token, 1, 8) = ?2 and revoked = 0 and uses > 0 and until > ?1",
                            "ib", now, BYTES(r->token, STORE_INVITATION_ID_SIZE));

        if (e >= 0 && sqlite3_changes(s->db) == 0)
                r->result = STORE_UNKNOWN;
        return e;
}

int store_expire_invitations(struct store *s, int64_t now)
{
        int64_t before = now - STORE_INVITATION_DAYS * 24 * 3600 * INT64_C(1000000);

        return storage_run(s->db,
                           "delete from invitations where until < ?1 or ended < ?1 or (uses = 0 and ended is null)",
                           "i", before);
}
