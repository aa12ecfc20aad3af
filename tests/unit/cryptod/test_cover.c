/* Files for a contact: the contact and the sealer open them and learn who sealed it for whom; nobody else does, and
 * nothing of it can be changed, moved to another file, or passed on as if it had been meant for somebody else. */
#include "tests/unit/services/cmocka_headers.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cryptod/conversation/sealing_key.h"
#include "cryptod/files/sealed_stream.h"
#include "cryptod/mls/hpke.h"
#include "services/cleanup.h"
#include "services/seal.h"

struct person {
        struct bytes address;
        struct writer root_key, sealing_key;
        struct secret *root_private_key, *sealing_private_key;
};

struct fixture {
        const struct suite *suite;
        struct person alice, bob, eve;
        struct secret *key;
        uint8_t header[SEALED_FILE_HEADER_SIZE];
        struct writer cover;
};

static struct person person(const struct suite *s, const char *address)
{
        struct person p = { .address = BYTES_STRING(address) };

        p.root_private_key = suite_signature_generate(s, &p.root_key);
        p.sealing_private_key = sealing_key_derive(s, p.root_private_key, &p.sealing_key);
        return p;
}

static void person_end(struct person *p)
{
        writer_release(&p->root_key);
        writer_release(&p->sealing_key);
        secret_free(p->root_private_key);
        secret_free(p->sealing_private_key);
}

static struct cover_account account(const struct person *p)
{
        return (struct cover_account){ p->address, writer_bytes(&p->root_key) };
}

static int cover(const struct fixture *f, const struct person *from, const struct person *to, struct writer *out)
{
        const struct cover_request q = { .suite = f->suite,
                                         .sealer = account(from),
                                         .receiver = account(to),
                                         .sealer_key = writer_bytes(&from->sealing_key),
                                         .receiver_key = writer_bytes(&to->sealing_key),
                                         .root_private_key = from->root_private_key,
                                         .header = BYTES_OF(f->header),
                                         .wrapping_key = f->key };

        return cover_write(&q, out);
}

static int set_up(void **state)
{
        static struct fixture f;

        f = (struct fixture){ .suite = suite_default(), .key = secret_random(SEALED_FILE_KEY_SIZE) };
        f.alice = person(f.suite, "alice@hub.example.org:7843");
        f.bob = person(f.suite, "bob@hub.example.org:7843");
        f.eve = person(f.suite, "eve@hub.example.org:7843");
        sealed_file_free(sealed_file_new(f.key, SEALED_FILE_KEY_COVER, BYTES(NULL, 0), f.header));
        *state = &f;
        return cover(&f, &f.alice, &f.bob, &f.cover);
}

static int tear_down(void **state)
{
        struct fixture *f = *state;

        person_end(&f->alice);
        person_end(&f->bob);
        person_end(&f->eve);
        secret_free(f->key);
        writer_release(&f->cover);
        return 0;
}

static struct cover_key *key_of(const struct fixture *f, const struct person *p)
{
        return cover_key_new(f->suite, account(p), writer_bytes(&p->sealing_key), p->sealing_private_key);
}

static int opens(const struct fixture *f, const struct person *p, struct bytes bytes, struct cover_content *out)
{
        struct cover_key *k = key_of(f, p);
        int r = cover_open(k, bytes, BYTES_OF(f->header), out);

        cover_key_free(k);
        return r;
}

/* A flaw, after which nothing was handed out. */
static int refuses(const struct fixture *f, const struct person *p, struct bytes bytes)
{
        struct cover_content c = { 0 };
        int r = opens(f, p, bytes, &c);

        assert_true(r > 0);
        assert_null(c.wrapping_key);
        return r;
}

