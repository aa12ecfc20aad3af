/* See session_parts.h: chunks are handed out as fast as the reader takes them and the rate allows. */
#include "session_parts.h"

#include <errno.h>

#include "services/cleanup.h"

static void write_content(void *userdata, struct bytes content)
{
        write_chunk_content(userdata, content);
}

static int on_desk_slow(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct session *s = userdata;

        s->desk_waiting = false;
        session_serve_chunks(s);
        session_throttle(s);
        return 0;
}

/* The bytes that have just left count against the rate of chunks. */
static void spend_chunk(struct session *s, size_t size)
{
        uint64_t now = hub_now(s->hub), wait = gate_chunk(hub_gate(s->hub), &s->pass, s->place.mailbox, size, now);

        s->desk_waiting = wait > 0 && session_wait_for(s, &s->desk_slow, wait, on_desk_slow);
}

static void hand_out(struct session *s, uint32_t request, const uint8_t name[static CHUNK_NAME_SIZE])
{
        _cleanup_writer_ struct writer body = WRITER_INIT;
        int r = store_read_chunk(hub_store(s->hub), name, write_content, &body);

        if (r >= 0)
                r = writer_finish(&body);
        if (r >= 0) {
                channel_send(s->channel, FRAME_GET_CHUNK | FRAME_ANSWER, request, writer_bytes(&body));
                spend_chunk(s, body.size);
        } else if (r == -ENOENT) {
                REFUSE(s, request, WIRE_ERROR_NO_CHUNK, 0, NOBODY,
                       "This hub has no chunk of that name, or none any more.");
        } else {
                REFUSE(s, request, WIRE_ERROR_STORAGE, 0, NOBODY,
                       "The hub could not read from its disk; try again later.");
        }
}

void session_serve_chunks(struct session *s)
{
        uint8_t name[CHUNK_NAME_SIZE];
        uint32_t request;

        while (s->state == SESSION_PROVEN && !s->desk_waiting && channel_has_room(s->channel) && s->desk.count > 0 &&
               session_has_memory(s, CHUNK_SIZE_MAX) && chunk_desk_take(&s->desk, &request, name))
                hand_out(s, request, name);
        if (s->desk.count > 0 && !s->starved && !s->desk_waiting)
                channel_await_room(s->channel);
}

void session_get_chunk(struct session *s, const struct frame *f)
{
        uint8_t name[CHUNK_NAME_SIZE];

        if (read_chunk_name(f->body, name) < 0)
                session_break_off(s, f->request, WIRE_ERROR_PROTOCOL, "GET_CHUNK is malformed.");
        else if (chunk_desk_ask(&s->desk, f->request, name) < 0)
                REFUSE(s, f->request, WIRE_ERROR_STORAGE, 0, NOBODY, "The hub is out of memory; try again later.");
        else
                session_serve_chunks(s);
}
