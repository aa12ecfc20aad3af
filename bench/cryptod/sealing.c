/* See parts.h. */
#include <err.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/cryptod/parts.h"
#include "cryptod/files/sealed_stream.h"
#include "services/cleanup.h"
#include "services/seal.h"

enum { SIZE = 64 * 1024 * 1024, SPEED_BLOCK = 16 * 1024, ROUNDS = 15 };

static void must(bool good)
{
        if (!good)
                errx(1, "sealing a file fails");
}

/* What `openssl speed -evp aes-256-gcm -bytes 16384` does: the cipher alone, over a block that stays in the cache. */
static void bare(EVP_CIPHER_CTX *c, struct series *took)
{
        static uint8_t block[SPEED_BLOCK];
        uint64_t start = now_ns();
        int n;

        for (size_t done = 0; done < SIZE; done += SPEED_BLOCK)
                must(EVP_EncryptUpdate(c, block, &n, block, SPEED_BLOCK) == 1);
        series_add(took, now_ns() - start);
}

/* The format alone: every chunk into the same place. */
static void chunks(const struct secret *key, uint8_t *plain, uint8_t *sealed, struct series *took)
{
        uint8_t header[SEALED_FILE_HEADER_SIZE];
        uint64_t start = now_ns();
        _cleanup_sealed_file_ struct sealed_file *f =
                sealed_file_new(key, SEALED_FILE_KEY_ACCOUNT, BYTES(NULL, 0), header);

        for (uint32_t i = 0; i < SIZE / SEALED_FILE_CHUNK_SIZE; i++)
                sealed_file_seal_chunk(f, i, false, BYTES(plain, sealed_file_capacity(i)), sealed);
        series_add(took, now_ns() - start);
}

static void stream(const struct secret *key, bool opens, int from, int to, struct series *took)
{
        uint8_t header[SEALED_FILE_HEADER_SIZE];
        struct sealed_stream *s;
        uint64_t start;

        must(lseek(from, 0, SEEK_SET) == 0 && lseek(to, 0, SEEK_SET) == 0);
        start = now_ns();
        if (opens) {
                must(sealed_stream_new_opening(secret_copy(secret_bytes(key)), NULL, from, to, &s) == 0);
                must(sealed_stream_open(s, 0) == 0);
        } else {
                struct sealed_file *f = sealed_file_new(key, SEALED_FILE_KEY_ACCOUNT, BYTES(NULL, 0), header);

                must(sealed_stream_new_sealing(f, BYTES_OF(header), from, to, &s) == 0);
                must(sealed_stream_seal(s) == 0);
        }
        series_add(took, now_ns() - start);
        sealed_stream_free(s);
}

/* A file without a name: below @directory, or in memory. */
static int new_file(const char *directory)
{
        int fd = directory ? open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : memfd_create("bench", MFD_CLOEXEC);

        must(fd >= 0);
        return fd;
}

static void fill(int fd, size_t size)
{
        static uint8_t block[SPEED_BLOCK];

        for (size_t done = 0; done < size; done += sizeof(block))
                must(write(fd, block, sizeof(block)) == (ssize_t) sizeof(block));
}

/* What a file cannot do without beside the cipher: the kernel copies it in and out. */
static void copy(int from, int to, uint8_t *buffer, struct series *took)
{
        uint64_t start;
        ssize_t n;

        must(lseek(from, 0, SEEK_SET) == 0 && lseek(to, 0, SEEK_SET) == 0);
        start = now_ns();
        while ((n = read(from, buffer, SEALED_FILE_CHUNK_SIZE)) > 0)
                must(write(to, buffer, (size_t) n) == n);
        series_add(took, now_ns() - start);
}

static void report(struct series *s, const char *name, double base)
{
        double ms = series_median(s);

        printf("    %-44s %8.1f ms  %5.2f GB/s  %.2f of the cipher alone\n", name, ms, SIZE / ms / 1e6, base / ms);
}

static void measure(const struct secret *key, const char *directory)
{
        static struct series cipher, format, copying, sealing, opening;
        _cleanup_secret_ struct secret *buffer = secret_random(SEALED_FILE_CHUNK_SIZE);
        _cleanup_free_ uint8_t *sealed = malloc(SEALED_FILE_CHUNK_SIZE);
        _cleanup_close_ int plain = new_file(directory), to = new_file(directory), back = new_file(directory);
        EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();

        cipher.count = format.count = copying.count = sealing.count = opening.count = 0;
        fill(plain, SIZE);
        fill(to, SIZE + SPEED_BLOCK);
        fill(back, SIZE);
        must(sealed && c && EVP_EncryptInit_ex2(c, EVP_aes_256_gcm(), key->data, key->data, NULL) == 1);
        for (int i = 0; i < ROUNDS; i++) {
                bare(c, &cipher);
                chunks(key, buffer->data, sealed, &format);
                copy(plain, back, buffer->data, &copying);
                stream(key, false, plain, to, &sealing);
                must(ftruncate(to, lseek(to, 0, SEEK_CUR)) == 0);
                stream(key, true, to, back, &opening);
        }
        EVP_CIPHER_CTX_free(c);
        double base = series_median(&cipher);
        printf("\na file of %d MiB %s, sealed and opened, by the clock:\n", SIZE >> 20,
               directory ? "below the directory, in the page cache" : "in memory");
        report(&cipher, "AES-256-GCM alone, blocks of 16 KiB", base);
        report(&format, "the format alone, in memory, one thread", base);
        report(&copying, "copying the file alone, read and write", base);
        report(&sealing, "sealing from file to file", base);
        report(&opening, "opening from file to file", base);
}

void sealing_bench(const char *directory)
{
        _cleanup_secret_ struct secret *key = secret_random(SEALED_FILE_KEY_SIZE);

        measure(key, NULL);
        measure(key, directory);
}
