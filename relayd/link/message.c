/* See message.h. */
#include "message.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "services/text.h"

bool wire_name_valid(struct bytes name)
{
        if (name.size < 1 || name.size > WIRE_NAME_MAX)
                return false;
        for (size_t i = 0; i < name.size; i++) {
                uint8_t c = name.data[i];
                bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

                if (!alphanumeric && (i == 0 || (c != '.' && c != '_' && c != '-')))
                        return false;
        }
        return true;
}

static struct bytes read_name(struct reader *r)
{
        struct bytes name = read_vector(r);

        if (!wire_name_valid(name))
                reader_fail(r);
        return name;
}

static struct bytes read_bounded(struct reader *r, size_t min, size_t max)
{
        struct bytes b = read_vector(r);

        if (b.size < min || b.size > max)
                reader_fail(r);
        return b;
}

static void read_array(struct reader *r, uint8_t *out, size_t size)
{
        struct bytes b = read_fixed(r, size);

        if (b.size == size)
                memcpy(out, b.data, size);
}

/* Every public reader ends here: *@out is set only if all was good. */
#define FINISH(r, value, out)                                                                                          \
        ({                                                                                                             \
                int finish_ = reader_finish(r);                                                                        \
                if (finish_ >= 0)                                                                                      \
                        *(out) = (value);                                                                              \
                finish_;                                                                                               \
        })

int read_empty(struct bytes body)
{
        return body.size == 0 ? 0 : -EBADMSG;
}

void write_hello(struct writer *w, const struct hello *m)
{
        size_t mark = writer_open_vector(w);

        for (unsigned i = 0; i < m->version_count; i++)
                write_u16(w, m->versions[i]);
        writer_close_vector(w, mark);
}

int read_hello(struct bytes body, struct hello *out)
{
        struct hello m = { 0 };
        struct reader r;

        reader_init(&r, body);
        struct reader versions = read_vector_open(&r);

        while (reader_more(&versions)) {
                uint16_t version = read_u16(&versions);

                if (m.version_count == WIRE_VERSIONS_MAX) {
                        reader_fail(&versions);
                        break;
                }
                m.versions[m.version_count++] = version;
        }
        reader_close_vector(&r, &versions);
        if (m.version_count == 0)
                reader_fail(&r);
        return FINISH(&r, m, out);
}

void write_hello_answer(struct writer *w, const struct hello_answer *m)
{
        write_u16(w, m->version);
        write_u32(w, m->payload_max);
        write_u32(w, m->recipients_max);
        write_u32(w, m->in_flight_max);
        write_u32(w, m->idle_seconds);
}

int read_hello_answer(struct bytes body, struct hello_answer *out)
{
        struct hello_answer m;
        struct reader r;

        reader_init(&r, body);
        m.version = read_u16(&r);
        m.payload_max = read_u32(&r);
        m.recipients_max = read_u32(&r);
        m.in_flight_max = read_u32(&r);
        m.idle_seconds = read_u32(&r);
        return FINISH(&r, m, out);
}

void write_registration(struct writer *w, const struct registration *m)
{
        write_vector(w, m->name);
        write_fixed(w, BYTES_OF(m->transport_key));
        write_fixed(w, BYTES_OF(m->signature));
        write_vector(w, m->token);
}

int read_registration(struct bytes body, struct registration *out)
{
        struct registration m;
        struct reader r;

        reader_init(&r, body);
        m.name = read_name(&r);
        read_array(&r, m.transport_key, sizeof(m.transport_key));
        read_array(&r, m.signature, sizeof(m.signature));
        m.token = read_bounded(&r, 0, WIRE_TOKEN_MAX);
        return FINISH(&r, m, out);
}

void write_authentication(struct writer *w, const struct authentication *m)
{
        write_vector(w, m->name);
        write_fixed(w, BYTES_OF(m->signature));
}

int read_authentication(struct bytes body, struct authentication *out)
{
        struct authentication m;
        struct reader r;

        reader_init(&r, body);
        m.name = read_name(&r);
        read_array(&r, m.signature, sizeof(m.signature));
        return FINISH(&r, m, out);
}

void write_authentication_answer(struct writer *w, const struct authentication_answer *m)
{
        write_fixed(w, BYTES_OF(m->generation));
        write_u64(w, m->newest);
        write_u32(w, m->key_packages);
        write_u64(w, m->gone);
        write_fixed(w, BYTES_OF(m->sent));
}

int read_authentication_answer(struct bytes body, struct authentication_answer *out)
{
        struct authentication_answer m;
        struct reader r;

        reader_init(&r, body);
        read_array(&r, m.generation, sizeof(m.generation));
        m.newest = read_u64(&r);
        m.key_packages = read_u32(&r);
        m.gone = read_u64(&r);
        read_array(&r, m.sent, sizeof(m.sent));
        if (m.gone > m.newest || m.newest > INT64_MAX)
                reader_fail(&r);
        return FINISH(&r, m, out);
}

void write_key_package(struct writer *w, bool last_resort, struct bytes key_package)
{
        write_u8(w, last_resort);
        write_vector(w, key_package);
}

bool key_package_next(struct reader *r, bool *last_resort, struct bytes *key_package)
{
        if (!reader_more(r))
                return false;
        uint8_t flag = read_u8(r);
        struct bytes package = read_bounded(r, 1, WIRE_KEY_PACKAGE_MAX);

        if (flag > 1)
                reader_fail(r);
        if (r->error < 0)
                return false;
        *last_resort = flag;
        *key_package = package;
        return true;
}

