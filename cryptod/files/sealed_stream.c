/* See sealed_stream.h. */
#include "cryptod/files/sealed_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "cryptod/files/chunk_line.h"
#include "cryptod/files/descriptor.h"
#include "services/cleanup.h"

/* A chunk on its way. */
struct lane {
        pthread_mutex_t mutex;    /* for the file, which has the key */
        struct sealed_file *file; /* NULL before it is known, and once the stream is stopped */
        struct secret *plain;     /* with room for a tag: it is sealed in place */
        uint8_t *sealed;          /* of a file that is opened */
        size_t size;              /* of what was read */
};

struct sealed_stream {
        pthread_mutex_t mutex;       /* for the wrapping keys, and to fill in the lanes' */
        struct secret *wrapping_key; /* until the file's is derived from it, as the next */
        struct cover_key *cover_key;
        struct lane lanes[CHUNK_LINE_LANES];
        struct cover_content cover; /* of a file that is opened; without a key */
        struct writer head;         /* of one that is sealed */
        int input, output, stop;
        uint64_t left; /* bytes of the input that are to be read at most */
        atomic_uint_fast64_t progress;
        uint8_t ahead; /* one byte that was read to know whether a chunk is the last */
        bool has_ahead;
        uint64_t first; /* chunk of a file that is opened; and how many bytes of it are not wanted */
        size_t skip;
};

static int open_descriptors(struct sealed_stream *s, int input, int output)
{
        s->input = fcntl(input, F_DUPFD_CLOEXEC, 3);
        s->output = fcntl(output, F_DUPFD_CLOEXEC, 3);
        s->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        return s->input < 0 || s->output < 0 || s->stop < 0 ? -errno : 0;
}

static int stream_new(struct sealed_stream keys, int input, int output, struct sealed_stream **out)
{
        struct sealed_stream *s = malloc(sizeof(*s));
        int r;

        if (!s)
                abort();
        *s = keys;
        pthread_mutex_init(&s->mutex, NULL);
        for (unsigned i = 0; i < CHUNK_LINE_LANES; i++)
                pthread_mutex_init(&s->lanes[i].mutex, NULL);
        atomic_init(&s->progress, 0);
        s->left = UINT64_MAX;
        r = open_descriptors(s, input, output);
        if (r < 0) {
                sealed_stream_free(s);
                return r;
        }
        *out = s;
        return 0;
}

int sealed_stream_new_sealing(struct sealed_file *file, struct bytes head, int input, int output,
                              struct sealed_stream **out)
{
        struct sealed_stream keys = { .lanes[0].file = file };

        for (unsigned i = 1; i < CHUNK_LINE_LANES; i++)
                keys.lanes[i].file = sealed_file_copy(file);
        write_fixed(&keys.head, head);
        return stream_new(keys, input, output, out);
}

int sealed_stream_new_opening(struct secret *wrapping_key, struct cover_key *cover_key, int input, int output,
                              struct sealed_stream **out)
{
        return stream_new((struct sealed_stream){ .wrapping_key = wrapping_key, .cover_key = cover_key }, input, output,
                          out);
}

static void wipe_wrapping_keys(struct sealed_stream *s)
{
        s->wrapping_key = secret_free(s->wrapping_key);
        s->cover_key = cover_key_free(s->cover_key);
}

static void wipe_keys(struct sealed_stream *s)
{
        pthread_mutex_lock(&s->mutex);
        wipe_wrapping_keys(s);
        for (unsigned i = 0; i < CHUNK_LINE_LANES; i++) {
                struct lane *l = &s->lanes[i];

                pthread_mutex_lock(&l->mutex);
                l->file = sealed_file_free(l->file);
                pthread_mutex_unlock(&l->mutex);
        }
        pthread_mutex_unlock(&s->mutex);
}

struct sealed_stream *sealed_stream_free(struct sealed_stream *s)
{
        if (!s)
                return NULL;
        wipe_keys(s);
        cover_content_release(&s->cover);
        writer_release(&s->head);
        for (unsigned i = 0; i < CHUNK_LINE_LANES; i++) {
                secret_free(s->lanes[i].plain);
                free(s->lanes[i].sealed);
                pthread_mutex_destroy(&s->lanes[i].mutex);
        }
        pthread_mutex_destroy(&s->mutex);
        cleanup_close(&s->input);
        cleanup_close(&s->output);
        cleanup_close(&s->stop);
        free(s);
        return NULL;
}

void sealed_stream_stop(struct sealed_stream *s)
{
        wipe_keys(s);
        if (eventfd_write(s->stop, 1) < 0)
                abort(); /* far from its limit */
}

uint64_t sealed_stream_progress(const struct sealed_stream *s)
{
        return atomic_load(&s->progress);
}

