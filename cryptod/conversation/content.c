/* See content.h. */
#include "cryptod/conversation/content.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/conversation/list.h"
#include "services/address.h"
#include "services/cleanup.h"
#include "services/seal.h"
#include "services/text.h"

enum { VERSION = 2, FORWARDED = 1 };

bool content_is_shown(const struct content *c)
{
        return c->kind < CONTENT_SILENT;
}

/* -- texts -------------------------------------------------------------------------------------------------------- */

struct mention read_mention(struct reader *r)
{
        struct mention m;

        m.offset = read_u32(r);
        m.length = read_u32(r);
        m.address = read_vector(r);
        if (m.address.size == 0 || m.address.size >= ADDRESS_TEXT_MAX || !utf8_valid(m.address))
                reader_fail(r);
        return m;
}

void write_mention(struct writer *w, const struct mention *m)
{
        write_u32(w, m->offset);
        write_u32(w, m->length);
        write_vector(w, m->address);
}

static bool mentions_valid(struct bytes text, struct bytes mentions)
{
        unsigned count = 0;
        struct reader r;

        reader_init(&r, mentions);
        while (reader_more(&r)) {
                struct mention m = read_mention(&r);

                if (++count > CONTENT_MENTIONS_MAX || m.length == 0 || m.offset > text.size ||
                    m.length > text.size - m.offset)
                        return false;
        }
        return reader_finish(&r) == 0;
}

static void read_text(struct reader *r, bool may_be_empty, struct content *c)
{
        uint8_t flags = read_u8(r);

        c->forwarded = flags == FORWARDED;
        c->text = read_vector(r);
        c->mentions = read_vector(r);
        if (flags > FORWARDED || (c->text.size == 0 && !may_be_empty) || c->text.size > CONTENT_TEXT_MAX ||
            !utf8_valid(c->text) || !mentions_valid(c->text, c->mentions))
                reader_fail(r);
}

static void read_file(struct reader *r, struct content *c)
{
        read_text(r, true, c);
        c->part = read_vector(r);
        if (file_part_read(c->part, &c->file) < 0)
                reader_fail(r);
}

static void write_text(struct writer *w, const struct content *c)
{
        write_u8(w, c->forwarded ? FORWARDED : 0);
        write_vector(w, c->text);
        write_vector(w, c->mentions);
}

static void write_file(struct writer *w, const struct content *c)
{
        size_t mark;

        write_text(w, c);
        if (c->part.size > 0) {
                write_vector(w, c->part);
                return;
        }
        mark = writer_open_vector(w);
        file_part_write(&c->file, w);
        writer_close_vector(w, mark);
}

/* -- what is about another message -------------------------------------------------------------------------------- */

static bool emoji_valid(struct bytes list)
{
        struct reader start, r;
        unsigned count = 0;

        reader_init(&r, list);
        start = r;
        while (reader_more(&r)) {
                struct reader before = r;
                struct bytes one = read_vector(&r);

                if (one.size == 0 || one.size > CONTENT_EMOJI_MAX || !utf8_valid(one) ||
                    ++count > CONTENT_REACTIONS_MAX || list_holds(reader_between(&start, &before), one))
                        return false;
        }
        return reader_finish(&r) == 0;
}

static void read_receipt(struct reader *r, struct content *c)
{
        c->receipt = (enum receipt) read_u8(r);
        c->list = r->rest;
        (void) read_fixed(r, r->rest.size);
        if (c->receipt < RECEIPT_DELIVERED || c->receipt > RECEIPT_READ || c->list.size == 0 ||
            c->list.size % CONTENT_ID_SIZE != 0 || c->list.size / CONTENT_ID_SIZE > CONTENT_TARGETS_MAX)
                reader_fail(r);
}

static bool read_bool(struct reader *r)
{
        uint8_t b = read_u8(r);

        if (b > 1)
                reader_fail(r);
        return b == 1;
}

static uint32_t read_lifetime(struct reader *r)
{
        uint32_t seconds = read_u32(r);

        if (seconds > CONTENT_LIFETIME_MAX)
                reader_fail(r);
        return seconds;
}

/* -- the whole ---------------------------------------------------------------------------------------------------- */

static int read_body(struct content *c)
{
        struct reader r;

        reader_init(&r, c->body);
        if (c->kind == CONTENT_EDIT || c->kind == CONTENT_REACTION || c->kind == CONTENT_DELETION ||
            c->kind == CONTENT_PIN)
                c->target = read_fixed(&r, CONTENT_ID_SIZE);
        switch (c->kind) {
        case CONTENT_TEXT:
        case CONTENT_EDIT:
                read_text(&r, false, c);
                break;
        case CONTENT_FILE:
                read_file(&r, c);
                break;
        case CONTENT_LIFETIME:
                c->seconds = read_lifetime(&r);
                break;
        case CONTENT_REACTION:
                c->list = read_fixed(&r, r.rest.size);
                if (!emoji_valid(c->list))
                        reader_fail(&r);
                break;
        case CONTENT_RECEIPT:
                read_receipt(&r, c);
                break;
        case CONTENT_TYPING:
        case CONTENT_PIN:
                c->on = read_bool(&r);
                break;
        case CONTENT_DELETION:
                break;
        default:
                return 0;
        }
        return reader_finish(&r);
}