void write_key_packages(struct writer *w, struct bytes packages)
{
        write_vector(w, packages);
}

int read_key_packages(struct bytes body, struct key_packages *out)
{
        struct key_packages m = { 0 };
        struct bytes package;
        struct reader r;
        bool last_resort;

        reader_init(&r, body);
        struct reader packages = read_vector_open(&r);

        m.packages = packages.rest;
        while (key_package_next(&packages, &last_resort, &package))
                m.count++;
        reader_close_vector(&r, &packages);
        if (m.count < 1 || m.count > WIRE_KEY_PACKAGES_MAX)
                reader_fail(&r);
        return FINISH(&r, m, out);
}

void write_key_packages_left(struct writer *w, uint32_t left)
{
        write_u32(w, left);
}

int read_key_packages_left(struct bytes body, uint32_t *out)
{
        struct reader r;

        reader_init(&r, body);
        uint32_t left = read_u32(&r);

        return FINISH(&r, left, out);
}

void write_claim(struct writer *w, struct bytes name)
{
        write_vector(w, name);
}

int read_claim(struct bytes body, struct bytes *out)
{
        struct reader r;

        reader_init(&r, body);
        struct bytes name = read_name(&r);

        return FINISH(&r, name, out);
}

void write_delete_account(struct writer *w, struct bytes name)
{
        write_claim(w, name);
}

int read_delete_account(struct bytes body, struct bytes *name)
{
        return read_claim(body, name);
}

void write_claim_answer(struct writer *w, bool last_resort, struct bytes key_package)
{
        write_key_package(w, last_resort, key_package);
}

int read_claim_answer(struct bytes body, bool *last_resort, struct bytes *key_package)
{
        struct reader r;

        reader_init(&r, body);
        if (!key_package_next(&r, last_resort, key_package))
                return -EBADMSG;
        return reader_finish(&r);
}

void write_recipient(struct writer *w, struct bytes name)
{
        write_vector(w, name);
}

bool recipient_next(struct reader *r, struct bytes *name)
{
        if (!reader_more(r))
                return false;
        struct bytes next = read_name(r);

        if (r->error < 0)
                return false;
        *name = next;
        return true;
}

void write_send(struct writer *w, const struct send *m)
{
        write_fixed(w, BYTES_OF(m->id));
        write_vector(w, m->recipients);
        write_optional(w, m->has_group);
        if (m->has_group) {
                write_vector(w, m->group);
                write_u64(w, m->epoch);
        }
        write_vector(w, m->payload);
}

int read_send(struct bytes body, struct send *out)
{
        struct send m = { 0 };
        struct bytes name;
        struct reader r;

        reader_init(&r, body);
        read_array(&r, m.id, sizeof(m.id));
        struct reader recipients = read_vector_open(&r);

        m.recipients = recipients.rest;
        while (recipient_next(&recipients, &name))
                m.recipient_count++;
        reader_close_vector(&r, &recipients);
        m.has_group = read_optional(&r);
        if (m.has_group) {
                m.group = read_bounded(&r, 1, WIRE_GROUP_MAX);
                m.epoch = read_u64(&r);
        }
        m.payload = read_bounded(&r, 1, WIRE_PAYLOAD_MAX);
        if (m.recipient_count > WIRE_RECIPIENTS_MAX || (m.recipient_count == 0 && !m.has_group))
                reader_fail(&r);
        return FINISH(&r, m, out);
}

void write_fetch(struct writer *w, const struct fetch *m)
{
        write_u64(w, m->after);
        write_u32(w, m->window);
}

int read_fetch(struct bytes body, struct fetch *out)
{
        struct fetch m;
        struct reader r;

        reader_init(&r, body);
        m.after = read_u64(&r);
        m.window = read_u32(&r);
        if (m.window < 1 || m.window > WIRE_WINDOW_MAX)
                reader_fail(&r);
        return FINISH(&r, m, out);
}

void write_entry_head(struct writer *w, uint64_t sequence, size_t payload_size)
{
        write_u64(w, sequence);
        write_varint(w, (uint32_t) payload_size);
}

void write_entry(struct writer *w, const struct entry *m)
{
        write_entry_head(w, m->sequence, m->payload.size);
        write_fixed(w, m->payload);
}

int read_entry(struct bytes body, struct entry *out)
{
        struct entry m;
        struct reader r;

        reader_init(&r, body);
        m.sequence = read_u64(&r);
        m.payload = read_bounded(&r, 1, WIRE_PAYLOAD_MAX);
        return FINISH(&r, m, out);
}

void write_ack(struct writer *w, uint64_t sequence)
{
        write_u64(w, sequence);
}

int read_ack(struct bytes body, uint64_t *out)
{
        struct reader r;

        reader_init(&r, body);
        uint64_t sequence = read_u64(&r);

        return FINISH(&r, sequence, out);
}

void write_failure(struct writer *w, const struct wire_failure *m)
{
        write_u16(w, m->code);
        write_u64(w, m->value);
        write_vector(w, m->subject);
        write_vector(w, m->sentence);
}

int read_failure(struct bytes body, struct wire_failure *out)
{
        struct wire_failure m;
        struct reader r;

        reader_init(&r, body);
        m.code = read_u16(&r);
        m.value = read_u64(&r);
        m.subject = read_bounded(&r, 0, WIRE_SUBJECT_MAX);
        m.sentence = read_bounded(&r, 0, WIRE_SENTENCE_MAX);
        if (!utf8_valid(m.sentence) || !utf8_valid(m.subject))
                reader_fail(&r);
        return FINISH(&r, m, out);
}
