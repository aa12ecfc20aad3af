/* The pool behind struct secret.
 *
 * A mapping starts with a header and holds blocks of one size. Small secrets share a slab; one that fits no size class
 * has a mapping to itself. Mappings are aligned to SLAB_SIZE, so a block finds its header by masking its address. Slabs
 * with a free block stand in a list for each class; one empty slab is kept, the others are returned.
 *
 * A child after fork(2) inherits none of it: the pages read as zero there, so it starts with an empty pool, and freeing
 * an inherited secret does nothing. */
#include "secret.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "cleanup.h"
#include "log.h"

enum { SLAB_SIZE = 16 * 1024, READ_TIMEOUT_MS = 5000 };

/* Room for struct secret and a key of 32, a hash of 64, … bytes. */
static const size_t block_sizes[] = { 48, 80, 144, 272, 528, 1040, 2064, 4112 };

enum { CLASSES = COUNT_OF(block_sizes), CLASS_LARGE = CLASSES, BITMAP_WORDS = SLAB_SIZE / 48 / 64 + 1 };

struct slab {
        struct slab *previous;
        struct slab *next;
        size_t mapping_size; /* 0 only in a child after fork(2) */
        size_t block_size;
        unsigned class;
        unsigned blocks;
        unsigned used;
        uint64_t bitmap[BITMAP_WORDS]; /* 1: in use */
} __attribute__((aligned(16)));

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct slab *slabs[CLASSES]; /* those with a free block */
static size_t slabs_in_use;         /* how many have a secret, of all classes */
static bool warned;
static atomic_bool hidden; /* secret_hide() */

static void before_fork(void)
{
        pthread_mutex_lock(&lock);
}

static void after_fork_in_parent(void)
{
        pthread_mutex_unlock(&lock);
}

static void after_fork_in_child(void)
{
        memset(slabs, 0, sizeof(slabs));
        slabs_in_use = 0;
        pthread_mutex_unlock(&lock);
}

static void register_fork_handlers(void)
{
        if (pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) != 0)
                abort();
}

static _Noreturn void out_of_memory(void)
{
        log_fields(LOG_CRIT, NULL, "There is no memory left to hold a secret; stopping. Free memory and start again.");
        abort();
}

/* The kernel aligns to pages only: map more and give back both ends. */
static void *map_aligned(size_t size)
{
        size_t whole = size + SLAB_SIZE;
        uint8_t *p = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
                out_of_memory();

        size_t before = (SLAB_SIZE - (uintptr_t) p % SLAB_SIZE) % SLAB_SIZE;
        if (before > 0)
                munmap(p, before);
        if (whole - before > size)
                munmap(p + before + size, whole - before - size);
        return p + before;
}

static void protect(void *p, size_t size)
{
        int r = mlock(p, size) < 0 ? -errno : 0;

        if (madvise(p, size, MADV_DONTDUMP) < 0 || madvise(p, size, MADV_WIPEONFORK) < 0)
                r = -errno;
        if (r < 0 && !warned) {
                warned = true;
                log_warning(
                        "Memory for secrets cannot be locked fully (%s), so a secret could reach the swap space; raise "
                        "RLIMIT_MEMLOCK (LimitMEMLOCK= of the unit).",
                        strerror(-r));
        }
}

