/* See witness.h. */
#include "authd/witness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/bus.h"
#include "services/cleanup.h"
#include "services/log.h"

enum { ASK_USEC = 10 * 1000 * 1000 };

struct question {
        struct authd *authd;
        sd_bus_message *call; /* NULL: nobody waits */
        sd_bus_message_handler_t then;
};

static void question_free(void *p)
{
        struct question *q = p;

        sd_bus_message_unref(q->call);
        free(q);
}

static int adopt_all(struct authd *a, sd_bus_message *reply)
{
        int r = sd_bus_message_enter_container(reply, 'a', "(stu)");
        const char *account;
        struct throttle_word told;

        while (r >= 0 && (r = sd_bus_message_read(reply, "(stu)", &account, &told.turn, &told.failures)) > 0)
                r = told.turn > INT64_MAX - 1 ? -EBADMSG : accounts_adopt_failures(a->accounts, account, &told);
        return r;
}

/* What cryptod says of itself is told as it says it. */
static int refused(const sd_bus_error *e, sd_bus_error *error)
{
        if (strncmp(e->name, VISAVIS_ERROR, strlen(VISAVIS_ERROR)) == 0)
                return sd_bus_error_copy(error, e);
        return sd_bus_error_setf(error, ERROR_INTERNAL,
                                 "cryptod, without which no account opens, does not answer: %s. See the journal of "
                                 "visavis-cryptod, and try again.",
                                 e->message ? e->message : e->name);
}

static int read_answer(struct authd *a, sd_bus_message *reply, sd_bus_error *error)
{
        const sd_bus_error *e = sd_bus_message_get_error(reply);
        int r;

        if (e)
                return refused(e, error);
        r = adopt_all(a, reply);
        return r < 0 ? sd_bus_error_setf(error, ERROR_STORAGE, "%s",
                                         r == -EBADMSG ? "cryptod's answer is malformed; see its journal."
                                                       : accounts_describe(a->accounts))
                     : 0;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        struct question *q = userdata;
        int r = read_answer(q->authd, reply, &error);

        if (!q->call) {
                if (r < 0)
                        log_warning("cryptod keeps no copy of the last failures, until it is told before the next "
                                    "attempt: %s",
                                    error.message);
                return 0;
        }
        if (r >= 0)
                r = sd_bus_message_rewind(q->call, 1);
        if (r >= 0)
                r = q->then(q->call, q->authd, &error);
        if (r < 0)
                (void) (sd_bus_error_is_set(&error) ? sd_bus_reply_method_error(q->call, &error)
                                                    : sd_bus_reply_method_errno(q->call, r, NULL));
        return 0;
}

/* Of one account; none is appended if the user has no such account. */
static int append_one(struct authd *a, sd_bus_message *m, uid_t uid, const char *account, unsigned *count)
{
        struct throttle_word word;
        int r = accounts_failures(a->accounts, account, uid, &word);

        if (r < 0)
                return r == -ENOENT ? 0 : r;
        (*count)++;
        return sd_bus_message_append(m, "(stu)", account, word.turn, word.failures);
}

static int append_all(struct authd *a, sd_bus_message *m, uid_t uid, unsigned *count)
{
        char account[ACCOUNT_ID_SIZE] = "";
        int r;

        while ((r = accounts_next(a->accounts, uid, account)) > 0 && (r = append_one(a, m, uid, account, count)) >= 0)
                ;
        return r;
}

static int make_question(struct authd *a, uid_t uid, const char *account, unsigned *count, sd_bus_message **out)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(a->bus, &m, "im.visavis.Crypto1", "/im/visavis/Crypto1",
                                               "im.visavis.Crypto1.Failures", "Compare");

        *count = 0;
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(stu)");
        if (r >= 0)
                r = account ? append_one(a, m, uid, account, count) : append_all(a, m, uid, count);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                *out = TAKE(m);
        return r;
}

static int send_question(struct authd *a, sd_bus_message *m, sd_bus_message *call, sd_bus_message_handler_t then)
{
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        struct question *q = malloc(sizeof(*q));
        int r;

        if (!q)
                abort();
        *q = (struct question){ a, sd_bus_message_ref(call), then };
        r = sd_bus_call_async(a->bus, &slot, m, on_answer, q, ASK_USEC);
        if (r < 0) {
                question_free(q);
                return r;
        }
        (void) sd_bus_slot_set_destroy_callback(slot, question_free);
        return sd_bus_slot_set_floating(slot, 1);
}

int witness_ask(struct authd *a, sd_bus_message *call, uid_t uid, const char *account, sd_bus_message_handler_t then,
                sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        unsigned count;
        int r = make_question(a, uid, account, &count, &m);

        if (r < 0)
                return sd_bus_error_setf(error, ERROR_STORAGE, "%s", accounts_describe(a->accounts));
        if (count == 0) {
                r = sd_bus_message_rewind(call, 1);
                return r < 0 ? r : then(call, a, error);
        }
        r = send_question(a, m, call, then);
        return r < 0 ? r : 1;
}

void witness_tell(struct authd *a, uid_t uid, const char *account)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        unsigned count;
        int r = make_question(a, uid, account, &count, &m);

        if (r >= 0 && count > 0)
                r = send_question(a, m, NULL, NULL);
        if (r < 0)
                log_warning("cryptod could not be told of a failure (%s).", strerror(-r));
}