/* descriptor_read(), for which the input ends where it is to. */
static ssize_t read_input(struct sealed_stream *s, uint8_t *out, size_t size)
{
        ssize_t n = descriptor_read(s->input, s->stop, out, size < s->left ? size : (size_t) s->left);

        s->left -= n > 0 ? (uint64_t) n : 0;
        return n;
}

const struct cover_content *sealed_stream_cover(const struct sealed_stream *s)
{
        return s->cover.bytes.size > 0 ? &s->cover : NULL;
}

/* Reads a chunk of at most @size bytes, and whether it is the last, which is known only when no byte follows. */
static int read_chunk(struct sealed_stream *s, uint8_t *buffer, size_t size, size_t *got, bool *last)
{
        size_t had = s->has_ahead ? 1 : 0;
        ssize_t n;

        buffer[0] = s->ahead;
        n = read_input(s, buffer + had, size + 1 - had);
        if (n < 0)
                return (int) n;
        *got = had + (size_t) n;
        *last = *got <= size;
        s->has_ahead = !*last;
        if (s->has_ahead)
                s->ahead = buffer[--*got];
        return 0;
}

static int plain_read(void *userdata, unsigned lane, uint64_t number, bool *last)
{
        struct sealed_stream *s = userdata;
        struct lane *l = &s->lanes[lane];

        if (!l->plain)
                l->plain = secret_new(SEALED_FILE_CHUNK_SIZE);
        return number > UINT32_MAX
                       ? -EFBIG
                       : read_chunk(s, l->plain->data, sealed_file_capacity((uint32_t) number), &l->size, last);
}

static int plain_seal(void *userdata, unsigned lane, uint64_t number, bool last)
{
        struct lane *l = &((struct sealed_stream *) userdata)->lanes[lane];
        bool stopped;

        pthread_mutex_lock(&l->mutex);
        stopped = !l->file;
        if (!stopped)
                sealed_file_seal_chunk(l->file, (uint32_t) number, last, BYTES(l->plain->data, l->size),
                                       l->plain->data);
        pthread_mutex_unlock(&l->mutex);
        return stopped ? -ECANCELED : 0;
}

static int sealed_write(void *userdata, unsigned lane, uint64_t number)
{
        struct sealed_stream *s = userdata;
        const struct lane *l = &s->lanes[lane];
        int r = descriptor_write(s->output, s->stop, l->plain->data, l->size + SEALED_FILE_TAG_SIZE);

        atomic_fetch_add(&s->progress, l->size);
        return r;
}

int sealed_stream_seal(struct sealed_stream *s)
{
        static const struct chunk_steps steps = { plain_read, plain_seal, sealed_write };
        int r = descriptor_write(s->output, s->stop, s->head.data, s->head.size);

        return r < 0 ? r : chunk_line_run(&steps, s, 0);
}

int sealed_stream_pad(struct sealed_stream *s)
{
        static const uint8_t zeros[SEALED_FILE_CHUNK_SIZE];
        size_t part = sealed_file_size(sealed_stream_progress(s)) % SEALED_FILE_CHUNK_SIZE, size = SEALED_FILE_PART_MIN;

        if (part == 0)
                return 0;
        while (size < part)
                size *= 4;
        return descriptor_write(s->output, s->stop, zeros, size - part);
}

/* Reads as much as belongs there. */
static int read_head(struct sealed_stream *s, struct writer *out, size_t size)
{
        uint8_t *place = writer_append(out, size);
        ssize_t n;

        if (!place)
                return writer_finish(out);
        n = read_input(s, place, size);
        if (n < 0)
                return (int) n;
        out->size -= size - (size_t) n;
        return 0;
}

/* Reads the header, and the cover before it, if there is one. Both have the size of a header at least. */
static int read_heads(struct sealed_stream *s, struct writer *cover, struct writer *header)
{
        int r = read_head(s, header, SEALED_FILE_HEADER_SIZE);
        size_t size;

        if (r < 0 || !cover_begins(writer_bytes(header)))
                return r;
        *cover = *header;
        *header = WRITER_INIT;
        r = cover_size(writer_bytes(cover), &size);
        if (r == 0 && size <= cover->size)
                r = SEALED_FILE_HEADER_DAMAGED;
        if (r == 0)
                r = read_head(s, cover, size - cover->size);
        if (r == 0)
                r = read_head(s, header, SEALED_FILE_HEADER_SIZE);
        return r == 0 && header->size < SEALED_FILE_HEADER_SIZE ? SEALED_FILE_CUT_OFF : r;
}

