/* im.visavis.Crypto1.History at /im/visavis/Crypto1/account/ID: finding what was said, and taking it along. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/conversation/history_search.h"
#include "cryptod/conversation/messenger_content.h"
#include "cryptod/exporting.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/text.h"

#define INTERFACE "im.visavis.Crypto1.History"

enum { SEARCH_MAX = 500, SEARCH_DEFAULT = 50, INDEX_STEP = 200, INDEX_PAUSE_USEC = 2000 };

/* -- the index ----------------------------------------------------------------------------------------------------- */

static int on_index(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct account *a = userdata;

        if (history_index(a->vault, a->index, INDEX_STEP) > 0 &&
            sd_event_source_set_time_relative(source, INDEX_PAUSE_USEC) >= 0 &&
            sd_event_source_set_enabled(source, SD_EVENT_ONESHOT) >= 0)
                return 0;
        a->indexing = sd_event_source_disable_unref(a->indexing);
        return 0;
}

static void start_index(struct account *a)
{
        text_index_free(a->index);
        a->index = text_index_new();
        a->indexing = sd_event_source_disable_unref(a->indexing);
        if (sd_event_add_time_relative(a->cryptod->event, &a->indexing, CLOCK_BOOTTIME, INDEX_PAUSE_USEC, 0, on_index,
                                       a) >= 0)
                (void) sd_event_source_set_priority(a->indexing, SD_EVENT_PRIORITY_IDLE);
}

void history_object_open(struct account *a)
{
        start_index(a);
}

void history_object_close(struct account *a)
{
        exporting_end_all(a);
        a->indexing = sd_event_source_disable_unref(a->indexing);
        a->index = text_index_free(a->index);
}

void history_object_changed(struct account *a, const struct conversation *c, uint64_t message)
{
        (void) history_reindex(a->vault, a->index, conversation_id(c), message);
}

/* -- searching ----------------------------------------------------------------------------------------------------- */

struct search {
        struct account *account;
        struct bytes conversation;
        uint8_t id[CONVERSATION_ID_SIZE];
        uint64_t before;
        uint32_t limit;
};

static int read_option(sd_bus_message *m, const char *name, void *userdata, sd_bus_error *error)
{
        struct search *s = userdata;
        const char *text;
        int r;

        if (strcmp(name, "before") == 0)
                return sd_bus_message_read(m, "v", "t", &s->before);
        if (strcmp(name, "limit") == 0)
                return sd_bus_message_read(m, "v", "u", &s->limit);
        if (strcmp(name, "conversation") != 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "There is no option \"%s\" here.", name);
        r = sd_bus_message_read(m, "v", "s", &text);
        if (r < 0)
                return r;
        s->conversation = BYTES_OF(s->id);
        return hex_decode(text, s->id, sizeof(s->id)) >= 0 && messenger_find(s->account->messenger, s->conversation)
                       ? 0
                       : sd_bus_error_setf(error, ERROR_NOT_FOUND, "There is no conversation \"%s\".", text);
}

static int read_options(sd_bus_message *m, struct search *s, sd_bus_error *error)
{
        int r = bus_read_options(m, read_option, s, error);

        if (r >= 0 && (s->limit < 1 || s->limit > SEARCH_MAX || s->before > INT64_MAX))
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "Ask for 1 to %d messages at a time.",
                                         SEARCH_MAX);
        return r;
}

static int answer(sd_bus_message *m, const struct text_match *found, size_t count)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r = bus_answer_list(m, "(st)", &reply);

        for (size_t i = 0; r >= 0 && i < count; i++) {
                _cleanup_free_ char *id = hex_encode(BYTES_OF(found[i].conversation));

                r = id ? sd_bus_message_append(reply, "(st)", id, found[i].message) : -ENOMEM;
        }
        return r < 0 ? r : bus_send_list(reply);
}

static int on_search(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct search s = { .account = a, .limit = SEARCH_DEFAULT };
        struct text_match found[SEARCH_MAX];
        struct text_query q;
        const char *text;
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &text);
        if (r >= 0)
                r = read_options(m, &s, error);
        if (r < 0)
                return r;
        r = text_query_read(BYTES_STRING(text), &q);
        if (r < 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "Say 1 to %d words to look for.",
                                         TEXT_INDEX_WORDS_MAX);
        r = history_search(a->vault, a->index, &q, s.conversation, s.before, s.limit, found);
        explicit_bzero(&q, sizeof(q));
        return r < 0 ? account_object_storage_error(r, error) : answer(m, found, (size_t) r);
}

static int on_message_at(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        uint64_t time, message;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "t", &time);
        if (r < 0)
                return r;
        r = history_at(a->vault, conversation_id(c), time, &message);
        if (r == 0)
                return sd_bus_error_set(error, ERROR_NOT_FOUND, "Nothing was said here since then.");
        return r < 0 ? account_object_storage_error(r, error) : sd_bus_reply_method_return(m, "t", message);
}

/* -- taking along, and clearing ------------------------------------------------------------------------------------ */

static int begin(struct account *a, const struct conversation *c, sd_bus_message *m, int output,
                 const struct exporting_range *range, sd_bus_error *error)
{
        uint32_t job;
        int r = exporting_start(a, c, m, output, range, &job);

        if (r == -EBUSY || r == -EAGAIN)
                return sd_bus_error_set(error, ERROR_BUSY, "Too many files are being written; wait until one is done.");
        return r < 0 ? r : sd_bus_reply_method_return(m, "u", job);
}