static void test_both_learn_the_key_and_who_it_was(void **state)
{
        struct fixture *f = *state;
        const struct person *both[] = { &f->alice, &f->bob };

        for (size_t i = 0; i < COUNT_OF(both); i++) {
                _cleanup_(cover_content_release) struct cover_content c = { 0 };

                assert_int_equal(opens(f, both[i], writer_bytes(&f->cover), &c), 0);
                assert_true(secret_equal(secret_bytes(c.wrapping_key), secret_bytes(f->key)));
                assert_true(bytes_equal(c.sealer.address, f->alice.address));
                assert_true(bytes_equal(c.sealer.root_key, writer_bytes(&f->alice.root_key)));
                assert_true(bytes_equal(c.receiver.address, f->bob.address));
        }
}

static void test_nobody_else_does(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(refuses(f, &f->eve, writer_bytes(&f->cover)), SEALED_FILE_WRONG_KEY);
}

/* The cover of one file before another. */
static void test_it_is_of_one_file(void **state)
{
        struct fixture *f = *state;

        f->header[30] ^= 1;
        assert_int_equal(refuses(f, &f->bob, writer_bytes(&f->cover)), SEALED_FILE_WRONG_KEY);
}

/* Puts a right checksum behind what was changed. */
static void mend(struct writer *w)
{
        uint8_t hash[32];

        sha256(BYTES(w->data, w->size - COVER_CHECK_SIZE), hash);
        memcpy(w->data + w->size - COVER_CHECK_SIZE, hash, COVER_CHECK_SIZE);
}

static void test_flipped_bits(void **state)
{
        struct fixture *f = *state;
        struct writer *w = &f->cover;

        for (size_t at = 0; at < w->size; at += at < 64 ? 1 : 61) {
                w->data[at] ^= 4;
                int r = refuses(f, &f->eve, writer_bytes(w));
                w->data[at] ^= 4;
                assert_int_equal(r, at < 8                 ? SEALED_FILE_FOREIGN
                                    : at == 8              ? SEALED_FILE_NEWER
                                    : at == 11 || at == 12 ? SEALED_FILE_CUT_OFF
                                                           : SEALED_FILE_HEADER_DAMAGED);
        }
        for (size_t size = 0; size < w->size; size += 97)
                assert_int_equal(refuses(f, &f->bob, BYTES(w->data, size)),
                                 size < 8 ? SEALED_FILE_FOREIGN : SEALED_FILE_CUT_OFF);
        /* in bob's key, and with a checksum that fits */
        w->data[200] ^= 1;
        mend(w);
        assert_int_equal(refuses(f, &f->bob, writer_bytes(w)), SEALED_FILE_WRONG_KEY);
}

/* Encrypts @content to @to, as anybody can, and puts it into the place of the first key. */
static void forge(const struct fixture *f, const struct person *to, struct bytes content, struct writer *out)
{
        _cleanup_writer_ struct writer kem_output = WRITER_INIT, ciphertext = WRITER_INIT, keys = WRITER_INIT;

        assert_int_equal(hpke_encrypt_with_label(f->suite, writer_bytes(&to->sealing_key), "Visavis sealed file",
                                                 BYTES_OF(f->header), content, &kem_output, &ciphertext),
                         0);
        for (int i = 0; i < 2; i++) {
                write_vector(&keys, writer_bytes(&kem_output));
                write_vector(&keys, writer_bytes(&ciphertext));
        }
        write_fixed(out, BYTES(f->cover.data, 11));
        write_u16(out, (uint16_t) keys.size);
        write_fixed(out, writer_bytes(&keys));
        (void) writer_append(out, COVER_CHECK_SIZE);
        mend(out);
}