/* Puts memory of memfd_secret(2) in the place of a mapping, which is locked and out of dumps by itself. */
static int hide(void *p, size_t size)
{
        _cleanup_close_ int fd = (int) syscall(SYS_memfd_secret, O_CLOEXEC);

        if (fd < 0 || ftruncate(fd, (off_t) size) < 0 ||
            mmap(p, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
                return -errno;
        return madvise(p, size, MADV_DONTFORK) < 0 ? -errno : 0;
}

static struct slab *slab_new(unsigned class, size_t mapping_size, size_t block_size)
{
        struct slab *slab = map_aligned(mapping_size);

        if (!hidden || hide(slab, mapping_size) < 0)
                protect(slab, mapping_size);
        slab->mapping_size = mapping_size;
        slab->block_size = block_size;
        slab->class = class;
        slab->blocks = (unsigned) ((mapping_size - sizeof(*slab)) / block_size);
        return slab;
}

static void slab_list(struct slab *slab)
{
        struct slab **head = &slabs[slab->class];

        slab->previous = NULL;
        slab->next = *head;
        if (slab->next)
                slab->next->previous = slab;
        *head = slab;
}

static void slab_unlist(struct slab *slab)
{
        if (slab->previous)
                slab->previous->next = slab->next;
        else
                slabs[slab->class] = slab->next;
        if (slab->next)
                slab->next->previous = slab->previous;
        slab->previous = slab->next = NULL;
}

/* Called with the lock held. */
static void drop_empty_slabs(void)
{
        for (unsigned class = 0; class < CLASSES; class ++) {
                for (struct slab *slab = slabs[class], *next; slab; slab = next) {
                        next = slab->next;
                        if (slab->used > 0)
                                continue;
                        slab_unlist(slab);
                        munmap(slab, slab->mapping_size);
                }
        }
}

int secret_hide(void)
{
        size_t page = (size_t) sysconf(_SC_PAGESIZE);
        uint8_t *p = map_aligned(page);
        int r = hide(p, page);

        munmap(p, page);
        if (r < 0)
                return r;
        hidden = true;
        pthread_mutex_lock(&lock);
        drop_empty_slabs();
        pthread_mutex_unlock(&lock);
        return 0;
}

static uint8_t *slab_block(struct slab *slab, unsigned index)
{
        return (uint8_t *) (slab + 1) + index * slab->block_size;
}

static void *slab_take(struct slab *slab)
{
        unsigned word = 0;

        while (slab->bitmap[word] == UINT64_MAX)
                word++;

        unsigned index = word * 64 + (unsigned) __builtin_ctzll(~slab->bitmap[word]);
        assert(index < slab->blocks);
        slab->bitmap[word] |= UINT64_C(1) << index % 64;
        slab->used++;
        return slab_block(slab, index);
}

static struct secret *take_small(unsigned class)
{
        pthread_mutex_lock(&lock);
        if (!slabs[class])
                slab_list(slab_new(class, SLAB_SIZE, block_sizes[class]));

        struct slab *slab = slabs[class];
        struct secret *s = slab_take(slab);
        slabs_in_use += slab->used == 1;
        if (slab->used == slab->blocks)
                slab_unlist(slab);
        pthread_mutex_unlock(&lock);
        return s;
}

static struct secret *take_large(size_t needed)
{
        size_t page = (size_t) sysconf(_SC_PAGESIZE);
        size_t mapping_size = (sizeof(struct slab) + needed + page - 1) / page * page;

        return slab_take(slab_new(CLASS_LARGE, mapping_size, mapping_size - sizeof(struct slab)));
}

struct secret *secret_new(size_t size)
{
        size_t needed = sizeof(struct secret) + size;
        unsigned class = 0;

        assert(size <= SECRET_SIZE_MAX);
        pthread_once(&once, register_fork_handlers);
        while (class < CLASSES && block_sizes[class] < needed)
                class ++;

        struct secret *s = class < CLASSES ? take_small(class) : take_large(needed);
        s->size = size;
        return s;
}

/* Called with the lock held. An empty slab is kept only if its class has no other with room; and of hidden memory only
 * as long as another is in use: while there is any, the machine cannot hibernate. */
static void give_small(struct slab *slab, unsigned index)
{
        bool was_full = slab->used == slab->blocks;

        assert(slab->bitmap[index / 64] >> index % 64 & 1);
        slab->bitmap[index / 64] &= ~(UINT64_C(1) << index % 64);
        slab->used--;
        if (was_full)
                slab_list(slab);
        if (slab->used > 0)
                return;
        slabs_in_use--;
        if (slab->previous || slab->next) {
                slab_unlist(slab);
                munmap(slab, slab->mapping_size);
        }
        if (hidden && slabs_in_use == 0)
                drop_empty_slabs();
}

struct secret *secret_free(struct secret *s)
{
        if (!s)
                return NULL;

        struct slab *slab = (struct slab *) ((uintptr_t) s & ~(uintptr_t) (SLAB_SIZE - 1));
        if (slab->mapping_size == 0)
                return NULL;

        size_t offset = (size_t) ((uint8_t *) s - slab_block(slab, 0));
        assert(offset % slab->block_size == 0);
        explicit_bzero(s, slab->block_size);
        if (slab->class == CLASS_LARGE) {
                munmap(slab, slab->mapping_size);
                return NULL;
        }

        pthread_mutex_lock(&lock);
        give_small(slab, (unsigned) (offset / slab->block_size));
        pthread_mutex_unlock(&lock);
        return NULL;
}

void secret_release(struct secret **s)
{
        *s = secret_free(*s);
}

struct secret *secret_copy(struct bytes b)
{
        struct secret *s = secret_new(b.size);

        if (b.size > 0)
                memcpy(s->data, b.data, b.size);
        return s;
}

struct bytes secret_bytes(const struct secret *s)
{
        return s ? BYTES(s->data, s->size) : (struct bytes){ NULL, 0 };
}

bool secret_equal(struct bytes a, struct bytes b)
{
        volatile uint8_t difference = 0;

        if (a.size != b.size)
                return false;
        for (size_t i = 0; i < a.size; i++)
                difference |= a.data[i] ^ b.data[i];
        return difference == 0;
}

static int64_t now_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

static int wait_readable(int fd, int64_t deadline)
{
        for (;;) {
                int64_t left = deadline - now_ms();
                struct pollfd p = { .fd = fd, .events = POLLIN };
                int r = left > 0 ? poll(&p, 1, (int) left) : 0;

                if (r == 0)
                        return -ETIMEDOUT;
                if (r > 0)
                        return 0;
                if (errno != EINTR)
                        return -errno;
        }
}

/* Where the bytes come from. Whoever gave us the descriptor may hold it too and drain it between poll(2) and read(2),
 * or clear O_NONBLOCK, so neither is relied on: a socket is read with MSG_DONTWAIT, and a pipe is spliced into one of
 * our own. */
struct source {
        enum { SOURCE_MEMFD, SOURCE_SOCKET, SOURCE_PIPE } kind;
        int fd;
        int pipe[2]; /* for SOURCE_PIPE */
        size_t offset;
};

static void source_release(struct source *s)
{
        cleanup_close(&s->pipe[0]);
        cleanup_close(&s->pipe[1]);
}

static int source_init(struct source *s, int fd)
{
        struct stat st;

        *s = (struct source){ .fd = fd, .pipe = { -1, -1 } };
        if (fstat(fd, &st) < 0)
                return -errno;
        if (S_ISSOCK(st.st_mode)) {
                s->kind = SOURCE_SOCKET;
                return 0;
        }
        if (S_ISFIFO(st.st_mode)) {
                s->kind = SOURCE_PIPE;
                return pipe2(s->pipe, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
        }
        /* Only a file in memory knows seals; any other could lie on a disk or a network that makes us wait. */
        s->kind = SOURCE_MEMFD;
        return S_ISREG(st.st_mode) && fcntl(fd, F_GET_SEALS) >= 0 ? 0 : -EINVAL;
}

static ssize_t source_read(struct source *s, void *p, size_t size)
{
        switch (s->kind) {
        case SOURCE_MEMFD:
                return pread(s->fd, p, size, (off_t) s->offset);
        case SOURCE_SOCKET:
                return recv(s->fd, p, size, MSG_DONTWAIT);
        case SOURCE_PIPE: {
                ssize_t n = splice(s->fd, NULL, s->pipe[1], NULL, size, SPLICE_F_NONBLOCK);
                return n > 0 ? read(s->pipe[0], p, (size_t) n) : n;
        }
        }
        return 0;
}

/* Reads to the end or until @buffer is full; *size is what was read. */
static int source_read_all(struct source *s, struct secret *buffer, size_t *size)
{
        int64_t deadline = now_ms() + READ_TIMEOUT_MS;

        while (s->offset < buffer->size) {
                int r = wait_readable(s->fd, deadline);
                if (r < 0)
                        return r;

                ssize_t n = source_read(s, buffer->data + s->offset, buffer->size - s->offset);
                if (n < 0 && errno != EINTR && errno != EAGAIN)
                        return -errno;
                if (n == 0)
                        break;
                if (n > 0)
                        s->offset += (size_t) n;
        }
        *size = s->offset;
        return 0;
}

int secret_from_fd(int fd, size_t max, bool text, struct secret **out)
{
        /* One byte more than allowed tells that there is too much; for text, a newline may come first. */
        size_t room = max + (text ? 2 : 1);
        _cleanup_secret_ struct secret *buffer = NULL;
        _cleanup_(source_release) struct source source;
        size_t size = 0;

        assert(max <= SECRET_SIZE_MAX - 2);
        int r = source_init(&source, fd);
        if (r < 0)
                return r;
        buffer = secret_new(room);
        r = source_read_all(&source, buffer, &size);
        if (r < 0)
                return r;

        if (text && size > 0 && buffer->data[size - 1] == '\n')
                size--;
        if (size > max)
                return -EMSGSIZE;
        if (size == 0)
                return -ENODATA;
        *out = secret_copy(BYTES(buffer->data, size));
        return 0;
}

int secret_to_fd(const struct secret *s, int *out)
{
        _cleanup_close_ int fd = memfd_create("secret", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        if (fd < 0)
                return -errno;
        for (size_t done = 0; done < s->size;) {
                ssize_t n = pwrite(fd, s->data + done, s->size - done, (off_t) done);
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        done += (size_t) n;
        }
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
                return -errno;
        *out = TAKE_FD(fd);
        return 0;
}