static int on_export(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct exporting_range range = { 0 };
        struct account *a = userdata;
        struct conversation *c;
        const char *format;
        int output, r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "sh", &format, &output);
        if (r < 0)
                return r;
        if (strcmp(format, "json") != 0 && strcmp(format, "text") != 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "\"%s\" is no format: json and text are.",
                                         format);
        range.format = strcmp(format, "json") == 0 ? EXPORT_JSON : EXPORT_TEXT;
        return begin(a, c, m, output, &range, error);
}

/* Where to begin, and in which direction. */
static int read_range(sd_bus_message *m, const char *name, void *userdata, sd_bus_error *error)
{
        struct exporting_range *range = userdata;
        bool before = strcmp(name, "before") == 0;

        if (strcmp(name, "limit") == 0)
                return sd_bus_message_read(m, "v", "t", &range->limit);
        if (!before && strcmp(name, "after") != 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "There is no option \"%s\" here; there are after, before and limit.", name);
        if (range->newest_first || range->from > 0)
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "Say after or before, and not both: messages are written in one order.");
        range->newest_first = before;
        return sd_bus_message_read(m, "v", "t", &range->from);
}

static int on_stream(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct exporting_range range = { .format = EXPORT_LINES };
        struct account *a = userdata;
        struct conversation *c;
        int output, r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = bus_read_options(m, read_range, &range, error);
        if (r >= 0 && range.from > INT64_MAX)
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT, "No message has so high a number.");
        if (r >= 0)
                r = sd_bus_message_read(m, "h", &output);
        return r < 0 ? r : begin(a, c, m, output, &range, error);
}

static int on_clear(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r < 0)
                return r;
        r = messenger_clear(a->messenger, c);
        if (r >= 0)
                start_index(a);
        return r < 0 ? account_object_storage_error(r, error) : sd_bus_reply_method_return(m, "");
}

/* -- what is kept -------------------------------------------------------------------------------------------------- */

/* A conversation, or with an empty id none: all of them. */
static int read_scope(struct account *a, sd_bus_message *m, sd_bus_error *error, struct conversation **out)
{
        const char *id;
        int r = account_object_check_holder(a, m, error);

        *out = NULL;
        if (r >= 0)
                r = sd_bus_message_read(m, "s", &id);
        if (r < 0 || !*id)
                return r;
        r = sd_bus_message_rewind(m, 1);
        return r < 0 ? r : account_object_read_conversation(a, m, error, out);
}

static int on_retention(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        struct keeping k;
        int own, r = read_scope(a, m, error, &c);

        if (r < 0)
                return r;
        own = keeping_load(a->vault, c ? conversation_id(c) : BYTES(NULL, 0), &k);
        return own < 0 ? account_object_storage_error(own, error)
                       : sd_bus_reply_method_return(m, "uub", k.days, k.messages, own);
}

static int keep(struct account *a, sd_bus_message *m, const struct conversation *c, const struct keeping *k,
                sd_bus_error *error)
{
        int r = messenger_set_keeping(a->messenger, c, k);

        if (r == -EINVAL)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "Keep up to %d days and %d messages; 0: all.",
                                         KEEPING_DAYS_MAX, KEEPING_MESSAGES_MAX);
        return r < 0 ? account_object_storage_error(r, error) : sd_bus_reply_method_return(m, "");
}

static int on_set_retention(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        struct keeping k;
        int r = read_scope(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "uu", &k.days, &k.messages);
        return r < 0 ? r : keep(a, m, c, &k, error);
}

static int on_unset_retention(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        int r = read_scope(a, m, error, &c);

        return r < 0 ? r : keep(a, m, c, NULL, error);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Search", SD_BUS_ARGS("s", words, "a{sv}", options), SD_BUS_RESULT("a(st)", messages),
                                on_search, SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("MessageAt", SD_BUS_ARGS("s", conversation, "t", time), SD_BUS_RESULT("t", message),
                                on_message_at, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Export", SD_BUS_ARGS("s", conversation, "s", format, "h", output),
                                SD_BUS_RESULT("u", job), on_export, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Stream", SD_BUS_ARGS("s", conversation, "a{sv}", options, "h", output),
                                SD_BUS_RESULT("u", job), on_stream, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Clear", SD_BUS_ARGS("s", conversation), SD_BUS_NO_RESULT, on_clear,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Retention", SD_BUS_ARGS("s", conversation),
                                SD_BUS_RESULT("u", days, "u", messages, "b", own), on_retention,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetRetention", SD_BUS_ARGS("s", conversation, "u", days, "u", messages),
                                SD_BUS_NO_RESULT, on_set_retention, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("UnsetRetention", SD_BUS_ARGS("s", conversation), SD_BUS_NO_RESULT, on_unset_retention,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("Exported", SD_BUS_ARGS("u", job, "s", error, "s", text), 0),
        SD_BUS_VTABLE_END,
};

int history_object_export(struct account *a)
{
        char path[128];

        (void) account_object_path(a, path, sizeof(path));
        return sd_bus_add_object_vtable(a->cryptod->bus, &a->history_object, path, INTERFACE, vtable, a);
}