/* Bob sends what Alice has signed for him on to Eve; and Eve signs in Alice's name. */
static void test_it_cannot_be_passed_on_or_forged(void **state)
{
        struct fixture *f = *state;
        _cleanup_(cover_content_release) struct cover_content c = { 0 };
        _cleanup_writer_ struct writer content = WRITER_INIT, passed_on = WRITER_INIT, signed_by_eve = WRITER_INIT;
        struct person false_alice = f->eve;

        assert_int_equal(opens(f, &f->bob, writer_bytes(&f->cover), &c), 0);
        write_fixed(&content, writer_bytes(&c.bytes));
        write_vector(&content, secret_bytes(c.wrapping_key));
        forge(f, &f->bob, writer_bytes(&content), &passed_on);
        cover_content_release(&c);
        assert_int_equal(opens(f, &f->bob, writer_bytes(&passed_on), &c), 0); /* the forger works */
        passed_on.size = 0;
        forge(f, &f->eve, writer_bytes(&content), &passed_on);
        assert_int_equal(refuses(f, &f->eve, writer_bytes(&passed_on)), SEALED_FILE_WRONG_KEY);

        false_alice.address = f->alice.address;
        false_alice.root_key = f->alice.root_key;
        assert_int_equal(cover(f, &false_alice, &f->bob, &signed_by_eve), 0);
        assert_int_equal(refuses(f, &f->bob, writer_bytes(&signed_by_eve)), SEALED_FILE_WRONG_KEY);
}

static void test_only_what_somebody_has_sealed(void **state)
{
        struct fixture *f = *state;
        struct cover_account otherwise = account(&f->alice);

        otherwise.root_key = writer_bytes(&f->eve.root_key);
        const struct {
                struct cover_account from;
                int result;
        } cases[] = { { account(&f->alice), 0 },
                      { account(&f->eve), SEALED_FILE_OTHER_SEALER },
                      { otherwise, SEALED_FILE_OTHER_SEALER } };

        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                _cleanup_(cover_content_release) struct cover_content c = { 0 };
                struct cover_key *k = key_of(f, &f->bob);

                cover_key_expect(k, cases[i].from);
                assert_int_equal(cover_open(k, writer_bytes(&f->cover), BYTES_OF(f->header), &c), cases[i].result);
                assert_true((c.wrapping_key != NULL) == (cases[i].result == 0));
                cover_key_free(k);
        }
}

/* -- the whole file ------------------------------------------------------------------------------------------------ */

static int memory_file(struct bytes content)
{
        int fd = memfd_create("test", MFD_CLOEXEC);

        assert_true(fd >= 0 && write(fd, content.data, content.size) == (ssize_t) content.size);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        return fd;
}

static void read_back(int fd, struct writer *out)
{
        off_t size = lseek(fd, 0, SEEK_END);

        if (size > 0)
                assert_true(pread(fd, writer_append(out, (size_t) size), (size_t) size, 0) == size);
}

static void seal_file(const struct fixture *f, struct bytes plain, struct writer *out)
{
        _cleanup_close_ int in = memory_file(plain), result = memory_file(BYTES_STRING(""));
        _cleanup_writer_ struct writer head = WRITER_INIT;
        struct fixture fresh = *f;
        struct sealed_file *file = sealed_file_new(f->key, SEALED_FILE_KEY_COVER, BYTES(NULL, 0), fresh.header);
        struct sealed_stream *s;

        assert_int_equal(cover(&fresh, &f->alice, &f->bob, &head), 0);
        write_fixed(&head, BYTES_OF(fresh.header));
        assert_int_equal(sealed_stream_new_sealing(file, writer_bytes(&head), in, result, &s), 0);
        assert_int_equal(sealed_stream_seal(s), 0);
        assert_null(sealed_stream_cover(s));
        sealed_stream_free(s);
        read_back(result, out);
}

static int open_file(const struct fixture *f, const struct person *p, struct bytes sealed, uint64_t offset,
                     struct writer *out)
{
        _cleanup_close_ int in = memory_file(sealed), result = memory_file(BYTES_STRING(""));
        struct sealed_stream *s;
        int r;

