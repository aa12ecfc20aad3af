/* See history_search.h. */
#include "cryptod/conversation/history_search.h"

#include <string.h>

#include "services/cleanup.h"

/* What somebody may look for: what a message says, or what its file is called. */
static struct bytes searched(const struct message *m)
{
        if (m->deleted || m->sender == SENDER_NOTICE)
                return BYTES(NULL, 0);
        return m->content.text.size > 0 || m->content.kind != CONTENT_FILE ? m->content.text : m->content.file.name;
}

int history_index(struct vault *v, struct text_index *x, unsigned count)
{
        _cleanup_(history_cursor_release) struct history_cursor all = { 0 };
        int r = history_all_after(v, text_index_last(x), &all);

        while (r >= 0 && count-- > 0) {
                _cleanup_(message_release) struct message m = { 0 };

                r = history_read(&all, &m);
                if (r <= 0)
                        return r;
                text_index_add(x, m.id, all.conversation.data, searched(&m));
        }
        return r < 0 ? r : 1;
}

int history_reindex(struct vault *v, struct text_index *x, struct bytes conversation, uint64_t message)
{
        _cleanup_(message_release) struct message m = { 0 };
        int r = message > text_index_last(x) ? 0 : history_get(v, conversation, message, &m);

        if (r >= 0 && message <= text_index_last(x))
                text_index_replace(x, message, r > 0 ? searched(&m) : BYTES(NULL, 0));
        return r < 0 ? r : 0;
}

/* The part of the history that is too old for the index. */
static int search_disk(struct vault *v, const struct text_query *q, struct bytes conversation, uint64_t before,
                       unsigned limit, struct text_match *out)
{
        _cleanup_(history_cursor_release) struct history_cursor all = { 0 };
        unsigned found = 0;
        int r = history_all_before(v, before, &all);

        while (r >= 0 && found < limit) {
                _cleanup_(message_release) struct message m = { 0 };

                r = history_read(&all, &m);
                if (r <= 0)
                        break;
                if ((conversation.size > 0 && !bytes_equal(conversation, all.conversation)) ||
                    !text_query_matches(q, searched(&m)))
                        continue;
                memcpy(out[found].conversation, all.conversation.data, CONVERSATION_ID_SIZE);
                out[found++].message = m.id;
        }
        return r < 0 ? r : (int) found;
}

int history_search(struct vault *v, struct text_index *x, const struct text_query *q, struct bytes conversation,
                   uint64_t before, unsigned limit, struct text_match *out)
{
        unsigned found;
        int r;

        do
                r = history_index(v, x, UINT32_MAX);
        while (r > 0);
        if (r < 0)
                return r;
        if (before == 0)
                before = UINT64_MAX;
        found = (unsigned) text_index_search(x, q, conversation.data, before, limit, out);
        if (found < limit && text_index_first(x) > 1) {
                before = before < text_index_first(x) ? before : text_index_first(x);
                r = search_disk(v, q, conversation, before, limit - found, out + found);
        }
        return r < 0 ? r : (int) found + r;
}
