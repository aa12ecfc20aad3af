/* See account_parts.h: what cryptod asks the hub, whose answers answer its calls. */
#include "account_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/bus.h"
#include "services/cleanup.h"
#include "services/memfd.h"

void account_waiting_free(struct waiting *w)
{
        struct account *a = w->account;

        for (struct waiting **p = &a->waiting; *p; p = &(*p)->next) {
                if (*p == w) {
                        *p = w->next;
                        break;
                }
        }
        sd_bus_message_unref(w->call);
        writer_release(&w->body);
        free(w);
}

const char *account_bus_error(const struct link_error *e)
{
        if (e->failure != LINK_REFUSED)
                return ERROR_HUB;
        switch (e->code) {
        case WIRE_ERROR_NAME_TAKEN:
                return ERROR_EXISTS;
        case WIRE_ERROR_UNKNOWN_RECIPIENT:
        case WIRE_ERROR_NO_KEY_PACKAGE:
        case WIRE_ERROR_NO_ROOM:
                return ERROR_NOT_FOUND;
        case WIRE_ERROR_TOO_FAST:
                return ERROR_THROTTLED;
        case WIRE_ERROR_TOO_LARGE:
                return ERROR_INVALID_ARGUMENT;
        default:
                return ERROR_HUB;
        }
}

static void answer_delete(struct account *a, sd_bus_message *call)
{
        if (account_forget(a) < 0)
                (void) sd_bus_reply_method_errorf(call, ERROR_STORAGE, "%s", ledger_describe(a->node->ledger));
        else
                (void) sd_bus_reply_method_return(call, "");
}

/* The hub, which has proved its key, does not know the account (any more): an answer may have been lost. */
static bool is_gone_there(const struct waiting *w, const struct link_error *e)
{
        return w->type == FRAME_DELETE_ACCOUNT && e->failure == LINK_REFUSED &&
               (e->code == WIRE_ERROR_NOT_AUTHENTICATED || e->code == WIRE_ERROR_DELETED);
}

void account_fail_questions(struct account *a, const struct link_error *e)
{
        while (a->waiting) {
                struct waiting *w = a->waiting;

                if (is_gone_there(w, e))
                        answer_delete(a, w->call);
                else
                        (void) sd_bus_reply_method_errorf(w->call, account_bus_error(e), "%s", e->sentence);
                account_waiting_free(w);
        }
}

void account_answer_removed(struct account *a)
{
        for (struct waiting *w = a->waiting; w; w = w->next) {
                if (w->type == FRAME_DELETE_ACCOUNT)
                        (void) sd_bus_reply_method_return(w->call, "");
                else
                        (void) sd_bus_reply_method_errorf(w->call, ERROR_NOT_FOUND,
                                                          "The account was deleted meanwhile.");
        }
}

static void answer_claim(struct waiting *w, struct bytes answer)
{
        _cleanup_close_ int fd = -1;
        struct bytes package;
        bool last_resort;
        int r = read_claim_answer(answer, &last_resort, &package);

        if (r >= 0)
                r = memfd_make(package, &fd);
        if (r < 0)
                (void) sd_bus_reply_method_errorf(w->call, ERROR_HUB,
                                                  "The hub's key package cannot be handed over: %s.", strerror(-r));
        else
                (void) sd_bus_reply_method_return(w->call, "h", fd);
}

static void answer_state(struct waiting *w, struct bytes answer)
{
        _cleanup_close_ int fd = -1;
        struct room_state state;
        int r = read_room_state(answer, &state);

        if (r >= 0)
                r = memfd_make(answer, &fd);
        if (r < 0)
                (void) sd_bus_reply_method_errorf(
                        w->call, ERROR_HUB, "The hub's state of the room cannot be handed over: %s.", strerror(-r));
        else
                (void) sd_bus_reply_method_return(w->call, "h", fd);
}

static int append_rooms(sd_bus_message *m, struct bytes rooms)
{
        char text[WIRE_NAME_MAX + 1];
        struct bytes name;
        struct reader r;
        uint32_t members;
        int e = sd_bus_message_open_container(m, 'a', "(su)");

        reader_init(&r, rooms);
        while (e >= 0 && room_next(&r, &name, &members)) {
                memcpy(text, name.data, name.size);
                text[name.size] = '\0';
                e = sd_bus_message_append(m, "(su)", text, members);
        }
        return e < 0 ? e : sd_bus_message_close_container(m);
}

static void answer_rooms(struct waiting *w, struct bytes answer)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct bytes rooms;
        int r = read_rooms(answer, &rooms);

        if (r >= 0)
                r = sd_bus_message_new_method_return(w->call, &m);
        if (r >= 0)
                r = append_rooms(m, rooms);
        if (r >= 0)
                r = sd_bus_send(NULL, m, NULL);
        if (r < 0)
                (void) sd_bus_reply_method_errorf(w->call, ERROR_HUB, "The hub's rooms cannot be listed: %s.",
                                                  strerror(-r));
}

static void on_waiting_answered(void *userdata, const struct link_error *error, struct bytes answer)
{
        struct waiting *w = userdata;

        if (error)
                (void) sd_bus_reply_method_errorf(w->call, account_bus_error(error), "%s", error->sentence);
        else if (w->type == FRAME_CLAIM_KEY_PACKAGE)
                answer_claim(w, answer);
        else if (w->type == FRAME_FETCH_ROOM)
                answer_state(w, answer);
        else if (w->type == FRAME_LIST_ROOMS)
                answer_rooms(w, answer);
        else if (w->type == FRAME_DELETE_ACCOUNT)
                answer_delete(w->account, w->call);
        else
                (void) sd_bus_reply_method_return(w->call, "");
        account_waiting_free(w);
}

void account_ask_hub(struct account *a)
{
        for (struct waiting *w = a->waiting, *next; w; w = next) {
                next = w->next;
                if (w->sent)
                        continue;
                if (link_request(a->link, w->type, writer_bytes(&w->body), on_waiting_answered, w) < 0)
                        return;
                w->sent = true;
        }
}

int account_ask(struct account *a, sd_bus_message *call, enum frame_type type, struct writer *body)
{
        struct waiting *w, **last = &a->waiting;

        if (!a->row.enabled)
                return sd_bus_reply_method_errorf(call, ERROR_HUB, "%s", SWITCHED_OFF);
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->account = a;
        w->call = sd_bus_message_ref(call);
        w->type = type;
        w->body = *body;
        *body = WRITER_INIT;
        while (*last)
                last = &(*last)->next;
        *last = w;
        if (a->state == ACCOUNT_OFFLINE)
                account_start(a);
        account_wake(a);
        return 0;
}

int account_delete(struct account *a, sd_bus_message *call, bool local_only)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;

        if (local_only) {
                answer_delete(a, call);
                return 1;
        }
        write_delete_account(&body, BYTES_STRING(a->row.address.name));
        int r = writer_finish(&body);

        if (r >= 0)
                r = account_ask(a, call, FRAME_DELETE_ACCOUNT, &body);
        return r < 0 ? r : 1;
}