        assert_int_equal(sealed_stream_new_opening(secret_random(SEALED_FILE_KEY_SIZE), key_of(f, p), in, result, &s),
                         0);
        r = sealed_stream_open(s, offset);
        if (r == 0)
                assert_true(bytes_equal(sealed_stream_cover(s)->sealer.address, f->alice.address));
        assert_true(r != 0 || !sealed_stream_cover(s)->wrapping_key);
        sealed_stream_free(s);
        read_back(result, out);
        return r;
}

static void test_a_file_there_and_back(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer plain = WRITER_INIT, sealed = WRITER_INIT, whole = WRITER_INIT,
                                       part = WRITER_INIT, none = WRITER_INIT;
        const size_t size = 2 * SEALED_FILE_CHUNK_SIZE, offset = SEALED_FILE_CHUNK_SIZE + 1000;

        for (size_t i = 0; i < size; i++)
                write_u8(&plain, (uint8_t) (i * 11 + i / 253));
        seal_file(f, writer_bytes(&plain), &sealed);
        assert_int_equal(open_file(f, &f->bob, writer_bytes(&sealed), 0, &whole), 0);
        assert_true(bytes_equal(writer_bytes(&whole), writer_bytes(&plain)));
        assert_int_equal(open_file(f, &f->alice, writer_bytes(&sealed), offset, &part), 0);
        assert_true(bytes_equal(writer_bytes(&part), BYTES(plain.data + offset, size - offset)));
        assert_int_equal(open_file(f, &f->eve, writer_bytes(&sealed), 0, &none), SEALED_FILE_WRONG_KEY);

        size_t cover = sealed.size - size - 3 * SEALED_FILE_TAG_SIZE - SEALED_FILE_HEADER_SIZE;
        assert_int_equal(open_file(f, &f->bob, BYTES(sealed.data + cover, sealed.size - cover), 0, &none),
                         SEALED_FILE_HEADER_DAMAGED);
        assert_int_equal(open_file(f, &f->bob, BYTES(sealed.data, cover + 10), 0, &none), SEALED_FILE_CUT_OFF);
        assert_int_equal(none.size, 0);
}

/* -- the sealing key ----------------------------------------------------------------------------------------------- */

static void test_a_sealing_key_is_signed_by_the_root_key(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer extensions = WRITER_INIT, again = WRITER_INIT;
        const struct bytes root = writer_bytes(&f->bob.root_key), eve = writer_bytes(&f->eve.root_key);
        struct bytes key;
        _cleanup_secret_ struct secret *same = sealing_key_derive(f->suite, f->bob.root_private_key, &again);

        assert_true(secret_equal(secret_bytes(same), secret_bytes(f->bob.sealing_private_key)));
        assert_int_equal(sealing_key_write(f->suite, f->bob.address, writer_bytes(&f->bob.sealing_key),
                                           f->bob.root_private_key, &extensions),
                         0);
        struct bytes b = writer_bytes(&extensions);
        assert_int_equal(sealing_key_read(f->suite, b, f->bob.address, root, &key), 0);
        assert_true(bytes_equal(key, writer_bytes(&again)));
        assert_int_equal(sealing_key_read(f->suite, b, f->eve.address, root, &key), -EBADMSG);
        assert_int_equal(sealing_key_read(f->suite, b, f->bob.address, eve, &key), -EBADMSG);
        assert_int_equal(sealing_key_read(f->suite, BYTES(NULL, 0), f->bob.address, root, &key), -ENOENT);
}

#define COVER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                COVER_TEST(test_both_learn_the_key_and_who_it_was),
                COVER_TEST(test_nobody_else_does),
                COVER_TEST(test_it_is_of_one_file),
                COVER_TEST(test_flipped_bits),
                COVER_TEST(test_it_cannot_be_passed_on_or_forged),
                COVER_TEST(test_only_what_somebody_has_sealed),
                COVER_TEST(test_a_file_there_and_back),
                COVER_TEST(test_a_sealing_key_is_signed_by_the_root_key),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