/* With the lock held: takes the file's wrapping key out of its cover. */
static int open_cover(struct sealed_stream *s, struct bytes cover, struct bytes header)
{
        int r = s->cover_key ? cover_open(s->cover_key, cover, header, &s->cover) : SEALED_FILE_WRONG_KEY;

        if (r != 0)
                return r;
        secret_free(s->wrapping_key);
        s->wrapping_key = TAKE(s->cover.wrapping_key);
        return 0;
}

static int begin_opening(struct sealed_stream *s)
{
        _cleanup_writer_ struct writer cover = WRITER_INIT, header = WRITER_INIT;
        struct sealed_file_header h;
        int r = read_heads(s, &cover, &header);

        if (r == 0)
                r = sealed_file_header_read(writer_bytes(&header), &h);
        if (r == 0 && (h.key == SEALED_FILE_KEY_COVER) != (cover.size > 0))
                r = SEALED_FILE_HEADER_DAMAGED; /* without its cover, or with one that it needs not */
        if (r != 0)
                return r;
        pthread_mutex_lock(&s->mutex);
        r = !s->wrapping_key ? -ECANCELED
            : cover.size > 0 ? open_cover(s, writer_bytes(&cover), writer_bytes(&header))
            : s->cover_key && s->cover_key->from_address.size > 0 ? SEALED_FILE_OTHER_SEALER
                                                                  : 0;
        if (r == 0)
                r = sealed_file_open(s->wrapping_key, &h, &s->lanes[0].file);
        for (unsigned i = 1; r == 0 && i < CHUNK_LINE_LANES; i++)
                s->lanes[i].file = sealed_file_copy(s->lanes[0].file);
        wipe_wrapping_keys(s);
        pthread_mutex_unlock(&s->mutex);
        return r;
}

static int sealed_read(void *userdata, unsigned lane, uint64_t number, bool *last)
{
        struct sealed_stream *s = userdata;
        struct lane *l = &s->lanes[lane];
        int r;

        if (!l->plain) {
                l->plain = secret_new(SEALED_FILE_CHUNK_SIZE);
                l->sealed = malloc(SEALED_FILE_CHUNK_SIZE + 1);
                if (!l->sealed)
                        abort();
        }
        if (number > UINT32_MAX)
                return SEALED_FILE_EXTENDED;
        r = read_chunk(s, l->sealed, sealed_file_capacity((uint32_t) number) + SEALED_FILE_TAG_SIZE, &l->size, last);
        /* If there is none it was the first that was asked for: there is one behind each but the last. */
        return r == 0 && l->size == 0 && number > 0 ? -ENXIO : r;
}

static int sealed_open(void *userdata, unsigned lane, uint64_t number, bool last)
{
        struct lane *l = &((struct sealed_stream *) userdata)->lanes[lane];
        int r = -ECANCELED;

        pthread_mutex_lock(&l->mutex);
        if (l->file)
                r = sealed_file_open_chunk(l->file, (uint32_t) number, last, BYTES(l->sealed, l->size), l->plain->data);
        pthread_mutex_unlock(&l->mutex);
        return r;
}

/* Hands out what is wanted of a chunk. */
static int plain_write(void *userdata, unsigned lane, uint64_t number)
{
        struct sealed_stream *s = userdata;
        const struct lane *l = &s->lanes[lane];
        size_t size = l->size - SEALED_FILE_TAG_SIZE, skip = number == s->first ? s->skip : 0;
        int r = size < skip ? -ENXIO : descriptor_write(s->output, s->stop, l->plain->data + skip, size - skip);

        if (size >= skip)
                atomic_fetch_add(&s->progress, size - skip);
        return r;
}

/* To where the chunk at @position of the file begins, the header having been read. */
static int skip_to(struct sealed_stream *s, uint64_t position)
{
        uint64_t size = position - SEALED_FILE_HEADER_SIZE;
        int r = size > s->left ? -ENODATA : descriptor_skip(s->input, s->stop, size);

        s->left -= r == 0 ? size : 0;
        return r == -ENODATA ? -ENXIO : r;
}

void sealed_stream_expect(struct sealed_stream *s, uint64_t content)
{
        s->left = sealed_file_size(content);
}

int sealed_stream_open(struct sealed_stream *s, uint64_t offset)
{
        static const struct chunk_steps steps = { sealed_read, sealed_open, plain_write };
        uint64_t position;
        uint32_t first;
        /* Also of an offset that is the content's end, where no chunk may begin, there is a byte before. */
        int r = sealed_file_seek(offset > 0 ? offset - 1 : 0, &first, &s->skip, &position);

        if (r == 0)
                r = begin_opening(s);
        if (r == 0)
                r = skip_to(s, position);
        if (r != 0)
                return r;
        s->skip += offset > 0;
        s->first = first;
        return chunk_line_run(&steps, s, first);
}
