/* See draft.h. */
#include "ui/desktop/draft.h"

#include "ui/client/calls.h"
#include "ui/client/client.h"

enum { KEPT_AFTER_MSEC = 1000 };

struct draft {
        struct composer *composer;
        const struct people *people;
        struct account *account; /* NULL: no conversation is open */
        const char *conversation;
        struct calls calls;
        uint64_t replies_to, edits;
        char *before; /* what stood there before an edit began; else NULL */
        guint timer;
};

/* What stands in the field while a message is being edited is that message, no draft. */
static void keep(struct draft *d)
{
        g_autofree char *text = d->edits > 0 ? NULL : composer_text(d->composer);

        g_clear_handle_id(&d->timer, g_source_remove);
        if (text)
                (void) account_tell(d->account, CRYPTO_MESSAGES, "SetDraft", "sst", d->conversation, text,
                                    d->replies_to);
}

static gboolean on_time(gpointer userdata)
{
        struct draft *d = userdata;

        d->timer = 0;
        keep(d);
        return G_SOURCE_REMOVE;
}

void draft_typed(struct draft *d)
{
        g_clear_handle_id(&d->timer, g_source_remove);
        if (d->account && d->edits == 0)
                d->timer = g_timeout_add(KEPT_AFTER_MSEC, on_time, d);
}

static void show_reply(struct draft *d, const char *sender, bool own, const char *text, const char *file_name)
{
        g_autofree char *name = own ? g_strdup("yourself") : people_name(d->people, sender);
        g_autofree char *title = g_strdup_printf("Reply to %s", name);
        g_autofree char *beginning = message_facts_beginning(text, file_name);

        composer_set_context(d->composer, "mail-reply-sender-symbolic", title, beginning);
}

void draft_reply(struct draft *d, const struct message_facts *m)
{
        if (d->edits > 0)
                draft_let_go(d);
        d->replies_to = m->id;
        show_reply(d, m->sender, m->own, m->text, m->file_name);
        draft_typed(d);
        composer_focus(d->composer);
}

void draft_edit(struct draft *d, const struct message_facts *m)
{
        g_autofree char *beginning = message_facts_beginning(m->text, m->file_name);

        if (d->edits == 0) {
                if (d->timer)
                        keep(d);
                d->before = composer_text(d->composer);
        }
        d->replies_to = 0;
        d->edits = m->id;
        composer_set_context(d->composer, "document-edit-symbolic", "Edit message", beginning);
        composer_set_text(d->composer, m->text);
        composer_focus(d->composer);
}

static void end_edit(struct draft *d)
{
        if (d->before)
                composer_set_text(d->composer, d->before);
        g_clear_pointer(&d->before, g_free);
        d->replies_to = d->edits = 0;
        composer_set_context(d->composer, NULL, NULL, NULL);
}

void draft_let_go(struct draft *d)
{
        end_edit(d);
        draft_typed(d);
}

void draft_sent(struct draft *d)
{
        end_edit(d);
        keep(d);
}

static void on_replied(const struct said *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct draft *d = userdata;

        if (n == 1 && list[0].id == d->replies_to)
                show_reply(d, list[0].sender, list[0].own, list[0].text, list[0].file_name);
        else
                d->replies_to = 0;
}

void draft_open(struct draft *d, struct account *a, const char *conversation, const char *text, uint64_t replies_to)
{
        d->account = a;
        d->conversation = conversation;
        d->replies_to = replies_to;
        composer_restore(d->composer, text);
        if (replies_to > 0)
                (void) messages_read(a, &d->calls, conversation,
                                     &(struct said_page){ .before = replies_to + 1, .limit = 1 }, on_replied, d);
}

void draft_close(struct draft *d)
{
        if (d->account && d->timer)
                keep(d);
        g_clear_handle_id(&d->timer, g_source_remove);
        calls_cancel(&d->calls);
        end_edit(d);
        composer_clear(d->composer);
        d->account = NULL;
}

uint64_t draft_replies_to(const struct draft *d)
{
        return d->replies_to;
}

uint64_t draft_edits(const struct draft *d)
{
        return d->edits;
}

struct draft *draft_new(struct composer *composer, const struct people *people)
{
        struct draft *d = g_new0(struct draft, 1);

        d->composer = composer;
        d->people = people;
        return d;
}

void draft_free(struct draft *d)
{
        g_clear_handle_id(&d->timer, g_source_remove);
        calls_cancel(&d->calls);
        g_free(d->before);
        g_free(d);
}