static void write_body(struct writer *w, const struct content *c)
{
        write_fixed(w, c->target);
        switch (c->kind) {
        case CONTENT_TEXT:
        case CONTENT_EDIT:
                write_text(w, c);
                break;
        case CONTENT_FILE:
                write_file(w, c);
                break;
        case CONTENT_LIFETIME:
                write_u32(w, c->seconds);
                break;
        case CONTENT_RECEIPT:
                write_u8(w, (uint8_t) c->receipt);
                write_fixed(w, c->list);
                break;
        case CONTENT_REACTION:
                write_fixed(w, c->list);
                break;
        case CONTENT_TYPING:
        case CONTENT_PIN:
                write_u8(w, c->on);
                break;
        case CONTENT_DELETION:
                break;
        default:
                write_fixed(w, c->body);
        }
}

void content_write(struct writer *w, const struct content *c)
{
        size_t mark;

        write_u8(w, VERSION);
        write_fixed(w, c->salt);
        write_u64(w, c->time);
        write_u32(w, c->lifetime);
        write_vector(w, c->replies_to);
        write_u8(w, c->kind);
        mark = writer_open_vector(w);
        write_body(w, c);
        writer_close_vector(w, mark);
        write_vector(w, c->fallback);
        write_vector(w, c->extensions);
}

static bool extensions_valid(struct bytes extensions)
{
        struct reader r;

        if (extensions.size > CONTENT_EXTENSIONS_MAX)
                return false;
        reader_init(&r, extensions);
        while (reader_more(&r)) {
                (void) read_u16(&r);
                (void) read_vector(&r);
        }
        return reader_finish(&r) == 0;
}

static int read_current(struct reader *r, struct content *c)
{
        c->salt = read_fixed(r, CONTENT_SALT_SIZE);
        c->time = read_u64(r);
        c->lifetime = read_lifetime(r);
        c->replies_to = read_vector(r);
        c->kind = read_u8(r);
        c->body = read_vector(r);
        c->fallback = read_vector(r);
        c->extensions = read_vector(r);
        if (reader_finish(r) < 0 || (c->replies_to.size > 0 && c->replies_to.size != CONTENT_ID_SIZE) || c->kind == 0 ||
            c->fallback.size > CONTENT_FALLBACK_MAX || !utf8_valid(c->fallback) || !extensions_valid(c->extensions))
                return -EBADMSG;
        return read_body(c) < 0 ? -EBADMSG : 0;
}

static int read_first_version(struct reader *r, struct content *c)
{
        c->kind = read_u8(r);
        c->time = read_u64(r);
        c->text = read_vector(r);
        if (reader_finish(r) < 0 || c->kind != CONTENT_TEXT || c->text.size == 0 || c->text.size > CONTENT_TEXT_MAX ||
            !utf8_valid(c->text))
                return -EBADMSG;
        return 0;
}

int content_read(struct bytes input, struct content *out)
{
        struct content c = { 0 };
        struct reader r;
        int result;

        if (input.size > CONTENT_SIZE_MAX)
                return -EBADMSG;
        reader_init(&r, input);
        c.version = read_u8(&r);
        if (r.error < 0 || c.version == 0)
                return -EBADMSG;
        if (c.version > VERSION) {
                *out = (struct content){ 0 };
                return 0;
        }
        result = c.version == 1 ? read_first_version(&r, &c) : read_current(&r, &c);
        if (result >= 0)
                *out = c;
        return result;
}

/* -- ids ---------------------------------------------------------------------------------------------------------- */

void content_author(struct bytes address, struct bytes root_key, uint8_t out[static AUTHOR_SIZE])
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_vector(&w, address);
        write_vector(&w, root_key);
        if (writer_finish(&w) < 0)
                abort();
        sha256(writer_bytes(&w), out);
}

void content_id(struct bytes author, struct bytes conversation, struct bytes encoded, struct bytes salt,
                uint8_t out[static CONTENT_ID_SIZE])
{
        enum { HASH_SHA256 = 1 };
        _cleanup_writer_ struct writer w = WRITER_INIT;
        uint8_t hash[32];

        writer_reserve(&w, encoded.size + 256);
        write_fixed(&w, author);
        write_vector(&w, conversation);
        write_vector(&w, encoded);
        write_fixed(&w, salt);
        if (writer_finish(&w) < 0)
                abort();
        sha256(writer_bytes(&w), hash);
        out[0] = HASH_SHA256;
        memcpy(out + 1, hash, CONTENT_ID_SIZE - 1);
}
