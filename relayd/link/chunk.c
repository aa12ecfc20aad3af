/* See chunk.h. */
#include "chunk.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

bool chunk_size_valid(uint64_t size)
{
        return size == 4 * 1024 || size == 16 * 1024 || size == 64 * 1024 || size == 256 * 1024;
}

int chunk_name_of(struct bytes content, uint8_t out[static CHUNK_NAME_SIZE])
{
        return EVP_Digest(content.data, content.size, out, NULL, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;
}

static void read_name(struct reader *r, uint8_t out[static CHUNK_NAME_SIZE])
{
        struct bytes name = read_fixed(r, CHUNK_NAME_SIZE);

        if (name.size == CHUNK_NAME_SIZE)
                memcpy(out, name.data, CHUNK_NAME_SIZE);
}

void write_chunk(struct writer *w, const struct chunk *m)
{
        write_fixed(w, BYTES_OF(m->name));
        write_vector(w, m->content);
}

int read_chunk(struct bytes body, struct chunk *out)
{
        struct chunk m;
        struct reader r;

        reader_init(&r, body);
        read_name(&r, m.name);
        m.content = read_vector(&r);
        if (!chunk_size_valid(m.content.size))
                reader_fail(&r);
        int finish = reader_finish(&r);

        if (finish >= 0)
                *out = m;
        return finish;
}

void write_chunk_name(struct writer *w, const uint8_t name[static CHUNK_NAME_SIZE])
{
        write_fixed(w, BYTES(name, CHUNK_NAME_SIZE));
}

int read_chunk_name(struct bytes body, uint8_t out[static CHUNK_NAME_SIZE])
{
        if (body.size != CHUNK_NAME_SIZE)
                return -EBADMSG;
        memcpy(out, body.data, CHUNK_NAME_SIZE);
        return 0;
}

static int read_only_vector(struct bytes body, bool (*valid)(struct bytes b), struct bytes *out)
{
        struct reader r;

        reader_init(&r, body);
        struct bytes b = read_vector(&r);
        int finish = reader_finish(&r);

        if (finish < 0 || !valid(b))
                return -EBADMSG;
        *out = b;
        return 0;
}

static bool is_content(struct bytes b)
{
        return chunk_size_valid(b.size);
}

static bool are_names(struct bytes b)
{
        return b.size > 0 && b.size % CHUNK_NAME_SIZE == 0 && b.size / CHUNK_NAME_SIZE <= CHUNK_NAMES_MAX;
}

static bool are_flags(struct bytes b)
{
        for (size_t i = 0; i < b.size; i++) {
                if (b.data[i] > 1)
                        return false;
        }
        return b.size > 0 && b.size <= CHUNK_NAMES_MAX;
}

void write_chunk_content(struct writer *w, struct bytes content)
{
        write_vector(w, content);
}

int read_chunk_content(struct bytes body, struct bytes *out)
{
        return read_only_vector(body, is_content, out);
}

void write_chunk_names(struct writer *w, struct bytes names)
{
        write_vector(w, names);
}

int read_chunk_names(struct bytes body, struct bytes *out)
{
        return read_only_vector(body, are_names, out);
}

void write_chunks_there(struct writer *w, struct bytes there)
{
        write_vector(w, there);
}

int read_chunks_there(struct bytes body, struct bytes *out)
{
        return read_only_vector(body, are_flags, out);
}
