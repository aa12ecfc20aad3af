/* The hub's store: the chunks of files. */
#include "store_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "services/cleanup.h"

/* About two chunks, by their content. */
static struct store_request ask_about(struct store *s, enum store_operation operation, int64_t mailbox, const char *one,
                                      const char *two)
{
        static uint8_t names[2 * CHUNK_NAME_SIZE];

        assert_int_equal(chunk_name_of(BYTES_STRING(one), names), 0);
        assert_int_equal(chunk_name_of(BYTES_STRING(two), names + CHUNK_NAME_SIZE), 0);
        return run(s, (struct store_request){
                              .operation = operation, .mailbox = mailbox, .chunk_names = BYTES_OF(names) });
}

static void chunks_are_named_by_their_content_count_once_and_expire(void **state)
{
        struct fixture *f = *state;
        struct timespec t;

        assert_int_equal(put_chunk(f->store, f->alice, "one", false), STORE_MISMATCH);
        assert_false(has_chunk(f->store, "one"));
        assert_int_equal(put_chunk(f->store, f->alice, "one", true), STORE_DONE);
        assert_int_equal(put_chunk(f->store, f->bob, "one", true), STORE_REPEATED);
        assert_int_equal(put_chunk(f->store, f->alice, "sevenof", true), STORE_DONE);
        assert_int_equal(put_chunk(f->store, f->alice, "2", true), STORE_QUOTA);
        assert_int_equal(put_chunk(f->store, f->bob, "ten of bob", true), STORE_DONE);
        open_again(f);
        assert_true(has_chunk(f->store, "one") && has_chunk(f->store, "sevenof") && has_chunk(f->store, "ten of bob"));
        clock_gettime(CLOCK_REALTIME, &t);
        expire(f->store, (uint64_t) (t.tv_sec + 500) * 1000000);
        assert_true(has_chunk(f->store, "one"));
        expire(f->store, (uint64_t) (t.tv_sec + 2000) * 1000000);
        assert_false(has_chunk(f->store, "one") || has_chunk(f->store, "ten of bob"));
        assert_int_equal(put_chunk(f->store, f->alice, "ten again.", true), STORE_DONE);
}

static void it_is_told_which_chunks_are_there(void **state)
{
        struct fixture *f = *state;
        struct store_request r;

        assert_int_equal(put_chunk(f->store, f->alice, "one", true), STORE_DONE);
        r = ask_about(f->store, STORE_HAVE_CHUNKS, f->alice, "two", "one");
        assert_int_equal(r.result, STORE_DONE);
        assert_int_equal(r.there[0], 0);
        assert_int_equal(r.there[1], 1);
        store_request_release(&r);
}

static void a_chunk_is_dropped_by_its_owner_unless_somebody_else_counts_on_it(void **state)
{
        struct fixture *f = *state;
        struct store_request r;

        assert_int_equal(put_chunk(f->store, f->alice, "one", true), STORE_DONE);
        assert_int_equal(put_chunk(f->store, f->alice, "sevenof", true), STORE_DONE);
        assert_int_equal(ask_about(f->store, STORE_DROP_CHUNKS, f->bob, "one", "sevenof").result, STORE_DONE);
        assert_true(has_chunk(f->store, "one") && has_chunk(f->store, "sevenof"));
        assert_int_equal(put_chunk(f->store, f->alice, "2", true), STORE_QUOTA);
        assert_int_equal(ask_about(f->store, STORE_DROP_CHUNKS, f->alice, "one", "never there").result, STORE_DONE);
        assert_false(has_chunk(f->store, "one"));
        assert_int_equal(put_chunk(f->store, f->alice, "2", true), STORE_DONE); /* there is room again */

        r = ask_about(f->store, STORE_HAVE_CHUNKS, f->bob, "sevenof", "2");
        store_request_release(&r);
        assert_int_equal(ask_about(f->store, STORE_DROP_CHUNKS, f->alice, "sevenof", "2").result, STORE_DONE);
        assert_true(has_chunk(f->store, "sevenof") && has_chunk(f->store, "2"));
}

/* What the segments take of the disk. */
static int64_t segment_blocks(struct fixture *f)
{
        _cleanup_free_ char *path = NULL;
        struct stat st;

        assert_true(asprintf(&path, "%s/chunks/%016x", f->directory, 0) > 0);
        return stat(path, &st) < 0 ? 0 : st.st_blocks;
}

static void a_dropped_chunk_gives_its_room_on_the_disk_back(void **state)
{
        struct fixture *f = *state;
        static char content[CHUNK_SIZE_MAX];
        struct store_limits wide = limits;

        wide.chunk_bytes = 4 * CHUNK_SIZE_MAX;
        store_set_limits(f->store, &wide);
        memset(content, 'x', sizeof(content) - 1);
        assert_int_equal(put_chunk(f->store, f->alice, content, true), STORE_DONE);
        assert_int_equal(put_chunk(f->store, f->alice, "small", true), STORE_DONE);
        int64_t full = segment_blocks(f);

        assert_true(full * 512 >= CHUNK_SIZE_MAX);
        assert_int_equal(ask_about(f->store, STORE_DROP_CHUNKS, f->alice, content, "never there").result, STORE_DONE);
        assert_true((full - segment_blocks(f)) * 512 > CHUNK_SIZE_MAX / 2);
        assert_true(has_chunk(f->store, "small"));
        open_again(f);
        assert_true(has_chunk(f->store, "small") && !has_chunk(f->store, content));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(chunks_are_named_by_their_content_count_once_and_expire),
                TEST(it_is_told_which_chunks_are_there),
                TEST(a_chunk_is_dropped_by_its_owner_unless_somebody_else_counts_on_it),
                TEST(a_dropped_chunk_gives_its_room_on_the_disk_back),
        };

        return cmocka_run_group_tests_name("hub store chunks", tests, NULL, NULL);
}
